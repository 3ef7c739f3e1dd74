"""Takes the README's pictures: `python -m tests.picture` runs the real demo on a terminal and draws what it shows."""

import os
import re
import sys
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import pexpect
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ASSETS = Path(__file__).parents[1] / ".github/assets"
SHOWN = Path(__file__).parents[1] / "build/demo.txt"
COLUMNS, ROWS = 110, 70
_TOKEN = re.compile(r"\x1b\[\??([\d;]*)([A-Za-z])|\x1b[()=>].?|\x1b\][^\x07]*\x07|\r|\n|[^\x1b\r\n]+")

Cell = tuple[str, str]
"""A character and the SGR codes that it was written with."""


class Terminal:
    """As much of a terminal as upgrader's output asks for, colours included; nothing ever scrolls away."""

    def __init__(self) -> None:
        self.rows: list[list[Cell]] = [[]]
        self.row = self.column = 0
        self.style = ""

    def feed(self, text: str) -> None:
        for token in _TOKEN.finditer(text):
            self._take(token[0], token[1] or "", token[2])

    def _take(self, text: str, codes: str, final: str | None) -> None:
        match text, final:
            case "\r", _:
                self.column = 0
            case "\n", _:
                self.row += 1
                if self.row == len(self.rows):
                    self.rows.append([])
            case _, "A":
                self.row = max(0, self.row - int(codes or 1))
            case _, "K":
                self.rows[self.row] = []
            case _, "m":
                self.style = "" if codes in ("", "0") else f"{self.style};{codes}".strip(";")
            case _, None if not text.startswith("\x1b"):
                row = self.rows[self.row]
                row.extend([(" ", "")] * (self.column - len(row)))
                row[self.column : self.column + len(text)] = [(character, self.style) for character in text]
                self.column += len(text)

    def lines(self) -> Iterator[str]:
        """The rows as text with ANSI colours."""
        for row in self.rows:
            runs = [(style, "".join(text for text, _ in run)) for style, run in groupby(row, key=itemgetter(1))]
            yield "".join(f"\x1b[{style}m{text}\x1b[0m" if style else text for style, text in runs)


def main() -> int:
    """Run the demo, keep what it showed as text, draw three parts of it; returns the demo's exit code."""
    environ = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    for name in ("CI", "NO_COLOR", "KEEP"):
        environ.pop(name, None)
    child = pexpect.spawn(
        sys.executable,
        ["-m", "upgrader", "demo"],
        env=environ,
        dimensions=(ROWS, COLUMNS),
        encoding="utf-8",
        timeout=900,
    )
    terminal = Terminal()
    while True:
        try:
            terminal.feed(child.read_nonblocking(1 << 16))
        except pexpect.EOF:
            break
    child.close()
    lines = list(terminal.lines())
    SHOWN.parent.mkdir(exist_ok=True)
    SHOWN.write_text("\n".join(Text.from_ansi(line).plain.rstrip() for line in lines) + "\n")
    if child.exitstatus == 0:
        draw(lines)
    else:
        print(f"the demo failed, and no picture was drawn; what it showed is in {SHOWN}", file=sys.stderr)
    return 1 if child.exitstatus is None else child.exitstatus


def draw(lines: list[str]) -> None:
    """The parts of the demo that the README shows."""
    ASSETS.mkdir(parents=True, exist_ok=True)
    picture("upgrade", "upgrader upgrade", part(lines, r"^Upgrade to v1\.1\.0", r"^To go back"))
    picture(
        "heal",
        "a release that never becomes healthy",
        part(part(lines, r"^Upgrade to v1\.3\.0", r"^\$"), r"^cutover", r"^Meanwhile", more=-1),
    )
    picture("proof", "make demo", part(lines, r"^━━ What this proved", r"claims hold"))


def part(lines: list[str], first: str, last: str, *, more: int = 0) -> list[str]:
    """From the first line that matches to the next one that does, and `more` after it."""
    plain = [Text.from_ansi(line).plain.rstrip() for line in lines]
    begin = next(number for number, line in enumerate(plain) if re.search(first, line))
    end = next(number for number in range(begin, len(plain)) if re.search(last, plain[number]))
    return lines[begin : end + 1 + more]


def picture(name: str, title: str, lines: list[str]) -> None:
    width = max(len(Text.from_ansi(line).plain.rstrip()) for line in lines)
    console = Console(record=True, width=width + 1, file=open(os.devnull, "w", encoding="utf-8"), force_terminal=True)  # noqa: SIM115
    for line in lines:
        console.print(Text.from_ansi(line), no_wrap=True, crop=True, highlight=False)
    console.save_svg(str(ASSETS / f"{name}.svg"), title=title, theme=MONOKAI, unique_id=name)
    print(ASSETS / f"{name}.svg")


if __name__ == "__main__":
    sys.exit(main())
