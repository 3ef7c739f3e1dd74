"""Measures downtime as a client sees it."""

import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from types import TracebackType
from typing import Self

from upgrader.demo.host import request


@dataclass(frozen=True)
class Downtime:
    """Seconds without an answer: the longest outage, and all of them together."""

    longest: float
    total: float


@dataclass(frozen=True)
class Sample:
    """One poll: when it was sent, by time.monotonic(), and whether the app answered that it is healthy."""

    time: float
    ok: bool


class Poller:
    """Asks the app on a port for /health, twenty times a second, for as long as it is entered."""

    def __init__(self, port: int, *, interval: float = 0.05) -> None:
        self.samples: list[Sample] = []
        self._port = port
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="poller", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def downtime(self) -> Downtime:
        return downtime(self.samples)

    def _poll(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            sent = time.monotonic()
            self.samples.append(Sample(sent, self._healthy()))
            due = max(due + self._interval, sent)

    def _healthy(self) -> bool:
        with suppress(OSError, HTTPException):
            return request(self._port, "GET", "/health", timeout=1)[0] == HTTPStatus.OK
        return False


def downtime(samples: Iterable[Sample]) -> Downtime:
    """An outage lasts from the first poll that failed to the next one that did not, or to the last poll."""
    outages: list[float] = []
    down_since: float | None = None
    for sample in samples:
        if down_since is not None:
            outages[-1] = sample.time - down_since
        if sample.ok:
            down_since = None
        elif down_since is None:
            down_since = sample.time
            outages.append(0.0)
    return Downtime(max(outages, default=0.0), sum(outages))
