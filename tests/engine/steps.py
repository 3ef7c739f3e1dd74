"""Small real steps that work on files of a directory, and all that an engine needs to walk them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from upgrader.engine.engine import Engine, Procedure
from upgrader.engine.journal import Journal
from upgrader.engine.runner import Session
from upgrader.engine.signals import Interrupts
from upgrader.engine.state import State
from upgrader.errors import StepError, TransientError
from upgrader.model import events as e
from upgrader.model.app import App, Stack
from upgrader.model.run import Run
from upgrader.model.secret import Redactor
from upgrader.model.verdict import Needed, Refused, Satisfied, Verdict
from upgrader.playbook.load import Playbook, from_text
from upgrader.steps.base import Context, Options, Question, StepModel
from upgrader.steps.kinds import KINDS
from upgrader.steps.world import Scratch, World
from upgrader.tools.conversation import CancelledError
from upgrader.tools.shell import Command, Shell


class Write(StepModel):
    """Write a file; satisfied when it has the text already."""

    uses: str = "write"
    name: str
    text: str = "x"

    def describe(self) -> str:
        return f"Write {self.name}"

    def check(self, ctx: Context) -> Verdict:
        path = ctx.app.stack.directory / self.name
        old = path.read_text() if path.exists() else ""
        if old == self.text:
            return Satisfied("written", {"name": self.name})
        return Needed("not written", {"old": old})

    def apply(self, ctx: Context) -> e.Facts:
        (ctx.app.stack.directory / self.name).write_text(self.text)
        return {"name": self.name}


class Look(Write):
    """Alters nothing."""

    alters: ClassVar[bool] = False


class Refuse(Write):
    """Refuses."""

    def check(self, ctx: Context) -> Verdict:
        return Refused("no", "say yes", ("because",))


class Break(Write):
    """Writes, then fails."""

    def apply(self, ctx: Context) -> e.Facts:
        super().apply(ctx)
        raise StepError("it broke", "mend it", lines=["last words"])


class BreakWhile(Write):
    """Fails as long as a file is there."""

    def apply(self, ctx: Context) -> e.Facts:
        if (ctx.app.stack.directory / "bad").exists():
            raise StepError("it broke", "remove bad")
        return super().apply(ctx)


class Flaky(Write):
    """Fails for a passing reason until it was tried often enough."""

    attempts: ClassVar[int] = 3
    good_at: int = 2

    def apply(self, ctx: Context) -> e.Facts:
        tries = ctx.app.stack.directory / f"{self.name}.tries"
        count = int(tries.read_text()) + 1 if tries.exists() else 1
        tries.write_text(str(count))
        if count < self.good_at:
            raise TransientError("not yet", "wait")
        return super().apply(ctx)


class Cheat(Write):
    """Changes something while it only should look."""

    def check(self, ctx: Context) -> Verdict:
        ctx.shell.run(Command(("touch", "changed"), cwd=ctx.app.stack.directory, changes=True))
        return Satisfied("cheated")


class Wonder(Write):
    """Asks before it writes what was answered."""

    def apply(self, ctx: Context) -> e.Facts:
        answer = ctx.ask(Question("wonder", f"Write {self.name}?", "--write"))
        (ctx.app.stack.directory / self.name).write_text(answer)
        return {"name": self.name}


class Leak(Write):
    """Leaves a secret behind in its facts."""

    def apply(self, ctx: Context) -> e.Facts:
        return {"password": "correct horse battery"}


class Full(Write):
    """Meets a disk that is full: a real one."""

    def apply(self, ctx: Context) -> e.Facts:
        with open("/dev/full", "wb", buffering=0) as file:
            file.write(b"x")
        return {}


class Sleep(Write):
    """Runs a program for some seconds, and writes when it has ended."""

    seconds: float = 5.0

    def apply(self, ctx: Context) -> e.Facts:
        ctx.shell.run(Command(("sleep", str(self.seconds)), changes=True))
        return super().apply(ctx)


class Insisted(Write):
    """Is told to stop in its middle."""

    def apply(self, ctx: Context) -> e.Facts:
        raise CancelledError


@dataclass
class Bench:
    """An app of one directory, its state, and the events that were heard after the journal."""

    root: Path
    interrupts: Interrupts = field(default_factory=Interrupts)
    heard: list[e.Event] = field(default_factory=list)
    redactor: Redactor = field(default_factory=lambda: Redactor(["correct horse battery"]))
    way_back: bool = True

    def __post_init__(self) -> None:
        self.directory.mkdir()
        self.state.make()

    @property
    def directory(self) -> Path:
        return self.root / "app"

    @property
    def state(self) -> State:
        return State(self.root / "state" / "bench")

    @property
    def app(self) -> App:
        return App(name="bench", stack=Stack(project="bench", directory=self.directory), home=self.state.home)

    def context(self, run: Run, parent: Run | None = None, directory: Path | None = None) -> Context:
        shell = Shell(redactor=self.redactor)
        options = Options.of(run.arguments)
        world = World(self.app, shell, run, options, Scratch(self.app.home))
        return Context(
            app=self.app, run=run, options=options, shell=shell, world=world, directory=directory or self.root,
            parent=parent, say=lambda _text: None, ask=lambda _question: "y", now=lambda: "",
        )  # fmt: skip

    def session(self, upgrade: Procedure, rollback: Procedure | None = None) -> Session:
        procedures = {"upgrade": upgrade, "rollback": rollback or {}}
        return Session(
            app=self.app,
            state=self.state,
            playbook=playbook(self.directory),
            redactor=self.redactor,
            interrupts=self.interrupts,
            context=self.context,
            sinks=lambda journal: (journal, self.heard.append),
            heal_options=lambda run: Options(point=run.id) if self.way_back else None,
            procedure=lambda kind: procedures[kind],
            bind=lambda _run, _parent: lambda step: step,
        )

    def engine(self, procedure: Procedure, sinks: Sequence[Callable[[e.Event], None]] = ()) -> Engine:
        directory = self.state.new_run()
        journal = Journal.create(directory / "journal.jsonl")
        engine = Engine(
            procedure=procedure,
            context=lambda: self.context(_of(journal), directory=directory),
            journal=journal,
            sinks=[journal, self.heard.append, *sinks],
            redactor=self.redactor,
            interrupts=self.interrupts,
            home=self.state.home,
            directory=directory,
        )
        engine.emit(started(directory.name))
        return engine

    def names(self) -> list[str]:
        """What was heard: `Event step-or-phase`."""
        return [f"{type(x).__name__} {getattr(x, 'step', '') or getattr(x, 'phase', '')}".strip() for x in self.heard]

    def file(self, name: str) -> str | None:
        path = self.directory / name
        return path.read_text() if path.exists() else None


def _of(journal: Journal) -> Run:
    assert journal.run is not None
    return journal.run


def started(run: str = "r1", kind: str = "upgrade", **more: Any) -> e.RunStarted:
    values: dict[str, Any] = {
        "run": run, "kind": kind, "project": "bench", "directory": "/srv/bench", "tool": "0", "playbook": "bench",
        "digest": "d", "title": "Upgrade to v2", "outline": [],
    }  # fmt: skip
    return e.RunStarted(**{**values, **more})


def playbook(directory: Path) -> Playbook:
    return from_text("name: bench\nextends: compose-git\n", directory / "upgrader.yaml", KINDS)
