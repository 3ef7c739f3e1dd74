"""The options that every command shares."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from upgrader.errors import UsageError

MODES = ("auto", "live", "plain", "json", "quiet")


def _modes(incomplete: str) -> list[str]:
    return [mode for mode in MODES if mode.startswith(incomplete)]


def _playbooks(incomplete: str) -> list[str]:
    from upgrader.playbook.inherit import names

    return [name for name in names() if name.startswith(incomplete)]


def _mode(value: str) -> str:
    if value not in MODES:
        raise UsageError(f"--output {value!r} is none of {', '.join(MODES)}", "upgrader --output plain …")
    return value


DirectoryOption = Annotated[
    Path | None, typer.Option("-C", "--directory", metavar="DIR", help="The app's directory; default: this one.")
]
ProjectOption = Annotated[
    str, typer.Option("--project", metavar="NAME", help="The Compose project, if not the usual one.")
]
PlaybookOption = Annotated[
    str,
    typer.Option("--playbook", metavar="NAME", help="A playbook's name or file.", autocompletion=_playbooks),
]
OutputOption = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        metavar="MODE",
        help="auto, live, plain, json or quiet.",
        autocompletion=_modes,
        callback=_mode,
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


@dataclass(frozen=True)
class Common:
    """What was said before or after the command's name; after it wins."""

    directory: Path | None = None
    project: str = ""
    playbook: str = ""
    output: str = "auto"
    trust: str = ""

    def override(
        self,
        *,
        directory: Path | None = None,
        project: str = "",
        playbook: str = "",
        output: str = "auto",
        trust: str = "",
    ) -> "Common":
        """These options with those given after the command's name laid over them."""
        given = {"directory": directory, "project": project, "playbook": playbook, "trust": trust}
        values = {name: value for name, value in given.items() if value}
        if output != "auto":
            values["output"] = output
        return replace(self, **values)  # type: ignore[arg-type]

    @property
    def path(self) -> Path:
        """The app's directory; raises UsageError when it is none."""
        path = self.directory or Path.cwd()
        if not path.is_dir():
            raise UsageError(f"{path} is not a directory", "upgrader -C DIRECTORY …")
        return path.resolve()


def of(ctx: typer.Context) -> Common:
    return ctx.obj if isinstance(ctx.obj, Common) else Common()
