"""Off the host: a restore point is copied away by restic or rclone, which have their own settings and credentials."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

from upgrader.errors import StepError
from upgrader.model.app import Offsite
from upgrader.model.events import Facts
from upgrader.model.secret import secrets_in
from upgrader.model.verdict import Needed, Refused, Satisfied, Verdict
from upgrader.steps.base import Context, StepModel
from upgrader.steps.points import Points
from upgrader.tools.shell import Command

TIMEOUT = 24 * 3600.0
"""Seconds after which a copy is given up."""
_THEIRS = ("RESTIC_", "RCLONE_", "AWS_", "AZURE_", "B2_", "GOOGLE_", "OS_", "ST_", "SWIFT_", "HP_")
"""What restic and rclone read of the environment begins so."""


class CopyAway(StepModel):
    """Copy the run's restore point to where the playbook's `backups: {copy_to: …}` says, and check what arrived."""

    alters: ClassVar[bool] = False

    uses: Literal["copy.away"]

    def describe(self) -> str:
        return "Copy the restore point away"

    def check(self, ctx: Context) -> Verdict:
        to = ctx.app.offsite
        if to is None:
            return Satisfied("the playbook names no place for copies")
        if not ctx.planning and Points(ctx.app.home).load(ctx.run.id).copied_to:
            return Satisfied("it is there", {"to": _told(ctx, to)})
        if ctx.shell.attempt(Command((to.program, "version"), timeout=60)).code == 127:
            return Refused(
                f"{to.program} is not installed, and the playbook wants copies by it", f"apt install {to.program}"
            )
        return Needed(_told(ctx, to))

    def apply(self, ctx: Context) -> Facts:
        to, points = ctx.app.offsite, Points(ctx.app.home)
        assert to is not None  # noqa: S101 - check would be satisfied
        env = _environment(os.environ)
        ctx.shell.redactor.learn(secrets_in(env))
        for command in _commands(ctx, to, env):
            result = ctx.shell.attempt(command)
            if not result.ok:
                lines = [ctx.shell.redactor.text(line) for line in result.tail]
                raise StepError(
                    f"the restore point is whole here, but its copy failed: {command.label} exited with {result.code}",
                    f"mend it, then: upgrader backup; by hand: {to.program} --help",
                    lines=lines,
                )
        points.amend(replace(points.load(ctx.run.id), copied_to=_told(ctx, to)))
        return {"to": _told(ctx, to)}


def _told(ctx: Context, to: Offsite) -> str:
    return ctx.shell.redactor.text(f"{to.program} {to.place}")


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Settings and credentials of the programs: by environment, never by argument."""
    return {name: value for name, value in environ.items() if name.startswith(_THEIRS)}


def _commands(ctx: Context, to: Offsite, env: Mapping[str, str]) -> Iterator[Command]:
    """Copy, then compare what arrived: that it was sent does not say that it can be read."""
    directory = Points(ctx.app.home).path(ctx.run.id)
    if to.program == "restic":
        tags = ("--tag", f"upgrader,{ctx.app.stack.project},{ctx.run.id}")
        yield _command(("restic", "backup", *tags, "."), env, "restic backup", cwd=directory, repository=to.place)
        yield _command(("restic", "check"), env, "restic check", cwd=directory, repository=to.place)
    else:
        place = f"{to.place.rstrip('/')}/{ctx.app.stack.project}/{ctx.run.id}"
        yield _command(("rclone", "copy", ".", place), env, "rclone copy", cwd=directory)
        yield _command(("rclone", "check", "--one-way", ".", place), env, "rclone check", cwd=directory)


def _command(argv: tuple[str, ...], env: Mapping[str, str], label: str, *, cwd: Path, repository: str = "") -> Command:
    named = {"RESTIC_REPOSITORY": repository} if repository else {}  # a repository's URL may hold a password
    return Command(argv, cwd=cwd, env={**env, **named}, changes=True, timeout=TIMEOUT, label=label)
