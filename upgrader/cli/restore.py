"""`upgrader restore`."""

from typing import TYPE_CHECKING, Annotated

import typer

from upgrader.cli import common as c
from upgrader.cli.shelf import complete
from upgrader.errors import UsageError

if TYPE_CHECKING:
    from upgrader.cli.wiring import Desk

HELP = """Bring back the data of a restore point: for the app as it is, or beside it under a new name.

Restores into new databases and volumes while the app serves, stops the writers, swaps by renaming, starts them again
and watches their health. What was live is kept aside, so that `upgrader rollback --undo` returns to it. Code, settings
and images stay; to go back with them: upgrader rollback.

Examples:
  upgrader restore 1a2b --in-place
  upgrader restore 1a2b --into-new app_yesterday
  upgrader restore 1a2b --in-place --yes --accept-data-loss
"""


def restore(
    ctx: typer.Context,
    point_id: Annotated[
        str,
        typer.Argument(metavar="ID", help="A restore point's id, or its beginning or end.", autocompletion=complete),
    ],
    into_new: Annotated[
        str,
        typer.Option(
            "--into-new", metavar="NAME", help="Into a new database, and new volumes; the app is not touched."
        ),
    ] = "",
    in_place: Annotated[bool, typer.Option("--in-place", help="In the place of the live data.")] = False,
    yes: c.YesOption = False,
    accept_data_loss: Annotated[
        bool, typer.Option("--accept-data-loss", help="Do not ask for the app's name where rows will be set aside.")
    ] = False,
    trust: c.TrustOption = "",
    directory: c.DirectoryOption = None,
    project: c.ProjectOption = "",
    playbook: c.PlaybookOption = "",
    output: c.OutputOption = "auto",
) -> int:
    if bool(into_new) == in_place:
        raise UsageError("say where to: --in-place or --into-new NAME", f"upgrader restore {point_id} --in-place")
    from upgrader.cli.wiring import open_app

    common = c.of(ctx).override(directory=directory, project=project, playbook=playbook, output=output, trust=trust)
    desk = open_app(common, yes=yes, flags={"--accept-data-loss": "y"} if accept_data_loss else {})
    return beside(desk, point_id, into_new) if into_new else perform(desk, point_id)


restore.__doc__ = HELP


def perform(desk: "Desk", wanted: str) -> int:
    """Plan, ask, restore in the place of the live data; returns the exit code."""
    from upgrader.cli import say
    from upgrader.cli.agree import agree, agree_to_derived, guard
    from upgrader.cli.target import refuse, restore_plan
    from upgrader.model.plan import lost
    from upgrader.steps.base import Options, Question
    from upgrader.steps.points import Points

    agree_to_derived(desk)
    points = Points(desk.app.home)
    point = points.load(points.find(wanted))
    git = desk.planning("restore", Options()).world.git
    head = git.head()
    name = git.name_of(head)
    here = {"commit": head, "name": name, "kind": "commit" if head.startswith(name) else "tag"}
    options = Options(point=point.id, data="restore", origin=here, target=here)
    with desk.session() as session:
        guard(desk)
        with say.looking(desk) as tick:
            made = restore_plan(desk, desk.planning("restore", options), tick)
        say.plan(desk, made)
        refuse(made)
        what = f"Put the data of {point.id} in the place of today's"
        question = Question("restore", f"{what}?", "--yes")
        if made.losses:
            text = f"{what}, with changes to {lost(made.losses)} set aside?"
            question = Question("restore", text, "--accept-data-loss", phrase=made.project)
        agree(desk, question)
        return say.outcome(desk, session.start("restore", options, f"Restore the data of {point.id}", made))


def beside(desk: "Desk", wanted: str, name: str) -> int:
    """Restore into new databases and volumes; nothing that the app uses is touched, so nothing is asked."""
    from dataclasses import replace

    from upgrader.cli import say
    from upgrader.cli.agree import guard
    from upgrader.steps.base import Options
    from upgrader.steps.points import Points
    from upgrader.steps.restore import into_new

    points = Points(desk.app.home)
    point = points.load(points.find(wanted))
    points.verify_for(desk.app.stack.project, point)
    with desk.session():
        guard(desk)
        ctx = desk.planning("restore", Options(point=point.id, data="restore"))
        databases, volumes = into_new(ctx.using(replace(desk.shell, read_only=False), say.tell), name)
    if desk.common.output == "json":
        import json

        say.out(json.dumps({"point": point.id, "databases": databases, "volumes": volumes}))
    return 0
