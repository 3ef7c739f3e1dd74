"""The command line: its commands, and the border where errors become text and an exit code."""

import inspect
import os
import re
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from upgrader.cli import (
    abandon,
    backup,
    backups,
    demo,
    doctor,
    env_check,
    history,
    migrations,
    plan,
    playbook,
    restore,
    resume,
    rollback,
    status,
    upgrade,
)
from upgrader.cli.common import Common, DirectoryOption, OutputOption, PlaybookOption, ProjectOption
from upgrader.errors import ExitCode, UpgraderError

app = typer.Typer(
    name="upgrader",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # it costs 66 ms, and prints locals: secrets among them
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("upgrade")(upgrade.upgrade)
app.command("rollback")(rollback.rollback)
app.command("plan")(plan.plan)
app.command("restore")(restore.restore)
app.command("resume")(resume.resume)
app.command("abandon")(abandon.abandon)
app.command("backup")(backup.backup)
app.add_typer(backups.app, name="backups")
app.command("status")(status.status)
app.add_typer(history.app, name="history")
app.add_typer(migrations.app, name="migrations")
app.command("doctor")(doctor.doctor)
app.command("env-check")(env_check.env_check)
app.add_typer(playbook.app, name="playbook")
app.command("demo")(demo.demo)


def _keep_examples(tree: typer.Typer) -> None:
    """Leave each example on a line of its own: Click would fill them into a paragraph."""
    for command in tree.registered_commands:
        command.help = _examples_kept(command.callback)
    if tree.registered_callback:
        tree.registered_callback.help = _examples_kept(tree.registered_callback.callback)


def _examples_kept(callback: Callable[..., object] | None) -> str:
    return re.sub(r"^(?=Examples?:$)", "\b\n", inspect.getdoc(callback) or "", flags=re.MULTILINE)


def _print_version(asked: bool) -> None:
    if asked:
        from upgrader import __version__

        typer.echo(f"upgrader {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    ctx: typer.Context,
    directory: DirectoryOption = None,
    project: ProjectOption = "",
    playbook_name: PlaybookOption = "",
    output: OutputOption = "auto",
    _version: Annotated[
        bool,
        typer.Option("--version", "-V", help="Print the version and exit.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Take a self-hosted Docker Compose app from one release to the next, and back with its data whole.

    Examples:
      upgrader plan
      upgrader upgrade
      upgrader -C /srv/app rollback
    """
    ctx.obj = Common(directory=directory, project=project, playbook=playbook_name, output=output)


for _tree in (app, history.app, backups.app, migrations.app, playbook.app):
    _keep_examples(_tree)


def run() -> int:
    """Run the command that the process was started with; returns its exit code."""
    try:
        code = app(standalone_mode=False, prog_name="upgrader")
    except UpgraderError as error:
        _show(error)
        return int(error.exit_code)
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - the border: whatever it is becomes an exit code
        return _foreign(error)
    return int(code) if isinstance(code, int) else 0


def _show(error: UpgraderError) -> None:
    from upgrader.cli.crash import REDACTOR
    from upgrader.ui.choose import colorful
    from upgrader.ui.trouble import show_error

    clean = UpgraderError(
        REDACTOR.text(error.message), REDACTOR.text(error.hint), lines=[REDACTOR.text(line) for line in error.lines]
    )
    show_error(clean, sys.stderr, color=colorful(sys.stderr, os.environ))


def _foreign(error: Exception) -> int:
    """A usage error of the command line's own, or else a bug of ours."""
    show = getattr(error, "show", None)
    if callable(show) and hasattr(error, "exit_code"):
        show()
        return int(ExitCode.USAGE)
    if type(error).__name__ == "Abort":
        return int(ExitCode.INTERRUPTED)
    from upgrader.cli.crash import report

    _show(report(error))
    return int(ExitCode.BUG)
