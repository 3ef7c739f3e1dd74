"""`upgrader env-check --fix`: appends what can be decided, and asks for what a person must know."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from upgrader.cli.crash import REDACTOR
from upgrader.cli.env_answers import ask_for
from upgrader.cli.env_host import Host
from upgrader.cli.env_loose import Looked
from upgrader.cli.say import out, tell
from upgrader.env.case import WRITES
from upgrader.env.checks.scene import quoted
from upgrader.env.decide import Decision
from upgrader.env.readers import services_reading
from upgrader.env.reconcile import block_redacted, lines_to_add, reconcile
from upgrader.errors import ExitCode, RefusedError, UnfinishedError
from upgrader.steps.base import Question
from upgrader.tools.envfile import append_to
from upgrader.ui.ask import asker


def fix(looked: Looked, host: Host | None, *, yes: bool) -> int:
    """Append to the live file; existing lines are never touched. Returns the exit code: 3 when something is left to do.

    Raises RefusedError when the person declines; then nothing was written.
    """
    decided = [each for each in looked.decisions if each.decision in WRITES]
    asked = [each for each in looked.decisions if each.blocks]
    if not decided and not asked:
        tell(f"Nothing has to be added to {looked.scene.live.path}.")
        return looked.exit_code
    label = f"{datetime.now(UTC).date().isoformat()} for {looked.scene.example.path}"
    if decided:
        tell(f"To be appended to {looked.scene.live.path}:\n\n{block_redacted(decided, run_label=label)}")
    there = sys.stdin is not None and sys.stdin.isatty()
    if not there and (asked or not yes):
        _without_person(looked, decided, asked, yes=yes)
    if not there and not yes:
        return int(ExitCode.FOUND)
    ask = asker(yes=yes)
    with _alone(host):
        answers = ask_for(looked.scene, asked, ask) if there else {}
        if not there and not decided:
            return int(ExitCode.FOUND)
        names = [*(each.key for each in decided), *answers]
        question = f"Append {', '.join(names)} to {looked.scene.live.path}?"
        if ask(Question("append", question, "--yes")) != "y":
            raise RefusedError("declined: nothing was changed")
        made = reconcile(
            looked.live_bytes, looked.decisions, run_label=label, path=looked.scene.live.path, answers=answers
        )
        REDACTOR.learn(made.secrets)
        append_to(Path(looked.scene.live.path), looked.live_bytes, made.new_bytes)
    tell(f"✓ {', '.join(made.appended)} appended to {looked.scene.live.path}")
    _tell_services(looked, host, made.appended)
    return int(ExitCode.FOUND) if made.blocking else 0


def _without_person(looked: Looked, decided: Sequence[Decision], asked: Sequence[Decision], *, yes: bool) -> None:
    """There is no terminal: the exact lines to add, on stdout."""
    if asked:
        tell(f"A person must give these values: complete the lines, and append them to {looked.scene.live.path}")
        out("\n".join(lines_to_add(asked)))
    if decided and not yes:
        tell("→ upgrader env-check --fix --yes appends what can be decided")


@contextmanager
def _alone(host: Host | None) -> Iterator[None]:
    """The right to change the app's env file. Raises LockedError while a run holds it, UnfinishedError after one."""
    if host is None or not host.state.home.is_dir():
        yield
        return
    from upgrader.engine import lock
    from upgrader.engine.runner import unfinished

    with lock.hold(host.state.home):
        if found := unfinished(host.state):
            raise UnfinishedError(
                f"run {found[0].id} ({found[0].title}) was cut off",
                "upgrader resume, upgrader rollback or upgrader abandon",
            )
        yield


def _tell_services(looked: Looked, host: Host | None, keys: Sequence[str]) -> None:
    services = services_reading(looked.scene.case, keys)
    if not services:
        return
    tell(f"Affected: {', '.join(services)}")
    if host is None:
        return
    files = "".join(f" -f {quoted(os.path.normpath(name))}" for name in host.stack.present)
    env = "" if host.stack.env_file == ".env" else f" --env-file {quoted(host.stack.env_file)}"
    profiles = "".join(f" --profile {name}" for name in host.stack.profiles)
    tell(f"→ docker compose -p {host.stack.project}{files}{env}{profiles} up -d {' '.join(services)}")
