"""The engine: asks each step to look, writes down what is about to happen, lets it act, writes down what came of it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from upgrader.engine import lock
from upgrader.engine.journal import Journal
from upgrader.engine.signals import Interrupts
from upgrader.errors import RefusedError, StepError, StoppedError, TransientError, UpgraderError
from upgrader.model import events as e
from upgrader.model.run import FORWARD_PHASES, Run
from upgrader.model.secret import Redactor
from upgrader.model.verdict import Needed, Refused, Satisfied, Verdict
from upgrader.steps.base import Ask, Context, Question, StepModel
from upgrader.tools.conversation import CancelledError
from upgrader.tools.files import unwritable

Sink = Callable[[e.Event], None]
Bind = Callable[[StepModel], StepModel]
Procedure = Mapping[str, Sequence[StepModel]]
WAITS = (2.0, 5.0, 10.0)


class StepFailedError(UpgraderError):
    """A step refused or failed; `changed` says whether anything had been changed by then."""

    def __init__(self, step: str, phase: str, cause: UpgraderError, *, refused: bool) -> None:
        super().__init__(cause.message, cause.hint, lines=cause.lines, exit_code=cause.exit_code)
        self.step = step
        self.phase = phase
        self.refused = refused


@dataclass
class Engine:
    """Walks one procedure of one run. `sinks` hear each event in their order; the journal is the first of them."""

    procedure: Procedure
    context: Callable[[], Context]
    """A fresh context: nothing that a step read is still believed by the next."""
    journal: Journal
    sinks: Sequence[Sink]
    redactor: Redactor
    interrupts: Interrupts
    home: Path
    directory: Path
    bind: Bind = lambda step: step
    """Fills in the names that a step's values mention, as they stand when its turn comes."""

    def go(self) -> None:
        """Take every step that is not yet behind us. Raises StepFailedError, or StoppedError at a step boundary."""
        for phase in FORWARD_PHASES:
            steps = [step for step in self.procedure.get(phase, ()) if not self._behind(step)]
            if phase == "finish":
                self._commit()
            if steps and self._run().phase != phase:
                lock.describe(self.home, run=self._run().id, phase=phase)
                self.emit(e.PhaseStarted(phase))
            for step in steps:
                self._stop_if_asked()
                self._perform(step, phase)

    def afterwards(self, phase: str) -> None:
        """Take the steps of a phase that stands outside the order, such as `on failure`; they cannot fail the run."""
        for step in self.procedure.get(phase, ()):
            if not self._behind(step):
                try:
                    self._perform(step, phase)
                except StepFailedError:
                    continue

    def emit(self, event: e.Event) -> None:
        """Clean, then remember, then show.

        Facts are references: they are remembered as they are, and a secret among them is a bug, and raises.
        """
        record = e.to_json(event)
        facts = {name: record[name] for name in ("facts", "before", "arguments") if name in record}
        if self.redactor.holds(facts):
            msg = f"a secret in the facts of {getattr(event, 'step', type(event).__name__)}"
            raise RuntimeError(msg)
        heard = e.from_json({**self.redactor.value(record), **Redactor().value(facts)})
        for sink in self.sinks:
            sink(heard)

    def _run(self) -> Run:
        assert self.journal.run is not None  # noqa: S101 - RunStarted is the first event of every journal
        return self.journal.run

    def _behind(self, step: StepModel) -> bool:
        state = self._run().steps.get(step.id)
        return state is not None and state.state in ("finished", "skipped")

    def _commit(self) -> None:
        if not self._run().committed:
            self.emit(e.Committed(self._run().title))

    def _stop_if_asked(self) -> None:
        if not self.interrupts.requested:
            return
        self.emit(e.Interrupted(self.interrupts.name))
        raise StoppedError(
            f"stopped on {self.interrupts.name}, at a safe place",
            "upgrader resume (or: upgrader rollback)",
            exit_code=self.interrupts.exit_code,
        )

    def _perform(self, step: StepModel, phase: str) -> None:
        title = step.describe()
        try:
            step = self.bind(step)
            ctx = self._ready(step)
            verdict = self._check(step, ctx)
        except CancelledError:
            self._cancelled(step)
        except UpgraderError as error:
            self._fail(step, phase, error, refused=True)
        except OSError as error:
            self._fail(step, phase, self._unwritable(error), refused=True)
        match verdict:
            case Satisfied(why, facts):
                self.emit(e.StepSkipped(step.id, phase, title, why, facts))
            case Refused(why, hint, lines):
                self._fail(step, phase, RefusedError(why, hint, lines=lines), refused=True)
            case Needed(why, before):
                self.emit(e.StepStarted(step.id, phase, title, why, before))  # durable before the first effect
                started = time.monotonic()
                facts = self._apply(step, phase, ctx)
                self.emit(e.StepFinished(step.id, facts, round(time.monotonic() - started, 3)))

    def _ready(self, step: StepModel) -> Context:
        ctx = self.context()
        return ctx.using(ctx.shell.reading(), lambda text: self.emit(e.Said(step.id, text)))

    def _check(self, step: StepModel, ctx: Context) -> Verdict:
        with ctx.world.looks.looking():
            return step.check(ctx)

    def _apply(self, step: StepModel, phase: str, checked: Context) -> e.Facts:
        for attempt in range(1, step.attempts + 1):
            try:
                ctx = self._acting(step)
                if attempt == 1:
                    ctx.world.recall(checked.world)  # what the check has just seen is what is acted on
                return step.apply(ctx)
            except CancelledError:
                self._cancelled(step)
            except TransientError as error:
                if attempt == step.attempts:
                    self._fail(step, phase, error, refused=False)
                wait = WAITS[min(attempt, len(WAITS)) - 1]
                self.emit(e.Retrying(step.id, attempt, step.attempts, error.message, wait))
                self._rest(wait)
            except UpgraderError as error:
                self._fail(step, phase, error, refused=False)
            except OSError as error:
                self._fail(step, phase, self._unwritable(error), refused=False)
        raise AssertionError(step.id)

    def _acting(self, step: StepModel) -> Context:
        ctx = self.context()
        log = self.directory / "logs" / f"{step.id}.log"
        shell = ctx.shell.changing(log, lambda line: self.emit(e.Output(step.id, line)))
        shell = replace(shell, tick=lambda: self._tick(step))
        asking = replace(ctx, ask=lambda question: self._ask(step, ctx.ask, question))
        return asking.using(shell, lambda text: self.emit(e.Said(step.id, text)))

    def _ask(self, step: StepModel, ask: Ask, question: Question) -> str:
        """What is asked in the midst of a run is written down, and the screen makes room for it."""
        self.emit(e.Asked(step.id, question.text))
        answer = ask(question)
        self.emit(e.Answered(step.id, answer))
        return answer

    def _tick(self, step: StepModel) -> bool:
        self.emit(e.Ticked(step.id))
        return self.interrupts.insisted

    def _rest(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.interrupts.requested:
            time.sleep(0.1)
        self._stop_if_asked()

    def _cancelled(self, step: StepModel) -> None:
        self.emit(e.Interrupted(self.interrupts.name, step.id))
        raise StoppedError(
            f"cancelled in the middle of {step.id!r}, on the second {self.interrupts.name}",
            "upgrader resume (or: upgrader rollback)",
            exit_code=self.interrupts.exit_code,
        ) from None

    def _unwritable(self, error: OSError) -> StepError:
        """A disk that is full, broken or read-only is no bug of ours; any other OSError is, and is raised again."""
        told = unwritable(error, self.home)
        if told is None:
            raise error
        return told

    def _fail(self, step: StepModel, phase: str, error: UpgraderError, *, refused: bool) -> None:
        log = self.directory / "logs" / f"{step.id}.log"
        shown = str(log) if log.exists() else ""
        self.emit(e.StepFailed(step.id, error.message, error.hint, list(error.lines), shown, refused))
        raise StepFailedError(step.id, phase, error, refused=refused) from error
