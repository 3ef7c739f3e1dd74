"""Copies of a large database: the proof in a throw-away server, and the one in the server that goes back by a rename."""

import statistics
from dataclasses import dataclass
from functools import cache
from typing import Literal

from tests.bench.backup import BACKUP, NEWEST, RESTORE, TIMES, Filled, filled, timed
from tests.bench.measurement import Measurement
from tests.steps.proof_world import Stand
from upgrader.steps import copies
from upgrader.tools.postgres import name_for

PROOF, COPY, SECONDS = 0.35, 0.15, 3.0


def measure_proof() -> Measurement:
    """Of the dump that a restore point has; larger databases are restored without their indexes, unless rehearsed on."""
    data, full, theirs = [], [], []
    with filled(NEWEST) as stage:
        stand = Stand(stage.server.container, stage.server.container, stage.directory)
        ctx = stand.context("app")
        point = stand.point(ctx)
        stage.by_hand(BACKUP)()

        def prove(*, whole: bool) -> float:
            try:
                return timed(lambda: copies.make(ctx, point, full=whole))
            finally:
                copies.clear(ctx.shell, stand.project)

        for _ in range(TIMES):
            data.append(prove(whole=False))
            theirs.append(timed(stage.by_hand(RESTORE)))
            stage.server.execute("CHECKPOINT;")
        full.append(prove(whole=True))
    mine, documented = statistics.median(data), statistics.median(theirs)
    return Measurement(
        "proof",
        mine,
        documented,
        "s",
        f"at most {PROOF} of the documented restore",
        mine <= documented * PROOF,
        (
            f"medians of {TIMES}, {stage.size / 1e6:.0f} MB in Postgres {NEWEST}; server started, restored, rows compared",
            "ours: data without indexes, and the schema by itself; theirs: drop, create, gunzip | psql",
            f"in full, as before a rehearsal: {full[0]:.1f} s",
        ),
    )


def measure_copy() -> Measurement:
    seen = _seen()
    return _measurement("copy", seen.copy, f"at most {COPY} of the documented restore", seen)


def measure_way_back() -> Measurement:
    seen = _seen()
    goal = f"at most {COPY} of the documented restore, and under {SECONDS:g} s"
    return _measurement("way-back", seen.back, goal, seen, most=SECONDS)


def _measurement(
    name: Literal["copy", "way-back"], ours: float, goal: str, seen: "_Seen", most: float = 1e9
) -> Measurement:
    notes = {
        "copy": "ours: CREATE DATABASE … TEMPLATE beside the live one, shut meanwhile",
        "way-back": "ours: connections ended, the copy put in the live one's place by a rename",
    }
    size = f"medians of {TIMES}, {seen.size / 1e6:.0f} MB in Postgres {NEWEST}"
    met = ours <= seen.documented * COPY and ours < most
    return Measurement(name, ours, seen.documented, "s", goal, met, (size, notes[name]))


@dataclass(frozen=True)
class _Seen:
    copy: float
    back: float
    documented: float
    size: int


@cache
def _seen() -> _Seen:
    """Both rows come from one server."""
    copied, back, theirs = [], [], []
    with filled(NEWEST) as stage:
        stage.by_hand(BACKUP)()
        for _ in range(TIMES):
            copied.append(timed(lambda: stage.server.copy("app", _before(stage))))
            back.append(timed(lambda: stage.server.swap("app", _before(stage), stage.aside)))
            stage.settle()
            theirs.append(timed(stage.by_hand(RESTORE)))
            stage.settle()
    return _Seen(statistics.median(copied), statistics.median(back), statistics.median(theirs), stage.size)


def _before(stage: Filled) -> str:
    return name_for("app", stage.server.run, "before")
