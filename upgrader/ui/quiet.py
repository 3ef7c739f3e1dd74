"""The quiet renderer: failures and the last word."""

from typing import TextIO

from upgrader.model import events as e
from upgrader.ui.layout import lay, paint
from upgrader.ui.outlet import Outlet
from upgrader.ui.words import Telling

_SPOKEN = (e.StepFailed, e.Turned, e.Interrupted, e.RunFinished)


class Quiet:
    """Says nothing until something fails or the run ends."""

    def __init__(self, stream: TextIO | None, *, color: bool = False) -> None:
        self._out = Outlet(stream)
        self._color = color
        self._telling = Telling()

    def __call__(self, event: e.Event) -> None:
        lines = self._telling.tell(event)
        if not isinstance(event, _SPOKEN):
            return
        for line in lines:
            for spans in lay(line, column=0):
                self._out.line(paint(spans, color=self._color).rstrip())

    def close(self) -> None:
        """Nothing is held back."""
