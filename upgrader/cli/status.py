"""`upgrader status`."""

import typer

from upgrader.cli import common as c


def status(
    ctx: typer.Context,
    directory: c.DirectoryOption = None,
    project: c.ProjectOption = "",
    output: c.OutputOption = "auto",
) -> int:
    """Say which version the records name, what the last run did, who is at work, and which ways back there are.

    Examples:
      upgrader status
      upgrader -C /srv/app status --output json
    """
    from upgrader.cli.glance import status_text

    typer.echo(status_text(c.of(ctx).override(directory=directory, project=project, output=output)))
    return 0
