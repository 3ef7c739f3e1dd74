"""What sentences in comments say about a key: required, optional, on which condition, to be added."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from upgrader.env.regex import regex

_OPTIONAL = regex(
    r"\boptional(ly)?\b|\bnot required\b|\bno [\w -]{1,40}\brequired\b|\b(no need|not necessary|don'?t need) to\b"
    r"|(?<!mode: )(?<!\): )\b(leave|keep|set)( it| this)?( as)? (empty|unset|blank|commented)"
    r"(?! only| unless| in \w+ mode)"
    r"|\buncomment\b|\b(can|may) be (left )?(empty|blank|unset|omitted|removed)\b"
    r"|\bif (you want|you'?d like|desired|needed)\b"
    r"|\b(defaults?|falls? back|disabled|ignored|off|auto[- ]?(generated|detected))\b[^.;]{0,40}"
    r"\b(if|when) (unset|not set|empty|omitted|blank|absent)\b"
    r"|\b(if|when) (unset|not set|empty|omitted|blank|absent|left (empty|blank|unset))\b[^.;]{0,60}"
    r"\b(defaults?|falls? back|disabled|ignored|off|generated|used)\b",
    re.IGNORECASE,
)
_DEFAULTS = regex(
    r"\bdefaults? (to|is|=|:)|\bdefault ?[:=]|\(default\b|\bby default\b|\bdefault value\b", re.IGNORECASE
)
_REQUIRED = regex(
    r"(\b(REQUIRED|MANDATORY)\b|[\[(](mandatory|required)[\])]|^required\b"
    r"|\b(must|has to|needs to) be (set|changed|defined|configured)\b"
    r"|\bis (required|mandatory)\b)(?!,? (only )?(if|when|for|in|by|unless|with|to (use|enable))\b)"
    r"|\b([Rr]efuses to|[Ff]ails to|[Ww]ill not|[Ww]on't|[Cc]annot|can't) (start|boot|run)\b"
    r"|\b([Pp]anics?|[Aa]borts|[Cc]rash(es)?|[Ee]xits|[Rr]efuses|[Ff]ails|[Tt]hrows|[Tt]erminates)\b[^.;]{0,40}?"
    r"\b(without (it|this|one|a value)"
    r"|(if|when|unless)( it| this)?( is)? (unset|not set|set|missing|empty|absent|blank))\b"
)
_LOUD = regex(
    r"((^|[.:;(\[] ?)(REQUIRED|MANDATORY)\b|[\[(](mandatory|required)[\])]|^\[?Required\b)"
    r"(?!,? (only )?(if|when|for|in|by|unless|with|to)\b)"
)
_UNSET_ONLY = regex(r"\b(leave|keep)( it| this)? (empty|unset|blank|commented)( out)? (only|unless)\b", re.IGNORECASE)
_SAME_AS = regex(
    r"\b(?:same(?: value| secret| key| password)? as|(?:must|should|has to) match|identical to|equal to|the value of)"
    r" [`'\"$\{]*(?P<key>[A-Z][A-Z0-9]*_[A-Z0-9_]+)\b(?!'s)"
)
_CHANGE = regex(
    r"\b(should|must|need to|have to|please|remember to|be sure to|make sure to)\b( \w+)?"
    r" (change|replace|edit|customi[sz]e|adjust)\b"
    r"|\b(should|must|needs? to|ha(s|ve) to) be (changed|replaced)\b(?!.{0,20} (if|when|only|unless)\b)"
    r"|(^|[.!:;(] ?)change (this|it)\b(?!.{0,20} (if|when|only)\b)",
    re.IGNORECASE,
)
_RANDOM = regex(
    r"\b(choose|use|set|generate|enter|put|pick|create|provide|make|needs?|must be|should be)\b[^.;]{0,30}"
    r"\b(random|secure|strong|unique|long)\b[^.;]{0,20}\b(string|value|key|secret|password|token|characters?)\b",
    re.IGNORECASE,
)
_CONDITION = regex(
    r"\b(required|needed|mandatory|must be set|set|used|applies|relevant)(,? only)?,? (if|when|unless)\b"
    r"|\bonly (required|needed|used|applies|relevant|set|use)\b|\bonly (if|when|for|with)\b"
    r"|\b(required|needed|mandatory) (for|to|in|by|with)\b|^(if|when|for)\b",
    re.IGNORECASE,
)
_DEMAND = regex(r"required|needed|mandatory|must", re.IGNORECASE)
_HELD = (
    r"[`'\"]?(?P<key>[A-Z][A-Z0-9]*_[A-Z0-9_]+|[A-Z]{4,}[A-Z0-9_]*)[`'\"]?"
    r"(?: ?(?P<sign>!?==?) ?| is (?P<isnt>not )?(?:set to |equal to )?| set to )[`'\"]?(?P<value>[\w./-]*\w)"
)
_CONDITION_ON = regex(rf"\b(?P<word>if|when|with|for|unless|only|and)\b,? (?:the )?(?:using )?{_HELD}", re.IGNORECASE)
_UPPER = regex(r"[A-Z][A-Z0-9_]+")
_SWITCHED = {
    "enabled": ("true", False),
    "on": ("true", False),
    "disabled": ("true", True),
    "set": ("", True),
    "defined": ("", True),
    "configured": ("", True),
    "unset": ("", False),
    "empty": ("", False),
}
_MUST_ADD = regex(
    r"\b(?:must|have to|need to|should)(?: \w+)? (?:add|set):? (?:\w+ ){0,3}?[`'\"]?"
    r"(?P<key>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>[^\s`'\"]+)",
    re.IGNORECASE,
)
_MUST_ADD_IT = regex(r"\b(MUST|must|have to|need to) (also )?(add|set) (it|this|this (key|line|variable))\b")
_EXISTING = regex(
    r"\b(upgrad\w+|predates?|existing (installations?|deployments?|instances?|users?)|when updating)\b", re.IGNORECASE
)


class Condition(NamedTuple):
    """A prose condition. Without a key it could not be understood. An empty value means: unset or empty.

    `required` says that the key is demanded then, rather than used.
    """

    key: str = ""
    value: str = ""
    negated: bool = False
    required: bool = False

    def holds(self, value: str | None) -> bool:
        """Whether it is so for this value of the key."""
        actual = (value or "").casefold()
        same = actual in _TRUE if self.value == "true" else actual == self.value.casefold()
        return same is not self.negated

    def __str__(self) -> str:
        if not self.value:
            return f"{self.key} is set" if self.negated else f"{self.key} is empty"
        return f"{self.key}{'!=' if self.negated else '='}{self.value}"


_TRUE = frozenset({"true", "1", "yes", "on", "enabled"})


def says_optional(comments: Sequence[str]) -> bool:
    return bool(_OPTIONAL.search(_text(comments)))


def says_default(comments: Sequence[str]) -> bool:
    """Whether a comment tells the app's own default: it runs without the key."""
    return bool(_DEFAULTS.search(_text(comments)))


def says_required(comments: Sequence[str]) -> bool:
    """Whether it is said to be required, without a condition."""
    return says_loudly(comments) or (any(_REQUIRED.search(line) for line in comments) and not says_optional(comments))


def says_same_as(comments: Sequence[str]) -> str | None:
    """The other key whose value this one must have: `must be the same as OTHER`."""
    found = {match["key"] for match in _SAME_AS.finditer(_text(comments))}
    return found.pop() if len(found) == 1 else None


def says_loudly(comments: Sequence[str]) -> bool:
    """`REQUIRED`, in capitals or brackets, and without a condition: it outweighs what else is said."""
    return any(_LOUD.search(line) for line in comments) and not re.search(r"\bnot required\b", _text(comments), re.I)


def says_change(comments: Sequence[str]) -> bool:
    """`You should change this`: the example's value is not meant to be used."""
    return bool(_CHANGE.search(_text(comments)))


def says_random(comments: Sequence[str]) -> bool:
    """`Choose a random string`: the value has to be made up."""
    return bool(_RANDOM.search(_text(comments)))


def says_unset_only(comments: Sequence[str]) -> bool:
    """`Leave UNSET only if …`: the exception is to leave it out, the rule is to have it."""
    return bool(_UNSET_ONLY.search(_text(comments)))


def says_condition(comments: Sequence[str]) -> Condition | None:
    """`REQUIRED only when AUTH_MODE=local`: the key and the value it must have; a Condition without key if unclear."""
    text = _text(comments)
    start = _CONDITION.search(text)
    if not start:
        return None
    required = bool(_DEMAND.search(start[0]))
    for found in _CONDITION_ON.finditer(text, start.start()):
        if _UPPER.fullmatch(found["key"]):
            value, negated = found["value"], found["word"].lower() == "unless"
            if not found["sign"] and value.lower() in _SWITCHED:
                value, off = _SWITCHED[value.lower()]
                negated ^= off
            if (found["sign"] or "").startswith("!") or found["isnt"]:
                negated = not negated
            return Condition(found["key"], value, negated, required)
    return Condition(required=required)


def must_add(key: str, value: str, comments: Sequence[str]) -> str | None:
    """The value that an upgrade note demands: `existing installations MUST add KEY=value`; where it says `add it`,
    the example's own.
    """
    text = _text(comments)
    if _EXISTING.search(text) and _MUST_ADD_IT.search(text):
        return value
    return next(
        (
            found["value"].rstrip(".,;)")
            for found in _MUST_ADD.finditer(text)
            if found["key"] == key and ("add" in found[0].lower() or _EXISTING.search(text))
        ),
        None,
    )


def _text(comments: Sequence[str]) -> str:
    return " ".join(comments)
