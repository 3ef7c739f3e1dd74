"""`upgrader abandon`."""

import typer

from upgrader.cli import common as c


def abandon(
    ctx: typer.Context,
    yes: c.YesOption = False,
    directory: c.DirectoryOption = None,
    project: c.ProjectOption = "",
) -> int:
    """Declare a run that was cut off over, and leave the app exactly as it is.

    Its restore point, pins and databases stay. Prefer `upgrader resume` or `upgrader rollback`.

    Examples:
      upgrader abandon
      upgrader abandon --yes
    """
    from upgrader.cli import say
    from upgrader.cli.agree import agree
    from upgrader.cli.wiring import open_frozen
    from upgrader.steps.base import Question

    common = c.of(ctx).override(directory=directory, project=project)
    desk, found = open_frozen(common, yes=yes)
    if found is None:
        say.tell("Nothing to abandon: no run was cut off.")
        return 0
    run, child = found
    agree(desk, Question("abandon", f"Leave the app as it is, in the middle of “{run.title}”?", "--yes"))
    with desk.session() as session:
        for each in (child, run):
            if each is not None:
                session.abandon(each)
    say.tell(f"Run {run.id} is abandoned; its records stay: upgrader history show {run.id}")
    return 0
