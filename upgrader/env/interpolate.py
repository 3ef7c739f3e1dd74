"""`$NAME` and `${NAME…}` inside env values, as Compose substitutes them."""

import re
from collections.abc import Callable

from upgrader.env.regex import regex

Lookup = Callable[[str], str | None]
"""The value of a variable, or None when it is not set."""

_REFERENCE = regex(
    r"\$(?:(?P<escaped>\$)|(?P<named>[_a-z][_a-z0-9]*)|\{(?:(?P<braced>[_a-z][_a-z0-9]*(?::?[-+?].*)?)\}|(?P<invalid>)))",
    re.IGNORECASE,
)
_BRACED = regex(r"(?P<name>[_a-z][_a-z0-9]*)(?:(?P<operator>:?[-+?])(?P<word>.*))?", re.IGNORECASE)


class InterpolationError(Exception):
    """A reference Compose refuses. The text names the variable, never the value it stands in."""


def interpolate(template: str, lookup: Lookup) -> str:
    """Substitute every reference; an unset variable becomes the empty string."""
    if "$" not in template:
        return template
    return _REFERENCE.sub(lambda match: _substitute(match, lookup), template)


def _substitute(match: re.Match[str], lookup: Lookup) -> str:
    if match["escaped"]:
        return "$"
    if name := match["named"]:
        return lookup(name) or ""
    if match["braced"] is None:
        raise InterpolationError("a ${ without a variable name and a closing brace")
    # The pattern is greedy, so the match may run on to the last brace of the line; what follows the first balanced
    # one is a template of its own.
    text = match[0]
    end = closing_brace(text)
    expression, rest = (text, "") if end is None else (text[: end + 1], text[end + 1 :])
    parts = _BRACED.fullmatch(expression[2:-1])
    if parts is None:
        raise InterpolationError("a ${ without a variable name and a closing brace")
    return _evaluate(parts["name"], parts["operator"], parts["word"], lookup) + interpolate(rest, lookup)


def closing_brace(text: str) -> int | None:
    """Where the first brace closes. Like Compose, skip the character after each opening brace: `{}` counts as open."""
    depth, at = 0, 0
    while at < len(text):
        if text[at] == "}":
            depth -= 1
            if depth == 0:
                return at
        elif text[at] == "{":
            depth += 1
            at += 1
        at += 1
    return None


def _evaluate(name: str, operator: str | None, word: str | None, lookup: Lookup) -> str:
    value = lookup(name)
    if operator is None:
        return value or ""
    # Compose substitutes the word even where it will not be used, so that its mistakes are always found.
    other = interpolate(word or "", lookup)
    present = value is not None and (value != "" or not operator.startswith(":"))
    match operator[-1]:
        case "-":
            return (value or "") if present else other
        case "+":
            return other if present else (value or "")
        case _ if present:
            return value or ""
        case _:
            raise InterpolationError(f"{name} is required here and has no value")
