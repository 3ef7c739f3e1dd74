"""One measured promise, a table of them, and their JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upgrader.ui.tables import columns


@dataclass(frozen=True)
class Measurement:
    """Ours against theirs, both in `unit`; `notes` say what the figures contain."""

    name: str
    ours: float
    theirs: float
    unit: str
    goal: str
    met: bool
    notes: tuple[str, ...] = ()

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "ours": round(self.ours, 3),
            "theirs": round(self.theirs, 3),
            "ratio": round(self.ratio, 3),
            "goal": self.goal,
            "met": self.met,
        }


def table(measurements: Sequence[Measurement]) -> str:
    """A row for each, and below them the notes."""
    rows = [("", "OURS", "THEIRS", "RATIO", "MET", "GOAL")]
    rows += [
        (m.name, _amount(m.ours, m.unit), _amount(m.theirs, m.unit), f"{m.ratio:.2f}", "yes" if m.met else "NO", m.goal)
        for m in measurements
    ]
    notes = [f"{m.name}: {note}" for m in measurements for note in m.notes]
    return "\n".join([columns(rows), *([""] if notes else []), *notes])


def write(path: Path, measurements: Sequence[Measurement]) -> None:
    """Write them as a JSON list, in place of what was measured earlier: ratios are those of one run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([each.to_json() for each in measurements], indent=1) + "\n", encoding="utf-8")


def _amount(value: float, unit: str) -> str:
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.2f} {unit}"
