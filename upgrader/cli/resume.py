"""`upgrader resume`, and going back from what cannot be resumed."""

from typing import TYPE_CHECKING

import typer

from upgrader.cli import common as c
from upgrader.errors import ExitCode, RefusedError, UnfinishedError

if TYPE_CHECKING:
    from upgrader.cli.wiring import Desk
    from upgrader.model.run import Run


def resume(
    ctx: typer.Context,
    directory: c.DirectoryOption = None,
    project: c.ProjectOption = "",
    output: c.OutputOption = "auto",
) -> int:
    """Go on with a run that was cut off: forward, or back if it had begun to go back.

    Examples:
      upgrader resume
      upgrader -C /srv/app resume --output plain
    """
    from upgrader.cli.wiring import open_frozen

    return perform(*open_frozen(c.of(ctx).override(directory=directory, project=project, output=output)))


def perform(desk: "Desk", found: "tuple[Run, Run | None] | None") -> int:
    """Go on with the unfinished run; returns the exit code."""
    from upgrader.cli import say
    from upgrader.engine.runner import unfinished

    if found is None:
        say.tell("Nothing to resume: no run was cut off.")
        return 0
    with desk.session() as session:
        found = unfinished(desk.state)  # it may have ended while we waited for its children
        if found is None:
            say.tell("Nothing to resume: the run has ended meanwhile.")
            return 0
        run, _ = found
        parent = desk.state.find(run.of) if run.of else None
        return say.outcome(desk, session.resume(run, of=parent))


def turn_back(desk: "Desk", run: "Run", _child: "Run | None") -> int:
    """Go back from an unfinished upgrade; go on with an unfinished rollback."""
    from upgrader.cli import say
    from upgrader.engine.runner import unfinished

    desk = desk.frozen(run)
    with desk.session() as session:
        found = unfinished(desk.state)
        if found is None:
            raise RefusedError("the run that was cut off has ended meanwhile", "look at it: upgrader status")
        run, _ = found
        if run.kind == "backup":
            raise UnfinishedError(
                f"run {run.id} ({run.title}) was cut off, and changed nothing that could be gone back from",
                "upgrader resume, or: upgrader abandon",
            )
        if run.kind in ("rollback", "restore"):
            parent = desk.state.find(run.of) if run.of else None
            return say.outcome(desk, session.resume(run, of=parent))
        code = say.outcome(desk, session.turn_back(run, "a person chose to go back"))
        return 0 if code == ExitCode.ROLLED_BACK else code
