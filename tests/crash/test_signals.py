"""Signals, closed terminals, a second run, and what is left to do with a run that was cut off."""

import os
import pty
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import IO

import pytest

from tests.crash.conftest import Stage
from tests.crash.killer import Moment
from tests.crash.world import KILLED, ROOT, World
from tests.fixtures.engine import eventually
from upgrader.engine import journal, lock
from upgrader.model import events as e

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1200)]


@pytest.fixture
def release(stage: Stage) -> str:
    """A release whose build and migration take some seconds."""
    return stage.slow_release()


def upgrading(world: World, release: str) -> "AbstractContextManager[Running]":
    return running(world, "upgrade", "--to", release, "--yes", "--output", "plain")


class Running:
    """A command that runs by itself, and what it says."""

    def __init__(self, process: "subprocess.Popen[bytes]", out: IO[bytes]) -> None:
        self.process = process
        self._out = out

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def insist(self, number: int, heard: Callable[[], bool]) -> None:
        """The signal until it was heard, a moment apart each time: two at once are one to the kernel."""
        while self.process.poll() is None and not heard():
            self.process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=0.5)

    def end(self) -> tuple[int, str]:
        code = self.process.wait(timeout=180)
        self._out.seek(0)
        return code, self._out.read().decode(errors="replace")


@contextmanager
def running(world: World, *argv: str) -> Iterator[Running]:
    with tempfile.TemporaryFile() as out:
        process = world.start(*argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            yield Running(process, out)
        finally:
            process.kill()
            process.wait()


def last_event(world: World) -> e.Event:
    """Of the unfinished run."""
    return journal.read(world.state.directory(world.state.unfinished()[0]) / "journal.jsonl")[-1].event


def test_one_signal_stops_at_a_step_boundary_and_resume_completes(world: World, release: str) -> None:
    before = world.rows()
    with upgrading(world, release) as upgrade:
        world.wait_for_step("compose.build")
        second = world.upgrader("upgrade", "--yes")
        assert second.code == 7, second.text
        assert f"process {upgrade.process.pid}" in second.text
        assert world.state.unfinished()[0].id in second.text
        upgrade.signal(signal.SIGINT)
        code, text = upgrade.end()
    assert code == 130, text
    assert "stopped on SIGINT, at a safe place" in text
    assert "upgrader resume" in text
    assert world.state.unfinished()[0].steps["compose.build"].state == "finished"
    assert world.installation.version() == "1.0.0"

    with running(world, "resume", "--output", "plain") as resumed:
        world.wait_for_step("migrate")
        resumed.signal(signal.SIGTERM)
        code, text = resumed.end()
    assert code == 143, text
    assert world.state.unfinished()[0].steps["migrate"].state == "finished"
    assert isinstance(last_event(world), e.Interrupted)

    assert world.upgrader("upgrade", "--yes").code == 8
    assert world.upgrader("resume", "--output", "plain").code == 0
    world.assert_good(release.removeprefix("v"))
    world.assert_rows(before)
    ended = world.drive("rollback", "v1.0.0")
    assert ended.code == 0, ended.text


@pytest.mark.parametrize(
    ("step", "number", "code"), [("compose.build", signal.SIGINT, 130), ("migrate", signal.SIGTERM, 143)]
)
def test_a_second_signal_cancels_the_step_and_rollback_turns_back(
    world: World, release: str, step: str, number: int, code: int
) -> None:
    before = world.rows()
    with upgrading(world, release) as upgrade:
        world.wait_for_step(step)
        upgrade.insist(number, lambda: isinstance(last_event(world), e.Interrupted))
        ended = upgrade.end()
    assert ended[0] == code, ended[1]
    assert f"cancelled in the middle of '{step}'" in ended[1]
    assert "at a safe place" not in ended[1]
    assert world.state.unfinished()[0].steps[step].state == "started"
    back = world.upgrader("rollback", "--yes", "--output", "plain")
    assert back.code == 0, back.text
    world.assert_good("1.0.0")
    world.assert_rows(before)


def test_a_closed_terminal_does_not_stop_a_run(world: World, release: str) -> None:
    terminal, inner = pty.openpty()
    argv = [sys.executable, "-m", "upgrader", "-C", str(world.installation.path), "upgrade", "--to", release, "--yes"]
    process = subprocess.Popen(
        ["setsid", "--ctty", *argv],
        cwd=ROOT, env={**world.environ, "TERM": "xterm", "CI": ""}, stdin=inner, stdout=inner, stderr=inner,
    )  # fmt: skip
    os.close(inner)
    try:
        _read_until(world, terminal, "compose.build")
    finally:
        os.close(terminal)
    assert process.wait(timeout=180) == 0
    world.assert_good(release.removeprefix("v"))
    ended = world.drive("rollback", "v1.0.0")
    assert ended.code == 0, ended.text


def _read_until(world: World, terminal: int, step: str) -> None:
    """Somebody watches, until the step has started; a terminal that nobody reads would block whoever writes."""
    os.set_blocking(terminal, False)

    def there() -> bool:
        with suppress(BlockingIOError):
            os.read(terminal, 1 << 16)
        runs = world.state.unfinished()
        return bool(runs) and step in runs[-1].steps

    eventually(there, 120)


def test_the_children_of_a_killed_process_are_waited_for(world: World, release: str) -> None:
    ended = world.drive("upgrade", release, Moment("upgrade", "StepStarted", "compose.build", delay=0.7))
    assert ended.code == KILLED, ended.text
    assert lock.held(world.state.home), "the build has ended too early to prove anything"
    with pytest.raises(ProcessLookupError):
        os.kill(lock.holder(world.state.home)["pid"], 0)
    blocked = world.upgrader("upgrade", "--yes")
    assert blocked.code == 8, blocked.text
    assert "was cut off in prepare" in blocked.text
    back = world.upgrader("rollback", "--yes")
    assert back.code == 0, back.text


def test_going_back_from_a_migration_that_still_runs(world: World, release: str) -> None:
    """Its container outlives the whole tree; a migration that committed after the way back would spoil it."""
    before = world.rows()
    ended = world.drive("upgrade", release, Moment("upgrade", "StepStarted", "migrate", tree=True, delay=1.5))
    assert ended.code == KILLED, ended.text
    back = world.upgrader("rollback", "--yes", "--output", "plain")
    assert back.code == 0, back.text
    world.assert_good("1.0.0")
    assert world.installation.schema() == 2
    world.assert_rows(before)


def test_an_unfinished_run_blocks_changes_but_no_looking_and_can_be_abandoned(world: World) -> None:
    ended = world.drive("upgrade", "v1.1.0", Moment("upgrade", "StepStarted", "git.checkout", after=False))
    assert ended.code == KILLED, ended.text
    blocked = world.upgrader("upgrade", "--yes")
    assert blocked.code == 8, blocked.text
    for way_out in ("upgrader resume", "upgrader rollback", "upgrader abandon"):
        assert way_out in blocked.text
    for looking in (("plan",), ("status",), ("history",)):
        looked = world.upgrader(*looking)
        assert looked.code == 0, looked.text
    refused = world.upgrader("abandon")
    assert refused.code == 4, refused.text
    assert "--yes" in refused.text
    assert world.upgrader("abandon", "--yes").code == 0
    assert not world.state.unfinished()
    assert world.upgrader("resume").code == 0
