"""From what the person typed to a target, and from a target to a plan."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from upgrader.cli.wiring import Desk
from upgrader.engine.planner import verdicts
from upgrader.errors import RefusedError, StoppedError
from upgrader.model.migration import LedgerStatus
from upgrader.model.plan import Plan
from upgrader.steps.base import Context, Options
from upgrader.tools.conversation import CancelledError

Tick = Callable[[str], None]


@contextmanager
def _stoppable(desk: Desk) -> Iterator[None]:
    """Looking changes nothing, so the first signal ends it at once. Raises StoppedError."""
    try:
        yield
    except CancelledError:
        message = f"stopped on {desk.interrupts.name} while looking: nothing was changed"
        raise StoppedError(message, "run it again", exit_code=desk.interrupts.exit_code) from None


def upgrade_plan(desk: Desk, options: Options, tick: Tick = lambda _text: None) -> tuple[Plan, Options]:
    """Fetch, resolve the target, check every step. Raises RefusedError when there is not even a target."""
    with _stoppable(desk):
        return _upgrade_plan(desk, options, tick)


def _upgrade_plan(desk: Desk, options: Options, tick: Tick) -> tuple[Plan, Options]:
    from upgrader.steps.survey import nothing_to_do
    from upgrader.steps.survey import upgrade_plan as survey

    look = desk.planning("upgrade", options)
    look.world.docker.require()
    git = look.world.git
    git.require()
    tick("Fetch from the remote")
    git.fetch()
    head = git.head()
    found = git.resolve(options.to or None, desk.app.release_tags)
    options = replace(
        options,
        target={"commit": found.commit, "name": found.name, "ref": found.ref, "kind": found.kind},
        origin={"commit": head, "name": git.name_of(head), "branch": git.branch() or ""},
    )
    ctx = desk.planning("upgrade", options)
    with ctx.world.looks.looking():
        steps = verdicts(desk.procedure("upgrade"), ctx, tick)
        plan = survey(ctx, steps, desk.playbook.name)
        if not plan.refusals and nothing_to_do(ctx):
            plan = replace(plan, nothing=True)
    return plan, options


def ledgers(desk: Desk, to: str, tick: Tick) -> tuple[str, list[LedgerStatus]]:
    """The migrators' ledgers against the files of a target, or of what is checked out: its name, and each ledger."""
    from upgrader.steps.ledgers import survey

    with _stoppable(desk):
        look = desk.planning("upgrade", Options(to=to))
        look.world.docker.require()
        git = look.world.git
        head = git.head()
        if to:
            tick("Fetch from the remote")
            git.fetch()
        target = git.resolve(to, desk.app.release_tags) if to else None
        tick("Read the migrators' ledgers")
        with look.world.looks.looking():
            found = survey(look.world, target.commit if target else head, head)
        return target.name if target else git.name_of(head), found


def rollback_plan(desk: Desk, ctx: Context, tick: Tick = lambda _text: None) -> Plan:
    from upgrader.steps.survey import rollback_plan as survey

    procedure = desk.procedure("rollback")
    with _stoppable(desk), ctx.world.looks.looking():
        plan = survey(ctx, verdicts(procedure, ctx, tick), desk.playbook.name)
    idle = {step.id for steps in procedure.values() for step in steps if not step.alters or step.uses == "command"}
    needed = {step.id for step in plan.steps if step.verdict == "needed"}
    return replace(plan, nothing=not plan.refusals and needed <= idle)


def restore_plan(desk: Desk, ctx: Context, tick: Tick = lambda _text: None) -> Plan:
    from upgrader.steps.restore import restore_plan as survey

    with _stoppable(desk), ctx.world.looks.looking():
        return survey(ctx, verdicts(desk.procedure("restore"), ctx, tick), desk.playbook.name)


def refuse(plan: Plan) -> None:
    """Raise RefusedError with everything that speaks against the plan."""
    if not plan.refusals:
        return
    first, *others = plan.refusals
    lines = [*first.lines, *(f"also: {step.why}" + (f" → {step.hint}" if step.hint else "") for step in others)]
    raise RefusedError(first.why, first.hint, lines=lines)
