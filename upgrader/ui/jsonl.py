"""The JSON renderer: the lines of the journal, for programs."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from upgrader.model.events import Event, RunFinished, RunStarted, to_json
from upgrader.ui.outlet import Outlet


class Jsonl:
    """Writes every journaled event as one JSON line.

    `line` gives the journal's own line of the event just written, so that both are the same to the byte; without it the
    line is made here, numbered from 1. Each line names its run: a failed one and the one that heals it take turns.
    """

    def __init__(self, stream: TextIO | None, line: Callable[[Event], str] | None = None) -> None:
        self._out = Outlet(stream)
        self._line = line or self._numbered
        self._seq = 0
        self._runs: list[str] = []
        """Those that have not ended, the one that is told now last."""

    def __call__(self, event: Event) -> None:
        if event.journaled:
            self._out.line(self._line(event).rstrip("\n"))

    def close(self) -> None:
        """Nothing is held back."""

    def _numbered(self, event: Event) -> str:
        self._seq += 1
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if isinstance(event, RunStarted):
            self._runs.append(event.run)
        run = self._runs.pop() if isinstance(event, RunFinished) else self._runs[-1]
        return json.dumps({"run": run, "at": at, "seq": self._seq} | to_json(event), ensure_ascii=False)
