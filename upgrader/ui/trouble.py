"""How trouble is shown: an error, and the screen after a run that failed and healed."""

import textwrap
from typing import TextIO

from upgrader.errors import UpgraderError
from upgrader.ui.layout import painted
from upgrader.ui.outlet import Outlet
from upgrader.ui.words import FAILED, LINES, NEXT, OUTPUT, clean

_LABELS = ("What happened", "State now", "Data", "Next")
_NARROWEST = 40


def show_error(error: UpgraderError, stream: TextIO | None, *, color: bool = False) -> None:
    """What happened, the program's last lines, what to do next."""
    Outlet(stream).write(error_text(error, color=color) + "\n")


def error_text(error: UpgraderError, *, color: bool = False) -> str:
    """The same as text."""
    first, *more = error.message.splitlines() or [""]
    rows = [f"{painted(FAILED, 'bold red', color=color)} {painted(clean(first), 'bold', color=color)}"]
    rows += [f"  {clean(line)}" for line in more]
    rows += [painted(f"  {OUTPUT} {clean(line)}".rstrip(), "dim", color=color) for line in error.lines[-LINES:]]
    rows += [f"{NEXT if first else ' '} {clean(hint)}" for first, hint in _marked(error.hint)]
    return "\n".join(rows)


def four_lines(what: str, state: str, data: str, then: str, *, width: int = 80, color: bool = False) -> str:
    """What happened, the state now, the data, what to type next: the screen after a run that failed and healed."""
    room = max(width, _NARROWEST)
    indent = max(map(len, _LABELS)) + 2
    rows = []
    for label, text in zip(_LABELS, (what, state, data, then), strict=True):
        body = textwrap.fill(
            clean(text),
            room,
            initial_indent=" " * indent,
            subsequent_indent=" " * indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        rows.append(painted(label, "bold", color=color) + body[len(label) :])
    return "\n".join(rows)


def _marked(hint: str) -> list[tuple[bool, str]]:
    return [(index == 0, line) for index, line in enumerate(hint.splitlines())]
