"""Lays a line of telling out in columns, as spans of text with a style, and paints spans with ANSI colours."""

from collections.abc import Iterable

from upgrader.ui.words import OUTPUT, Line

Span = tuple[str, str]
"""A text and its style: a few of `bold dim red green yellow`, separated by blanks, or nothing."""

_MARK_STYLE = {"good": "green", "bad": "bold red", "warning": "yellow", "quiet": "dim"}
_TEXT_STYLE = {"heading": "bold", "quiet": "dim"}
_ASIDE_STYLE = {"bad": "red", "warning": "yellow"}
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


def lay(line: Line, column: int, width: int | None = None) -> list[list[Span]]:
    """The rows of a line. With a width none is longer: the why of a step is cut off, everything else wraps."""
    indent = "  " * line.depth
    mark = f"{line.mark} " if line.mark else ""
    mark_style, text_style = _MARK_STYLE.get(line.tone, ""), _TEXT_STYLE.get(line.tone, "")
    aside_style = _ASIDE_STYLE.get(line.tone, "dim") if line.depth else "dim"
    text = line.text.ljust(column) if line.aligned and line.aside else line.text
    aside = f"  {line.aside}" if line.aside else ""
    head = [(indent, ""), (mark, mark_style)]
    room = None if width is None else max(width - len(indent) - len(mark), 16)
    if room is None or len(text) + len(aside) <= room:
        return [_tidy([*head, (text, text_style), (aside, aside_style)])]
    if line.aligned and line.tone != "bad":
        rest = room - max(len(line.text), column) - 2
        if rest < 8:
            return [_tidy([*head, (cut(line.text, room), text_style)])]
        return [_tidy([*head, (text, text_style), (f"  {cut(line.aside, rest)}", aside_style)])]
    under = (mark if line.mark == OUTPUT else " " * len(mark), mark_style)
    rows = [(part, text_style) for part in wrapped(line.text, room)]
    rows += [(part, aside_style) for part in wrapped(line.aside, room)]
    return [_tidy([(indent, ""), (mark, mark_style) if index == 0 else under, row]) for index, row in enumerate(rows)]


def paint(spans: Iterable[Span], *, color: bool) -> str:
    """The spans as text, with ANSI colours if wanted."""
    return "".join(_ansi(text, style) if color and style else text for text, style in spans)


def painted(text: str, style: str, *, color: bool) -> str:
    """One span as text."""
    return paint([(text, style)], color=color)


def cut(text: str, width: int) -> str:
    """The text, with `…` for what does not fit."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def _ansi(text: str, style: str) -> str:
    codes = ";".join(_CODES[name] for name in style.split())
    return f"\x1b[{codes}m{text}\x1b[0m"


def _tidy(spans: list[Span]) -> list[Span]:
    return [span for span in spans if span[0]]


def wrapped(text: str, width: int) -> list[str]:
    """The text in pieces that fit the width; none for no text."""
    import textwrap

    return textwrap.wrap(text, width, break_on_hyphens=False) if text else []
