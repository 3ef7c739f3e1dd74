"""Something that is done again and again beside everything else."""

import threading
import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Meanwhile(ABC):
    """Does its part every `interval` seconds, in a thread of its own, for as long as it is entered."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name=type(self).__name__, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    @abstractmethod
    def _once(self) -> None:
        """Its part. What it raises ends the thread."""

    def _go_on(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            began = time.monotonic()
            self._once()
            due = max(due + self._interval, began)  # late once: the next one at once, and none of those missed
