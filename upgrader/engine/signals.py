"""Signals: the first asks to stop at the next step boundary, the second cancels the running program."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from upgrader.errors import ExitCode

NAMES = {signal.SIGINT: "SIGINT", signal.SIGTERM: "SIGTERM"}


class Interrupts:
    """What has been asked of us since the run began."""

    def __init__(self) -> None:
        self.count = 0
        self.name = ""

    @property
    def requested(self) -> bool:
        return self.count > 0

    @property
    def insisted(self) -> bool:
        return self.count > 1

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.TERMINATED if self.name == "SIGTERM" else ExitCode.INTERRUPTED

    def note(self, number: int, _frame: FrameType | None) -> None:
        self.count += 1
        self.name = NAMES.get(signal.Signals(number), str(number))


@contextmanager
def caught(interrupts: Interrupts) -> Iterator[Interrupts]:
    """Within it, SIGINT and SIGTERM are noted instead of killing us, and a closed terminal goes unheard.

    Once one of them was noted, we are on our way out when it is left: more of them must not spoil the exit code.
    """
    before = {number: signal.signal(number, interrupts.note) for number in (signal.SIGINT, signal.SIGTERM)}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    before[signal.SIGPIPE] = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            leaving = interrupts.requested and number in NAMES
            signal.signal(number, signal.SIG_IGN if leaving else handler)
