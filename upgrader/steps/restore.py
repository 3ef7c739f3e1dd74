"""A restore: the data of a restore point for the app as it is; checkout, settings and images stay."""

from dataclasses import replace
from typing import ClassVar, Literal

from upgrader.errors import RefusedError
from upgrader.model.app import DatabaseSpec
from upgrader.model.events import Facts
from upgrader.model.manifest import SavedDatabase
from upgrader.model.plan import Plan, PlannedStep
from upgrader.model.verdict import Needed, Refused, Satisfied, Verdict
from upgrader.steps.base import Context, StepModel
from upgrader.steps.database import archive_of, same_schema, too_new
from upgrader.steps.disk import no_room
from upgrader.steps.outside import no_way_back
from upgrader.steps.survey import rollback_plan
from upgrader.steps.volumes_back import beside, fill
from upgrader.steps.way import Way
from upgrader.tools.docker import Container
from upgrader.tools.postgres import name_for
from upgrader.tools.postgres_sql import LONGEST, identifier, is_ours


class Fits(StepModel):
    """See that the restore point's data suits the app as it is now."""

    alters: ClassVar[bool] = False

    uses: Literal["restorepoint.fits"]

    def describe(self) -> str:
        return "See that its data fits"

    def check(self, ctx: Context) -> Verdict:
        point = Way(ctx).point
        for spec in ctx.app.databases.values():
            if refused := _foreign(ctx, spec, Way(ctx).database(spec.id)):
                return refused
        for saved in point.volumes:
            if saved.method != "archive":
                return Refused(
                    f"{point.id} has no archive of {saved.id}: it is kept as {saved.aside}",
                    "upgrader rollback --undo returns to it",
                )
        if point.commit != ctx.world.git.head() and (other := _other_schema(ctx)):
            return Refused(
                f"{point.id} is of {point.version}, and the schema of {ctx.world.database(other)} is another one now",
                f"upgrader rollback --run {point.id} takes the code back too; or beside it: --into-new NAME",
            )
        return Satisfied("; ".join([f"{point.id} of {point.version}", *_left_out(ctx)]))

    def apply(self, ctx: Context) -> Facts:
        raise AssertionError(self.id)


def _foreign(ctx: Context, spec: DatabaseSpec, saved: SavedDatabase | None) -> Refused | None:
    """Why this database cannot be made from the restore point at all."""
    again = "choose another restore point: upgrader backups list"
    if saved is None:
        return Refused(f"the restore point {ctx.options.point} has no database {spec.id!r}", again)
    if saved.method != "dump":
        return Refused(
            f"{ctx.options.point} has no dump of {saved.name}: it is kept in its server as {saved.aside}",
            "upgrader rollback --undo returns to it",
        )
    if saved.proved and saved.proved.how == "failed":
        return Refused(f"{ctx.options.point} did not come back when it was proved: {saved.proved.why}", again)
    return no_way_back(ctx, spec) or too_new(ctx, spec, saved)


def _left_out(ctx: Context) -> list[str]:
    """What is said of databases in the restore point that are none of the app's any more."""
    point = Way(ctx).point
    others = [f"{db.name} of {db.service}" for db in point.databases if db.id not in ctx.app.databases]
    return [f"left out, for the app has no such database any more: {', '.join(others)}"] if others else []


def _other_schema(ctx: Context) -> DatabaseSpec | None:
    for spec in ctx.app.databases.values():
        saved = Way(ctx).database(spec.id)
        if saved is not None and not same_schema(ctx, spec, saved):
            return spec
    return None


class WritersStart(StepModel):
    """Start the writers again that were stopped."""

    uses: Literal["writers.start"]

    def describe(self) -> str:
        return "Start the writers again"

    def check(self, ctx: Context) -> Verdict:
        if ctx.planning:
            services = ctx.run.before("writers.stop").get("services", [])
            return Needed(", ".join(services)) if services else Satisfied("none was stopped")
        stopped = self._stopped(ctx)
        if not stopped:
            return Satisfied("none stands still")
        return Needed(", ".join(sorted({container.service for container in stopped})))

    def _stopped(self, ctx: Context) -> list[Container]:
        told = ctx.run.facts("writers.stop") or ctx.run.before("writers.stop")
        services = {*told.get("services", ()), *ctx.run.before("writers.stop").get("services", ())}
        return [c for c in ctx.world.containers if c.service in services and not c.oneoff and c.state != "running"]

    def apply(self, ctx: Context) -> Facts:
        stopped = self._stopped(ctx)
        ctx.world.docker.start([container.id for container in stopped])
        return {"services": sorted({container.service for container in stopped})}


def restore_plan(ctx: Context, steps: tuple[PlannedStep, ...], playbook: str) -> Plan:
    """What a restore does, and which rows it sets aside."""
    plan, point = rollback_plan(ctx, steps, playbook), Way(ctx).point
    when = point.created_at[:16].replace("T", " ")
    return replace(
        plan,
        kind="restore",
        to_version=plan.from_version,
        to_commit=plan.from_commit,
        images=(),
        notes=(f"the data of {when} UTC, restore point {point.id} of {point.version}", *_left_out(ctx), *plan.notes),
        downtime_why="the writers stop, the databases are swapped, the writers start; the dump is restored before that",
    )


def into_new(ctx: Context, name: str) -> tuple[list[str], list[str]]:
    """Restore each database and volume of the point beside the live ones, under a name of the person's; the app is not
    touched.

    With several databases each gets `<name>_<id>`. Safe to call again. Returns the names of both; raises
    RefusedError.
    """
    specs = list(ctx.app.databases.values())
    names = {spec.id: name if len(specs) == 1 else f"{name}_{spec.id}" for spec in specs}
    for spec in specs:
        if refused := _foreign(ctx, spec, Way(ctx).database(spec.id)):
            raise RefusedError(refused.why, refused.hint)
        refuse_name(ctx, spec, names[spec.id])
    dumps = {database.id: database for database in Way(ctx).point.databases}
    if tight := no_room(ctx, [(spec, dumps[spec.id]) for spec in specs]):
        raise RefusedError(tight.why, tight.hint)
    volumes = list(beside(ctx, name))
    for saved, into in volumes:
        fill(ctx, Way(ctx).point, saved, into)
        ctx.say(f"{saved.id} of {ctx.options.point} is restored as the volume {into.source}")
    for spec in specs:
        server, live = ctx.world.server(spec), ctx.world.database(spec)
        made = name_for(live, f"{ctx.options.point}-{names[spec.id]}", "restored")
        server.restore(archive_of(ctx, spec), made, live)
        server.shut_out(made)
        new = identifier(names[spec.id])
        server.execute(
            f"BEGIN;\nALTER DATABASE {identifier(made)} RENAME TO {new};\n"
            f"ALTER DATABASE {new} ALLOW_CONNECTIONS true;\nCOMMIT;\n"
        )
        ctx.say(f"{live} of {ctx.options.point} is restored as {names[spec.id]}, in {spec.where}")
    return list(names.values()), [into.source for _, into in volumes]


def refuse_name(ctx: Context, spec: DatabaseSpec, name: str) -> None:
    """Raise RefusedError where a database cannot be made under this name."""
    again = f"upgrader restore {ctx.options.point} --into-new NAME"
    if not name or len(name.encode()) > LONGEST or is_ours(name):
        raise RefusedError(f"{name!r} is no name for a new database", again)
    if ctx.world.server(spec).exists(name):
        raise RefusedError(f"a database {name} exists already in {spec.where}: nothing is restored over it", again)
