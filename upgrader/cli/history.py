"""`upgrader history` and `upgrader history show`."""

import sys
from typing import Annotated

import typer

from upgrader.cli import common as c

app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)


@app.callback()
def history(
    ctx: typer.Context,
    directory: c.DirectoryOption = None,
    project: c.ProjectOption = "",
    output: c.OutputOption = "auto",
) -> int | None:
    """List the runs of this app, the newest last.

    Examples:
      upgrader history
      upgrader history show
      upgrader history show 20261120T093000-1a2b --output json
    """
    ctx.obj = c.of(ctx).override(directory=directory, project=project, output=output)
    if ctx.invoked_subcommand:
        return None
    from upgrader.cli.records import state_of
    from upgrader.ui.tables import history_table

    state, _ = state_of(ctx.obj)
    runs = list(state.all())
    if ctx.obj.output == "json":
        import json

        rows = [
            {
                "id": run.id,
                "kind": run.kind,
                "title": run.title,
                "outcome": run.outcome,
                "started_at": run.started_at,
                "of": run.of,
            }
            for run in runs
        ]
        typer.echo(json.dumps(rows, indent=1))
    else:
        typer.echo(history_table(runs) if runs else "No run yet.")
    return 0


@app.command("show")
def show(
    ctx: typer.Context,
    run_id: Annotated[
        str, typer.Argument(metavar="[RUN]", help="A run's id, or its beginning or end; default: the last.")
    ] = "",
    events: Annotated[bool, typer.Option("--events", help="Replay the journal to the plain renderer.")] = False,
    directory: c.DirectoryOption = None,
    project: c.ProjectOption = "",
    output: c.OutputOption = "auto",
) -> int:
    """Show one run: its steps, what failed, where its logs are.

    Examples:
      upgrader history show
      upgrader history show 1a2b --events
    """
    from upgrader.cli.records import state_of
    from upgrader.engine import journal
    from upgrader.errors import RefusedError

    common = c.of(ctx).override(directory=directory, project=project, output=output)
    state, _ = state_of(common)
    runs = list(state.all())
    if not runs:
        raise RefusedError("no run of this app yet", "upgrader plan")
    run = state.find(run_id) if run_id else runs[-1]
    path = state.directory(run) / "journal.jsonl"
    if common.output == "json":
        typer.echo(path.read_text(encoding="utf-8"), nl=False)
    elif events:
        from upgrader.ui.plain import Plain

        sink = Plain(sys.stdout)
        for record in journal.read(path):
            sink(record.event)
        sink.close()
    else:
        from upgrader.ui.report import run_details

        typer.echo(run_details(run))
        typer.echo(f"\nLogs  {state.directory(run) / 'logs'}")
    return 0
