"""Kills the process that it lives in, alone or with all of its children, at one moment of a run."""

import json
import os
import signal
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from upgrader.engine.engine import Sink
from upgrader.engine.journal import Journal
from upgrader.model import events as e


@dataclass(frozen=True)
class Moment:
    """When to kill: at the `nth` such event of a run of this kind, or `delay` seconds after it when one is given.

    `place` is the event's step or phase. `after`: the journal has the event already. `tree`: the children die too.
    """

    kind: str
    event: str
    place: str
    nth: int = 0
    after: bool = True
    tree: bool = False
    delay: float = 0.0

    def __str__(self) -> str:
        when = f"{self.delay:g} s after" if self.delay else "after" if self.after else "before"
        what = f"{self.event} {self.place}".strip() + (f" #{self.nth + 1}" if self.nth else "")
        return f"{'the tree' if self.tree else 'the process'}, {when} {what} of the {self.kind}"

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    def only(self) -> "Moment":
        """The event alone, whatever is killed there."""
        return Moment(self.kind, self.event, self.place, self.nth)


def moments(kind: str, events: Sequence[e.Event]) -> list[Moment]:
    """The moments at the journaled events of one run, in their order."""
    found: list[Moment] = []
    for event in events:
        moment = Moment(kind, type(event).__name__, place(event))
        found.append(replace(moment, nth=sum(moment == replace(other, nth=0) for other in found)))
    return found


def place(event: e.Event) -> str:
    return str(getattr(event, "step", "") or getattr(event, "phase", ""))


class Killer:
    """Sinks on both sides of the journal: no hook in production code."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment
        self._left = moment.nth

    def order(self, journal: Journal, renderer: Sink) -> Sequence[Sink]:
        """One run's sinks; a run that heals another one has sinks of its own."""
        kind = journal.run.kind if journal.run else ""

        def before(event: e.Event) -> None:
            nonlocal kind
            if isinstance(event, e.RunStarted):
                kind = event.kind
            if not self._moment.after:
                self._meet(kind, event)

        def after(event: e.Event) -> None:
            if self._moment.after:
                self._meet(kind, event)

        return (before, journal, after, renderer)

    def _meet(self, kind: str, event: e.Event) -> None:
        if (kind, type(event).__name__, place(event)) != (self._moment.kind, self._moment.event, self._moment.place):
            return
        self._left -= 1
        if self._left >= 0:
            return
        if not self._moment.delay:
            kill(tree=self._moment.tree)
        signal.signal(signal.SIGALRM, lambda _number, _frame: kill(tree=self._moment.tree))
        signal.setitimer(signal.ITIMER_REAL, self._moment.delay)


def kill(*, tree: bool) -> None:
    """SIGKILL to this process; with `tree` to every descendant first, whatever session it is in."""
    if tree:
        for number in (signal.SIGSTOP, signal.SIGKILL):  # stopped, they cannot have more children meanwhile
            for process in descendants(os.getpid()):
                os.kill(process, number)
    os.kill(os.getpid(), signal.SIGKILL)


def descendants(process: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:  # it ended meanwhile
            continue
        if state != "Z":
            children.setdefault(int(parent), []).append(int(entry.name))
    found: list[int] = []
    todo = [process]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found
