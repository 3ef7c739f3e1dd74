"""The bench itself: its table, its JSON, its names and its parts that need no Docker."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.__main__ import MEASURES, main
from tests.bench.measurement import Measurement, table, write
from tests.bench.rollback import last_outage_end
from tests.bench.startup import RUNS, keep_records
from upgrader.cli.glance import status_at_once
from upgrader.demo.host import free_port
from upgrader.demo.poller import Poller, Sample
from upgrader.engine.state import State
from upgrader.errors import StepError

GOOD = Measurement("downtime", 1.25, 20.0, "s", "at most a quarter", met=True, notes=("polled",))
BAD = Measurement("memory", 130.0, 65.0, "MB", "at most 120 MB", met=False)


def test_table_has_a_row_for_each_and_then_the_notes() -> None:
    assert table([GOOD, BAD]).splitlines() == [
        "          OURS    THEIRS    RATIO  MET  GOAL",
        "downtime  1.25 s  20.00 s   0.06   yes  at most a quarter",
        "memory    130 MB  65.00 MB  2.00   NO   at most 120 MB",
        "",
        "downtime: polled",
    ]


def test_json_is_a_list_of_what_the_table_says(tmp_path: Path) -> None:
    path = tmp_path / "build" / "bench.json"
    write(path, [GOOD])
    assert json.loads(path.read_text()) == [
        {"name": "downtime", "ours": 1.25, "theirs": 20.0, "ratio": 0.062, "goal": "at most a quarter", "met": True}
    ]


def test_what_was_measured_earlier_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    write(path, [GOOD, BAD])
    write(path, [BAD])
    assert [item["name"] for item in json.loads(path.read_text())] == ["memory"]


def test_every_promise_has_a_measure() -> None:
    assert set(MEASURES) == {
        "downtime",
        "overhead",
        "rollback",
        "rollback-dump",
        "startup-version",
        "startup-status",
        "env-check",
        "env-check-10000",
        "memory",
        "backup-17",
        "backup-15",
        "restore",
        "proof",
        "copy",
        "way-back",
        "detection",
    }


def test_an_unknown_name_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--only", "latency"])
    assert "startup-version" in capsys.readouterr().err


def test_the_records_that_status_is_measured_on_are_real(upgrader_home: Path, tmp_path: Path) -> None:
    keep_records(State(upgrader_home / "shop"), tmp_path)
    text = status_at_once(["-C", str(tmp_path), "status"])
    assert text is not None
    assert text.startswith(f"shop v1.{RUNS}.0\n")
    assert text.count(" UTC, 5 B") == RUNS


def test_the_last_outage_ends_with_the_first_answer_after_it() -> None:
    poller = Poller(free_port())
    poller.samples += [Sample(at, ok) for at, ok in ((1.0, True), (2.0, False), (3.0, True), (4.0, False), (5.0, True))]
    assert last_outage_end(poller) == 5.0
    poller.samples.append(Sample(6.0, ok=False))
    with pytest.raises(StepError, match="no outage that came to an end"):
        last_outage_end(poller)


def test_peak_memory_is_that_of_this_process() -> None:
    script = """
from tests.bench.watched import peak
before = peak()
ballast = bytearray(80_000_000)
ballast[::4096] = b"x" * len(ballast[::4096])
print(peak() - before)
"""
    # a process of its own: the one that runs all tests may have had its peak long ago
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert 40 < float(done.stdout) < 200
