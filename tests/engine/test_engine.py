"""The engine: what it writes down, in which order, and what it does when a step refuses, fails, or is cut off."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.steps import (
    Bench,
    Break,
    Cheat,
    Flaky,
    Full,
    Insisted,
    Leak,
    Look,
    Refuse,
    Sleep,
    Wonder,
    Write,
)  # fmt: skip
from upgrader.engine import journal
from upgrader.engine.engine import Engine, StepFailedError
from upgrader.engine.journal import Journal
from upgrader.engine.signals import caught
from upgrader.errors import ExitCode, StoppedError
from upgrader.model import events as e
from upgrader.tools.shell import ReadOnlyError


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_the_order_of_a_whole_run(bench: Bench) -> None:
    (bench.directory / "b").write_text("x")
    bench.engine({"preflight": [Look(id="look", name="b")], "prepare": [Write(id="a", name="a")], "finish": [Write(id="c", name="c")]}).go()  # fmt: skip
    assert bench.names() == [
        "RunStarted", "PhaseStarted preflight", "StepSkipped look", "PhaseStarted prepare", "StepStarted a",
        "StepFinished a", "Committed", "PhaseStarted finish", "StepStarted c", "StepFinished c",
    ]  # fmt: skip


def test_a_step_is_on_record_before_it_acts(bench: Bench) -> None:
    engine = bench.engine({"prepare": [Write(id="a", name="a")]})
    recorded: list[bool] = []

    def look(event: e.Event) -> None:
        if isinstance(event, e.StepStarted):
            recorded.append('"StepStarted"' in engine.journal.path.read_text() and bench.file("a") is None)

    replace(engine, sinks=[*engine.sinks, look]).go()
    assert recorded == [True]
    assert bench.file("a") == "x"


def test_what_a_step_asks_is_on_record_and_so_is_the_answer(bench: Bench) -> None:
    bench.engine({"prepare": [Wonder(id="a", name="a")]}).go()
    asked = [event for event in bench.heard if isinstance(event, e.Asked | e.Answered)]
    assert asked == [e.Asked("a", "Write a?"), e.Answered("a", "y")]
    assert bench.file("a") == "y"


def test_a_run_that_goes_on_takes_only_the_steps_that_are_left(bench: Bench) -> None:
    procedure = {"prepare": [Write(id="a", name="a"), Break(id="b", name="b"), Write(id="c", name="c")]}
    first = bench.engine(procedure)
    with pytest.raises(StepFailedError):
        first.go()
    again = Journal.reopen(first.journal.path)
    bench.heard.clear()
    mended = {"prepare": [procedure["prepare"][0], Write(id="b", name="b", text="y"), procedure["prepare"][2]]}
    replace(first, journal=again, sinks=[again, bench.heard.append], procedure=mended).go()
    assert bench.names()[:4] == ["StepStarted b", "StepFinished b", "StepStarted c", "StepFinished c"]


def test_the_first_before_is_the_one_that_counts(bench: Bench) -> None:
    (bench.directory / "b").write_text("as it was")
    engine = bench.engine({"prepare": [Break(id="b", name="b")]})
    for _ in range(2):
        with pytest.raises(StepFailedError):
            engine.go()
        (bench.directory / "b").write_text("half done")
    assert engine.journal.run is not None
    assert engine.journal.run.before("b") == {"old": "as it was"}


def test_a_refusal_is_a_failure_that_changed_nothing(bench: Bench) -> None:
    with pytest.raises(StepFailedError, match="no") as caught_error:
        bench.engine({"preflight": [Refuse(id="r", name="r")], "prepare": [Write(id="a", name="a")]}).go()
    assert (caught_error.value.refused, caught_error.value.hint, caught_error.value.lines) == (
        True,
        "say yes",
        ("because",),
    )
    assert bench.heard[-1] == e.StepFailed("r", "no", "say yes", ["because"], "", refused=True)
    assert bench.file("a") is None


def test_a_failure_carries_the_last_words(bench: Bench) -> None:
    with pytest.raises(StepFailedError, match="it broke"):
        bench.engine({"prepare": [Break(id="b", name="b")]}).go()
    assert bench.heard[-1] == e.StepFailed("b", "it broke", "mend it", ["last words"])


def test_a_passing_failure_is_tried_again_and_each_attempt_told(bench: Bench) -> None:
    bench.engine({"prepare": [Flaky(id="f", name="f", good_at=2)]}).go()
    assert "Retrying f" in bench.names()
    assert bench.file("f") == "x"


def test_a_signal_cuts_the_wait_for_another_attempt_short(bench: Bench) -> None:
    engine = bench.engine({"prepare": [Flaky(id="f", name="f", good_at=9)]})

    def interrupt(event: e.Event) -> None:
        if isinstance(event, e.Retrying):
            bench.interrupts.note(signal.SIGTERM, None)

    with pytest.raises(StoppedError):
        replace(engine, sinks=[*engine.sinks, interrupt]).go()
    assert bench.file("f.tries") == "1"


def test_a_check_that_changes_something_is_a_bug(bench: Bench) -> None:
    with pytest.raises(ReadOnlyError):
        bench.engine({"preflight": [Cheat(id="c", name="c")]}).go()
    assert bench.file("changed") is None


def test_a_secret_in_the_facts_is_a_bug(bench: Bench) -> None:
    engine = bench.engine({"prepare": [Leak(id="l", name="l")]})
    with pytest.raises(RuntimeError, match="a secret in the facts of l"):
        engine.go()
    assert "correct horse" not in engine.journal.path.read_text()


def test_a_secret_in_words_is_redacted_for_the_journal_and_the_screen(bench: Bench) -> None:
    engine = bench.engine({})
    engine.emit(e.Said("a", "the password is correct horse battery"))
    assert bench.heard[-1] == e.Said("a", "the password is ***")
    assert "correct horse" not in engine.journal.path.read_text()


def test_a_full_disk_is_a_failure_and_no_bug(bench: Bench) -> None:
    with pytest.raises(StepFailedError, match="cannot be written: No space left on device") as caught_error:
        bench.engine({"prepare": [Full(id="f", name="f")]}).go()
    assert caught_error.value.hint.startswith("make room: df -h")


def test_the_first_signal_stops_at_the_step_boundary(bench: Bench) -> None:
    engine = bench.engine({"prepare": [Write(id="a", name="a"), Write(id="b", name="b")]})

    def interrupt(event: e.Event) -> None:
        if isinstance(event, e.StepStarted):
            os.kill(os.getpid(), signal.SIGINT)

    with caught(bench.interrupts), pytest.raises(StoppedError, match="stopped on SIGINT, at a safe place") as stopped:
        replace(engine, sinks=[*engine.sinks, interrupt]).go()
    assert (bench.file("a"), bench.file("b")) == ("x", None)
    assert stopped.value.exit_code == ExitCode.INTERRUPTED
    assert "upgrader resume" in stopped.value.hint
    assert isinstance(journal.read(engine.journal.path)[-1].event, e.Interrupted)


def test_the_second_signal_cancels_the_program_that_runs(bench: Bench) -> None:
    engine = bench.engine({"prepare": [Sleep(id="s", name="s", seconds=60)]})

    def interrupt(event: e.Event) -> None:
        if isinstance(event, e.Ticked):
            bench.interrupts.note(signal.SIGTERM, None)

    with pytest.raises(StoppedError, match="cancelled in the middle of 's'") as stopped:
        replace(engine, sinks=[*engine.sinks, interrupt]).go()
    assert stopped.value.exit_code == ExitCode.TERMINATED
    assert bench.file("s") is None
    assert bench.heard[-1] == e.Interrupted("SIGTERM", "s"), "which is no safe place"


def test_a_cancelled_step_is_told_as_an_interruption(bench: Bench) -> None:
    with pytest.raises(StoppedError):
        bench.engine({"prepare": [Insisted(id="i", name="i")]}).go()
    assert bench.names()[-1] == "Interrupted i"


def test_steps_after_a_failure_cannot_fail_the_run(bench: Bench) -> None:
    engine = bench.engine({"on failure": [Break(id="b", name="b"), Write(id="a", name="a")]})
    engine.afterwards("on failure")
    assert bench.file("a") == "x"


def test_what_a_program_printed_is_in_the_log_of_its_step(bench: Bench) -> None:
    engine = bench.engine({"prepare": [Sleep(id="s", name="s", seconds=0.1)]})
    engine.go()
    log = engine.directory / "logs" / "s.log"
    assert log.read_text().startswith("$ sleep 0.1\n")
    assert log.stat().st_mode & 0o777 == 0o600


def test_the_lines_of_the_journal_are_what_was_heard(bench: Bench) -> None:
    engine: Engine = bench.engine({"prepare": [Write(id="a", name="a")]})
    engine.go()
    recorded = [json.loads(line)["event"] for line in engine.journal.path.read_text().splitlines()]
    assert recorded == [type(event).__name__ for event in bench.heard if event.journaled]
