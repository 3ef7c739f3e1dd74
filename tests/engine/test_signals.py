"""Signals: the first asks, the second insists, a closed terminal goes unheard."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from upgrader.engine.signals import Interrupts, caught
from upgrader.errors import ExitCode

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)
STUBBORN = """
import os, signal, sys
from upgrader.engine.signals import Interrupts, caught
with caught(Interrupts()) as interrupts:
    os.kill(os.getpid(), {number})
    os.kill(os.getpid(), {number})
os.kill(os.getpid(), {number})
sys.exit(interrupts.exit_code)
"""


@pytest.mark.parametrize(
    ("number", "name", "code"),
    [(signal.SIGINT, "SIGINT", ExitCode.INTERRUPTED), (signal.SIGTERM, "SIGTERM", ExitCode.TERMINATED)],
)
def test_the_first_signal_asks_and_the_second_insists(number: int, name: str, code: ExitCode) -> None:
    with caught(Interrupts()) as interrupts:
        assert not interrupts.requested
        os.kill(os.getpid(), number)
        assert (interrupts.requested, interrupts.insisted) == (True, False)
        os.kill(os.getpid(), number)
        assert interrupts.insisted
    assert interrupts.name == name
    assert interrupts.exit_code == code


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGPIPE])
def test_a_closed_terminal_is_no_interrupt(number: int) -> None:
    with caught(Interrupts()) as interrupts:
        os.kill(os.getpid(), number)
    assert not interrupts.requested


def test_the_handlers_of_before_are_put_back() -> None:
    before = [signal.getsignal(number) for number in NUMBERS]
    with caught(Interrupts()):
        assert [signal.getsignal(number) for number in NUMBERS] != before
    assert [signal.getsignal(number) for number in NUMBERS] == before


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)]
)
def test_a_third_signal_on_the_way_out_does_not_spoil_the_exit_code(number: int, code: ExitCode) -> None:
    script = STUBBORN.format(number=int(number))
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], timeout=60, capture_output=True
    )
    assert (done.returncode, done.stderr) == (code, b"")
