"""The rehearsal: the new version's migrations run on a copy of the data, before anything of the app is touched."""

import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import ClassVar, Literal

from upgrader.errors import RefusedError, StepError, TransientError
from upgrader.model.app import DatabaseSpec
from upgrader.model.duration import duration, plural, size
from upgrader.model.events import Facts
from upgrader.model.verdict import Needed, Satisfied, Verdict
from upgrader.steps import copies
from upgrader.steps.base import Context, StepModel
from upgrader.steps.canary import agreed_to, collapse, collapses
from upgrader.steps.migrate import TAIL, telling
from upgrader.steps.points import Points
from upgrader.tools.compose_clone import Clone, NoCloneError, companions, obstacle
from upgrader.tools.compose_model import Model
from upgrader.tools.postgres_moments import Tally
from upgrader.tools.postgres_shape import Shape
from upgrader.tools.postgres_throwaway import Throwaway, ailment, was_visited


class Rehearse(StepModel):
    """Run the app's migration service on the copy that the proof restored, in a project cloned from the Compose model.

    Nothing of the live stack is in its reach. Where that cannot be had it is left out, and said why.
    """

    alters: ClassVar[bool] = False

    uses: Literal["rehearse"]

    def describe(self) -> str:
        return "Rehearse the migrations"

    def check(self, ctx: Context) -> Verdict:
        model = ctx.world.target_model if ctx.planning else ctx.world.model
        if why := unsuited(ctx, model) or _unproved(ctx):
            return Satisfied(f"not rehearsed: {why}", {"why": why})
        return Needed(f"service {_service(ctx, model)}, on the copy in the throw-away server")

    def apply(self, ctx: Context) -> Facts:
        clone = _clone(ctx)
        try:
            return _Rehearsal(ctx, clone).perform()
        except (NoCloneError, copies.NoThrowawayError) as error:
            ctx.say(f"not rehearsed: {error.message}")
            return {"why": error.message}
        finally:
            copies.clear(ctx.shell, ctx.app.stack.project, only=ctx.run.id)


def unsuited(ctx: Context, model: Model) -> str:
    """Why the migrations of the version with this model are not rehearsed; empty: they are, if there is a copy."""
    if not (ctx.options.rehearsal and ctx.app.migrations.rehearse):
        return "as asked"
    service = _service(ctx, model)
    if not service:
        return "the app has no migration service"
    if not ctx.app.databases:
        return "the app has no database"
    if beyond := [spec.key for spec in ctx.app.databases.values() if not spec.service]:
        return f"{beyond[0]} leads out of the Compose project, where nothing keeps them from the live data"
    return obstacle(model, service, _servers(ctx, model), ctx.world.git.top)


def _unproved(ctx: Context) -> str:
    how = ctx.run.facts("proof").get("how") or ctx.run.before("proof").get("how")
    return "" if how == "full" else "the data was not restored in full"


def _service(ctx: Context, model: Model) -> str:
    return ctx.world.migrating_in(model)


def _servers(ctx: Context, model: Model) -> list[str]:
    return [service for service in copies.by_service(ctx) if service in model.services]


def _clone(ctx: Context) -> Clone:
    return Clone(ctx.shell, ctx.app.stack, ctx.world.model, ctx.run.id, ctx.world.scratch.path)


class _Rehearsal:
    """One rehearsal of one run."""

    def __init__(self, ctx: Context, clone: Clone) -> None:
        self._ctx = ctx
        self._clone = clone
        self._model = clone.model
        self._service = _service(ctx, clone.model)

    def perform(self) -> Facts:
        """Run the migrations, and report. Raises StepError with the migrations' own words where they fail."""
        if self._clone.found() is None:
            self._ready()
            self._clone.run_detached(self._service)
        else:
            self._ctx.say(f"attached to {self._clone.container}, which an earlier process started")
        started = time.monotonic()
        code = self._await()
        seconds = self._lasted(time.monotonic() - started)
        if code != 0:
            self._excuse()
            raise self._failure(code)
        if not was_visited(self._log()):
            raise NoCloneError("it never connected to the copy")
        return self._report(seconds)

    def _excuse(self) -> None:
        """Raise NoCloneError where the migrations cannot be blamed for what they met apart from the live stack."""
        log, running = self._log(), all(self._server(name).runs() for name in copies.by_service(self._ctx))
        if why := ailment(log) or ("" if running else "it ended"):
            raise NoCloneError(f"the server of the copy could not go on: {why}", lines=self._lines())
        if not was_visited(log):
            raise NoCloneError(f"{self._service} could not connect to the copy", lines=self._lines())

    def _failure(self, code: int | None) -> StepError:
        lines = self._lines()
        if code is None:
            limit = self._ctx.app.migrations.timeout
            return StepError(
                f"{self._service} took longer than {duration(limit)} in its rehearsal, and was stopped",
                f"raise migrations.timeout in the playbook, or: {self._without()}",
                lines=lines,
            )
        said = f": {telling(self._lines(TAIL))}" if lines else ""
        return StepError(
            f"{self._service} exited with status {code} in its rehearsal, on a copy of the data{said}",
            f"tell its authors; if it only lacks the network there: {self._without()}",
            lines=lines,
        )

    def _without(self) -> str:
        """The command that asks for the same upgrade without a rehearsal."""
        to = self._ctx.options.to
        return shlex.join(["upgrader", "upgrade", *(["--to", to] if to else []), "--no-rehearsal"])

    def _ready(self) -> None:
        """Whatever goes wrong here says nothing about the migrations."""
        try:
            self._prepare()
        except (NoCloneError, copies.UnprovedError, TransientError):
            raise
        except (StepError, RefusedError) as error:
            raise NoCloneError(error.message, lines=error.lines) from error

    def _prepare(self) -> None:
        ctx = self._ctx
        if not copies.are_whole(ctx):
            ctx.say("the copy is gone: it is restored again")
            copies.make(ctx, Points(ctx.app.home).load(ctx.run.id), full=True)
        containers = {service: self._server(service).name for service in _servers(ctx, self._model)}
        for service, specs in copies.by_service(ctx).items():
            copy, live = copies.server_of(ctx, specs[0]), ctx.world.server(specs[0])
            for spec in specs:
                self._server(service).open_with(copy, live, ctx.world.database(spec))
        self._clone.open(containers)
        around = companions(self._model, self._service, tuple(containers))
        awaited = {
            name: condition
            for waiting in (*around.cloned, self._service)
            for name, condition in self._model.services[waiting].depends_on.items()
        }
        self._clone.start(around, awaited)

    def _await(self) -> int | None:
        """Its exit status; None when it ran out of time, and was stopped."""
        docker, name = self._ctx.world.docker, self._clone.container
        code = docker.follow_logs(name, limit=self._ctx.app.migrations.timeout)
        if code is None:
            docker.stop([name], timeout=2)
        return code

    def _lasted(self, otherwise: float) -> float:
        """Seconds between its start and its end, as the engine has them: we may have come late."""
        return self._ctx.world.docker.lasted(self._clone.container) or otherwise

    def _server(self, service: str) -> Throwaway:
        return copies.throwaway(self._ctx, service)

    def _log(self) -> str:
        """Of all servers of copies."""
        return "\n".join(self._server(service).log() for service in copies.by_service(self._ctx))

    def _lines(self, most: int = 20) -> list[str]:
        return self._ctx.world.docker.log_tail(self._clone.container, most)

    def _report(self, seconds: float) -> Facts:
        from upgrader.steps.compose_up import ComposeUp
        from upgrader.steps.survey import expected_downtime

        ctx = self._ctx
        found: dict[str, _Changes] = {}
        try:
            with ctx.world.looks.looking():
                found = {spec.id: self._changes(spec) for spec in ctx.app.databases.values()}
        except (StepError, RefusedError) as error:
            ctx.say(f"what they changed cannot be told: {error.message}")
        for line in chain.from_iterable(changes.told for changes in found.values()):
            ctx.say(line)
        recreate = set(ComposeUp(id="compose.up", uses="compose.up")._services(ctx))  # noqa: SLF001 - as the survey does
        downtime, why = expected_downtime(ctx, recreate, seconds)
        ctx.say(f"the migrations took {duration(seconds)}; expected downtime: about {duration(downtime)} ({why})")
        told = {name: list(changes.told) for name, changes in found.items()}
        dropped = {name: list(changes.dropped) for name, changes in found.items()}
        agreed = self._agreed({name: changes.collapsed for name, changes in found.items() if changes.collapsed})
        return {"seconds": seconds, "downtime": round(downtime, 1), "changes": told, "dropped": dropped, **agreed}

    def _agreed(self, collapsed: Mapping[str, Mapping[str, str]]) -> Facts:
        """What the canary would find after the upgrade is found before anything was touched."""
        if not collapsed:
            return {}
        if not agreed_to(self._ctx, collapsed, "The migrations were rehearsed on a copy"):
            raise collapse(self._ctx, collapsed, "in the rehearsal of the migrations")
        return {"collapsed": collapsed}

    def _changes(self, spec: DatabaseSpec) -> "_Changes":
        """What the migrations changed in the copy: tables, columns, rows and size."""
        ctx = self._ctx
        name, copy, live = ctx.world.database(spec), copies.server_of(ctx, spec), ctx.world.server(spec)
        shapes = [Shape.of(server.query(Shape.QUERY, name)) for server in (live, copy)]
        saved = next(saved for saved in Points(ctx.app.home).load(ctx.run.id).databases if saved.id == spec.id)
        tallies = {t: Tally(count.count, count.exact) for t, count in copy.row_counts(name).items()}
        counts = {table: found.rows for table, found in tallies.items()}
        rewritten = {table: updated for table, (_, updated, _) in copy.write_counters(name).items() if updated}
        before = ctx.run.facts("proof").get("sizes", {}).get(spec.id)
        grown = [f"{name}: {size(before)} before, {size(copy.size(name))} after"] if before else []
        own = {f"{schema}.{table}" for schema, table in copy.migrators_tables(name)}
        dropped = tuple(sorted(saved.rows.keys() - counts.keys()))
        # a restored table is smaller than one that has lived: sizes say nothing here
        collapsed = collapses(ctx.app.canary, replace(saved, sizes={}), tallies, without={*own, *dropped})
        return _Changes((*reshaped(*shapes), *moved(saved.rows, counts, rewritten), *grown), dropped, collapsed)


@dataclass(frozen=True)
class _Changes:
    """What the migrations did to one database: in words, the tables that they dropped, and those that collapsed."""

    told: tuple[str, ...]
    dropped: tuple[str, ...]
    collapsed: Mapping[str, str]


def reshaped(before: Shape, after: Shape) -> list[str]:
    """Tables and columns that came, went or changed, in words."""
    old = {str(table): table.columns for table in before.tables}
    new = {str(table): table.columns for table in after.tables}
    found = [f"{name}: new table" for name in sorted(new.keys() - old.keys())]
    found += [f"{name}: dropped" for name in sorted(old.keys() - new.keys())]
    for name in sorted(old.keys() & new.keys()):
        was, now = old[name], new[name]
        parts = [f"{column} added" for column in now if column not in was]
        parts += [f"{column} dropped" for column in was if column not in now]
        parts += [f"{column} is {now[column]} now" for column in now if column in was and was[column] != now[column]]
        found += [f"{name}: {', '.join(parts)}"] if parts else []
    return found


def moved(before: Mapping[str, int], after: Mapping[str, int], rewritten: Mapping[str, int]) -> list[str]:
    """Tables with other rows than before, in words."""
    found = []
    for table in sorted(after):
        parts = []
        if table in before and after[table] != before[table]:
            parts.append(f"{plural(after[table], 'row')}, {before[table]} before")
        if rewritten.get(table):
            parts.append(f"{plural(rewritten[table], 'row')} rewritten")
        found += [f"{table}: {'; '.join(parts)}"] if parts else []
    return found
