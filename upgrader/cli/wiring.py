"""Builds everything that a command needs: the only place that knows all parts."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from upgrader.cli.common import Common
from upgrader.cli.crash import REDACTOR
from upgrader.cli.records import clear_incomplete_points, remember
from upgrader.engine import lock
from upgrader.engine.engine import Procedure, Sink
from upgrader.engine.journal import Journal, now
from upgrader.engine.runner import Session
from upgrader.engine.signals import Interrupts, caught
from upgrader.engine.state import State, recording, root
from upgrader.env.document import Document
from upgrader.errors import UpgraderError
from upgrader.model.app import App, Stack
from upgrader.model.run import Run
from upgrader.model.secret import Redactor, secrets_in
from upgrader.playbook.discover import which
from upgrader.playbook.hooks import with_hooks
from upgrader.playbook.load import Playbook, from_frozen, from_text, load
from upgrader.playbook.resolve import bind as fill_names
from upgrader.playbook.resolve import resolve_app
from upgrader.steps import outside
from upgrader.steps.base import Ask, Context, Options, Question, StepModel
from upgrader.steps.kinds import KINDS
from upgrader.steps.world import Scratch, World, clear_scratch
from upgrader.tools.docker import Docker
from upgrader.tools.git import Git
from upgrader.tools.postgres_throwaway import clear
from upgrader.tools.shell import Shell
from upgrader.ui.ask import asker
from upgrader.ui.choose import Mode, choose

Sinks = Callable[[Journal, Sink], Sequence[Sink]]


def plain_order(journal: Journal, renderer: Sink) -> Sequence[Sink]:
    """The journal is the first to hear of an event, the screen the second."""
    return (journal, renderer)


@dataclass
class Desk:
    """One app opened by one command. `order` decides who hears events, and in which order."""

    common: Common
    app: App
    playbook: Playbook
    ask: Ask
    shell: Shell
    order: Sinks = plain_order
    interrupts: Interrupts = field(default_factory=Interrupts)
    derived: str = ""
    """The text of a playbook that was derived and that nobody has agreed to yet."""
    cleared: list[str] = field(default_factory=list)
    """Containers and networks of ours that a killed process had left, and that a session removed."""

    def __post_init__(self) -> None:
        self.scratch = Scratch(self.app.home)

    @property
    def state(self) -> State:
        return State(self.app.home)

    def context(self, run: Run, parent: Run | None, directory: Path, *, planning: bool = False) -> Context:
        options = Options.of(run.arguments)
        world = World(self.app, self.shell, run, options, self.scratch)
        return Context(
            app=self.app,
            run=run,
            options=options,
            shell=self.shell,
            world=world,
            directory=directory,
            parent=parent,
            say=lambda _text: None,
            ask=self.ask,
            now=now,
            past=lambda: list(self.state.all()),
            planning=planning,
        )

    def planning(self, kind: str, options: Options, parent: Run | None = None) -> Context:
        """A context for a plan: a run that never begins."""
        run = Run(
            "plan",
            kind,
            self.app.stack.project,
            str(self.app.stack.directory),
            kind,
            now(),
            arguments=options.arguments(),
        )
        ctx = self.context(run, parent, self.scratch.path, planning=True)
        shell = replace(self.shell.reading(), tick=lambda: self.interrupts.requested)
        return ctx.using(shell, lambda _text: None)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """The right to change the app, until it is left. Raises LockedError when somebody else has it."""
        with recording(self.state.home):
            self.state.make()
            remember(self.state, self.common.path)
        with lock.hold(self.app.home) as descriptor, caught(self.interrupts):
            self.shell = replace(self.shell, lock=descriptor)
            clear_scratch(self.app.home)
            # what a killed process left; the run that may be resumed goes on with its own
            self.cleared = clear(self.shell, self.app.stack.project, keep=[run.id for run in self.state.unfinished()])
            clear_incomplete_points(self.state)
            renderers: list[Callable[[], None]] = []
            try:
                yield Session(
                    app=self.app,
                    state=self.state,
                    playbook=self.playbook,
                    redactor=self.shell.redactor,
                    interrupts=self.interrupts,
                    context=self.context,
                    sinks=lambda journal: self._sinks(journal, renderers),
                    heal_options=heal_options,
                    procedure=self.procedure,
                    bind=self.bind,
                )
            finally:
                for close in reversed(renderers):
                    close()
                self.scratch.close()
                clear(self.shell, self.app.stack.project)
                clear_incomplete_points(self.state)

    def procedure(self, kind: str) -> Procedure:
        """The playbook's steps with the hooks between them."""
        chosen = self.playbook.procedure(kind)
        # a backup goes through no phase that a hook may want to announce
        return with_hooks(chosen.phases, () if kind == "backup" else self.app.hooks, kind)

    def bind(self, run: Run, parent: Run | None) -> Callable[[StepModel], StepModel]:
        """Fills names in steps: `env`, `app`, `target`, and `run` (in a rollback: the run that it goes back from)."""

        def fill(step: StepModel) -> StepModel:
            if "${{" not in repr(step):
                return step
            stack = self.app.stack
            env = Document.parse((stack.directory / stack.env_file).read_bytes(), stack.env_file).values()
            told = parent or run
            steps = {name: {"before": s.before, "facts": s.facts} for name, s in told.steps.items()}
            app = {"name": self.app.name, "project": stack.project, "directory": str(stack.directory)}
            target = Options.of(run.arguments).target
            wanted = {"tag": target.get("name", ""), **target}
            return fill_names(step, {"env": env, "app": app, "target": wanted, "run": steps})

        return fill

    def _sinks(self, journal: Journal, closers: list[Callable[[], None]]) -> Sequence[Sink]:
        renderer = choose(cast("Mode", self.common.output), sys.stdout, sys.stderr, os.environ)
        if self.common.output == "json":
            from upgrader.ui.jsonl import Jsonl

            renderer = Jsonl(sys.stdout, lambda _event: journal.line)
        closers.append(renderer.close)
        return self.order(journal, renderer)

    def frozen(self, run: Run) -> "Desk":
        """This desk with the playbook that the run was made with."""
        path = self.state.directory(run) / "playbook.yaml"
        if not path.exists():
            return self
        playbook = from_frozen(path.read_text(encoding="utf-8"), KINDS, str(path))
        if playbook.digest == self.playbook.digest:
            return self
        return replace(self, playbook=playbook, app=_resolve(playbook, self.common, self.shell.redactor))


def heal_options(run: Run) -> Options | None:
    """What going back from a failed upgrade is to do: to the restore point of its own. Before there is one, nothing."""
    done = run.facts("backup").get("point", "")
    if not done:
        return None
    return Options(point=str(done), origin=Options.of(run.arguments).target, target=Options.of(run.arguments).origin)


@dataclass(frozen=True)
class Flags:
    """Answers given on the command line, before anybody is asked."""

    given: Mapping[str, str]
    following: Ask

    def __call__(self, question: Question) -> str:
        if question.flag in self.given:
            return self.given[question.flag]
        return self.following(question)


def open_app(common: Common, *, yes: bool = False, flags: Mapping[str, str] | None = None) -> Desk:
    """The app in the directory, described by the playbook that fits. Raises RefusedError with what is missing."""
    redactor = REDACTOR
    shell = Shell(redactor=redactor)
    ask: Ask = Flags(flags or {}, asker(yes=yes))
    directory = common.path
    found = which(directory, common.playbook or None, tracked=lambda path: _tracked(shell, directory, path))
    derived = ""
    if found is not None:
        playbook = load(found.path, KINDS, trusted=found.trusted, trust=common.trust)
    elif (kept := _kept(common)) is not None:
        playbook = kept
    else:
        from upgrader.cli.derived import derive_here

        derived = derive_here(shell, directory, common)
        playbook = from_text(derived, directory / "upgrader.yaml", KINDS)
    app = _resolve(playbook, common, redactor)
    return Desk(common, app, playbook, ask, shell, derived=derived)


def _kept(common: Common) -> Playbook | None:
    """The derived playbook that somebody agreed to earlier."""
    from upgrader.cli.records import state_of

    try:
        state, _ = state_of(common)
    except UpgraderError:
        return None
    path = state.home / "playbook.yaml"
    return from_text(path.read_text(encoding="utf-8"), path, KINDS) if path.exists() else None


def _resolve(playbook: Playbook, common: Common, redactor: Redactor) -> App:
    directory = common.path
    env_file = directory / playbook.facts.stack.env.file
    data = env_file.read_bytes() if env_file.is_file() else b""
    env = Document.parse(data, str(env_file)).values()
    redactor.learn(secrets_in(env))
    app = resolve_app(playbook, directory, env, root(os.environ))
    specs = app.databases.values()
    redactor.publish(
        [app.name, app.stack.project, *(s.service for s in specs), *(s.name for s in specs), *(s.user for s in specs)]
    )
    redactor.publish([name for each in app.volumes for name in (each.id, each.volume, each.service) if name])
    stack = app.stack
    if common.project:
        stack = replace(stack, project=common.project)
    if not playbook.facts.stack.project:
        stack = replace(stack, project=common.project)  # which may be in a Compose file: Compose knows
    if not stack.files or not stack.project:
        stack = _completed(stack)
    return _located(replace(app, stack=stack, home=root(os.environ) / stack.project), redactor)


def _located(app: App, redactor: Redactor) -> App:
    """The app, its databases by URL told apart: services of its own, or servers elsewhere."""
    if not any(spec.key for spec in app.databases.values()):
        return app
    try:
        containers = Docker(Shell(redactor=redactor)).containers(app.stack.project)
    except UpgraderError:
        containers = []  # the engine does not answer: whoever needs it says so
    found = outside.settled(app, containers)
    specs = found.databases.values()
    redactor.learn(secrets_in({spec.key: spec.url for spec in specs}))
    redactor.publish([*outside.names(app), *(spec.where for spec in specs)])
    return found


def _completed(stack: Stack) -> Stack:
    """What the playbook leaves open is as Compose itself would take it here."""
    from upgrader.tools.stacks import discover

    found = discover(
        Shell(),
        stack.directory,
        project=stack.project,
        files=stack.present,
        profiles=stack.profiles,
        env_file=stack.env_file,
    )
    return replace(stack, files=stack.files or found.files, project=found.project, profiles=found.profiles)


def _tracked(shell: Shell, directory: Path, path: Path) -> bool:
    git = Git(shell, directory)
    try:
        return os.path.relpath(path.resolve(), git.top.resolve()) in git.list_files("HEAD")
    except UpgraderError:
        return False


def open_frozen(
    common: Common, *, yes: bool = False, flags: Mapping[str, str] | None = None
) -> tuple[Desk, tuple[Run, Run | None] | None]:
    """The app as its unfinished or last run knew it, and the unfinished one; the checkout's playbook is not read."""
    from upgrader.cli.records import state_of
    from upgrader.engine.runner import unfinished

    state, directory = state_of(common)
    common = replace(common, directory=Path(directory), project=state.home.name)
    found = unfinished(state)
    runs = [found[0]] if found else list(state.all())[-1:]
    if not runs:
        return open_app(common, yes=yes, flags=flags), None
    path = state.directory(runs[0]) / "playbook.yaml"
    playbook = from_frozen(path.read_text(encoding="utf-8"), KINDS, str(path))
    app = _resolve(playbook, common, REDACTOR)
    return Desk(common, app, playbook, Flags(flags or {}, asker(yes=yes)), Shell(redactor=REDACTOR)), found
