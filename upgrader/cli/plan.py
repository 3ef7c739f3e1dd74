"""`upgrader plan`."""

from pathlib import Path
from typing import Annotated

import typer

from upgrader.cli import common as c
from upgrader.errors import ExitCode, UsageError


def plan(
    ctx: typer.Context,
    to: Annotated[str, typer.Option("--to", metavar="REF", help="A release tag, branch or commit.")] = "",
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE", help="Save it, for `upgrade --plan FILE`.")
    ] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 3 when there is something to do.")] = False,
    keep_local_changes: Annotated[
        bool, typer.Option("--keep-local-changes", help="Plan with edits carried over.")
    ] = False,
    online: Annotated[
        bool, typer.Option("--online", help="Plan with the old version serving during migrations.")
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Plan with the writers stopped before the migrations.")
    ] = False,
    proof: c.ProofOption = "",
    no_rehearsal: c.RehearsalOption = False,
    trust: c.TrustOption = "",
    directory: c.DirectoryOption = None,
    project: c.ProjectOption = "",
    playbook: c.PlaybookOption = "",
    output: c.OutputOption = "auto",
) -> int:
    """Say what an upgrade would do, and change nothing.

    Examples:
      upgrader plan
      upgrader plan --to v1.4.0 --output json
      upgrader plan --save plan.json && upgrader upgrade --plan plan.json
    """
    from upgrader.cli import say
    from upgrader.cli.target import upgrade_plan
    from upgrader.cli.wiring import open_app
    from upgrader.steps.base import Options

    common = c.of(ctx).override(directory=directory, project=project, playbook=playbook, output=output, trust=trust)
    desk = open_app(common)
    if desk.derived and common.output != "json":
        say.tell("No playbook describes this app; this plan is made with one derived from its Compose project.\n")
    options = Options(
        to=to,
        keep_local_changes=keep_local_changes,
        online="always" if online else "never" if offline else "",
        proof=proof,
        rehearsal=not no_rehearsal,
    )
    try:
        with say.looking(desk) as tick:
            made, _ = upgrade_plan(desk, options, tick)
    finally:
        desk.scratch.close()
    say.plan_answer(desk, made)
    if save is not None:
        import json

        try:
            save.write_text(json.dumps(made.to_json(), indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{save} cannot be written: {error.strerror}", "upgrader plan --save FILE") from error
    if made.refusals:
        return int(ExitCode.REFUSED)
    return int(ExitCode.FOUND) if exit_code and not made.nothing else 0
