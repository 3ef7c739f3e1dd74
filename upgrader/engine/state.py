"""Where runs and restore points of one app live, and how they are listed."""

import errno
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from upgrader.engine import journal
from upgrader.errors import RefusedError
from upgrader.model.run import Run

if TYPE_CHECKING:
    from datetime import datetime


def root(environ: Mapping[str, str]) -> Path:
    """`$UPGRADER_HOME`, else `/var/lib/upgrader` for root, else the user's state directory."""
    if home := environ.get("UPGRADER_HOME"):
        return Path(home)
    if os.geteuid() == 0:
        return Path("/var/lib/upgrader")
    state = environ.get("XDG_STATE_HOME") or str(Path.home() / ".local/state")
    return Path(state) / "upgrader"


@dataclass(frozen=True)
class State:
    """The records of one app: `home` is `<root>/<project>`. Directories are 0700, files 0600, whatever the umask."""

    home: Path

    @property
    def runs(self) -> Path:
        return self.home / "runs"

    @property
    def points(self) -> Path:
        return self.home / "restore-points"

    def make(self) -> None:
        for directory in (self.home.parent, self.home, self.runs, self.points):
            make_private(directory)

    def new_run(self) -> Path:
        """A fresh run directory, named `<UTC time>-<4 hex>` so that it sorts behind every other, with `logs/` in it."""
        from datetime import UTC, datetime

        newest = max((path.name for path in self.runs.iterdir() if _RUN.fullmatch(path.name)), default="")
        directory = self.runs / _name_after(newest, datetime.now(UTC))
        for made in (directory, directory / "logs"):
            make_private(made)
        return directory

    def all(self, *, newest_first: bool = False) -> Iterator[Run]:
        """Every run, oldest first, read one by one. A directory whose run never wrote its first line is not one."""
        if not self.runs.is_dir():
            return
        for directory in sorted(self.runs.iterdir(), reverse=newest_first):
            path = directory / "journal.jsonl"
            if path.exists():
                with suppress(journal.EmptyJournalError):
                    yield Run.replay(journal.read(path))

    def unfinished(self) -> list[Run]:
        return [run for run in self.all() if run.unfinished]

    def over(self, run_id: str) -> bool:
        """Whether nobody can go on with this run: it ended, or its records were removed. A damaged journal says no."""
        path = self.runs / run_id / "journal.jsonl"
        try:
            return not path.exists() or not Run.replay(journal.read(path)).unfinished
        except journal.JournalError:
            return False

    def find(self, run_id: str) -> Run:
        """The run with this id or unambiguous beginning or end of it."""
        runs = [run for run in self.all() if run.id.startswith(run_id) or run.id.endswith(run_id)]
        if len(runs) == 1:
            return runs[0]
        what = "no run" if not runs else f"{len(runs)} runs"
        raise RefusedError(f"{what} of this app can be meant by {run_id!r}", "upgrader history")

    def directory(self, run: Run) -> Path:
        return self.runs / run.id


_RUN = re.compile(r"\d{8}T\d{6}-[0-9a-f]{4}")


def _name_after(newest: str, moment: "datetime") -> str:
    """The name of a run that begins at this moment; by the newest one, where the clock is no help."""
    stamp = f"{moment:%Y%m%dT%H%M%S}"
    if newest < stamp:
        # by chance, so that the end alone tells runs apart; the upper half is for those that follow in this second
        return f"{stamp}-{int.from_bytes(os.urandom(2)) >> 1:04x}"
    second, _, last = newest.rpartition("-")
    if last == "ffff":
        from datetime import datetime, timedelta

        return _name_after(newest, datetime.strptime(second, "%Y%m%dT%H%M%S") + timedelta(seconds=1))  # noqa: DTZ007
    return f"{second}-{int(last, 16) + 1:04x}"


@contextmanager
def recording(home: Path) -> Iterator[None]:
    """Within it, a disk that is full or read-only raises RefusedError: nothing is done that cannot be recorded."""
    try:
        yield
    except OSError as error:
        where = error.filename or home
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = f"make room: df -h {where}" if full else "choose another place: UPGRADER_HOME=DIR upgrader …"
        raise RefusedError(f"{where} cannot be written: {error.strerror}", hint) from error


def make_private(directory: Path) -> None:
    """Make the directory, readable by its owner alone; an existing one is left as it is."""
    if not directory.is_dir():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone can read, durable before this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
