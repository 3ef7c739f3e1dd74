"""`upgrader backups verify --restore`: a restore point is proved again, by a restore into a throw-away server."""

from dataclasses import replace

from upgrader.cli import common as c
from upgrader.cli import say
from upgrader.cli.wiring import Desk, open_app
from upgrader.engine.journal import now
from upgrader.errors import RefusedError
from upgrader.model.manifest import RestorePoint
from upgrader.model.run import Run
from upgrader.steps.base import Context
from upgrader.steps.copies import UnprovedError
from upgrader.steps.points import Points
from upgrader.steps.proof import Proof


def perform(common: c.Common, ids: list[str]) -> dict[str, str]:
    """What is wrong with each, empty when it came back as it was dumped; noted in its manifest.

    Raises RefusedError, or StepError where no throw-away server can be had.
    """
    desk = open_app(common)
    points, found = Points(desk.app.home), dict[str, str]()
    with desk.session():
        for point_id in ids:
            try:
                point = points.load(point_id)
                ctx = _context(desk, point)
                _refuse(ctx, point)
                Proof(id="proof", uses="proof", how="restore").apply(ctx)
            except (RefusedError, UnprovedError) as error:
                found[point_id] = error.message
            else:
                found[point_id] = ""
    return found


def _context(desk: Desk, point: RestorePoint) -> Context:
    """As in the run that made it, whose journal is closed."""
    run = Run(point.id, "backup", point.project, point.directory, f"Prove {point.id}", now())
    ctx = desk.context(run, None, desk.state.directory(run))
    return ctx.using(replace(desk.shell, tick=lambda: desk.interrupts.requested), say.tell)


def _refuse(ctx: Context, point: RestorePoint) -> None:
    """Raise RefusedError where a difference would say nothing about the dumps."""
    saved = {database.id: database for database in point.databases}
    if not point.dumped or saved.keys() != ctx.app.databases.keys():
        raise RefusedError(f"{point.id} has no dumps of just the databases that the app has now")
    for spec in ctx.app.databases.values():
        server = ctx.world.server(spec).require()
        if saved[spec.id].server_version.split(".")[0] != str(server.major):
            raise RefusedError(
                f"{point.id} is of Postgres {saved[spec.id].server_version}, and {spec.where} is {server.version} now"
            )
