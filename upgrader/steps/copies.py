"""Copies of a restore point's databases in throw-away servers: made from the dumps, compared with what was dumped."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from upgrader.errors import RefusedError, StepError, TransientError
from upgrader.model.app import DatabaseSpec
from upgrader.model.duration import duration, plural
from upgrader.model.manifest import RestorePoint, SavedDatabase
from upgrader.steps.base import Context
from upgrader.steps.points import Points
from upgrader.tools.docker import Container
from upgrader.tools.postgres import Description, Server
from upgrader.tools.postgres_reading import Reading
from upgrader.tools.postgres_sql import conninfo, name_for, schema_entries
from upgrader.tools.postgres_throwaway import (
    NoThrowawayError,
    Origin,
    Throwaway,
    available_memory,
    clear,
    room,
)
from upgrader.tools.shell import TIMED_OUT

__all__ = [
    "Copied",
    "NoThrowawayError",
    "UnprovedError",
    "are_whole",
    "by_service",
    "clear",
    "make",
    "server_of",
    "throwaway",
]

MOST_TOLD = 10
"""How many differences between a dump and its restore are named."""
# What this server lacks, and what the live one, which made the dump, has: the way back would not miss it.
_LACKS = re.compile(
    r'extension "[^"]*" is not available|could not open extension control file|could not access file|could not load'
    r"|invalid locale name|could not create locale|could not open collator|no space left|could not extend|out of memory"
    r"|cannot allocate memory|could not resize shared memory|server closed the connection|terminating connection"
    r"|is not running|no such container|the database system is",
    re.IGNORECASE,
)


class UnprovedError(StepError):
    """A dump did not come back as what was dumped."""


@dataclass(frozen=True)
class Copied:
    """A restored dump that is what it should be. `size` in bytes on disk, `seconds` without the server's start."""

    rows: int
    tables: int
    size: int
    seconds: float


def by_service(ctx: Context) -> dict[str, list[DatabaseSpec]]:
    """The app's databases by the service, or the key of the URL, that they are in: each gets one throw-away server."""
    found: dict[str, list[DatabaseSpec]] = {}
    for spec in ctx.app.databases.values():
        found.setdefault(spec.where, []).append(spec)
    return found


def throwaway(ctx: Context, service: str) -> Throwaway:
    return Throwaway(ctx.shell, ctx.app.stack.project, ctx.run.id, service, ctx.world.looks)


def server_of(ctx: Context, spec: DatabaseSpec) -> Server:
    """The throw-away server that the database's copy is in."""
    first = by_service(ctx)[spec.where][0]
    return throwaway(ctx, spec.where).server(ctx.world.user(first))


def are_whole(ctx: Context) -> bool:
    """Whether there is a copy of every database, restored to its end."""
    return all(throwaway(ctx, service).is_whole(ctx.world.user(specs[0])) for service, specs in by_service(ctx).items())


def make(ctx: Context, point: RestorePoint, *, full: bool, budget: float | None = None) -> dict[str, Copied]:
    """Restore each dump of the point into a throw-away server, and compare; what was found, by database.

    Without `full` the data comes without indexes and constraints, and the schema is tried by itself: four times as
    fast. Raises NoThrowawayError where that is not possible within `budget` seconds, or on this machine; UnprovedError
    where the dump is not what it should be. The servers stay: `clear` removes them.
    """
    deadline = time.monotonic() + budget if budget is not None else None
    found: dict[str, Copied] = {}
    for service, specs in by_service(ctx).items():
        try:
            found |= _Making(ctx, point, full, deadline, throwaway(ctx, service)).all(specs)
        except (UnprovedError, NoThrowawayError, TransientError):
            raise
        except (StepError, RefusedError) as error:  # something about the server, not about what was restored
            raise NoThrowawayError(error.message, lines=error.lines) from error
    return found


@dataclass(frozen=True)
class _Making:
    """The copies in one server."""

    ctx: Context
    point: RestorePoint
    full: bool
    deadline: float | None
    away: Throwaway

    def all(self, specs: list[DatabaseSpec]) -> dict[str, Copied]:
        live = self.ctx.world.server(specs[0])
        saved = {database.id: database for database in self.point.databases if database.method == "dump"}
        specs = [spec for spec in specs if spec.id in saved]
        origin = self.ctx.world.origin_of(specs[0]) if specs else None
        server = self._start(live, sum(self.ctx.world.sizes[spec.id] for spec in specs), origin)
        for path in dict.fromkeys(self._roles(saved[spec.id]) for spec in specs):
            for trouble in self.away.add_roles(server, path.read_text(encoding="utf-8")) if path else ():
                self.ctx.say(f"roles: {self.ctx.shell.redactor.text(trouble)}")
        found = {spec.id: self._one(server, live, saved[spec.id]) for spec in specs}
        self.away.seal(server)
        return found

    def _start(self, live: Server, size: int, origin: Origin | Container | None) -> Server:
        engine = self.ctx.world.engine
        space = room(size, available_memory() if engine.local else None)
        if space is None or origin is None:
            raise NoThrowawayError("there is too little memory for a throw-away server")
        return self.away.start(origin, live, space)

    def _roles(self, saved: SavedDatabase) -> Path | None:
        found = next((file.path for file in saved.files if file.path.endswith(".globals.sql")), "")
        return self._root / found if found else None

    @property
    def _root(self) -> Path:
        return Points(self.ctx.app.home).path(self.point.id)

    def _one(self, server: Server, live: Server, saved: SavedDatabase) -> Copied:
        started = time.monotonic()
        description = self._description(saved) or live.describe(saved.name)
        self.away.make(server, saved.name, description)
        schema = saved.name
        with server.reading(self._root / saved.archive) as reading:
            if self.full:
                self._restore(reading, saved, saved.name)
            else:
                self._restore(reading, saved, saved.name, "--section=pre-data", "--section=data")
                schema = name_for(saved.name, self.ctx.run.id, "shape")
                self.away.make(server, schema, description)
                self._restore(reading, saved, schema, "--schema-only")
            with server.looks.looking():
                self._compare(server, reading, saved, schema)
                size = server.size(saved.name)
        return Copied(sum(saved.rows.values()), len(saved.rows), size, round(time.monotonic() - started, 3))

    def _description(self, saved: SavedDatabase) -> Description | None:
        """All of the database that its dump does not carry, as noted beside it."""
        path = self._root / "databases" / f"{saved.id}.json"
        return Description.from_json(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None

    def _restore(self, reading: Reading, saved: SavedDatabase, into: str, *options: str) -> None:
        flags = ("--exit-on-error", "--no-tablespaces", f"--jobs={reading.jobs}", *options)
        left = None if self.deadline is None else max(self.deadline - time.monotonic(), 1.0)
        argv = ("pg_restore", "-w", *flags, "-d", conninfo(into), reading.path)
        result = reading.client.shell.attempt(reading.client.inside(*argv, changes=True, timeout=left))
        if result.ok:
            return
        if result.code == TIMED_OUT and left is not None:
            raise NoThrowawayError(f"restoring {saved.name} took longer than it may")
        failure = reading.server.restore_failure(result, f"restoring {saved.name}")
        if _LACKS.search(result.out + result.err) or result.code in (125, 137):
            raise NoThrowawayError(failure.message, lines=failure.lines)
        raise _unproved(saved, failure.message.partition(": ")[2] or failure.message, failure.lines)

    def _compare(self, server: Server, reading: Reading, saved: SavedDatabase, schema: str) -> None:
        counts = {table: rows.count for table, rows in server.row_counts(saved.name).items()}
        if differing := differences(saved.rows, counts):
            raise _unproved(saved, f"{differing[0]} after its restore", differing[1:])
        if server.schema_digest(schema) == saved.schema_sha256:
            return
        wanted = reading.client.inside("pg_restore", "--schema-only", "-f", "-", reading.path)
        dumped = server.attempt(wanted, "reading the schema of the dump").out
        one, other = (schema_entries(text) for text in (dumped, server.read_schema(schema)))
        changed = sorted(set(one) ^ set(other))
        objects = list(dict.fromkeys(entry.partition("\n")[0] for entry in changed))
        raise _unproved(saved, "its schema is another one after its restore", objects)


def differences(dumped: Mapping[str, int], restored: Mapping[str, int]) -> list[str]:
    """What differs between the rows of each table, in words."""
    found = []
    for table in sorted(dumped.keys() | restored.keys()):
        before, after = dumped.get(table), restored.get(table)
        if before is None:
            found.append(f"{table}, which was not dumped, is there")
        elif after is None:
            found.append(f"{table} is missing")
        elif before != after:
            found.append(f"{table} has {plural(after, 'row')} instead of {before}")
    return found


def _unproved(saved: SavedDatabase, why: str, lines: Sequence[str]) -> UnprovedError:
    more = [f"… and {len(lines) - MOST_TOLD} more"] if len(lines) > MOST_TOLD else []
    return UnprovedError(
        f"the dump of {saved.name} does not bring it back: {why}",
        "nothing was changed; look at the database, then try again: upgrader upgrade",
        lines=[*lines[:MOST_TOLD], *more],
    )


def told(name: str, copied: Copied, *, full: bool) -> str:
    """What a restore proved, in one line."""
    how = "restored in full" if full else "restored without indexes, its schema beside it"
    return (
        f"{name}: {how} into a throw-away server, {plural(copied.rows, 'row')} in {plural(copied.tables, 'table')} "
        f"as dumped, {duration(copied.seconds)}"
    )
