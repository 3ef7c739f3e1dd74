"""Performs one command of upgrader as its command line does, and reports what it took.

`python -m tests.bench.watched REPORT DIRECTORY upgrade|rollback` writes as JSON: `programs`, the seconds that upgrader waited
for programs; `pauses`, those in which the health step let the app boot and be steady; `peak`, the most memory it had, in MB.
"""

import json
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from upgrader.cli import rollback, upgrade
from upgrader.cli.chosen import Common
from upgrader.cli.wiring import Desk, open_app
from upgrader.engine.engine import Sink
from upgrader.engine.journal import Journal
from upgrader.model import events as e
from upgrader.steps.base import Options


@dataclass
class HealthWatch:
    """A sink that measures how long the health step waits by itself, not for programs."""

    desk: Desk
    pauses: float = 0.0
    _entered: float = 0.0

    def order(self, journal: Journal, renderer: Sink) -> Sequence[Sink]:
        return (journal, self, renderer)

    def __call__(self, event: e.Event) -> None:
        match event:
            case e.StepStarted(step="health"):
                self._entered = self._own()
            case e.StepFinished(step="health"):
                self.pauses += self._own() - self._entered

    def _own(self) -> float:
        return time.monotonic() - self.desk.shell.spent[0]


def main(report: str, directory: str, command: str) -> int:
    flags = {"--accept-data-loss": "y"} if command == "rollback" else {}
    desk = open_app(Common(directory=Path(directory), output="plain"), yes=True, flags=flags)
    watch = HealthWatch(desk)
    desk.order = watch.order
    code = rollback.perform(desk) if command == "rollback" else upgrade.perform(desk, Options())
    took = {"programs": desk.shell.spent[0], "pauses": watch.pauses, "peak": peak()}
    Path(report).write_text(json.dumps(took), encoding="utf-8")
    return code


def peak() -> float:
    """The most resident memory that this very process had, in MB; `ru_maxrss` would count what it was forked from."""
    match = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    return int(match[1]) / 1000 if match else float("nan")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
