"""The demo: a small app is upgraded, two bad releases heal, it goes back and returns; every claim is checked."""

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from upgrader.demo.claims import Scene, Told, claims
from upgrader.demo.host import Installation
from upgrader.demo.poller import Poller
from upgrader.demo.screen import Screen
from upgrader.demo.scribe import Scribe
from upgrader.demo.sight import leaks, look
from upgrader.demo.stage import installed, prepare, records
from upgrader.engine.signals import Interrupts, caught
from upgrader.errors import ExitCode, StoppedError
from upgrader.model.duration import duration
from upgrader.tools.shell import Shell, attend

NOTES = 5
"""So many notes a client writes before the first act, and again after each that leaves v1.1.0 serving."""


@dataclass(frozen=True)
class Act:
    """A command, how it must end, and the release that must serve then. `busy`: clients write while it runs."""

    name: str
    title: str
    line: str
    code: ExitCode
    version: str
    busy: bool = True


ACTS = (
    Act("upgrade", "v1.1.0 wants a new secret and new tables", "upgrade --to v1.1.0 --yes", ExitCode.DONE, "1.1.0"),
    Act(
        "broken",
        "v1.2.0 would break midway through its migrations: a rehearsal on a copy finds out",
        "upgrade --to v1.2.0 --yes",
        ExitCode.ROLLED_BACK,
        "1.1.0",
    ),
    Act("sick", "v1.3.0 migrates, and is never healthy", "upgrade --to v1.3.0 --yes", ExitCode.ROLLED_BACK, "1.1.0"),
    Act("back", "The way back", "rollback --to v1.0.0 --yes --accept-data-loss", ExitCode.DONE, "1.0.0", busy=False),
    Act(
        "undo",
        "The way back from the way back",
        "rollback --undo --yes --accept-data-loss",
        ExitCode.DONE,
        "1.1.0",
        busy=False,
    ),
)


def tell(*, keep: bool) -> int:
    """Tell the whole story; returns 0 when every claim held, else 1. Nothing of it stays, unless it is to be kept."""
    screen = Screen()
    with caught(Interrupts()) as interrupts:
        prepare(Shell(say=screen.aside, tick=lambda: interrupts.requested))
        with installed(screen, keep=keep) as app:
            return verdict(screen, Story(app, screen, interrupts).play())


class Story:
    """The acts, on one installation."""

    def __init__(self, app: Installation, screen: Screen, interrupts: Interrupts) -> None:
        self._app = app
        self._screen = screen
        self._interrupts = interrupts
        self._acknowledged: list[str] = []
        # a file of the app's must not be taken for a module of ours: hence -P
        self._upgrader = (sys.executable, "-P", "-m", "upgrader")
        self._environ = {**os.environ, "UPGRADER_HOME": str(records(app))}

    def play(self) -> Told:
        """All acts; the story ends early when one ends as it should not, and the claims will say so."""
        self._write()
        before = look(self._app)
        self._screen.act("What an upgrade would do")
        self._run("plan --to v1.1.0")
        scenes: dict[str, Scene] = {}
        for act in ACTS:
            self._screen.act(act.title)
            scene = scenes[act.name] = self._act(act)
            if scene.code != act.code or scene.after.version != act.version:
                break
            if act.busy:
                self._write()
        sights = [before, *(scene.after for scene in scenes.values())]
        return Told(before, scenes, leaks(records(self._app), sights))

    def _act(self, act: Act) -> Scene:
        started = time.monotonic()
        with ExitStack() as clients:
            poller = clients.enter_context(Poller(self._app.port))
            scribe = clients.enter_context(Scribe(self._app)) if act.busy else None
            code = self._run(act.line)
            seconds = time.monotonic() - started
        if scribe is not None:
            self._acknowledged += scribe.acknowledged
            self._screen.aside(f"Meanwhile a client wrote {len(scribe.acknowledged)} notes")
        return Scene(
            line=act.line,
            expected=act.code,
            version=act.version,
            code=code,
            seconds=seconds,
            downtime=poller.downtime(),
            acknowledged=tuple(self._acknowledged),
            after=look(self._app),
        )

    def _run(self, line: str) -> int:
        """Run upgrader as a person would, on this terminal; returns its exit code. Raises StoppedError on a signal."""
        self._screen.prompt(f"upgrader {line}")
        code = attend((*self._upgrader, *line.split()), cwd=self._app.path, env=self._environ)
        if self._interrupts.requested:
            raise StoppedError("the demo was interrupted", "make demo", exit_code=self._interrupts.exit_code)
        return code

    def _write(self) -> None:
        self._acknowledged += self._app.write(NOTES)
        self._screen.aside(f"A client writes {NOTES} notes; the app has {len(self._acknowledged)} now")


def verdict(screen: Screen, told: Told) -> int:
    """Show what was proved; returns 0 if all of it was, else 1."""
    screen.act("What this proved")
    checked = list(claims(told))
    for claim in checked:
        screen.claim(claim)
    screen.act("What a client noticed, asking twenty times a second")
    for line in _noticed(told.scenes):
        screen.say(line)
    failed = sum(not claim.holds for claim in checked)
    screen.say(f"\n{len(checked) - failed} of {len(checked)} claims hold.")
    return 1 if failed else 0


def _noticed(scenes: Mapping[str, Scene]) -> Iterator[str]:
    for scene in scenes.values():
        took, silent = duration(scene.seconds), duration(scene.downtime.total)
        yield f"{scene.line:<50}  took {took:>7}, without an answer for {silent:>6}"
