"""The planner: every step's verdict as things stand now, refusals included."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from upgrader.engine.engine import Procedure
from upgrader.errors import UpgraderError
from upgrader.model.events import StepSkipped
from upgrader.model.plan import PlannedStep
from upgrader.model.run import FORWARD_PHASES
from upgrader.model.verdict import Needed, Refused, Satisfied
from upgrader.steps.base import Context, StepModel


def verdicts(procedure: Procedure, ctx: Context, tick: Callable[[str], None] = lambda _title: None) -> tuple[PlannedStep, ...]:
    """Check every step of the procedure, in order, with the facts of those before it.

    After the first phase with a refusal the rest is not looked at: it would be refused for the same reason.
    """
    found: list[PlannedStep] = []
    for phase in FORWARD_PHASES:
        for planned, facts in _phase(procedure, phase, ctx, tick):
            found.append(planned)
            if planned.verdict == "satisfied":
                ctx = replace(ctx, run=ctx.run.after(StepSkipped(planned.id, phase, planned.title, planned.why, facts)))
        if any(planned.verdict == "refused" for planned in found):
            break
    return tuple(found)


def _phase(procedure: Procedure, phase: str, ctx: Context, tick: Callable[[str], None]) -> "Iterator[tuple[PlannedStep, dict[str, object]]]":
    for step in procedure.get(phase, ()):
        tick(step.describe())
        planned, facts = _one(step, phase, ctx)
        yield planned, facts
        if planned.verdict == "refused" and phase != "preflight":
            return
        if planned.verdict == "refused" and step.uses == "preflight.host":
            return
        if planned.verdict == "satisfied":
            ctx = replace(ctx, run=ctx.run.after(StepSkipped(step.id, phase, planned.title, planned.why, facts)))


def _one(step: StepModel, phase: str, ctx: Context) -> "tuple[PlannedStep, dict[str, object]]":
    title = step.describe()
    try:
        verdict = step.check(ctx)
    except UpgraderError as error:
        verdict = Refused(error.message, error.hint, error.lines)
    match verdict:
        case Needed(why, _):
            return PlannedStep(step.id, phase, title, "needed", why), {}
        case Satisfied(why, facts):
            return PlannedStep(step.id, phase, title, "satisfied", why), dict(facts)
        case Refused(why, hint, lines):
            return PlannedStep(step.id, phase, title, "refused", why, hint, lines), {}
