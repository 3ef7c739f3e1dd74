"""Hooks: the operator's commands around phases, as steps between the playbook's own."""

from collections.abc import Iterator, Mapping, Sequence

from upgrader.model.app import Hook
from upgrader.model.run import FORWARD_PHASES
from upgrader.steps.base import StepModel
from upgrader.steps.finish import Command

ON_FAILURE = "on failure"


def with_hooks(
    phases: Mapping[str, Sequence[StepModel]], hooks: Sequence[Hook], kind: str
) -> dict[str, tuple[StepModel, ...]]:
    """The phases with the hooks before and after them, and those for a failure as a phase of their own.

    A hook that fails stops an upgrade like any other step. It never stops a way back, and none runs after the commit.
    """
    required = kind == "upgrade"
    steps = {
        phase: (
            *_at(f"before {phase}", hooks, required=required),
            *phases.get(phase, ()),
            *_at(f"after {phase}", hooks, required=required),
        )
        for phase in FORWARD_PHASES
    }
    return {**steps, ON_FAILURE: tuple(_at(ON_FAILURE, hooks, required=False)) if required else ()}


def _at(when: str, hooks: Sequence[Hook], *, required: bool) -> Iterator[StepModel]:
    for number, hook in enumerate((hook for hook in hooks if hook.when == when), start=1):
        yield Command(
            id=f"hook.{when.replace(' ', '-')}.{number}",
            uses="command",
            run=hook.run,
            timeout=hook.timeout,
            title=f"Run your hook {when}: {hook.run[0]}",
            required=required,
        )
