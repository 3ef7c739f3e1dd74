"""`upgrader backup`."""

from typing import TYPE_CHECKING, Annotated

import typer

from upgrader.cli import common as c

if TYPE_CHECKING:
    from upgrader.cli.wiring import Desk
    from upgrader.steps.base import Options

HELP = """Make a restore point without an upgrade; nothing of the app changes, and nothing is asked.

Dumps every database, proves the dumps, archives the volumes that the playbook names, saves env file, overrides, local
edits, commit and images. For timers: exit code 0 means that it is whole and proved as the playbook says. One that was
cut off is gone on with.

Examples:
  upgrader backup
  upgrader backup --label 'before the import'
  upgrader -C /srv/app backup --proof restore --output json
"""


def backup(
    ctx: typer.Context,
    label: Annotated[str, typer.Option("--label", metavar="TEXT", help="What to call it.")] = "",
    proof: c.ProofOption = "",
    trust: c.TrustOption = "",
    directory: c.DirectoryOption = None,
    project: c.ProjectOption = "",
    playbook: c.PlaybookOption = "",
    output: c.OutputOption = "auto",
) -> int:
    from upgrader.cli.wiring import open_app, open_frozen
    from upgrader.engine.runner import unfinished
    from upgrader.steps.base import Options

    common = c.of(ctx).override(directory=directory, project=project, playbook=playbook, output=output, trust=trust)
    desk = open_app(common)
    found = unfinished(desk.state)
    if found is not None and found[0].kind == "backup":
        from upgrader.cli.resume import perform as go_on

        return go_on(*open_frozen(common))
    return perform(desk, Options(label=label, proof=proof))


backup.__doc__ = HELP


def perform(desk: "Desk", options: "Options") -> int:
    """Make it; returns the exit code."""
    from dataclasses import replace

    from upgrader.cli import say
    from upgrader.cli.agree import guard

    if desk.derived:  # nothing of the app changes: what was derived needs nobody's consent here
        say.tell("No playbook describes this app: the backup follows its Compose project.")
    with desk.session() as session:
        guard(desk)
        git = desk.planning("backup", options).world.git
        git.require()
        here = {"commit": git.head(), "name": git.name_of(git.head()), "kind": "commit"}
        options = replace(options, target=here, origin=here)
        title = f"Back up {here['name']}" + (f": {options.label}" if options.label else "")
        return say.outcome(desk, session.start("backup", options, title))
