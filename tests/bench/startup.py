"""Start-up: what a person waits for a first word."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.measurement import Measurement
from upgrader import __version__
from upgrader.engine.journal import Journal
from upgrader.engine.state import State
from upgrader.model import events as e
from upgrader.model.manifest import RestorePoint, SavedDatabase
from upgrader.steps.points import Points, save

TIMES = 31
STEPS, RUNS = 18, 5
UPGRADER = str(Path(sys.executable).with_name("upgrader"))


def version() -> Measurement:
    return _measure("startup-version", ["--version"], {}, 3)


def status() -> Measurement:
    with tempfile.TemporaryDirectory(prefix="upgrader-bench-") as directory:
        app = Path(directory) / "app"
        app.mkdir()
        keep_records(State(Path(directory) / "home" / "shop"), app)
        home = {"UPGRADER_HOME": str(Path(directory) / "home")}
        return _measure("startup-status", ["-C", str(app), "status"], home, 6)


def _measure(name: str, argv: list[str], env: dict[str, str], limit: int) -> Measurement:
    """Medians of interleaved starts: whatever else this machine does hits both alike."""
    ours, theirs = [], []
    for _ in range(TIMES):
        theirs.append(_start([sys.executable, "-c", "pass"], env))
        ours.append(_start([UPGRADER, *argv], env))
    mine, pythons = statistics.median(ours), statistics.median(theirs)
    return Measurement(
        name,
        mine,
        pythons,
        "ms",
        f"at most {limit} x `python -c pass`",
        mine <= pythons * limit,
        (f"medians of {TIMES}; best against best {min(ours) / min(theirs):.2f}",),
    )


def _start(argv: list[str], env: dict[str, str]) -> float:
    """Milliseconds from the start to the end of a process."""
    began = time.perf_counter()
    subprocess.run(argv, env={**os.environ, **env}, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - began) * 1000


def keep_records(state: State, app: Path) -> None:
    """The records of an app that was upgraded a few times."""
    state.make()
    (state.home / "app.json").write_text(json.dumps({"directory": str(app.resolve()), "project": state.home.name}))
    for number in range(RUNS):
        run = state.runs / f"2026010{number + 1}T090000-ab12"
        run.mkdir(mode=0o700)
        _keep_journal(Journal.create(run / "journal.jsonl"), run.name, number)
        _keep_point(Points(state.home), run.name, number)


def _keep_journal(journal: Journal, run: str, number: int) -> None:
    arguments = {"origin": {"name": f"v1.{number}.0"}, "target": {"name": f"v1.{number + 1}.0"}}
    title = f"Upgrade to v1.{number + 1}.0"
    journal(
        e.RunStarted(
            run, "upgrade", "shop", "/srv/shop", __version__, "compose-git", "", title, [], arguments=arguments
        )
    )
    for step in (f"step-{index}" for index in range(STEPS)):
        journal(e.StepStarted(step, "prepare", "Bring it about", "it is needed", {"commit": "0" * 40}))
        journal(e.Said(step, "it goes well"))
        journal(e.StepFinished(step, {"commit": "1" * 40, "services": ["web", "worker"]}, 1.5))
    journal(e.Committed(title))
    journal(e.RunFinished("done", 0, title, 61.0))


def _keep_point(points: Points, run: str, number: int) -> None:
    dump = save(points.begin(run), "databases/db.dump", b"PGDMP")
    database = SavedDatabase("db", "db", "shop", "shop", "17.2", "dump", (dump,), rows={"public.orders": 70_000})
    point = RestorePoint(
        run, run, "shop", "/srv/shop", f"2026-01-0{number + 1}T09:00:00Z", __version__, "0" * 40, "main", f"v1.{number}.0",
        (database,),
    )  # fmt: skip
    points.complete(point)
