"""What goes on beside everything else keeps its pace, and ends when it is left."""

import threading
import time

from tests.fixtures.engine import eventually
from upgrader.demo.meanwhile import Meanwhile


class Beat(Meanwhile):
    """Notes when it was done; the first time takes ten times the interval."""

    def __init__(self, interval: float) -> None:
        super().__init__(interval)
        self.times: list[float] = []
        self.slow = interval * 10

    def _once(self) -> None:
        self.times.append(time.monotonic())
        if len(self.times) == 1:
            time.sleep(self.slow)


def test_it_goes_on_until_it_is_left_and_does_not_make_up_for_what_it_missed() -> None:
    with Beat(0.02) as beat:
        eventually(lambda: len(beat.times) >= 8, 10)
    assert Beat.__name__ not in {thread.name for thread in threading.enumerate()}
    _, second, *later = beat.times
    assert len(later) <= (later[-1] - second) / 0.02 + 2
