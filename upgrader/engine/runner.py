"""Runs: begin one, resume one, and turn back the one that failed."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from upgrader import __version__
from upgrader.engine.engine import Bind, Engine, Procedure, Sink, StepFailedError
from upgrader.engine.journal import Journal
from upgrader.engine.signals import Interrupts
from upgrader.engine.state import State, recording, write_private
from upgrader.errors import ExitCode, NeedsPersonError, RefusedError, StoppedError, UpgraderError
from upgrader.model import events as e
from upgrader.model.app import App
from upgrader.model.plan import Plan
from upgrader.model.run import FORWARD_PHASES, Run
from upgrader.model.secret import Redactor
from upgrader.playbook.load import Playbook
from upgrader.steps.base import Context, Options
from upgrader.tools.shell import collect_spools

ON_FAILURE = "on failure"
"""The phase of hooks that run when an upgrade has failed, once the app is back."""
MOST_RESUMES = 20
"""After so many attempts at one run a person is asked to look."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended, and the run that healed it, if one did."""

    run: Run
    healed_by: Run | None = None


@dataclass
class Session:
    """All that runs of one app share in this process. `context` makes a fresh context for a run."""

    app: App
    state: State
    playbook: Playbook
    redactor: Redactor
    interrupts: Interrupts
    context: Callable[[Run, Run | None, Path], Context]
    sinks: Callable[[Journal], Sequence[Sink]]
    heal_options: Callable[[Run], Options | None]
    """What the rollback that heals a failed run is to do; None when the run had nothing yet to go back to."""
    procedure: Callable[[str], Procedure]
    """The steps of an upgrade or a rollback, hooks included."""
    bind: Callable[[Run, Run | None], Bind]

    def start(
        self, kind: str, options: Options, title: str, plan: Plan | None = None, of: Run | None = None
    ) -> Outcome:
        """Begin a run and see it through: to its end, or back to where it began."""
        if self.interrupts.requested and not options.heal:
            name, code = self.interrupts.name, self.interrupts.exit_code
            raise StoppedError(f"stopped on {name}, before anything was changed", "run it again", exit_code=code)
        with recording(self.state.home):
            directory = self.state.new_run()
            write_private(directory / "playbook.yaml", self.playbook.to_yaml())
            if plan is not None:
                write_private(directory / "plan.json", json.dumps(plan.to_json(), indent=1))
            journal = Journal.create(directory / "journal.jsonl")
        engine = self._engine(journal, directory, self.procedure(kind), of)
        engine.emit(
            e.RunStarted(
                run=directory.name,
                kind=kind,
                project=self.app.stack.project,
                directory=str(self.app.stack.directory),
                tool=__version__,
                playbook=self.playbook.name,
                digest=self.playbook.digest,
                title=title,
                outline=outline(self.procedure(kind)),
                of=of.id if of else None,
                arguments=options.arguments(),
            )
        )
        return self._drive(engine, journal)

    def resume(self, run: Run, of: Run | None = None) -> Outcome:
        """Go on with an unfinished run: forward, or back when it had turned back already."""
        directory = self.state.directory(run)
        collect_spools(directory / "logs", self.redactor)
        journal = Journal.reopen(directory / "journal.jsonl")
        engine = self._engine(journal, directory, self.procedure(run.kind), of)
        engine.emit(e.Resumed(run.resumed + 1))
        if run.resumed >= MOST_RESUMES:
            return self._finish(
                engine, journal, "failed", ExitCode.NEEDS_PERSON, f"given up after {run.resumed} attempts"
            )
        if run.kind == "upgrade" and not run.committed and (run.failed_step() or run.turned):
            return self._turn_back(engine, journal, _why(run))
        return self._drive(engine, journal)

    def turn_back(self, run: Run, why: str) -> Outcome:
        """Do not go on with this unfinished run: go back from it."""
        directory = self.state.directory(run)
        collect_spools(directory / "logs", self.redactor)
        journal = Journal.reopen(directory / "journal.jsonl")
        engine = self._engine(journal, directory, self.procedure(run.kind), None)
        return self._turn_back(engine, journal, why)

    def abandon(self, run: Run) -> Outcome:
        """Declare an unfinished run over, leaving the app as it is."""
        directory = self.state.directory(run)
        journal = Journal.reopen(directory / "journal.jsonl")
        engine = self._engine(journal, directory, {}, None)
        return self._finish(
            engine, journal, "abandoned", ExitCode.DONE, "abandoned by a person; the app was left as it is"
        )

    def _drive(self, engine: Engine, journal: Journal) -> Outcome:
        try:
            engine.go()
        except StepFailedError as error:
            if _run(journal).committed:
                # the new state is the good one: what failed afterwards is told, and changes nothing about it
                message = f"{_run(journal).title}; but then {error.step} failed: {error.message}"
                return self._finish(engine, journal, "done", ExitCode.DONE, message)
            if _run(journal).kind == "upgrade":
                return self._upgrade_failed(engine, journal, error)
            return self._rollback_failed(engine, journal, error)
        run = _run(journal)
        return self._finish(engine, journal, "done", ExitCode.DONE, run.title)

    def _upgrade_failed(self, engine: Engine, journal: Journal, error: StepFailedError) -> Outcome:
        if not self._altered(journal) or self.heal_options(_run(journal)) is None:
            outcome = "refused" if error.refused else "failed"
            engine.afterwards(ON_FAILURE)
            return self._finish(engine, journal, outcome, ExitCode.REFUSED, f"{error.message}; nothing was changed")
        return self._turn_back(engine, journal, f"{error.step}: {error.message}")

    def _rollback_failed(self, engine: Engine, journal: Journal, error: StepFailedError) -> Outcome:
        healing = _run(journal).of is not None and Options.of(_run(journal).arguments).heal
        if not self._altered(journal) and not healing:
            return self._finish(engine, journal, "refused", ExitCode.REFUSED, f"{error.message}; nothing was changed")
        # it stays unfinished: a rollback goes on rolling back
        raise UpgraderError(
            f"the way back stopped at {error.step!r}: {error.message}",
            error.hint or "mend what it says, then: upgrader resume",
            lines=error.lines,
            exit_code=ExitCode.NEEDS_PERSON,
        )

    def _altered(self, journal: Journal) -> bool:
        run = _run(journal)
        steps = [step for phase in self.procedure(run.kind).values() for step in phase]
        return any(step.alters and run.touched(step.id) for step in steps)

    def _turn_back(self, engine: Engine, journal: Journal, why: str) -> Outcome:
        """Heal: a rollback of its own, which this run waits for."""
        run = _run(journal)
        back = self._heal_of(run)
        if back is not None and not back.unfinished:
            healed = back  # it ended, and we were cut off before we could say so
        elif back is None:
            options = self.heal_options(run)
            if options is None:
                return self._finish(
                    engine, journal, "rolled-back", ExitCode.ROLLED_BACK, f"{why}; nothing had been changed"
                )
            options = replace(options, heal=True)
            engine.emit(e.Turned(why))
            healed = self._heal(options, run)
        else:
            healed = self.resume(back, of=run).run
        if healed.outcome != "done":
            message = f"{why}; the way back failed as well: {healed.id}"
            return self._finish(engine, journal, "failed", ExitCode.NEEDS_PERSON, message)
        engine.afterwards(ON_FAILURE)
        message = f"{why}; rolled back by {healed.id}"
        ended = self._finish(engine, journal, "rolled-back", ExitCode.ROLLED_BACK, message)
        return Outcome(ended.run, healed)

    def _heal(self, options: Options, run: Run) -> Run:
        try:
            return self.start("rollback", options, f"Go back from {run.title}", of=run).run
        except RefusedError as error:  # a disk that is full: what is true of the app now is not "nothing was changed"
            raise NeedsPersonError(error.message, f"{error.hint}, then: upgrader resume", lines=error.lines) from error

    def _heal_of(self, run: Run) -> Run | None:
        """The rollback that was begun to heal this run, if any."""
        heals = [other for other in self.state.all() if other.of == run.id and Options.of(other.arguments).heal]
        return next((other for other in reversed(heals) if other.outcome in ("unfinished", "done")), None)

    def _finish(self, engine: Engine, journal: Journal, outcome: str, code: ExitCode, message: str) -> Outcome:
        seconds = _age(_run(journal))
        engine.emit(e.RunFinished(outcome, int(code), message, seconds))
        return Outcome(_run(journal))

    def _engine(self, journal: Journal, directory: Path, procedure: Procedure, of: Run | None) -> Engine:
        return Engine(
            procedure=procedure,
            context=lambda: self.context(_run(journal), of, directory),
            journal=journal,
            sinks=self.sinks(journal),
            redactor=self.redactor,
            interrupts=self.interrupts,
            home=self.app.home,
            directory=directory,
            bind=lambda step: self.bind(_run(journal), of)(step),  # noqa: PLW0108 - the run is another one each time
        )


def outline(procedure: Procedure) -> list[Any]:
    """`[[phase, [[step id, title], …]], …]`, for renderers."""
    return [
        [phase, [[step.id, step.describe()] for step in procedure[phase]]]
        for phase in FORWARD_PHASES
        if procedure.get(phase)
    ]


def unfinished(state: State) -> tuple[Run, Run | None] | None:
    """The unfinished run to go on with, and the rollback that is healing it, if one had begun."""
    runs = state.unfinished()
    children = {run.of: run for run in runs if run.of}
    for run in runs:
        if run.of is None or run.of not in {other.id for other in runs}:
            return run, children.get(run.id)
    return None


def _run(journal: Journal) -> Run:
    assert journal.run is not None  # noqa: S101 - RunStarted is the first event of every journal
    return journal.run


def _why(run: Run) -> str:
    failed = run.failed_step()
    return f"{failed[0]}: {failed[1].why}" if failed else "interrupted"


def _age(run: Run) -> float:
    from datetime import UTC, datetime

    started = datetime.fromisoformat(run.started_at)
    return round((datetime.now(UTC) - started).total_seconds(), 3)
