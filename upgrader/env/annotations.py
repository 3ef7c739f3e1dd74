"""What a vendor says about a key in words for machines: `@required`, `@generate hex:32`, …"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from upgrader.env.decorators import Decorator, decorators, is_divider
from upgrader.env.document import Disabled, Document, Entry
from upgrader.env.finding import Finding
from upgrader.env.generate import GeneratorError, Length, check_generator, generator_fits
from upgrader.env.lexer import Comment, lex
from upgrader.env.vocabulary import OF_OTHERS, TEMPLATE, WORDS, MeaningError, NotOursError, When, read_word

__all__ = [
    "Annotations",
    "Problem",
    "Transform",
    "When",
    "loose_comments",
    "parse_annotations",
    "read_annotations",
    "said_in",
]

Transform = Literal["none", "ask"]


@dataclass(frozen=True, slots=True)
class Annotations:
    """The annotations above one key. What is not said is None, empty or False.

    `exactly` counts characters. `same_as` is `OTHER` or `OTHER#password`, the password inside another key's URL.
    `derive` is a template with `{OTHER}` in it. An unrotatable value can never be replaced by a fresh one; a manual key
    is never written by upgrader. `unknown` keeps the words of other tools, and our own ones that could not be read,
    as written.
    """

    required: bool | None = None
    when: When | None = None
    generate: str | None = None
    human: str | None = None
    unrotatable: bool = False
    renamed_from: str | None = None
    transform: Transform = "none"
    exactly: int | None = None
    same_as: str | None = None
    derive: str | None = None
    since: str | None = None
    deprecated: str | None = None
    sensitive: bool | None = None
    removed: str | None = None
    manual: bool = False
    unknown: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self != Annotations()

    def laid_over(self, below: "Annotations") -> "Annotations":
        """This, and where it is silent, what `below` says. Need and condition are one thing; so is the source."""
        if not self:
            return below
        words: dict[str, Any] = {}
        for group in _GROUPS:
            chosen = self if any(getattr(self, word) != getattr(_SILENT, word) for word in group) else below
            words |= {word: getattr(chosen, word) for word in group}
        return replace(self, **words)

    @property
    def misread(self) -> tuple[str, ...]:
        """Words of ours that could not be read, misspelt ones too: what they say is for a person to judge."""
        return tuple(text for text in self.unknown if _meant(decorators(text)[0].name))

    @property
    def derived_from(self) -> tuple[str, ...]:
        """The keys that `derive` and `same_as` name."""
        named = [found["key"] for found in TEMPLATE.finditer(self.derive or "")]
        return tuple(dict.fromkeys([*named, *([self.same_as.partition("#")[0]] if self.same_as else [])]))


_SILENT = Annotations()
_GROUPS = (
    ("required", "when"),
    ("generate", "human", "derive", "same_as", "renamed_from", "transform"),
    *((word,) for word in ("unrotatable", "exactly", "since", "deprecated", "sensitive", "removed", "manual")),
)
"""Words that go before those of the file below only together."""


class Problem(NamedTuple):
    """An annotation that cannot be meant as it stands. `line` counts from 1."""

    line: int
    message: str
    hint: str


def parse_annotations(comments: Sequence[str]) -> Annotations:
    """The annotations of the comment lines (without `#`) above a key; what cannot be read is among the unknown."""
    return read_annotations(comments)[0]


def read_annotations(comments: Sequence[str], line: int = 1) -> tuple[Annotations, list[Problem]]:
    """The annotations of the comment lines above a key (the first stands on `line`), and what is wrong in them."""
    reading = _Reading()
    below = _below_dividers(comments)
    for index, comment in enumerate(comments[below:], start=line + below):
        for decorator in decorators(comment):
            reading.read(decorator, index)
    return reading.said(), reading.problems


def said_in(document: Document) -> tuple[dict[str, Annotations], list[Finding]]:
    """What an annotated file says of each of its keys, disabled ones included, and what is wrong in it.

    Of a key with several lines the last active one counts.
    """
    said: dict[str, Annotations] = {}
    findings: list[Finding] = []
    for each in _keyed(document):
        annotations, problems = read_annotations(each.comments, each.line - len(each.comments))
        if annotations and (isinstance(each, Entry) or each.key not in document):
            said[each.key] = annotations
        findings += [
            Finding("annotation", "error", problem.message, problem.hint, each.key, document.path, problem.line)
            for problem in problems
        ]
    return said, findings


def loose_comments(document: Document) -> list[tuple[int, str]]:
    """The comment lines with decorators that belong to no key, with their line numbers: a blank line or a divider
    stands between.
    """
    if b"@" not in document.data:
        return []
    taken: set[int] = set()
    for each in _keyed(document):
        taken.update(range(each.line - len(each.comments) + _below_dividers(each.comments), each.line))
    found, line, at = [], 1, 0
    for piece in lex(document.data):
        line += document.data.count(b"\n", at, piece.start)
        at = piece.start
        if isinstance(piece, Comment) and line not in taken and piece.text.lstrip().startswith("@"):
            found.append((line, piece.text.strip()))
    return found


def _keyed(document: Document) -> list[Entry | Disabled]:
    """All lines that comments may speak of, the disabled ones first."""
    return [*(each for each in document.disabled if not each.prose), *document.entries]


def _below_dividers(comments: Sequence[str]) -> int:
    """How many of the comment lines do not belong to the key below them, being above a divider."""
    return max((index + 1 for index, comment in enumerate(comments) if is_divider(comment)), default=0)


def _meant(name: str) -> str | None:
    """The word of ours that a name is, or was meant to be."""
    if name in WORDS:
        return name
    from difflib import get_close_matches

    near = get_close_matches(name.casefold().replace("_", "-"), WORDS, n=1, cutoff=0.8)
    return near[0] if near and name not in OF_OTHERS else None


class _Reading:
    """One key's annotations while they are read."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.unknown: list[str] = []
        self.problems: list[Problem] = []
        self.line = 0

    def read(self, decorator: Decorator, line: int) -> None:
        self.line = line
        if decorator.name not in WORDS:
            self.unknown.append(decorator.text)
            self._spelling(decorator.name)
            return
        try:
            said = read_word(decorator)
        except NotOursError:
            self.unknown.append(decorator.text)
        except MeaningError as error:
            self.unknown.append(decorator.text)
            self._problem(error.message, error.hint)
        else:
            if twice := said.keys() & self.fields.keys():
                self._problem(
                    f"@{decorator.name} contradicts or repeats what is said above it: {', '.join(sorted(twice))}",
                    "Leave one of them",
                )
            self.fields.update(said)
            self._generator(decorator)

    def said(self) -> Annotations:
        said = replace(Annotations(), **self.fields, unknown=tuple(self.unknown))
        self._contradictions(said)
        return said

    def _spelling(self, name: str) -> None:
        if meant := _meant(name):
            self._problem(f"@{name} is no annotation", f"Write @{meant}")

    def _generator(self, decorator: Decorator) -> None:
        if decorator.name != "generate":
            return
        try:
            check_generator(self.fields["generate"])
        except GeneratorError as error:
            self._problem(error.message, error.hint)

    def _contradictions(self, said: Annotations) -> None:
        if said.generate and said.human is not None:
            self._problem("@generate and @human contradict each other", "Leave @human for what must never be generated")
        sources = [word for word in ("generate", "derive", "same_as") if getattr(said, word)]
        if len(sources) > 1:
            words = " and ".join(f"@{word.replace('_', '-')}" for word in sources)
            self._problem(f"{words} both say where the value comes from", "Leave one of them")
        if said.removed is not None and (said.required or said.generate):
            self._problem("a key that is @removed cannot be required or generated", "Leave one of them")
        if said.generate and said.exactly and not generator_fits(said.generate, Length(said.exactly, "characters")):
            self._problem(
                f"@generate {said.generate} does not make @exactly {said.exactly} characters",
                "hex:N makes 2 times N characters, alnum:N makes N",
            )

    def _problem(self, message: str, hint: str) -> None:
        self.problems.append(Problem(self.line, message, hint))
