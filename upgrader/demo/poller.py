"""Measures downtime as a client sees it."""

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException

from upgrader.demo.host import request
from upgrader.demo.meanwhile import Meanwhile


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


class Poller(Meanwhile):
    """Asks the app on a port for /health, twenty times a second, for as long as it is entered."""

    def __init__(self, port: int, *, interval: float = 0.05) -> None:
        super().__init__(interval)
        self.samples: list[Sample] = []
        self._port = port

    def downtime(self) -> Downtime:
        return downtime(self.samples)

    def _once(self) -> None:
        sent = time.monotonic()
        self.samples.append(Sample(sent, self._healthy()))

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
