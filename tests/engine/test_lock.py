"""The lock: one holder, named; and children that keep it when their parent is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from upgrader.engine import lock
from upgrader.errors import LockedError, RefusedError

HOLD = """
import os, subprocess, sys, time
from pathlib import Path
from upgrader.engine import lock
with lock.hold(Path(sys.argv[1]), run="r7") as descriptor:
    lock.describe(Path(sys.argv[1]), run="r7", phase="cutover")
    os.set_inheritable(descriptor, True)
    if sys.argv[2] != "0":
        subprocess.Popen(["sleep", sys.argv[2]], pass_fds=[descriptor], start_new_session=True)
    print("held", flush=True)
    time.sleep(60)
"""


def holding(home: Path, child: float = 0) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home), str(child)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    process.stdout.close()
    return process


def test_the_lock_is_free_again_when_its_holder_leaves(tmp_path: Path) -> None:
    with lock.hold(tmp_path):
        assert lock.held(tmp_path)
    assert not lock.held(tmp_path)
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600


def test_nobody_holds_a_lock_that_was_never_taken(tmp_path: Path) -> None:
    assert not lock.held(tmp_path)
    assert lock.holder(tmp_path) == {}


def test_a_second_run_is_told_who_holds_it(tmp_path: Path) -> None:
    process = holding(tmp_path)
    try:
        with (
            pytest.raises(LockedError, match=f"process {process.pid} on .* since .*, run r7, in cutover"),
            lock.hold(tmp_path),
        ):
            pass
    finally:
        process.kill()
        process.wait()


def test_a_killed_holder_frees_it_at_once(tmp_path: Path) -> None:
    process = holding(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with lock.hold(tmp_path):
        assert lock.holder(tmp_path)["pid"] == os.getpid()


def test_the_children_of_a_killed_holder_are_waited_for(tmp_path: Path) -> None:
    process = holding(tmp_path, child=1.5)
    started = time.monotonic()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert lock.held(tmp_path)
    with lock.hold(tmp_path):
        assert time.monotonic() - started > 0.5


def test_a_holder_on_another_host_is_believed_to_be_alive(tmp_path: Path) -> None:
    process = holding(tmp_path)
    (tmp_path / "lock.info").write_text('{"pid": 1, "host": "elsewhere", "since": 0}')
    try:
        with pytest.raises(LockedError, match="process 1 on elsewhere"), lock.hold(tmp_path):
            pass
    finally:
        process.kill()
        process.wait()


def test_text_about_the_holder_is_never_evidence(tmp_path: Path) -> None:
    (tmp_path / "lock.info").write_text("not json")
    assert lock.holder(tmp_path) == {}
    assert lock.who(tmp_path) == "another upgrader is at work on this app"
    with lock.hold(tmp_path):
        assert lock.held(tmp_path)


def test_a_home_that_is_gone_is_a_refusal(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="lock cannot be opened: No such file"), lock.hold(tmp_path / "gone"):
        pass
