"""A client that keeps writing notes, and remembers which of them the app said it has."""

from contextlib import suppress
from http.client import HTTPException

from upgrader.demo.host import Installation
from upgrader.demo.meanwhile import Meanwhile
from upgrader.errors import StepError


class Scribe(Meanwhile):
    """Writes a note every `interval` seconds for as long as it is entered, whenever the app says that it is healthy."""

    def __init__(self, app: Installation, *, interval: float = 0.2) -> None:
        super().__init__(interval)
        self.acknowledged: list[str] = []
        self._app = app

    def _once(self) -> None:
        with suppress(OSError, HTTPException, StepError):
            if self._app.health():
                self.acknowledged += self._app.write(1)
