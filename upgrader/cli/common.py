"""The options that every command shares."""

from pathlib import Path
from typing import Annotated

import typer

from upgrader.cli.chosen import MODES, Common
from upgrader.errors import UsageError

__all__ = [
    "Common",
    "DirectoryOption",
    "OutputOption",
    "PlaybookOption",
    "ProjectOption",
    "ProofOption",
    "RehearsalOption",
    "TrustOption",
    "YesOption",
    "of",
]


def _modes(incomplete: str) -> list[str]:
    return [mode for mode in MODES if mode.startswith(incomplete)]


def _playbooks(incomplete: str) -> list[str]:
    from upgrader.playbook.inherit import names

    return [name for name in names() if name.startswith(incomplete)]


def _mode(value: str) -> str:
    if value not in MODES:
        raise UsageError(f"--output {value!r} is none of {', '.join(MODES)}", "upgrader --output plain …")
    return value


def _proofs(incomplete: str) -> list[str]:
    return [proof for proof in PROOFS if proof.startswith(incomplete)]


def _proof(value: str) -> str:
    if value not in ("", *PROOFS):
        raise UsageError(f"--proof {value!r} is none of {', '.join(PROOFS)}", "upgrader upgrade --proof auto")
    return value


PROOFS = ("auto", "restore", "read")
"""How a dump can be proved."""
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
TrustOption = Annotated[
    str, typer.Option("--trust-playbook", metavar="NAME", help="Let this playbook of the app's run commands here.")
]
ProofOption = Annotated[
    str,
    typer.Option(
        "--proof",
        metavar="HOW",
        help="Prove dumps by a restore, or only read them: auto, restore or read.",
        autocompletion=_proofs,
        callback=_proof,
    ),
]
RehearsalOption = Annotated[
    bool, typer.Option("--no-rehearsal", help="Do not run the migrations on a copy of the data first.")
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


def of(ctx: typer.Context) -> Common:
    return ctx.obj if isinstance(ctx.obj, Common) else Common()
