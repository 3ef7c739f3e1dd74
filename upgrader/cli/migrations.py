"""`upgrader migrations status|pending`."""

from typing import Annotated

import typer

from upgrader.cli import common as c
from upgrader.errors import ExitCode, RefusedError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
ToOption = Annotated[
    str, typer.Option("--to", metavar="REF", help="Compare with this release, branch or commit; default: what runs.")
]


@app.callback()
def migrations(
    ctx: typer.Context,
    directory: c.DirectoryOption = None,
    project: c.ProjectOption = "",
    playbook: c.PlaybookOption = "",
    output: c.OutputOption = "auto",
) -> None:
    """Compare what the migrators wrote down in the databases with the migration files.

    Examples:
      upgrader migrations status
      upgrader migrations pending --to v1.4.0
    """
    ctx.obj = c.of(ctx).override(directory=directory, project=project, playbook=playbook, output=output)


@app.command("status")
def status(
    ctx: typer.Context,
    to: ToOption = "",
    trust: c.TrustOption = "",
    directory: c.DirectoryOption = None,
    project: c.ProjectOption = "",
    playbook: c.PlaybookOption = "",
    output: c.OutputOption = "auto",
) -> int:
    """Show the state of every migration; 3 if one is failed, edited, out of order or unknown to the checkout.

    Examples:
      upgrader migrations status
      upgrader migrations status --to v1.4.0 --output json
    """
    common = c.of(ctx).override(directory=directory, project=project, playbook=playbook, output=output, trust=trust)
    return _tell(common, to, all_of_them=True)


@app.command("pending")
def pending(
    ctx: typer.Context,
    to: ToOption = "",
    trust: c.TrustOption = "",
    directory: c.DirectoryOption = None,
    project: c.ProjectOption = "",
    playbook: c.PlaybookOption = "",
    output: c.OutputOption = "auto",
) -> int:
    """Show the migrations that are not applied, or not as their files say; 3 as in `status`.

    Examples:
      upgrader migrations pending
      upgrader migrations pending --to v1.4.0
    """
    common = c.of(ctx).override(directory=directory, project=project, playbook=playbook, output=output, trust=trust)
    return _tell(common, to, all_of_them=False)


def _tell(common: c.Common, to: str, *, all_of_them: bool) -> int:
    """Read the databases and git, change nothing, say what was found."""
    from upgrader.cli import say
    from upgrader.cli.target import ledgers
    from upgrader.cli.wiring import open_app

    desk = open_app(common)
    if not desk.app.databases:
        raise RefusedError("the playbook names no database of this app", "upgrader playbook show")
    try:
        with say.looking(desk) as tick:
            version, found = ledgers(desk, to, tick)
    finally:
        desk.scratch.close()
    if common.output == "json":
        import json

        typer.echo(json.dumps({"version": version, "ledgers": [each.to_json() for each in found]}, indent=1))
    else:
        from upgrader.ui.ledgers import ledgers_text

        typer.echo(ledgers_text(found, version, all_of_them=all_of_them))
    return int(ExitCode.FOUND) if any(each.troubled for each in found) else 0
