"""Records on disk: what is thrown away of them, and what never is."""

from pathlib import Path

import pytest

from tests.engine.steps import started
from upgrader.cli.records import clear_incomplete_points
from upgrader.engine.journal import Journal
from upgrader.engine.state import State
from upgrader.model import events as e
from upgrader.steps.points import Points, save


@pytest.fixture
def state(tmp_path: Path) -> State:
    made = State(tmp_path / "state" / "shop")
    made.make()
    return made


def half_made(state: State, *events: e.Event) -> Path:
    """A run that said this much, and what it made of a restore point."""
    directory = state.new_run()
    journal = Journal.create(directory / "journal.jsonl")
    for event in (started(directory.name), *events):
        journal(event)
    partial = Points(state.home).begin(directory.name)
    save(partial, "databases/app.dump", b"half")
    return partial


@pytest.mark.parametrize("outcome", ["abandoned", "failed", "rolled-back", "refused"])
def test_what_a_run_that_is_over_left_half_made_is_cleared(state: State, outcome: str) -> None:
    partial = half_made(state, e.RunFinished(outcome, 0, "", 1.0))
    clear_incomplete_points(state)
    assert not partial.exists()


def test_an_unfinished_run_keeps_what_it_has_half_made(state: State) -> None:
    partial = half_made(state, e.PhaseStarted("prepare"))
    clear_incomplete_points(state)
    assert (partial / "databases/app.dump").read_bytes() == b"half"


def test_a_run_of_which_nothing_can_be_known_keeps_it_too(state: State) -> None:
    partial = half_made(state, e.RunFinished("failed", 4, "", 1.0))
    journal = state.runs / partial.stem / "journal.jsonl"
    journal.write_text("{}\n" + journal.read_text())
    clear_incomplete_points(state)
    assert partial.exists()


def test_without_its_run_nobody_can_complete_it(state: State) -> None:
    partial = Points(state.home).begin("20200101T000000-0000")
    clear_incomplete_points(state)
    assert not partial.exists()


def test_whole_ones_stay(state: State) -> None:
    whole = state.points / "20200101T000000-0000"
    whole.mkdir()
    clear_incomplete_points(state)
    assert whole.exists()
