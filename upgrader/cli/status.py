"""`upgrader status`."""

from collections.abc import Sequence

import typer

from upgrader.cli import common as c
from upgrader.model.run import Run


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
    from upgrader.cli.records import state_of
    from upgrader.engine import lock
    from upgrader.steps.points import Points
    from upgrader.ui.report import status_screen

    common = c.of(ctx).override(directory=directory, project=project, output=output)
    state, where = state_of(common)
    runs = list(state.all())
    points = list(Points(state.home).all())
    holder = lock.who(state.home) if lock.held(state.home) else ""
    version = _version(runs)
    if common.output == "json":
        import json

        last = runs[-1] if runs else None
        answer = {
            "project": state.home.name,
            "directory": where,
            "version": version,
            "last_run": {"id": last.id, "kind": last.kind, "title": last.title, "outcome": last.outcome}
            if last
            else None,
            "unfinished": [run.id for run in runs if run.unfinished],
            "holder": holder,
            "restore_points": [{"id": p.id, "version": p.version, "created_at": p.created_at} for p in points],
        }
        typer.echo(json.dumps(answer, indent=1))
        return 0
    shown = [point for point in points if any(db.method == "dump" for db in point.databases)]
    typer.echo(
        status_screen(
            project=state.home.name, directory=where, version=version, runs=runs, restore_points=shown, holder=holder
        )
    )
    return 0


def _version(runs: Sequence[Run]) -> str:
    """The version that the records say is installed: where the last finished run left the app."""
    for run in reversed(runs):
        arguments = run.arguments
        match run.outcome:
            case "done":
                return str(arguments.get("target", {}).get("name", ""))
            case "rolled-back" | "refused" | "failed":
                return str(arguments.get("origin", {}).get("name", ""))
    return ""
