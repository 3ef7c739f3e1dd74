"""Consent: what must be agreed to before anything changes."""

import sys

from upgrader.cli import say
from upgrader.cli.wiring import Desk
from upgrader.engine.runner import unfinished
from upgrader.engine.state import write_private
from upgrader.errors import RefusedError, UnfinishedError
from upgrader.model.plan import Plan
from upgrader.steps.base import Question
from upgrader.steps.target import ONLY_YOU
from upgrader.ui.ask import asker


def agree(desk: Desk, question: Question) -> None:
    """Raises RefusedError when the person declines, or when nobody can be asked."""
    if desk.ask(question) != "y":
        raise RefusedError("declined: nothing was changed")


def agree_to_derived(desk: Desk) -> None:
    """Show a playbook that was derived from the Compose project, and keep it once somebody agreed to it."""
    if not desk.derived:
        return
    say.tell("No playbook describes this app. This one is derived from its Compose project:\n")
    say.tell(desk.derived)
    agree(desk, Question("derived", "Use it?", "--yes"))
    desk.state.make()
    write_private(desk.app.home / "playbook.yaml", desk.derived)


def answer_env(desk: Desk, plan: Plan) -> bool:
    """Ask for what the env file needs from a person; whether anything was answered.

    Nobody is asked when something else speaks against the upgrade first. The answers stay in this process until the run
    appends them.
    """
    planned = desk.scratch.env_plan
    if planned is None or not planned.result.blocking or not sys.stdin or not sys.stdin.isatty():
        return False
    if not plan.refusals or ONLY_YOU not in plan.refusals[0].why:
        return False
    from upgrader.cli.env_answers import ask_for
    from upgrader.env.checks.scene import Scene

    say.tell(f"{plan.to_version} needs values for {desk.app.stack.env_file} that only you know:")
    scene = Scene(planned.case, planned.decisions)
    desk.scratch.answers.update(ask_for(scene, planned.result.blocking, asker(yes=False)))
    return True


def guard(desk: Desk) -> None:
    """Raises UnfinishedError when a run of this app was cut off."""
    found = unfinished(desk.state)
    if found:
        run = found[0]
        raise UnfinishedError(
            f"run {run.id} ({run.title}) was cut off in {run.phase or 'its beginning'}",
            "upgrader resume, upgrader rollback or upgrader abandon",
        )
