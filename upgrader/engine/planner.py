"""The planner: every step's verdict as things stand now, refusals included."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from upgrader.engine.engine import Procedure
from upgrader.errors import UpgraderError
from upgrader.model.events import Facts, StepSkipped, StepStarted
from upgrader.model.plan import PlannedStep
from upgrader.model.run import FORWARD_PHASES
from upgrader.model.verdict import Needed, Refused, Satisfied
from upgrader.steps.base import Context, StepModel

_FUNDAMENTAL = frozenset({"preflight.host", "preflight.databases"})
"""Where one of these refuses, the steps after it have nothing to look at, or wait in vain for a server that hangs."""


def verdicts(
    procedure: Procedure, ctx: Context, tick: Callable[[str], None] = lambda _title: None
) -> tuple[PlannedStep, ...]:
    """Check every step of the procedure, in order, with the facts of those before it.

    After the first phase with a refusal the rest is not looked at: it would be refused for the same reason.
    """
    found: list[PlannedStep] = []
    for phase in FORWARD_PHASES:
        for planned, facts in _phase(procedure, phase, ctx, tick):
            found.append(planned)
            ctx = _believing(ctx, planned, facts)
        if any(planned.verdict == "refused" for planned in found):
            break
    return tuple(found)


def _phase(
    procedure: Procedure, phase: str, ctx: Context, tick: Callable[[str], None]
) -> Iterator[tuple[PlannedStep, Facts]]:
    for step in procedure.get(phase, ()):
        tick(step.describe())
        planned, facts = _one(step, phase, ctx)
        yield planned, facts
        if planned.verdict == "refused" and phase != "preflight":
            return
        if planned.verdict == "refused" and step.uses in _FUNDAMENTAL:
            return
        ctx = _believing(ctx, planned, facts)


def _believing(ctx: Context, planned: PlannedStep, facts: Facts) -> Context:
    """The context as if the step had been taken: its facts, or what it would note before it acts."""
    if planned.verdict == "satisfied":
        return replace(
            ctx, run=ctx.run.after(StepSkipped(planned.id, planned.phase, planned.title, planned.why, facts))
        )
    if planned.verdict == "needed":
        return replace(
            ctx, run=ctx.run.after(StepStarted(planned.id, planned.phase, planned.title, planned.why, facts))
        )
    return ctx


def _one(step: StepModel, phase: str, ctx: Context) -> tuple[PlannedStep, Facts]:
    title = step.describe()
    try:
        # names of facts that later steps leave are not known yet: such a step is planned as it is written
        verdict = step.check(ctx)
    except UpgraderError as error:
        verdict = Refused(error.message, error.hint, error.lines)
    match verdict:
        case Needed(why, before):
            return PlannedStep(step.id, phase, title, "needed", why), before
        case Satisfied(why, facts):
            return PlannedStep(step.id, phase, title, "satisfied", why), facts
        case Refused(why, hint, lines):
            return PlannedStep(step.id, phase, title, "refused", why, hint, lines), {}
