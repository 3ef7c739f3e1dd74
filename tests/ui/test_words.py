"""Words: what events, phases and outcomes read like, and what is kept off the terminal."""

import pytest

from tests.ui.samples import run
from tests.ui.story import failed, forward, started
from upgrader.model import events as e
from upgrader.ui.words import Telling, clean, elapsed, outcome_words, phase_words


@pytest.mark.parametrize(
    ("dirty", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
        (" 10%\r 50%\r100%\r\n", "100%"),
        ("a\tb", "a   b"),
        ("two\nlines", "two lines"),
        ("bell\x07 and \x9b1mC1", "bell  and  1mC1"),
        ("right\u202eto left", "right to left"),
    ],
)
def test_control_sequences_never_reach_the_terminal(dirty: str, shown: str) -> None:
    assert clean(dirty) == shown


def test_an_event_names_its_step_by_the_title_of_the_outline() -> None:
    telling = Telling()
    telling.tell(started())
    assert telling.tell(e.StepFinished("pull", {}, 1.0))[0].text == "Pull the images"
    assert telling.tell(e.StepFinished("later", {}, 1.0))[0].text == "later"


def test_every_journaled_event_of_a_run_says_something_but_a_question() -> None:
    telling = Telling()
    silent = [event for _, event in forward() + failed() if event.journaled and not telling.tell(event)]
    assert silent == []
    assert telling.tell(e.Asked("plan", "Go on?")) == []


def test_an_answer_repeats_its_question() -> None:
    telling = Telling()
    telling.tell(e.Asked("plan", "Upgrade shop to v1.1.0?"))
    (line,) = telling.tell(e.Answered("plan", "y"))
    assert (line.text, line.aside) == ("Upgrade shop to v1.1.0?", "→ yes")


def test_a_failure_ends_with_what_to_type_next() -> None:
    lines = Telling().tell(
        e.StepFailed("migrate", "it ended with 1", "docker logs x", [f"line {n}" for n in range(30)])
    )
    assert (lines[0].text, lines[0].aside) == ("migrate", "it ended with 1")
    assert [line.text for line in lines[1:-1]] == [f"line {n}" for n in range(18, 30)]
    assert (lines[-1].mark, lines[-1].text) == ("→", "docker logs x")


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("done", "done"),
        ("nothing", "nothing to do"),
        ("refused", "refused, nothing changed"),
        ("rolled-back", "failed, rolled back"),
        ("failed", "failed, needs a person"),
        ("abandoned", "abandoned"),
    ],
)
def test_outcomes(outcome: str, words: str) -> None:
    assert outcome_words(run(started(), e.RunFinished(outcome, 0, "", 1.0))) == words


def test_an_unfinished_run_says_where_it_stands() -> None:
    assert outcome_words(run(started())) == "unfinished"
    assert outcome_words(run(started(), e.PhaseStarted("cutover"))) == "unfinished, in cutover"


def test_phases_say_who_serves() -> None:
    assert phase_words("prepare") == "the old version is serving"
    assert phase_words("cutover", "rollback") == "downtime window"
    assert phase_words("prepare", "rollback") != phase_words("prepare", "upgrade")
    assert phase_words("prepare", "backup") == ""


def test_the_running_clock_counts_whole_seconds() -> None:
    assert [elapsed(seconds) for seconds in (0.4, 9.9, 59.9, 61.5, 3700)] == ["0s", "9s", "59s", "1m 01s", "1h 01m"]
