"""What a plan expects from what runs before it took."""

from pathlib import Path

import pytest

from tests.steps.proof_world import Stand
from upgrader.model.events import RunFinished
from upgrader.model.run import Run, StepState
from upgrader.steps.survey import measured_swap


def swapped(kind: str, seconds: float, *, heal: bool = False, outcome: str = "done") -> Run:
    steps = {
        "writers.stop": StepState("finished", seconds=1.0),
        "compose.up": StepState("finished", facts={"services": ["web"]}, seconds=seconds),
        "health": StepState("finished", facts={"first": 0.5}),
    }
    ended = RunFinished(outcome, 0, "over", 60.0)
    arguments = {"heal": True} if heal else {}
    return Run(
        "20260801T120000Z-0001", kind, "shop", "/srv/shop", "", "now", steps=steps, finished=ended, arguments=arguments
    )


@pytest.mark.parametrize(
    ("past", "expected"),
    [
        ((), None),
        ((swapped("upgrade", 9.0),), None),
        ((swapped("rollback", 2.0), swapped("rollback", 4.0), swapped("upgrade", 9.0)), 5.5),
        ((swapped("rollback", 2.0), swapped("rollback", 4.0, outcome="failed")), 3.5),
        ((swapped("rollback", 2.0), swapped("rollback", 12.0, heal=True)), 3.5),
    ],
)
def test_a_way_back_is_expected_to_take_as_long_as_the_last_one(
    tmp_path: Path, past: tuple[Run, ...], expected: float | None
) -> None:
    assert measured_swap(Stand("none", "shop", tmp_path).context(past=past), "rollback") == expected
