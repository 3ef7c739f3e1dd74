"""A run: its journal, folded."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from upgrader.model import events as e

FORWARD_PHASES = ("preflight", "prepare", "cutover", "verify", "finish")


@dataclass(frozen=True)
class Record:
    """One line of a journal: when (UTC, ISO 8601), and what."""

    seq: int
    at: str
    event: e.Event


@dataclass(frozen=True)
class StepState:
    """How far a step came: started, skipped, finished or failed."""

    state: str
    phase: str = ""
    before: e.Facts = field(default_factory=dict)
    facts: e.Facts = field(default_factory=dict)
    why: str = ""
    hint: str = ""
    lines: tuple[str, ...] = ()
    log: str = ""
    seconds: float = 0.0
    begun: bool = False
    """Whether it ever began to change the world, even if a later look found nothing left to do."""


@dataclass(frozen=True)
class Run:
    """One execution of a playbook on one app."""

    id: str
    kind: str
    project: str
    directory: str
    title: str
    started_at: str
    digest: str = ""
    of: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    steps: Mapping[str, StepState] = field(default_factory=dict)
    phase: str = ""
    committed: str | None = None
    turned: bool = False
    resumed: int = 0
    finished: e.RunFinished | None = None
    finished_at: str = ""

    @property
    def unfinished(self) -> bool:
        return self.finished is None

    @property
    def outcome(self) -> str:
        return self.finished.outcome if self.finished else "unfinished"

    def facts(self, step: str) -> e.Facts:
        """What the step left behind, or an empty mapping."""
        state = self.steps.get(step)
        return state.facts if state else {}

    def before(self, step: str) -> e.Facts:
        """What the world looked like before the step first changed it, or an empty mapping."""
        state = self.steps.get(step)
        return state.before if state else {}

    def touched(self, step: str) -> bool:
        """Whether the step began to change the world."""
        state = self.steps.get(step)
        return state is not None and state.begun

    def cut_off(self, step: str) -> bool:
        """Whether the step began to change the world and never came to its end."""
        state = self.steps.get(step)
        return state is not None and state.begun and state.state in ("started", "failed")

    def failed_step(self) -> tuple[str, StepState] | None:
        for name, state in self.steps.items():
            if state.state == "failed":
                return name, state
        return None

    @staticmethod
    def replay(records: Iterable[Record]) -> "Run":
        """Fold a journal. Raises ValueError when it does not begin with RunStarted."""
        run: Run | None = None
        for record in records:
            if run is None:
                if not isinstance(record.event, e.RunStarted):
                    msg = "a journal begins with RunStarted"
                    raise ValueError(msg)
                run = _opened(record.event, record.at)
            else:
                run = run.after(record.event, record.at)
        if run is None:
            msg = "the journal is empty"
            raise ValueError(msg)
        return run

    def after(self, event: e.Event, at: str = "") -> "Run":
        """This run, one event later."""
        match event:
            case e.PhaseStarted():
                return replace(self, phase=event.phase)
            case e.StepStarted():
                old = self.steps.get(event.step)
                # the first `before` ever journaled is the one that counts: later ones saw our own effects
                before = old.before if old and old.before else event.before
                return self._with(event.step, StepState("started", event.phase, before, why=event.why, begun=True))
            case e.StepSkipped():
                old = self.steps.get(event.step)
                skipped = StepState("skipped", event.phase, facts=event.facts, why=event.why)
                if old:
                    skipped = replace(skipped, before=old.before, begun=old.begun)
                return self._with(event.step, skipped)
            case e.StepFinished():
                old = self.steps.get(event.step, StepState("started"))
                done = replace(old, state="finished", facts=event.facts, seconds=event.seconds)
                return self._with(event.step, done)
            case e.StepFailed():
                old = self.steps.get(event.step, StepState("started"))
                failed = replace(
                    old, state="failed", why=event.why, hint=event.hint, lines=tuple(event.lines), log=event.log
                )
                return self._with(event.step, failed)
            case e.Turned():
                return replace(self, turned=True)
            case e.Committed():
                return replace(self, committed=event.summary)
            case e.Resumed():
                return replace(self, resumed=event.attempt)
            case e.RunFinished():
                return replace(self, finished=event, finished_at=at)
            case _:
                return self

    def _with(self, step: str, state: StepState) -> "Run":
        return replace(self, steps={**self.steps, step: state})


def _opened(event: e.RunStarted, at: str) -> Run:
    return Run(
        id=event.run,
        kind=event.kind,
        project=event.project,
        directory=event.directory,
        title=event.title,
        started_at=at,
        digest=event.digest,
        of=event.of,
        arguments=event.arguments,
    )
