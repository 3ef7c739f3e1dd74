"""Runs: how each one ends, how the one that failed is turned back, and how the one that was cut off goes on."""

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.steps import Bench, Break, BreakWhile, Look, Refuse, Write, started
from upgrader.engine import journal
from upgrader.engine.engine import Procedure
from upgrader.engine.journal import Journal
from upgrader.engine.runner import MOST_RESUMES, Session, unfinished
from upgrader.errors import ExitCode, StoppedError, UpgraderError
from upgrader.model import events as e
from upgrader.model.run import Run
from upgrader.steps.base import Options

UP: Procedure = {"prepare": [Write(id="a", name="a")], "cutover": [Write(id="b", name="b")]}
BACK: Procedure = {"cutover": [Write(id="a", name="a", text="old")]}
FAILING: Procedure = {"prepare": [Write(id="a", name="a")], "cutover": [Break(id="b", name="b")]}


class CutOffError(BaseException):
    """Stands for a kill: nothing of ours hears of it."""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def start(session: Session) -> Run:
    return session.start("upgrade", Options(), "Upgrade to v2").run


def cut_off(session: Session, when: Callable[[e.Event], bool]) -> None:
    """Begin an upgrade, and cut it off before the journal hears of the event."""

    def cut(event: e.Event) -> None:
        if when(event):
            raise CutOffError

    with pytest.raises(CutOffError):
        start(replace(session, sinks=lambda journal: (cut, journal)))


def at(kind: type[e.Event], step: str = "") -> Callable[[e.Event], bool]:
    return lambda event: isinstance(event, kind) and getattr(event, "step", "") == step


def test_a_good_run_is_done_and_leaves_nothing_unfinished(bench: Bench) -> None:
    run = start(bench.session(UP))
    assert (run.outcome, run.committed) == ("done", "Upgrade to v2")
    assert bench.state.unfinished() == []
    assert (bench.state.directory(run) / "playbook.yaml").read_text().startswith("# bench, resolved")


def test_a_refusal_changed_nothing(bench: Bench) -> None:
    run = start(bench.session({"preflight": [Refuse(id="r", name="r")]}, BACK))
    assert run.finished is not None
    assert (run.outcome, run.finished.code) == ("refused", ExitCode.REFUSED)
    assert len(list(bench.state.all())) == 1


def test_a_failure_before_anything_was_altered_needs_no_way_back(bench: Bench) -> None:
    class BreakLook(Break):
        alters = False

    run = start(bench.session({"prepare": [BreakLook(id="b", name="b")]}, BACK))
    assert (run.outcome, bench.file("a")) == ("failed", None)


def test_a_failure_is_healed_by_a_rollback_of_its_own(bench: Bench) -> None:
    outcome = bench.session(FAILING, BACK).start("upgrade", Options(), "Upgrade to v2")
    assert outcome.run.finished is not None
    assert (outcome.run.outcome, outcome.run.finished.code) == ("rolled-back", ExitCode.ROLLED_BACK)
    assert outcome.healed_by is not None
    assert (outcome.healed_by.of, outcome.healed_by.outcome) == (outcome.run.id, "done")
    assert Options.of(outcome.healed_by.arguments).heal
    assert bench.file("a") == "old"


def test_a_way_back_that_fails_stays_unfinished_and_needs_a_person(bench: Bench) -> None:
    (bench.directory / "bad").touch()
    session = bench.session(FAILING, {"cutover": [BreakWhile(id="a", name="a", text="old")]})
    with pytest.raises(UpgraderError, match="the way back stopped at 'a'") as caught:
        start(session)
    assert caught.value.exit_code == ExitCode.NEEDS_PERSON
    (bench.directory / "bad").unlink()
    found = unfinished(bench.state)
    assert found is not None
    run = session.resume(found[0]).run
    assert (run.outcome, bench.file("a")) == ("rolled-back", "old")
    assert bench.state.unfinished() == []


def test_what_fails_after_the_commit_does_not_turn_the_run_back(bench: Bench) -> None:
    run = start(bench.session({**UP, "finish": [Break(id="c", name="c")]}, BACK))
    assert (run.outcome, bench.file("a")) == ("done", "x")


def test_a_failure_after_the_commit_that_was_cut_off_does_not_turn_it_back_either(bench: Bench) -> None:
    session = bench.session({**UP, "finish": [Break(id="c", name="c")]}, BACK)
    cut_off(session, at(e.RunFinished))
    run = session.resume(bench.state.unfinished()[0]).run
    assert (run.outcome, bench.file("a")) == ("done", "x")


@pytest.mark.parametrize(
    "when",
    [at(e.StepStarted, "a"), at(e.StepFinished, "a"), at(e.StepStarted, "b"), at(e.StepFinished, "b"),
     at(e.Committed), at(e.RunFinished)],
)  # fmt: skip
def test_a_run_that_was_cut_off_goes_on_to_its_end(bench: Bench, when: Callable[[e.Event], bool]) -> None:
    session = bench.session(UP, BACK)
    cut_off(session, when)
    run = session.resume(bench.state.unfinished()[0]).run
    assert (run.outcome, run.resumed) == ("done", 1)
    assert (bench.file("a"), bench.file("b")) == ("x", "x")


def test_a_run_that_was_cut_off_before_its_first_line_never_began(bench: Bench) -> None:
    cut_off(bench.session(UP), at(e.RunStarted))
    assert list(bench.state.all()) == []


@pytest.mark.parametrize("when", [at(e.Turned), at(e.RunStarted), at(e.RunFinished)])
def test_a_failed_run_that_was_cut_off_is_turned_back(bench: Bench, when: Callable[[e.Event], bool]) -> None:
    session = bench.session(FAILING, BACK)
    began = []

    def later(event: e.Event) -> bool:
        # the first RunStarted is the upgrade's own, and so is the last RunFinished
        began.append(event)
        return when(event) and len(began) > 1

    cut_off(session, later)
    found = unfinished(bench.state)
    assert found is not None
    outcome = session.resume(found[0])
    assert (outcome.run.outcome, bench.file("a")) == ("rolled-back", "old")
    assert bench.state.unfinished() == []


def test_an_effect_that_a_second_look_finds_in_place_still_needs_its_way_back(bench: Bench) -> None:
    """`a` was written, but nobody could say so: on resuming it is skipped, and then `b` fails."""
    session = bench.session(FAILING, BACK)
    cut_off(session, at(e.StepFinished, "a"))
    outcome = session.resume(bench.state.unfinished()[0])
    assert (outcome.run.steps["a"].state, outcome.run.touched("a")) == ("skipped", True)
    assert (outcome.run.outcome, bench.file("a")) == ("rolled-back", "old")


def test_a_person_turns_an_unfinished_run_back_and_resume_keeps_that_direction(bench: Bench) -> None:
    session = bench.session(UP, BACK)
    cut_off(session, at(e.StepStarted, "b"))
    run = bench.state.unfinished()[0]

    def cut(event: e.Event) -> None:
        if isinstance(event, e.StepFinished):
            raise CutOffError

    with pytest.raises(CutOffError):
        replace(session, sinks=lambda journal: (cut, journal)).turn_back(run, "a person chose to go back")
    found = unfinished(bench.state)
    assert found is not None
    outcome = session.resume(found[0])
    assert (outcome.run.outcome, bench.file("a"), bench.file("b")) == ("rolled-back", "old", None)


def test_a_run_with_nothing_to_go_back_to_is_turned_back_by_words_alone(bench: Bench) -> None:
    bench.way_back = False
    session = bench.session({"prepare": [Look(id="a", name="a"), Write(id="b", name="b")]}, BACK)
    cut_off(session, at(e.StepStarted, "b"))
    run = session.turn_back(bench.state.unfinished()[0], "a person chose to go back").run
    assert run.finished is not None
    assert run.finished.message.endswith("nothing had been changed")
    assert len(list(bench.state.all())) == 1


def test_recovery_comes_to_an_end(bench: Bench) -> None:
    session = bench.session(UP, BACK)
    cut_off(session, at(e.StepStarted, "b"))
    path = bench.state.directory(bench.state.unfinished()[0]) / "journal.jsonl"
    Journal.reopen(path)(e.Resumed(MOST_RESUMES))
    run = session.resume(bench.state.unfinished()[0]).run
    assert run.finished is not None
    assert (run.outcome, run.finished.code) == ("failed", ExitCode.NEEDS_PERSON)


def test_a_healing_that_was_given_up_is_not_called_a_healing(bench: Bench) -> None:
    (bench.directory / "bad").touch()
    session = bench.session(FAILING, {"cutover": [BreakWhile(id="a", name="a", text="old")]})
    with pytest.raises(UpgraderError):
        start(session)
    found = unfinished(bench.state)
    assert found is not None
    assert found[1] is not None
    Journal.reopen(bench.state.directory(found[1]) / "journal.jsonl")(e.Resumed(MOST_RESUMES))
    run = session.resume(found[0]).run
    assert run.finished is not None
    assert (run.outcome, run.finished.code) == ("failed", ExitCode.NEEDS_PERSON)


def test_abandoned_runs_leave_the_app_as_it_is(bench: Bench) -> None:
    session = bench.session(UP, BACK)
    cut_off(session, at(e.StepFinished, "a"))
    run = session.abandon(bench.state.unfinished()[0]).run
    assert (run.outcome, bench.file("a"), bench.state.unfinished()) == ("abandoned", "x", [])


def test_a_stopped_run_is_unfinished_and_goes_on(bench: Bench) -> None:
    session = bench.session(UP, BACK)

    def interrupt(event: e.Event) -> None:
        if isinstance(event, e.StepStarted):
            bench.interrupts.note(signal.SIGINT, None)

    with pytest.raises(StoppedError):
        start(replace(session, sinks=lambda journal: (journal, interrupt)))
    bench.interrupts.count = 0
    assert session.resume(bench.state.unfinished()[0]).run.outcome == "done"


def test_a_damaged_journal_stops_every_command_and_names_the_line(bench: Bench) -> None:
    run = start(bench.session(UP))
    path = bench.state.directory(run) / "journal.jsonl"
    path.write_bytes(path.read_bytes().replace(b"cutover", b"cutlery", 1))
    with pytest.raises(journal.JournalError, match=r"journal\.jsonl:\d+: this line is damaged"):
        bench.state.unfinished()


def test_runs_are_found_by_the_beginning_or_the_end_of_their_id(bench: Bench) -> None:
    run = start(bench.session(UP))
    assert bench.state.find(run.id[-4:]).id == bench.state.find(run.id[:15]).id == run.id
    start(bench.session(UP))
    with pytest.raises(UpgraderError, match="2 runs of this app can be meant"):
        bench.state.find("2")
    with pytest.raises(UpgraderError, match="no run of this app"):
        bench.state.find("zzzz")


def test_records_are_private(bench: Bench) -> None:
    run = start(bench.session(UP))
    places = [bench.state.home, bench.state.runs, bench.state.directory(run), bench.state.directory(run) / "logs"]
    assert {path.stat().st_mode & 0o777 for path in places} == {0o700}
    files = [path for path in bench.state.directory(run).iterdir() if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_a_journal_begins_with_its_run() -> None:
    from upgrader.model.run import Record

    with pytest.raises(ValueError, match="begins with RunStarted"):
        Run.replay([Record(1, "", e.PhaseStarted("prepare"))])
    assert Run.replay([Record(1, "", started("r9"))]).id == "r9"


def test_a_signal_that_came_while_planning_begins_no_run(bench: Bench) -> None:
    bench.interrupts.note(signal.SIGTERM, None)
    with pytest.raises(StoppedError, match="before anything was changed") as stopped:
        start(bench.session(UP))
    assert stopped.value.exit_code == ExitCode.TERMINATED
    assert list(bench.state.all()) == []
