"""Consent: what must be agreed to before anything changes."""

from upgrader.cli import say
from upgrader.cli.wiring import Desk
from upgrader.engine.runner import unfinished
from upgrader.engine.state import write_private
from upgrader.errors import RefusedError, UnfinishedError
from upgrader.steps.base import Question


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


def guard(desk: Desk) -> None:
    """Raises UnfinishedError when a run of this app was cut off."""
    found = unfinished(desk.state)
    if found:
        run = found[0]
        raise UnfinishedError(
            f"run {run.id} ({run.title}) was cut off in {run.phase or 'its beginning'}",
            "upgrader resume, upgrader rollback or upgrader abandon",
        )
