"""What all tests of the engine share."""

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """Puts the test run's own handlers back: who was told to stop leaves signals unheard on the way out."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
