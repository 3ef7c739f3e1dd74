"""Dumps databases: in parallel into a directory of ours where the engine sees it, else as a stream into a file."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from upgrader.errors import RefusedError, StepError
from upgrader.tools import postgres_archives as archives
from upgrader.tools.postgres_archives import Member
from upgrader.tools.postgres_beside import MOST_JOBS, NotBesideError, Pace, Place
from upgrader.tools.postgres_catalog import RowCount
from upgrader.tools.postgres_compress import Compression
from upgrader.tools.postgres_locks import LOCKERS
from upgrader.tools.postgres_progress import CHATTER, Look, Progress, of_dump, of_file
from upgrader.tools.postgres_reading import Readings
from upgrader.tools.postgres_snapshots import Snapshot
from upgrader.tools.postgres_sql import schema_sha256
from upgrader.tools.shell import Result, Say, Shell

LOCK_PATIENCE = 60.0
"""Seconds that a dump waits for a table which somebody has locked."""
_STREAM = (
    "exec pg_dump -w --format=custom --compress=$("
    "pg_dump --format=custom --compress=zstd:1 -h /nowhere -d x 2>&1 | grep -q connection && echo zstd:1 || echo 1"
    ') "$@"'
)
_UNFOLDED = 3
"""A database's rows as text, in multiples of its size on disk, at the worst that is to be expected: bytes take two
digits each, and what the server had compressed is compressed no more."""
_SPARE = 256 << 20
"""Bytes that are left free meanwhile: the server may well write to the same disk."""
_FULL = "no space left on device"
_BUSY = "could not obtain lock on relation"
# As far as the planner knows: to ask for sizes proper would wait for tables that somebody has locked.
_TABLES = """
SELECT c.relname, sum(greatest(c.relpages, 0) + greatest(coalesce(t.relpages, 0), 0)) * 8192
FROM pg_class c LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND c.oid >= 16384 GROUP BY 1;
"""
FREE_CONNECTIONS = "SELECT current_setting('max_connections')::int - count(*) FROM pg_stat_activity;"
_SIZE = "SELECT pg_database_size(current_database());"


@dataclass(frozen=True)
class DumpResult:
    """An archive for pg_restore, and the database of that very moment."""

    path: Path
    members: tuple[Member, ...]
    seconds: float
    server_version: str
    rows: Mapping[str, RowCount]
    schema_sha256: str
    taken_at: str
    """By the server's clock: UTC, ISO 8601."""
    how: str
    """In words: `in parallel by 2, zstd`, or why not."""

    @property
    def size(self) -> int:
        """Bytes of all members."""
        return sum(member.size for member in self.members)


class Dumps(Readings):
    """Databases on their side of the container's wall, archives on ours."""

    def dump(
        self,
        database: str,
        into: Path,
        *,
        snapshot: Snapshot | None = None,
        exact_below_bytes: int | None = None,
        pace: Pace = Pace(),  # noqa: B008 (frozen)
        lock_patience: float = LOCK_PATIENCE,
        say: Say | None = None,
    ) -> DumpResult:
        """Write an archive of `database` to the new path `into`, read back in full: durable, or not there at all.

        It becomes a directory, or a file where only a stream can be had. Row counts are exact for tables under
        `exact_below_bytes`, else for all; they cost a read of the tables. `lock_patience` is in seconds.
        """
        started = time.monotonic()
        part = into.with_name(f"{into.name}.part")
        archives.remove(part)
        with ExitStack() as stack:
            try:
                if snapshot is None:
                    self.end_leftovers()
                    snapshot = stack.enter_context(self.snapshot(database))
                how = _Dump(self, snapshot, part, pace, lock_patience, say).make()
                rows = self._rows(snapshot, exact_below_bytes)
                [[version]] = snapshot.query("SELECT split_part(current_setting('server_version'), ' ', 1);")
                schema = self._schema(snapshot)
                archives.make_durable(part)
                members = archives.measure(part)
                part.rename(into)
                archives.sync(into.parent)
            except BaseException as error:
                archives.remove(part)
                if isinstance(error, StepError):
                    self.end_leftovers()
                raise
        return DumpResult(into, members, time.monotonic() - started, version, rows, schema, snapshot.taken_at, how)

    def _rows(self, snapshot: Snapshot, exact_below_bytes: int | None) -> Mapping[str, RowCount]:
        try:
            return snapshot.row_counts(exact_below_bytes)
        except StepError:  # its session has ended: a lock for too long does that as well
            if self.query(LOCKERS, snapshot.database):
                raise self.locked(snapshot.database, self.lock_patience) from None
            raise

    def _schema(self, snapshot: Snapshot) -> str:
        return schema_sha256(self.read_schema(snapshot.database, f"--snapshot={snapshot.id}"))

    def dump_globals(self, into: Path) -> None:
        """Write the server's roles, without their passwords, and its tablespaces to `into` as SQL."""
        command = self.inside("pg_dumpall", "-w", "--globals-only", "--no-role-passwords", stdout=into)
        self.attempt(command, "dumping roles")
        archives.sync(into)


@dataclass(frozen=True)
class _Dump:
    """One dump being made."""

    server: Dumps
    snapshot: Snapshot
    part: Path
    pace: Pace
    lock_patience: float
    say: Say | None

    def make(self) -> str:
        """Make it, and read it back; says how."""
        try:
            with self.server.beside(self.part.parent, niceness=self.pace.niceness) as place:
                return self._directory(place)
        except NotBesideError as reason:
            archives.remove(self.part)
            self._stream()
            return f"as a stream, because {reason}"

    def _directory(self, place: Place) -> str:
        jobs = self._jobs(place)
        compression = Compression.of(place, room=self._has_room())
        said = self._parallel(place, compression, jobs)
        if said and _BUSY in said:
            # somebody waits for a table that we have: more connections cannot share it any more, one can go on
            jobs, said = 1, self._parallel(place, compression, 1)
        if said and compression is Compression.BESIDE and _FULL in said.lower():
            compression = Compression.GZIP
            said = self._parallel(place, compression, jobs)
        if said is not None:
            raise self._failure(Result(place.client.inside("pg_dump"), 1, "", said, 0.0))
        self.server.read_members(place, self.part, jobs)
        return f"in parallel by {jobs}, {'gzip' if compression is Compression.GZIP else 'zstd'}"

    def _jobs(self, place: Place) -> int:
        wanted = min(self.pace.jobs or place.cores, MOST_JOBS)
        [[free]] = self.snapshot.query(FREE_CONNECTIONS)
        return max(1, min(wanted, int(free) // 2))

    def _has_room(self) -> bool:
        """Whether the disk takes all rows as plain text, should they come faster than they can be compressed."""
        import shutil

        [[size]] = self.snapshot.query(_SIZE)
        return shutil.disk_usage(self.part.parent).free > _UNFOLDED * int(size) + _SPARE

    def _parallel(self, place: Place, compression: Compression, jobs: int) -> str | None:
        """None, or what the programs complained of."""
        archives.remove(self.part)
        self.part.mkdir(mode=0o700)
        log = self.part.with_name(f"{self.part.name}.log")
        directory = place.path(self.part)
        options = ("--format=directory", f"--jobs={jobs}", f"--file={directory}", "--no-sync", "--verbose")
        argv = compression.dumping(
            place.path(log), directory, jobs, *self._pg_dump, *options, f"--compress={compression.value}"
        )
        shell = self._watched(of_dump(self.part, log, self._tables()))
        try:
            result = shell.attempt(place.client.inside(*argv, database=self.snapshot.database))
            said = log.read_text(errors="replace") if log.exists() else ""
        finally:
            log.unlink(missing_ok=True)
        return None if result.ok else CHATTER.sub("", said) + result.err + result.out

    def _stream(self) -> None:
        argv = ("sh", "-c", _STREAM, "sh", *self._pg_dump[2:])
        nice = ("nice", "-n", str(self.pace.niceness)) if self.pace.niceness else ()
        command = self.server.inside(*nice, *argv, database=self.snapshot.database, stdout=self.part)
        total = sum(self._tables().values())
        result = self._watched(of_file(self.part, total)).attempt(command)
        if not result.ok:
            raise self._failure(result)
        self.server.read_file(self.part)

    @property
    def _pg_dump(self) -> tuple[str, ...]:
        wait = f"--lock-wait-timeout={int(self.lock_patience * 1000)}"
        return ("pg_dump", "-w", f"--snapshot={self.snapshot.id}", wait)

    def _tables(self) -> dict[str, int]:
        return {name: int(size) for name, size in self.snapshot.query(_TABLES)}

    def _watched(self, look: Look) -> Shell:
        shell = self.server.shell
        return Progress(self.snapshot.database, look, self.say).watching(shell) if self.say else shell

    def _failure(self, result: Result) -> StepError | RefusedError:
        database, text = self.snapshot.database, result.err + result.out
        self.server.require(patience=5)  # the server itself may be gone, which explains the rest
        if _FULL in text.lower() and "ERROR:" not in text:
            return archives.full(self.part.parent, self.server.size(database))
        if "server version mismatch" in text:
            return RefusedError(
                f"pg_dump in the image of {self.server.container} is older than the server",
                "Run the server in an image of its own version",
            )
        if "statement timeout" in text and "LOCK TABLE" in text:
            return self.server.locked(database, self.lock_patience)
        return self.server.failure(replace(result, err=text, out=""), f"dumping {database}")
