"""The planner: verdicts as things stand, each step believing what those before it would leave."""

from pathlib import Path

import pytest

from tests.engine.steps import Bench, Refuse, Write, started
from upgrader.engine.engine import Procedure
from upgrader.engine.planner import verdicts
from upgrader.model.run import Record, Run
from upgrader.model.verdict import Needed, Satisfied, Verdict
from upgrader.steps.base import Context


class After(Write):
    """Satisfied when the step before it would have written, or has."""

    def check(self, ctx: Context) -> Verdict:
        if ctx.run.before("a") or ctx.run.facts("a"):
            return Satisfied("a comes first")
        return Needed("alone")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def ctx(bench: Bench) -> Context:
    return bench.context(Run.replay([Record(1, "", started("plan"))]))


@pytest.mark.parametrize("text", ["", "x"])
def test_a_step_believes_those_before_it(bench: Bench, ctx: Context, text: str) -> None:
    (bench.directory / "a").write_text(text)
    steps = verdicts({"prepare": [Write(id="a", name="a"), After(id="b", name="b")]}, ctx)
    assert [step.verdict for step in steps] == ["satisfied" if text else "needed", "satisfied"]
    assert bench.file("a") == text


def test_preflight_is_looked_at_in_full_and_nothing_after_a_refusal_in_it(ctx: Context) -> None:
    procedure: Procedure = {
        "preflight": [Refuse(id="r", name="r"), Refuse(id="s", name="s")],
        "prepare": [Write(id="a", name="a")],
    }
    steps = verdicts(procedure, ctx)
    assert [(step.id, step.verdict) for step in steps] == [("r", "refused"), ("s", "refused")]
    assert (steps[0].why, steps[0].hint, steps[0].lines) == ("no", "say yes", ("because",))


def test_without_an_engine_no_other_question_is_asked(ctx: Context) -> None:
    host = Refuse(id="preflight.host", uses="preflight.host", name="r")
    assert len(verdicts({"preflight": [host, Write(id="a", name="a")]}, ctx)) == 1


def test_after_a_later_refusal_the_rest_of_its_phase_is_not_looked_at(ctx: Context) -> None:
    steps = verdicts({"prepare": [Refuse(id="r", name="r"), Write(id="a", name="a")]}, ctx)
    assert [step.id for step in steps] == ["r"]


def test_each_look_is_announced(ctx: Context) -> None:
    told: list[str] = []
    verdicts({"prepare": [Write(id="a", name="a")], "finish": [Write(id="b", name="b")]}, ctx, told.append)
    assert told == ["Write a", "Write b"]
