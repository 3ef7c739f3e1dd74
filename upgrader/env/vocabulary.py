"""Every word of the vocabulary, and how its argument is read."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from upgrader.env.decorators import Decorator
from upgrader.env.regex import regex

_KEY = r"[A-Za-z_][A-Za-z0-9_.-]*"
_WHEN = regex(rf"when=(?P<key>{_KEY})(?:(?P<negated>!)?:(?P<value>.*))?", re.DOTALL)
_EQ = regex(rf"""\(?\s*eq\(\s*\$(?P<key>{_KEY})\s*,\s*(?P<quote>["'`]?)(?P<value>[^"'`,()]*)(?P=quote)\s*\)\s*\)?""")
TEMPLATE = regex(rf"\{{(?P<key>{_KEY})(?P<part>#(?:password|host))?\}}")


class When(NamedTuple):
    """A condition on another key of the live file: it has this value, or, negated, it has not.

    An unset key is like an empty one, letters match in either case; that a key is set is `When(key, "", negated=True)`.
    """

    key: str
    value: str
    negated: bool = False

    def holds(self, live: str | None) -> bool:
        """Whether it is so where the key has this value in the live file, None if it is not there."""
        return ((live or "").casefold() == self.value.casefold()) is not self.negated

    def __str__(self) -> str:
        if not self.value:
            return f"{self.key} is set" if self.negated else f"{self.key} is empty"
        return f"{self.key}{'!=' if self.negated else '='}{self.value}"


class MeaningError(Exception):
    """A word of ours with an argument that it cannot have: the message, and what to write."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class NotOursError(Exception):
    """A form that @env-spec gives to a word we share and that only its own tools can judge."""


Said = dict[str, Any]
Reader = Callable[[Decorator], Said]


def _plain(decorator: Decorator) -> None:
    """Refuse words behind one that takes none."""
    if decorator.words:
        raise MeaningError(
            f"@{decorator.name} does not take {' '.join(decorator.words)!r}",
            f"Write {WORDS[decorator.name].usage}; a remark goes behind a # or on a line of its own",
        )


def _argument(decorator: Decorator) -> tuple[str, tuple[str, ...]]:
    """The argument, be it behind a `=` or a blank, and the words behind it."""
    given = decorator.words if decorator.form == "plain" else (decorator.value, *decorator.words)
    if not given or not given[0]:
        raise MeaningError(f"@{decorator.name} lacks its argument", f"Write {WORDS[decorator.name].usage}")
    return given[0], given[1:]


def _one(decorator: Decorator, pattern: str) -> str:
    value, more = _argument(decorator)
    if more or not re.fullmatch(pattern, value):
        shown = " ".join([value, *more])
        raise MeaningError(f"@{decorator.name} does not take {shown!r}", f"Write {WORDS[decorator.name].usage}")
    return value


def _truth(decorator: Decorator) -> bool:
    """`@word`, `@word=true` or `@word=false`; anything else behind the `=` is for the tools of @env-spec."""
    _plain(decorator)
    if decorator.form == "plain":
        return True
    if decorator.value not in {"true", "false"}:
        raise NotOursError
    return decorator.value == "true"


def _required(decorator: Decorator) -> Said:
    if decorator.form == "value":
        negated = decorator.value.startswith("not(")
        if found := _EQ.fullmatch(decorator.value.removeprefix("not").removeprefix("if")):
            _plain(decorator)
            return {"required": True, "when": When(found["key"], found["value"].strip(), negated)}
        return {"required": _truth(decorator)}
    if not decorator.words:
        return {"required": True}
    found = _WHEN.fullmatch(decorator.words[0])
    if len(decorator.words) > 1 or not found:
        raise MeaningError(
            f"@required does not take {' '.join(decorator.words)!r}",
            f"Write {WORDS['required'].usage}",
        )
    if found["value"] is None:
        return {"required": True, "when": When(found["key"], "", negated=True)}
    return {"required": True, "when": When(found["key"], _bare(found["value"]), bool(found["negated"]))}


def _bare(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'`" else value


def _renamed(decorator: Decorator) -> Said:
    old, more = _argument(decorator)
    if not re.fullmatch(_KEY, old) or more not in {(), ("transform=none",), ("transform=ask",)}:
        shown = " ".join([old, *more])
        raise MeaningError(f"@renamed-from does not take {shown!r}", f"Write {WORDS['renamed-from'].usage}")
    return {"renamed_from": old, "transform": more[0].partition("=")[2] if more else "none"}


def _derive(decorator: Decorator) -> Said:
    template = _one(decorator, r".*")
    if not TEMPLATE.search(template) or re.search(r"[{}]", TEMPLATE.sub("", template)):
        raise MeaningError(f"@derive {template!r} names no key in braces", f"Write {WORDS['derive'].usage}")
    return {"derive": template}


def _exactly(decorator: Decorator) -> Said:
    count, more = _argument(decorator)
    if not re.fullmatch(r"[1-9][0-9]{0,4}", count) or more not in {(), ("characters",)}:
        raise MeaningError(f"@exactly does not take {' '.join([count, *more])!r}", f"Write {WORDS['exactly'].usage}")
    return {"exactly": int(count)}


def _text(field: str) -> Reader:
    def read(decorator: Decorator) -> Said:
        given = decorator.words if decorator.form == "plain" else (decorator.value, *decorator.words)
        return {field: " ".join(given)}

    return read


def _flag(field: str, *, inverted: bool = False) -> Reader:
    return lambda decorator: {field: _truth(decorator) is not inverted}


def _value(field: str, pattern: str) -> Reader:
    return lambda decorator: {field: _one(decorator, pattern)}


class Word(NamedTuple):
    """A word of the vocabulary: how it is read, and how it is written."""

    read: Reader
    usage: str


WORDS: dict[str, Word] = {
    "required": Word(_required, "@required, or @required when=KEY:VALUE, when=KEY!:VALUE, when=KEY"),
    "optional": Word(_flag("required", inverted=True), "@optional"),
    "generate": Word(_value("generate", r"\S+"), "@generate hex:32"),
    "human": Word(_text("human"), '@human "where to find it"'),
    "unrotatable": Word(_flag("unrotatable"), "@unrotatable"),
    "renamed-from": Word(_renamed, "@renamed-from OLD, or @renamed-from OLD transform=ask"),
    "exactly": Word(_exactly, "@exactly 32, the number of characters"),
    "same-as": Word(_value("same_as", rf"{_KEY}(#password)?"), "@same-as OTHER, or @same-as OTHER#password"),
    "derive": Word(_derive, '@derive "https://auth.{DOMAIN}"'),
    "since": Word(_value("since", r"\S+"), "@since 1.3.0"),
    "deprecated": Word(_text("deprecated"), '@deprecated "use OTHER"'),
    "removed": Word(_text("removed"), '@removed "replaced by OTHER"'),
    "sensitive": Word(_flag("sensitive"), "@sensitive, or @sensitive=false"),
    "manual": Word(_flag("manual"), "@manual"),
}


def read_word(decorator: Decorator) -> Said:
    """The fields of Annotations that a word of ours sets. Raises MeaningError, NotOursError."""
    word = WORDS[decorator.name]
    if decorator.form == "call":
        raise MeaningError(f"@{decorator.name} takes no brackets", f"Write {word.usage}")
    return word.read(decorator)


OF_OTHERS = frozenset(
    {"type", "example", "docs", "docsUrl", "icon", "public", "internal", "default", "dottie/validate"}
)
"""Words of @env-spec's tools and of dottie, which say nothing to us and are no misspelling."""
