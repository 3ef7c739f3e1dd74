"""Says how far a long dump or restore has come, less and less often."""

import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from upgrader.model.duration import duration, size
from upgrader.tools.shell import Say, Shell

_FIRST, _LONGEST = 5.0, 60.0
"""Seconds before the first word, and the longest silence between two; each is twice the one before."""
_TELLING = 0.05
"""A share that is done from which on the time left can be told."""
_USUAL_RATIO = 0.3
"""Compressed bytes per byte in the table, until this database has shown its own."""
CHATTER = re.compile(r"^pg_\w+: (?!error|warning|detail|hint).*\n?", re.MULTILINE)
"""What `--verbose` adds to complaints."""
_FINISHED = re.compile(r"^pg_(?:dump|restore): finished item (\d+) TABLE DATA (.*)$", re.MULTILINE)

Look = Callable[[], tuple[int, float]]
"""Bytes so far, and the share of all that they are; 0 where it cannot be told."""


@dataclass
class Progress:
    """What is said while a program runs."""

    what: str
    look: Look
    say: Say
    _started: float = field(default_factory=time.monotonic)
    _next: float = _FIRST
    _gap: float = _FIRST

    def watching(self, shell: Shell) -> Shell:
        """`shell`, which says it while its programs run."""
        tick = shell.tick

        def look_up() -> bool:
            self._look_up()
            return tick is not None and tick()

        return replace(shell, tick=look_up)

    def _look_up(self) -> None:
        spent = time.monotonic() - self._started
        if spent < self._next:
            return
        self._gap = min(self._gap * 2, _LONGEST)
        self._next = spent + self._gap
        done, share = self.look()
        left = f", about {duration(spent / share - spent)} left" if _TELLING <= share < 1 else ""
        self.say(f"{self.what}: {size(done)} in {duration(spent)}, {size(int(done / spent))}/s{left}")


def of_dump(archive: Path, log: Path, tables: Mapping[str, int]) -> Look:
    """Of pg_dump at work in a directory, by its words in `log`; `tables`: bytes in the server by name."""
    total = sum(tables.values())

    def look() -> tuple[int, float]:
        written = _members(archive)
        finished = dict(_FINISHED.findall(log.read_text(errors="replace") if log.exists() else ""))
        whole = sum(tables.get(name, 0) for name in finished.values())
        packed = sum(written.get(member, 0) for member in finished)
        ratio = packed / whole if whole > total * _TELLING and packed else _USUAL_RATIO
        begun = min((sum(written.values()) - packed) / ratio, max(total - whole, 0))
        return sum(written.values()), (whole + begun) / total if total else 0.0

    return look


@dataclass
class Heard:
    """How far pg_restore has come, by its own words."""

    members: Mapping[str, int]
    """Bytes by the number of the member."""
    done: int = 0

    def hear(self, line: str) -> None:
        if found := _FINISHED.match(line):
            self.done += self.members.get(found[1], 0)

    def look(self) -> tuple[int, float]:
        """Of the data; what indexes will take nobody knows, so the share of the whole is not told."""
        return self.done, 0.0


def members(archive: Path) -> dict[str, int]:
    """Bytes by the number of the member; nothing where the archive is one file."""
    return _members(archive) if archive.is_dir() else {}


def of_file(path: Path, total: int) -> Look:
    """Of a stream into a file that was `total` bytes in the server."""

    def look() -> tuple[int, float]:
        written = path.stat().st_size if path.exists() else 0
        return written, min(written / _USUAL_RATIO / total, 0.99) if total else 0.0

    return look


def _members(archive: Path) -> dict[str, int]:
    """Bytes by the number of the member."""
    found = {}
    for path in archive.iterdir():
        with suppress(FileNotFoundError):  # compressed just now
            found[path.name.partition(".")[0]] = path.stat().st_size
    return found
