"""The plain renderer: one line per event, for logs, pipes and dumb terminals."""

import time
from collections.abc import Callable
from typing import TextIO

from upgrader.model import events as e
from upgrader.ui.layout import lay, paint, painted
from upgrader.ui.outlet import Outlet
from upgrader.ui.words import OUTPUT, Line, Telling

STILL = (15.0, 30.0, 60.0, 120.0, 300.0)
"""Seconds of silence after which a running step says that it is alive, the first time, the second, …, then each time:
CI kills jobs that say nothing.
"""


class Plain:
    """Prints each event as it comes. `stamp` gives the time that goes before each line; `clock` counts seconds."""

    def __init__(
        self,
        stream: TextIO | None,
        *,
        color: bool = False,
        stamp: Callable[[], str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out = Outlet(stream)
        self._color = color
        self._stamp = stamp
        self._clock = clock
        self._telling = Telling()
        self._started = self._spoke = clock()
        self._step = ""
        self._printed_output = False
        self._stills = 0
        """How often the running step has said that it is alive, since it last said anything else."""

    def __call__(self, event: e.Event) -> None:
        if isinstance(event, e.Ticked):
            self._tick(event)
            return
        self._stills = 0
        if isinstance(event, e.StepStarted):
            self._step, self._started, self._printed_output = event.step, self._clock(), False
        for line in self._telling.tell(event):
            repeated = self._printed_output and line.mark == OUTPUT and isinstance(event, e.StepFailed)
            if not repeated:
                self._print(line)
        self._printed_output |= isinstance(event, e.Output)

    def close(self) -> None:
        """Nothing is held back."""

    def _tick(self, event: e.Ticked) -> None:
        now = self._clock()
        if event.step == self._step and now - self._spoke >= STILL[min(self._stills, len(STILL) - 1)]:
            self._print(self._telling.still(now - self._started, event.text))
            self._stills += 1

    def _print(self, line: Line) -> None:
        self._spoke = self._clock()
        if line.above:
            self._out.line()
        stamp = painted(f"{self._stamp()} ", "dim", color=self._color) if self._stamp else ""
        for spans in lay(line, self._telling.column):
            self._out.line(stamp + paint(spans, color=self._color).rstrip())
