"""A client that keeps writing notes, and remembers which of them the app said it has."""

import threading
from contextlib import suppress
from http.client import HTTPException
from types import TracebackType
from typing import Self

from upgrader.demo.host import Installation
from upgrader.errors import StepError


class Scribe:
    """Writes a note every `interval` seconds for as long as it is entered, whenever the app says that it is healthy."""

    def __init__(self, app: Installation, *, interval: float = 0.2) -> None:
        self.acknowledged: list[str] = []
        self._app = app
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, name="scribe", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def _write(self) -> None:
        while not self._stop.wait(self._interval):
            with suppress(OSError, HTTPException, StepError):
                if self._app.health():
                    self.acknowledged += self._app.write(1)
