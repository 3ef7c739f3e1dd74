"""Dumps databases into archives, proves archives, and restores them into new databases."""

import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from upgrader.errors import RefusedError, StepError
from upgrader.tools.postgres_catalog import Description, RowCount, count_rows, counting
from upgrader.tools.postgres_client import reason, rows_of
from upgrader.tools.postgres_databases import Databases
from upgrader.tools.postgres_sql import conninfo, schema_sha256

# psql holds the snapshot while pg_dump works in it, so that counts, schema and data are of one moment although the app
# goes on writing. The archive goes to stdout, all else to stderr, each part announced.
_DUMP = """\
\\setenv PGCLIENTENCODING
SELECT count(set_config(name, '0', false)) AS limits FROM pg_settings WHERE name = 'transaction_timeout' \\gset
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_export_snapshot() AS snapshot \\gset
\\setenv SNAPSHOT :snapshot
\\! pg_dump -w --format=custom --compress={compression} --snapshot="$SNAPSHOT" </dev/null && echo '{dumped}' >&2
\\o |cat >&2
\\qecho '{rows}'
{counting}
\\o
\\! echo '{schema}' >&2
\\! pg_dump -w --schema-only --snapshot="$SNAPSHOT" </dev/null >&2 2>/dev/null && echo '{whole}' >&2
COMMIT;
"""
_PARTS = {name: f"upgrader: {name}" for name in ("dumped", "rows", "schema", "whole")}
# zstd makes archives as small as gzip's in a quarter of the time, where this pg_dump was built with it.
_COMPRESSION = (
    "$(pg_dump -w --format=custom --compress=zstd:1 --schema-only template1 >/dev/null 2>&1 && echo zstd:1 || echo 1)"
)


@dataclass(frozen=True)
class DumpResult:
    """An archive in pg_dump's custom format, and the database of that very moment."""

    path: Path
    sha256: str
    size: int
    seconds: float
    server_version: str
    rows: Mapping[str, RowCount]
    schema_sha256: str


class Archives(Databases):
    """Archives on our side of the container's wall, databases on the other."""

    def dump(self, database: str, into: Path, exact_below_bytes: int | None = None) -> DumpResult:
        """Write an archive of `database` to the new file `into`: whole and durable, or not there at all.

        Row counts are exact for tables under `exact_below_bytes`, else for all; they cost a read of the tables.
        """
        started = time.monotonic()
        version = self.require().version
        self.end_leftovers()
        self.oid(database)  # says it more clearly than pg_dump when there is none
        part = into.with_name(into.name + ".part")
        part.unlink(missing_ok=True)  # the client of a killed run may still be writing: never into our file
        try:
            said = self._stream(database, part, exact_below_bytes)
            _sync(part)
            sha256 = _sha256(part)
            os.replace(part, into)
            _sync(into.parent)
        except StepError:
            part.unlink(missing_ok=True)
            self.end_leftovers()
            raise
        _, rest = said.split(f"{_PARTS['rows']}\n", 1)
        rows, rest = rest.split(f"{_PARTS['schema']}\n", 1)
        schema, _ = rest.rsplit(f"{_PARTS['whole']}\n", 1)
        return DumpResult(
            into,
            sha256,
            into.stat().st_size,
            time.monotonic() - started,
            version,
            count_rows(rows_of(rows)),
            schema_sha256(schema),
        )

    def _stream(self, database: str, part: Path, exact_below_bytes: int | None) -> str:
        script = _DUMP.format(compression=_COMPRESSION, counting=counting(exact_below_bytes), **_PARTS)
        argv = ("psql", "-X", "-q", "-w", "--csv", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-")
        # it changes nothing in the database; what it writes is ours
        command = self.inside(*argv, database=database, stdin=script.encode(), stdout=part, utf8=True)
        result = self.shell.attempt(command)
        if "no space left on device" in result.err:  # the client's words; Postgres starts them with a capital
            raise StepError(f"The disk of {part.parent} is full", f"Free up to {self.size(database):,} bytes there")
        if not result.ok or not all(f"{name}\n" in result.err for name in _PARTS.values()):
            raise self.failure(result, f"dumping {database}")
        return result.err

    def dump_globals(self, into: Path) -> None:
        """Write the server's roles, without their passwords, and its tablespaces to `into` as SQL."""
        command = self.inside("pg_dumpall", "-w", "--globals-only", "--no-role-passwords", stdout=into)
        self.attempt(command, "dumping roles")
        _sync(into)

    def verify(self, archive: Path, sha256: str, size: int) -> None:
        """Check `archive` against its checksum and size, then read it to its end; raises RefusedError otherwise."""
        hint = "Use another restore point: upgrader history"
        if not archive.is_file():
            raise RefusedError(f"The dump {archive} is gone", hint)
        if (found := archive.stat().st_size) != size:
            what = "truncated" if found < size else "damaged"
            raise RefusedError(f"The dump {archive} is {what}: {found} of {size} bytes", hint)
        if _sha256(archive) != sha256:
            raise RefusedError(
                f"The dump {archive} is damaged: its checksum is not the one noted when it was made", hint
            )
        result = self.shell.attempt(self.inside("pg_restore", "-f", "/dev/null", stdin=archive))
        if not result.ok:
            failure = self.failure(result, "reading the dump")
            if isinstance(failure, RefusedError):
                raise failure
            raise RefusedError(
                f"The dump {archive} is damaged: {reason(result.err) or 'it has no end'}", hint, lines=failure.lines
            )

    def restore(self, archive: Path, into: str, like: str | Description, jobs: int = 2) -> None:
        """Restore `archive` into the new database `into`, made like `like`; one that is there already stays as it is.

        `into` exists only once it is whole, analysed and open. Raises StepError, and leaves nothing behind.
        """
        description = self.describe(like) if isinstance(like, str) else like
        with self.making(into, lambda name: self.create(name, description)) as name:
            if name is None:
                return
            with self.inside_copy(archive) as path:
                self.pg_restore(path, name, f"--jobs={jobs}")
            self.execute("ANALYZE;", name)

    def pg_restore(self, path: str, into: str, *options: str) -> None:
        """Run pg_restore on an archive inside the container."""
        argv = ("pg_restore", "-w", "--exit-on-error", *options, "-d", conninfo(into), path)
        # what is lost with the server's power is dropped and made again; its new name is durable, and so is all before
        command = self.inside(*argv, changes=True, options="-c synchronous_commit=off")
        self.attempt(command, f"restoring {into}")

    @contextmanager
    def inside_copy(self, archive: Path) -> Iterator[str]:
        """The path of a copy of `archive` inside the container: a client that is killed cannot cut it short."""
        path = f"{self.scratch}/archive"
        receive = 'umask 077; mkdir -p "${1%/*}" && cat > "$1" && wc -c < "$1"'
        command = self.inside("sh", "-c", receive, "sh", path, stdin=archive, changes=True)
        try:
            result = self.attempt(command, "copying the dump into the container")
            if result.out.split() != [str(archive.stat().st_size)]:
                raise StepError(f"Only a part of {archive} arrived in {self.container}", "Try again: upgrader resume")
            yield path
        finally:
            self.remove_scratch()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
