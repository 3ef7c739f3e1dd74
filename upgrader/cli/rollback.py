"""`upgrader rollback`."""

from typing import TYPE_CHECKING, Annotated

import typer

from upgrader.cli import common as c
from upgrader.errors import ExitCode, RefusedError, UsageError

if TYPE_CHECKING:
    from upgrader.cli.wiring import Desk
    from upgrader.model.manifest import RestorePoint
    from upgrader.model.plan import Plan
    from upgrader.steps.base import Question

HELP = """Go back to the version that an upgrade left, with the data of that moment.

Restores into new databases and swaps them by renaming; what was live is kept aside, so that --undo returns to it.
Says first what would be lost: rows inserted, updated and deleted since, per table. Who goes back all the same types
the app's name; scripts pass --accept-data-loss. With an unfinished upgrade, goes back from that one.

Examples:
  upgrader rollback
  upgrader rollback --to v1.0.0
  upgrader rollback --undo
  upgrader rollback --dry-run --output json
  upgrader rollback --to v1.0.0 --yes --accept-data-loss
"""


def rollback(
    ctx: typer.Context,
    to: Annotated[str, typer.Option("--to", metavar="TAG", help="The version to go back to.")] = "",
    run_id: Annotated[str, typer.Option("--run", metavar="ID", help="The upgrade to go back from.")] = "",
    undo: Annotated[
        bool, typer.Option("--undo", help="Return to the state before the last rollback or restore.")
    ] = False,
    data: Annotated[
        str,
        typer.Option(
            "--data",
            metavar="HOW",
            help="auto; restore: from the dump in any case; keep: the old schema with today's rows.",
        ),
    ] = "auto",
    yes: c.YesOption = False,
    accept_data_loss: Annotated[
        bool, typer.Option("--accept-data-loss", help="Do not ask for the app's name where rows will be set aside.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be done and lost; change nothing.")
    ] = False,
    directory: c.DirectoryOption = None,
    project: c.ProjectOption = "",
    output: c.OutputOption = "auto",
) -> int:
    if sum(map(bool, (to, run_id, undo))) > 1:
        raise UsageError("--to, --run and --undo exclude each other", "leave all but one out")
    if data not in ("auto", "restore", "keep"):
        raise UsageError(f"--data {data!r} is none of auto, restore, keep", "upgrader rollback --data keep")
    from upgrader.cli.wiring import open_frozen

    common = c.of(ctx).override(directory=directory, project=project, output=output)
    flags = {"--accept-data-loss": "y"} if accept_data_loss else {}
    desk, _ = open_frozen(common, yes=yes, flags=flags)
    return perform(desk, to=to, run_id=run_id, undo=undo, data=data, dry_run=dry_run)


rollback.__doc__ = HELP


def perform(
    desk: "Desk", *, to: str = "", run_id: str = "", undo: bool = False, data: str = "auto", dry_run: bool = False
) -> int:
    """Choose the restore point, plan, ask, go back; returns the exit code. A `dry_run` ends with the plan."""
    from upgrader.cli import say
    from upgrader.cli.agree import agree, guard
    from upgrader.cli.target import refuse, rollback_plan
    from upgrader.engine.runner import unfinished
    from upgrader.steps.base import Options

    if (found := unfinished(desk.state)) is not None and not dry_run:
        from upgrader.cli.resume import turn_back

        return turn_back(desk, *found)
    point = _undone(desk) if undo else _chosen(desk, to, run_id)
    parent = None if undo else desk.state.find(point.run)
    desk = desk.frozen(desk.state.find(point.run))
    git = desk.planning("rollback", Options()).world.git
    origin = {"commit": git.head(), "name": git.name_of(git.head())}
    target = {"commit": point.commit, "name": point.version, "kind": "commit"}
    options = Options(point=point.id, data=data, origin=origin, target=target)
    with desk.session() as session:
        guard(desk)
        with say.looking(desk) as tick:
            made = rollback_plan(desk, desk.planning("rollback", options, parent), tick)
        if dry_run:
            say.plan_answer(desk, made)
            return int(ExitCode.REFUSED) if made.refusals else 0
        say.plan(desk, made)
        refuse(made)
        if made.nothing:
            return 0
        agree(desk, _question(made))
        title = f"Return to {point.version}" if undo else f"Go back to {point.version}"
        return say.outcome(desk, session.start("rollback", options, title, made, of=parent))


def _question(made: "Plan") -> "Question":
    from upgrader.model.plan import lost
    from upgrader.steps.base import Question

    if not made.losses:
        return Question("rollback", f"Go back to {made.to_version} now?", "--yes")
    text = f"Go back to {made.to_version}, with changes to {lost(made.losses)} set aside?"
    return Question("rollback", text, "--accept-data-loss", phrase=made.project)


def _chosen(desk: "Desk", to: str, run_id: str) -> "RestorePoint":
    """The restore point taken when that version was left: of the newest upgrade that left it."""
    from upgrader.steps.points import Points

    points = Points(desk.app.home)
    if run_id:
        return points.load(desk.state.find(run_id).facts("backup").get("point") or run_id)
    there = set(points.names())
    left = [run for run in desk.state.all() if run.kind == "upgrade" and run.committed and run.id in there]
    if not left:
        raise RefusedError(
            "no upgrade of this app can be gone back from: none was finished by upgrader", "upgrader history"
        )
    made = [points.load(run.id) for run in left]
    if not to:
        return made[-1]
    fitting = [point for point in made if point.version == to or (len(to) >= 7 and point.commit.startswith(to))]
    if not fitting:
        versions = ", ".join(dict.fromkeys(point.version for point in made))
        raise RefusedError(f"there is no restore point of {to}; there is one of {versions}", "upgrader history")
    return fitting[-1]


def _undone(desk: "Desk") -> "RestorePoint":
    """The state before the last rollback or restore that somebody asked for."""
    from upgrader.steps.points import Points
    from upgrader.steps.retention import last_back

    back = last_back(list(desk.state.all()))
    if back is None:
        raise RefusedError("there is no rollback to undo", "upgrader history")
    return Points(desk.app.home).load(back.id)
