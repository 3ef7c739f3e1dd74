"""The records of an app: runs in their true order."""

from pathlib import Path

import pytest

from upgrader.engine.state import State


@pytest.fixture
def state(tmp_path: Path) -> State:
    made = State(tmp_path / "state" / "shop")
    made.make()
    return made


def test_runs_of_one_second_sort_as_they_began(state: State) -> None:
    names = [state.new_run().name for _ in range(50)]
    assert names == sorted(set(names))


@pytest.mark.parametrize("newest", ["29990101T000000-1f1c", "29990101T000000-ffff", "29991231T235959-ffff"])
def test_a_run_sorts_behind_one_whose_clock_was_ahead(state: State, newest: str) -> None:
    (state.runs / newest).mkdir()
    assert newest < state.new_run().name < state.new_run().name


def test_what_is_no_run_does_not_count(state: State) -> None:
    (state.runs / "lost+found").mkdir()
    assert state.new_run().name < "lost+found"
