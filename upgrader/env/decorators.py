"""The decorators of one comment line, split as @env-spec splits them."""

import re
from typing import Literal, NamedTuple

from upgrader.env.regex import regex

_QUOTED = r"""(?:"(?:\\"|[^"])*"|'(?:\\'|[^'])*'|`(?:\\`|[^`])*`)"""
_NAME = regex(r"@(?P<name>[A-Za-z][^\s=()#@]*)")
_VALUE = regex(rf"{_QUOTED}|[^\s#(]+")
_WORD = regex(rf"(?:(?<=[\s:=(,]){_QUOTED}|\S)+")  # the apostrophe of don't begins no quote
_STRAY = regex(rf"(?!@[A-Za-z]|\#)(?:{_WORD.pattern})")
_DIVIDER = regex(r"[-=*#]{3,}")
_SPACE = regex(r"\s*")

Form = Literal["plain", "value", "call"]


class Decorator(NamedTuple):
    """One `@name`, `@name=value` or `@name(value)`, and the words that follow it on its line.

    `value` and `words` are unquoted, `text` is the whole of it as written.
    """

    name: str
    form: Form
    value: str
    words: tuple[str, ...]
    text: str


def decorators(line: str) -> list[Decorator]:
    """Those of one comment line (without its `#`); none where the line does not begin with `@`.

    A `#` behind them begins a remark.
    """
    found: list[Decorator] = []
    at = _past_space(line, 0)
    while name := _NAME.match(line, at):
        start, at = at, name.end()
        form: Form = "plain"
        value = ""
        if line.startswith("=", at):
            form = "value"
            at, value = _value(line, at + 1)
        elif line.startswith("(", at):
            form = "call"
            end = _closing(line, at)
            at, value = end, line[at:end]
        words: list[str] = []
        end = at
        at = _past_space(line, at)
        while word := _STRAY.match(line, at):
            words.append(unquoted(word[0]))
            end = word.end()
            at = _past_space(line, end)
        found.append(Decorator(name["name"], form, value, tuple(words), line[start:end]))
    return found


def is_divider(line: str) -> bool:
    """A comment line that parts what stands above it from what stands below: `# ----`."""
    return _DIVIDER.match(line.strip()) is not None


def unquoted(text: str) -> str:
    """What stands between the quotes, if the whole of it is quoted."""
    if len(text) < 2 or text[0] not in "\"'`" or not re.fullmatch(_QUOTED, text):
        return text
    return text[1:-1].replace(f"\\{text[0]}", text[0])


def _value(line: str, at: int) -> tuple[int, str]:
    """The end and the text of what stands behind a `=`: a quoted text, a word, or a call with all its arguments."""
    found = _VALUE.match(line, at)
    end = found.end() if found else at
    if line.startswith("(", end):
        end = _closing(line, end)
    return end, unquoted(line[at:end])


def _closing(line: str, at: int) -> int:
    """Where the call whose bracket opens at `at` ends; a call that goes on over the line ends with it."""
    depth = 0
    for piece in re.finditer(rf"{_QUOTED}|[()]", line[at:]):
        depth += {"(": 1, ")": -1}.get(piece[0], 0)
        if depth == 0:
            return at + piece.end()
    return len(line)


def _past_space(line: str, at: int) -> int:
    found = _SPACE.match(line, at)
    return found.end() if found else at
