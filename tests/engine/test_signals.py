"""Signals: the first asks, the second insists, a closed terminal goes unheard."""

import os
import signal

import pytest

from upgrader.engine.signals import Interrupts, caught
from upgrader.errors import ExitCode


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
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)
    before = [signal.getsignal(number) for number in numbers]
    with caught(Interrupts()):
        assert [signal.getsignal(number) for number in numbers] != before
    assert [signal.getsignal(number) for number in numbers] == before
