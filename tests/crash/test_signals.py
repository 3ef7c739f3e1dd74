"""Signals, closed terminals, a second run, and what is left to do with a run that was cut off."""

import os
import pty
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO

import pytest

from tests.crash.conftest import Stage
from tests.crash.killer import Moment
from tests.crash.world import KILLED, ROOT, World
from tests.fixtures.engine import eventually
from upgrader.engine import journal, lock
from upgrader.model import events as e

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1200)]

SLOW = "v1.1.7"
UPGRADE = ("upgrade", "--to", SLOW, "--yes", "--output", "plain")


@pytest.fixture
def slow(stage: Stage, world: World) -> World:
    """The world, and a release whose build and migration take some seconds."""
    stage.publish_slow(SLOW)
    return world


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


def test_one_signal_stops_at_a_step_boundary_and_resume_completes(slow: World) -> None:
    before = slow.rows()
    with running(slow, *UPGRADE) as upgrade:
        slow.wait_for_step("compose.build")
        second = slow.upgrader("upgrade", "--yes")
        assert second.code == 7, second.text
        assert f"process {upgrade.process.pid}" in second.text
        assert slow.state.unfinished()[0].id in second.text
        upgrade.signal(signal.SIGINT)
        code, text = upgrade.end()
    assert code == 130, text
    assert "stopped on SIGINT, at a safe place" in text
    assert "upgrader resume" in text
    assert slow.state.unfinished()[0].steps["compose.build"].state == "finished"
    assert slow.installation.version() == "1.0.0"

    with running(slow, "resume", "--output", "plain") as resumed:
        slow.wait_for_step("migrate")
        resumed.signal(signal.SIGTERM)
        code, text = resumed.end()
    assert code == 143, text
    assert slow.state.unfinished()[0].steps["migrate"].state == "finished"
    assert isinstance(last_event(slow), e.Interrupted)

    assert slow.upgrader("upgrade", "--yes").code == 8
    assert slow.upgrader("resume", "--output", "plain").code == 0
    slow.assert_good(SLOW.removeprefix("v"))
    slow.assert_rows(before)
    ended = slow.drive("rollback", "v1.0.0")
    assert ended.code == 0, ended.text


@pytest.mark.parametrize(
    ("step", "number", "code"), [("compose.build", signal.SIGINT, 130), ("migrate", signal.SIGTERM, 143)]
)
def test_a_second_signal_cancels_the_step_and_rollback_turns_back(
    slow: World, step: str, number: int, code: int
) -> None:
    before = slow.rows()
    with running(slow, *UPGRADE) as upgrade:
        slow.wait_for_step(step)
        upgrade.insist(number, lambda: isinstance(last_event(slow), e.Interrupted))
        ended = upgrade.end()
    assert ended[0] == code, ended[1]
    assert f"cancelled in the middle of '{step}'" in ended[1]
    assert slow.state.unfinished()[0].steps[step].state == "started"
    back = slow.upgrader("rollback", "--yes", "--output", "plain")
    assert back.code == 0, back.text
    slow.assert_good("1.0.0")
    slow.assert_rows(before)


def test_a_closed_terminal_does_not_stop_a_run(slow: World) -> None:
    terminal, inner = pty.openpty()
    argv = [sys.executable, "-m", "upgrader", "-C", str(slow.installation.path), "upgrade", "--to", SLOW, "--yes"]
    process = subprocess.Popen(
        ["setsid", "--ctty", *argv],
        cwd=ROOT, env={**slow.environ, "TERM": "xterm", "CI": ""}, stdin=inner, stdout=inner, stderr=inner,
    )  # fmt: skip
    os.close(inner)
    try:
        _read_until(slow, terminal, "compose.build")
    finally:
        os.close(terminal)
    assert process.wait(timeout=180) == 0
    slow.assert_good(SLOW.removeprefix("v"))
    ended = slow.drive("rollback", "v1.0.0")
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


def test_the_children_of_a_killed_process_are_waited_for(slow: World) -> None:
    ended = slow.drive("upgrade", SLOW, Moment("upgrade", "StepStarted", "compose.build", delay=0.7))
    assert ended.code == KILLED, ended.text
    assert lock.held(slow.state.home), "the build has ended too early to prove anything"
    with pytest.raises(ProcessLookupError):
        os.kill(lock.holder(slow.state.home)["pid"], 0)
    blocked = slow.upgrader("upgrade", "--yes")
    assert blocked.code == 8, blocked.text
    assert "was cut off in prepare" in blocked.text
    back = slow.upgrader("rollback", "--yes")
    assert back.code == 0, back.text


def test_going_back_from_a_migration_that_still_runs(slow: World) -> None:
    """Its container outlives the whole tree; a migration that committed after the way back would spoil it."""
    before = slow.rows()
    ended = slow.drive("upgrade", SLOW, Moment("upgrade", "StepStarted", "migrate", tree=True, delay=1.5))
    assert ended.code == KILLED, ended.text
    back = slow.upgrader("rollback", "--yes", "--output", "plain")
    assert back.code == 0, back.text
    slow.assert_good("1.0.0")
    assert slow.installation.schema() == 2
    slow.assert_rows(before)


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
