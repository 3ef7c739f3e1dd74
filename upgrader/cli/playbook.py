"""`upgrader playbook list|show|check|schema`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upgrader.cli import common as c

if TYPE_CHECKING:
    from upgrader.playbook.load import Playbook

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

NameArgument = Annotated[
    str, typer.Argument(metavar="[NAME]", help="A playbook's name or file; default: the one that fits here.")
]


@app.callback()
def playbook() -> None:
    """Look at playbooks.

    Example:
      upgrader playbook show rytask --resolved
    """


@app.command("list")
def list_() -> int:
    """List the playbooks that ship.

    Example:
      upgrader playbook list
    """
    from upgrader.playbook.inherit import names, shipped

    for name in names():
        text = (shipped("playbooks") / f"{name}.yaml").read_text(encoding="utf-8")
        first = next((line.lstrip("# ") for line in text.splitlines() if line.startswith("# ")), "")
        typer.echo(f"{name:<14} {first}")
    return 0


@app.command("show")
def show(
    ctx: typer.Context,
    name: NameArgument = "",
    resolved: Annotated[bool, typer.Option("--resolved", help="With its bases, and the origin of each value.")] = False,
    directory: c.DirectoryOption = None,
) -> int:
    """Print a playbook.

    Examples:
      upgrader playbook show
      upgrader playbook show rytask --resolved
    """
    from upgrader.playbook.show import show as render

    playbook, text = _load(ctx, name, directory)
    typer.echo(render(playbook, resolved=True, origins=True) if resolved or not text else text, nl=False)
    return 0


@app.command("check")
def check(ctx: typer.Context, name: NameArgument = "", directory: c.DirectoryOption = None) -> int:
    """Check a playbook, and report every problem with its line and column.

    Examples:
      upgrader playbook check
      upgrader playbook check ./upgrader.yaml
    """
    playbook, _ = _load(ctx, name, directory)
    steps = sum(len(steps) for steps in playbook.upgrade.phases.values())
    typer.echo(f"✓ {playbook.name}: {steps} steps to upgrade, digest {playbook.digest[:12]}")
    return 0


@app.command("schema")
def schema() -> int:
    """Print the JSON Schema of playbooks, for editors.

    Example:
      upgrader playbook schema > playbook.schema.json
    """
    import json

    from upgrader.playbook.editor import schema as make
    from upgrader.steps.kinds import KINDS

    typer.echo(json.dumps(make(KINDS), indent=1))
    return 0


def _load(ctx: typer.Context, name: str, directory: Path | None) -> "tuple[Playbook, str]":
    """The playbook and its text; the text is empty for one that no file holds."""
    from upgrader.playbook.load import load
    from upgrader.steps.kinds import KINDS

    if name:
        playbook = load(name, KINDS)
    else:
        from upgrader.cli.wiring import open_app

        desk = open_app(c.of(ctx).override(directory=directory))
        playbook = desk.playbook
        if desk.derived:
            return playbook, desk.derived
    text = playbook.path.read_text(encoding="utf-8") if playbook.path and playbook.path.exists() else ""
    return playbook, text
