"""The journal: one JSON line per event, appended, checksummed and synced before anybody else hears of it."""

import errno
import json
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upgrader.errors import ExitCode, UpgraderError
from upgrader.model.events import Event, from_json, to_json
from upgrader.model.run import Record, Run
from upgrader.tools.files import sync_directory

FORMAT = 1


class JournalError(UpgraderError):
    """A journal that cannot be believed."""


class EmptyJournalError(JournalError):
    """A journal without a whole line: its run was cut off before it began."""


def now() -> str:
    """This moment, UTC, ISO 8601 with milliseconds."""
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Journal:
    """An open journal. As a sink it gives each event its run, number, time and checksum, and folds it into `run`."""

    path: Path
    run: Run | None = None
    seq: int = 0
    line: str = ""
    """The line last written, as it stands in the file: what the JSON renderer prints."""
    clock: Callable[[], str] = now

    @staticmethod
    def create(path: Path) -> "Journal":
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        sync_directory(path.parent)
        return Journal(path)

    @staticmethod
    def reopen(path: Path) -> "Journal":
        """The journal of an unfinished run, its torn last line cut off."""
        records, whole = _read(path)
        if whole < path.stat().st_size:
            os.truncate(path, whole)
        return Journal(path, Run.replay(records), records[-1].seq)

    def __call__(self, event: Event) -> None:
        if not event.journaled:
            return
        self.seq += 1
        at = self.clock()
        run = Run.replay([Record(self.seq, at, event)]) if self.run is None else self.run.after(event, at)
        line = _line({"format": FORMAT, "run": run.id, "seq": self.seq, "at": at, **to_json(event)})
        self._write(line)
        self.line = line.decode().rstrip("\n")
        self.run = run

    def close(self) -> None:
        """Nothing is buffered."""

    def _write(self, line: bytes) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            # a full disk can tear a line; taking the torn part back keeps the journal readable
            end = os.fstat(descriptor).st_size
            if os.write(descriptor, line) != len(line):
                os.ftruncate(descriptor, end)
                raise self._unwritten(os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        except OSError as error:
            raise self._unwritten(error.strerror or str(error)) from error
        finally:
            os.close(descriptor)

    def _unwritten(self, why: str) -> JournalError:
        """Without its journal a run cannot go on: it stays where it is, and can be resumed."""
        message, hint = f"the journal {self.path} cannot be written: {why}", f"make room: df -h {self.path.parent}"
        if self.run is None:
            return JournalError(message, hint)
        return JournalError(message, f"{hint}; then: upgrader resume", exit_code=ExitCode.NEEDS_PERSON)


def read(path: Path) -> list[Record]:
    """All records of a journal. A torn last line is dropped; a bad line elsewhere raises JournalError."""
    return _read(path)[0]


def _read(path: Path) -> tuple[list[Record], int]:
    """The records, and how many bytes of the file they are."""
    data = path.read_bytes()
    records: list[Record] = []
    whole = 0
    for number, (line, end) in enumerate(_lines(data), start=1):
        try:
            records.append(_parse(line))
        except (ValueError, KeyError, TypeError) as error:
            if end >= len(data):
                break
            raise JournalError(
                f"{path}:{number}: this line is damaged ({error}), and it is not the last one",
                f"keep the file, and look at the app by hand: less {path}",
            ) from error
        whole = end
    if not records:
        raise EmptyJournalError(f"{path}: the journal is empty", f"nothing was done in this run: rm -r {path.parent}")
    return records, whole


def _lines(data: bytes) -> Iterator[tuple[bytes, int]]:
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end + 1
        yield data[start:end], end
        start = end


def _line(record: dict[str, Any]) -> bytes:
    body = json.dumps(record, ensure_ascii=False, separators=(",", ":"), sort_keys=False)
    return f'{body[:-1]},"sum":"{zlib.crc32(body.encode()):08x}"}}\n'.encode()


def _parse(line: bytes) -> Record:
    if not line.endswith(b"\n"):
        msg = "it is torn"
        raise ValueError(msg)
    body, _, tail = line.decode().rstrip("\n").rpartition(',"sum":"')
    body += "}"
    if f"{zlib.crc32(body.encode()):08x}" != tail[:8]:
        msg = "its checksum is wrong"
        raise ValueError(msg)
    record = json.loads(body)
    if record["format"] > FORMAT:
        msg = f"it was written by a newer upgrader, in format {record['format']}"
        raise ValueError(msg)
    return Record(record["seq"], record["at"], from_json(record))
