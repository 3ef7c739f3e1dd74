"""Events: what happened in a run, in the past tense; and their form as JSON lines."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

Facts = Mapping[str, Any]
"""References that a step leaves behind (a commit, a path, a digest): JSON values, never contents, never secrets."""


@dataclass(frozen=True)
class Event:
    """Something that happened. Subclasses are the whole vocabulary."""

    journaled: ClassVar[bool] = True


@dataclass(frozen=True)
class RunStarted(Event):
    """A run began. `outline` is `[[phase, [[step id, title], …]], …]`."""

    run: str
    kind: str
    project: str
    directory: str
    tool: str
    playbook: str
    digest: str
    title: str
    outline: list[Any]
    of: str | None = None
    arguments: Facts = field(default_factory=dict)


@dataclass(frozen=True)
class PhaseStarted(Event):
    """The first step of a phase is next."""

    phase: str


@dataclass(frozen=True)
class StepStarted(Event):
    """A step is about to change the world; `before` is what a way back would need."""

    step: str
    phase: str
    title: str
    why: str
    before: Facts


@dataclass(frozen=True)
class Said(Event):
    """A step had something to tell."""

    step: str
    text: str


@dataclass(frozen=True)
class Output(Event):
    """A line that a program printed. Shown, and kept in the step's log; never journaled."""

    journaled: ClassVar[bool] = False
    step: str
    line: str


@dataclass(frozen=True)
class Ticked(Event):
    """Time passed while a program ran; `text` may describe the progress. Shown only."""

    journaled: ClassVar[bool] = False
    step: str
    text: str = ""


@dataclass(frozen=True)
class Asked(Event):
    """A person was asked."""

    step: str
    question: str


@dataclass(frozen=True)
class Answered(Event):
    """A person, or a flag, answered."""

    step: str
    answer: str


@dataclass(frozen=True)
class Retrying(Event):
    """An attempt failed in a way that another may cure."""

    step: str
    attempt: int
    attempts: int
    why: str
    wait: float


@dataclass(frozen=True)
class StepSkipped(Event):
    """The world already is as the step wants it."""

    step: str
    phase: str
    title: str
    why: str
    facts: Facts


@dataclass(frozen=True)
class StepFinished(Event):
    """A step's effect is in place and durable."""

    step: str
    facts: Facts
    seconds: float


@dataclass(frozen=True)
class StepFailed(Event):
    """A step refused or failed; `lines` are the program's last ones, `log` the file with all of them."""

    step: str
    why: str
    hint: str = ""
    lines: list[str] = field(default_factory=list)
    log: str = ""
    refused: bool = False


@dataclass(frozen=True)
class Turned(Event):
    """The run failed and goes back: a rollback run that is `of` it heals it."""

    why: str


@dataclass(frozen=True)
class Committed(Event):
    """The point of no automatic return: the new state is the good one."""

    summary: str


@dataclass(frozen=True)
class Interrupted(Event):
    """A signal stopped the run; it can be resumed. `step` is the one it was cancelled in; empty: between two."""

    signal: str
    step: str = ""


@dataclass(frozen=True)
class Resumed(Event):
    """Another process goes on with this run."""

    attempt: int


@dataclass(frozen=True)
class RunFinished(Event):
    """The run is over. `outcome`: done, nothing, refused, rolled-back, failed or abandoned; `code` the exit code."""

    outcome: str
    code: int
    message: str
    seconds: float
    report: Facts = field(default_factory=dict)


EVENTS: Mapping[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        RunStarted, PhaseStarted, StepStarted, Said, Output, Ticked, Asked, Answered, Retrying, StepSkipped,
        StepFinished, StepFailed, Turned, Committed, Interrupted, Resumed, RunFinished,
    )
}  # fmt: skip


def to_json(event: Event) -> dict[str, Any]:
    """`{"event": name, field: value, …}`; JSON values only."""
    return {"event": type(event).__name__} | {f.name: getattr(event, f.name) for f in fields(event)}


def from_json(record: Mapping[str, Any]) -> Event:
    """The event of a record; fields that this version does not know are dropped.

    Raises KeyError for an unknown event, TypeError for a missing field.
    """
    kind = EVENTS[record["event"]]
    known = {f.name for f in fields(kind)}
    return kind(**{name: value for name, value in record.items() if name in known})
