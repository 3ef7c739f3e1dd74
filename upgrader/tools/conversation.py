"""A program that stays, and is asked again and again: a look costs a round trip instead of a start."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO

_BEAT = 0.1
_PATIENCE = 2.0


class CancelledError(Exception):
    """The person insisted: the running program was told to stop."""


@dataclass
class Conversation:
    """A running program that reads questions on `stdin` and prints its answers into the file `out`.

    For looks alone: whatever goes wrong with it ends it, and the question is asked anew in a program of its own. It
    ends when `close` is called, and with this process: its stdin is a pipe of ours.
    """

    alive: Callable[[], bool]
    stop: Callable[[], None]
    """Makes it end, if it has not ended by itself."""
    stdin: int
    out: IO[bytes]
    tick: Callable[[], bool] | None = None
    spent: list[float] = field(default_factory=lambda: [0.0])
    _read: int = 0

    def ask(self, question: bytes, until: bytes, timeout: float | None = None) -> str | None:
        """What it prints before the line `until`, which the question has to make it print; None when it never does.

        `timeout` is in seconds. Raises CancelledError when `tick` says so.
        """
        started = time.monotonic()
        try:
            return self._ask(question, until + b"\n", started, timeout)
        finally:
            self.spent[0] += time.monotonic() - started

    def _ask(self, question: bytes, until: bytes, started: float, timeout: float | None) -> str | None:
        try:
            _write_all(self.stdin, question)
        except BrokenPipeError:
            return None
        looked, heard, alive = started, b"", True
        while alive:
            alive = self.alive()  # asked before the look: what it printed last is still read
            size = os.fstat(self.out.fileno()).st_size
            heard += os.pread(self.out.fileno(), size - self._read - len(heard), self._read + len(heard))
            if heard.endswith(until):
                self._read += len(heard)
                return heard[: -len(until)].decode(errors="replace")
            now = time.monotonic()
            if timeout is not None and now - started > timeout:
                return None
            if now - looked >= _BEAT:
                looked = now
                if self.tick and self.tick():
                    raise CancelledError
            time.sleep(min(max((now - started) / 20, 0.001), _BEAT))
        return None

    def close(self) -> None:
        """End it: it sees the end of its input, and gets a moment for it."""
        os.close(self.stdin)
        deadline = time.monotonic() + _PATIENCE
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.001)
        self.stop()
        self.out.close()


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
