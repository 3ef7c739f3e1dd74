"""Databases: copied before a risky migration, and brought back by renaming, never by writing over one."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from upgrader.errors import StepError
from upgrader.model.app import DatabaseSpec
from upgrader.model.events import Facts
from upgrader.model.manifest import SavedDatabase
from upgrader.model.verdict import Needed, Refused, Satisfied, Verdict
from upgrader.steps.base import Context, StepModel
from upgrader.steps.disk import no_room, no_room_for_copies
from upgrader.steps.fingerprints import foreign_keys
from upgrader.steps.outside import no_way_back
from upgrader.steps.points import Points
from upgrader.steps.way import Way, ledger_digest
from upgrader.tools.postgres import Pace, Server, name_for
from upgrader.tools.postgres_moments import instant, moment


class DatabaseCopy(StepModel):
    """Copy the databases inside their servers while nobody writes, so that the way back is a rename and loses
    nothing.
    """

    uses: Literal["database.copy"]

    def describe(self) -> str:
        return "Copy the databases in their servers"

    def check(self, ctx: Context) -> Verdict:
        mode = ctx.run.facts("preflight.target").get("mode") or ctx.world.migrations.mode
        if mode != "offline":
            return Satisfied("not needed: only additions are to come")
        copies = {spec.id: _name(ctx, spec, "before") for spec in ctx.app.databases.values()}
        if all(self._is_there(ctx, spec, copies[spec.id]) for spec in ctx.app.databases.values()):
            return Satisfied("they are there", {"copies": copies, "oids": self._oids(ctx, copies)})
        absent = [spec.id for spec in ctx.app.databases.values() if not ctx.world.server(spec).exists(copies[spec.id])]
        if not ctx.planning and (tight := no_room_for_copies(ctx, absent)):  # full since the preflight
            return tight
        return Needed(", ".join(copies.values()), {"copies": copies, "moments": {} if ctx.planning else moments(ctx)})

    def _is_there(self, ctx: Context, spec: DatabaseSpec, copy: str) -> bool:
        """Whether the copy is there and its original open again: cut off in between, it would stay shut."""
        server = ctx.world.server(spec)
        return server.exists(copy) and server.is_open(ctx.world.database(spec))

    def apply(self, ctx: Context) -> Facts:
        copies: dict[str, str] = {}
        for spec in ctx.app.databases.values():
            server, copy = ctx.world.server(spec), _name(ctx, spec, "before")
            server.copy(ctx.world.database(spec), copy)  # one that is there stays as it is; the original is opened
            copies[spec.id] = copy
        return {"copies": copies, "oids": self._oids(ctx, copies)}

    def _oids(self, ctx: Context, copies: Mapping[str, str]) -> Facts:
        """Which database each is a copy of, under whatever names they go later."""
        servers = {spec.id: (ctx.world.server(spec), ctx.world.database(spec)) for spec in ctx.app.databases.values()}
        return {each: [server.oid(name), server.oid(copies[each])] for each, (server, name) in servers.items()}


class DatabaseStart(StepModel):
    """Make sure that the databases run, and that no migration of the run gone back from does.

    A killed run may have left a database stopped, half-replaced or closed to connections, and its migrations running.
    """

    uses: Literal["database.start"]

    def describe(self) -> str:
        return "See that the databases run"

    def check(self, ctx: Context) -> Verdict:
        half = ctx.world.docker.half_replaced(ctx.app.stack.project)
        services = [spec.service for spec in ctx.app.databases.values() if spec.service]
        down = [service for service in services if ctx.world.running(service) is None]
        if half or down:
            return Needed(", ".join([*(container.name for container in half), *down]))
        if migrating := self._migrating(ctx):
            return Needed(f"stop {', '.join(migrating)}")
        if shut := self._shut(ctx):
            return Needed(f"open {', '.join(shut)} again")
        return Satisfied("they run")

    def _migrating(self, ctx: Context) -> list[str]:
        """Migrations of the run gone back from that outlived it: what they commit later would spoil the way back."""
        mark = f"-upgrader-{ctx.parent.id}-" if ctx.parent else ""
        return [c.name for c in ctx.world.containers if mark and c.oneoff and mark in c.name and c.state == "running"]

    def _shut(self, ctx: Context) -> list[str]:
        """Databases that a cut-off copy or swap of ours left closed to connections."""
        found = []
        for spec in ctx.app.databases.values():
            server, name = ctx.world.server(spec), ctx.world.database(spec)
            if server.exists(name) and not server.is_open(name):
                found.append(name)
        return found

    def apply(self, ctx: Context) -> Facts:
        if migrating := self._migrating(ctx):
            ctx.world.docker.stop(migrating, timeout=10)
            ctx.say(f"stopped {', '.join(migrating)}")
        repaired = ctx.world.docker.repair_half_replaced(ctx.app.stack.project)
        for text in repaired:
            ctx.say(text)
        services = {spec.service for spec in ctx.app.databases.values() if spec.service}
        fresh = ctx.world.using(ctx.shell)
        down = [c.id for c in fresh.containers if c.service in services and not c.oneoff and c.state != "running"]
        if down:
            ctx.world.docker.start(down)
        fresh = ctx.world.using(ctx.shell)
        for spec in ctx.app.databases.values():
            server, name = fresh.server(spec), fresh.database(spec)
            server.require()
            if server.exists(name) and not server.is_open(name):
                server.let_in(name)
        return {"repaired": repaired, "started": len(down)}


class DatabaseStage(StepModel):
    """Decide how each database goes back, and restore dumps into new databases while the app still serves.

    `jobs`: connections at once, 0 for as many as there are cores; `nice`: how far pg_restore stands back, 0 to 19.
    """

    uses: Literal["database.stage"]
    jobs: int = Field(0, ge=0, le=64)
    nice: int = Field(10, ge=0, le=19)

    def describe(self) -> str:
        return "Bring the old data up beside the new"

    def check(self, ctx: Context) -> Verdict:
        ways: dict[str, str] = dict(ctx.run.before(self.id).get("ways", {}))
        for spec in ctx.app.databases.values():
            if spec.id not in ways:
                way = way_back(ctx, spec)
                if isinstance(way, Refused):
                    return way
                if way != "untouched" and (refused := no_way_back(ctx, spec)):
                    return refused
                ways[spec.id] = way
        if {"dump", "copy", "aside"} & set(ways.values()) and not Way(ctx).healing:
            foreign = foreign_keys(ctx, Way(ctx).point.fingerprints)
            if foreign is not None:
                return foreign
        restored = list(self._to_restore(ctx, ways))
        if newer := next((refused for spec, saved in restored if (refused := too_new(ctx, spec, saved))), None):
            return newer
        if not Way(ctx).healing and (tight := no_room(ctx, restored)):
            return tight
        words = "; ".join(f"{ctx.app.databases[name].where}: {WAYS[way]}" for name, way in ways.items())
        if not {"dump", "carry"} & set(ways.values()):
            return Satisfied(words or "the app has no database", {"ways": ways})
        return Needed(words, {"ways": ways})

    def _to_restore(self, ctx: Context, ways: Mapping[str, str]) -> Iterator[tuple[DatabaseSpec, SavedDatabase]]:
        for spec in ctx.app.databases.values():
            saved = Way(ctx).database(spec.id)
            if saved and ways[spec.id] in ("dump", "carry") and not ctx.world.server(spec).exists(_restored(ctx, spec)):
                yield spec, saved

    def apply(self, ctx: Context) -> Facts:
        ways = dict(ctx.run.before(self.id)["ways"])
        if ctx.run.resumed and {"dump", "carry"} & set(ways.values()):
            # who verified it was cut off, by whatever it was that cut it off
            Points(ctx.app.home).verify(Way(ctx).point)
        for spec in ctx.app.databases.values():
            server, name = ctx.world.server(spec), ctx.world.database(spec)
            if ways[spec.id] == "carry" and (reason := server.can_carry(name, archive_of(ctx, spec))):
                if not Way(ctx).healing:
                    raise StepError(
                        f"the rows written since cannot be kept: {reason}",
                        "leave out --data keep, and the plan shows what would be lost",
                    )
                ctx.say(f"{name}: the dump is restored, because {reason}")
                ways[spec.id] = "dump"
            if ways[spec.id] == "dump":
                pace = Pace(self.jobs, self.nice)
                server.restore(archive_of(ctx, spec), _restored(ctx, spec), name, pace=pace, say=ctx.say)
                ctx.say(f"{name}: restored beside the live one")
        return {"ways": ways}


WAYS = {
    "untouched": "as it was, stays as it is",
    "copy": "back to the copy made just before the migrations",
    "carry": "old schema, all rows kept",
    "dump": "restored from the dump",
    "aside": "back to the database kept aside",
}


def way_back(ctx: Context, spec: DatabaseSpec) -> "str | Refused":
    """How this database goes back; the least that is lost, first."""
    way = Way(ctx)
    saved = way.database(spec.id)
    if saved is None:
        return Refused(f"the restore point {way.point.id} has no database {spec.id!r}", "upgrader history")
    server, name = ctx.world.server(spec), ctx.world.database(spec)
    if saved.method == "aside":
        return _aside(server, name, saved)
    copy, collapsed = kept_copy(ctx, spec), way.collapsed(spec.id)
    if copy and ctx.options.data == "auto" and (collapsed or _nobody_wrote(way)) and server.is_complete(copy):
        return "copy"  # failed migrations may have changed rows without a trace in schema or ledger
    if collapsed:
        return "dump"
    if ctx.options.data != "restore" and same_schema(ctx, spec, saved):
        return "untouched"
    # whether the rows really fit the old schema is found out by database.stage
    if ctx.options.data == "keep":
        return "carry"
    if copy and ctx.options.data == "auto" and server.is_complete(copy):
        return "copy"
    return "carry" if way.healing and ctx.options.data != "restore" else "dump"


def _nobody_wrote(way: Way) -> bool:
    """Whether only migrations had the chance to write since the writers were stopped."""
    failed = way.parent is not None and way.parent.unfinished and not way.parent.committed
    return failed and way.parent_touched("migrate") and not way.parent_touched("compose.up")


def too_new(ctx: Context, spec: DatabaseSpec, saved: SavedDatabase) -> Refused | None:
    """The refusal to give a dump to a server that is older than it."""
    server = ctx.world.server(spec).require()
    if saved.major <= server.major:
        return None
    return Refused(
        f"{saved.name} was dumped by Postgres {saved.server_version}, and {spec.where} is {server.version}",
        "choose another restore point: upgrader backups list",
    )


def kept_copy(ctx: Context, spec: DatabaseSpec) -> str:
    """The copy that the run gone back from made when its writers had been stopped; empty when it made none."""
    parent = Way(ctx).parent
    if parent is None:
        return ""
    # cut off before it could be told: the migrations began, so the copy was there
    told = parent.facts("database.copy") or (parent.before("database.copy") if parent.touched("migrate") else {})
    return str(told.get("copies", {}).get(spec.id, ""))


def same_schema(ctx: Context, spec: DatabaseSpec, saved: SavedDatabase) -> bool:
    """Whether neither the schema nor the migrator's ledger has moved since the restore point."""
    server, name = ctx.world.server(spec), ctx.world.database(spec)
    return ledger_digest(server, name) == saved.ledger_sha256 and ctx.world.schema_digest(spec) == saved.schema_sha256


def _aside(server: Server, name: str, saved: SavedDatabase) -> "str | Refused":
    if server.oid(name) == saved.oid:
        return "untouched"
    if not server.exists(saved.aside):
        return Refused(
            f"the database {saved.aside!r} that was kept aside is gone", "upgrader rollback --to TAG restores a dump"
        )
    return "aside"


class DatabaseSwap(StepModel):
    """Swap each database for its old state by renaming both; what was live is kept aside, under a name that is told."""

    uses: Literal["database.swap"]

    def describe(self) -> str:
        return "Swap the databases"

    def check(self, ctx: Context) -> Verdict:
        ways = (ctx.run.facts("database.stage") or ctx.run.before("database.stage")).get("ways", {})
        specs = [spec for spec in ctx.app.databases.values() if ways.get(spec.id, "untouched") != "untouched"]
        if not specs:
            return Satisfied("the data stays as it is", {"aside": {}})
        aside = {spec.id: _name(ctx, spec, "aside") for spec in specs}
        if all(ctx.world.server(spec).exists(aside[spec.id]) for spec in specs):
            begun = {spec.id: self._begun(ctx, spec, ctx.world.database(spec)) for spec in specs}
            return Satisfied("swapped already", {"aside": aside, "moments": begun})
        return Needed(", ".join(ctx.world.database(spec) for spec in specs), {"aside": aside})

    def apply(self, ctx: Context) -> Facts:
        ways = ctx.run.facts("database.stage")["ways"]
        aside: dict[str, str] = {}
        begun: dict[str, Facts] = {}
        for spec in ctx.app.databases.values():
            if ways[spec.id] == "untouched":
                continue
            server, name, keep = ctx.world.server(spec), ctx.world.database(spec), _name(ctx, spec, "aside")
            aside[spec.id] = keep
            if server.exists(keep):
                server.let_in(name)
                begun[spec.id] = self._begun(ctx, spec, name)
                continue  # swapped before we were cut off: both renames are one transaction
            staged = self._staged(ctx, spec, server, ways[spec.id])
            with ctx.world.looks.looking():
                begun[spec.id] = self._begun(ctx, spec, staged)
                server.swap(name, staged, keep)
            ctx.say(f"{name}: swapped; what was live is kept as {keep}")
        return {"aside": aside, "moments": begun}

    def _begun(self, ctx: Context, spec: DatabaseSpec, name: str) -> Facts:
        """When the life of the swapped-in database begins: what is written from then on, an undo would set aside."""
        return instant(ctx.world.server(spec), name).to_json()

    def _staged(self, ctx: Context, spec: DatabaseSpec, server: Server, way: str) -> str:
        back = Way(ctx)
        saved = back.database(spec.id)
        assert saved is not None  # noqa: S101 - database.stage would have refused
        if way == "copy":
            return kept_copy(ctx, spec)
        if way == "aside":
            return saved.aside
        staged = _restored(ctx, spec)
        if way == "carry":
            carried = server.carry(ctx.world.database(spec), staged, archive_of(ctx, spec))
            ctx.say(f"{sum(carried.rows.values())} rows carried over into the old schema")
        return staged


def moments(ctx: Context) -> Facts:
    """The present moment of each database, by its transactions: what is written later can be told from it."""
    specs = ctx.app.databases.values()
    return {spec.id: moment(ctx.world.server(spec), ctx.world.database(spec)).to_json() for spec in specs}


def archive_of(ctx: Context, spec: DatabaseSpec) -> Path:
    """The dump in the restore point."""
    saved = Way(ctx).database(spec.id)
    assert saved is not None  # noqa: S101 - database.stage would have refused
    return Points(ctx.app.home).path(Way(ctx).point.id) / saved.archive


def _restored(ctx: Context, spec: DatabaseSpec) -> str:
    return _name(ctx, spec, "restored")


def _name(ctx: Context, spec: DatabaseSpec, what: str) -> str:
    return name_for(ctx.world.database(spec), ctx.run.id, what)
