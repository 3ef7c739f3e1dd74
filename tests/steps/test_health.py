"""Health: which version an app must say that it is."""

from pathlib import Path

import pytest

from tests.engine.steps import Bench, started
from upgrader.model.manifest import RestorePoint
from upgrader.model.run import Record, Run
from upgrader.steps.base import Options
from upgrader.steps.health import _wanted
from upgrader.steps.points import Points

COMMIT = "c0ffee1234567890"
TAG, FULL = "${{ target.tag }}", "${{ target.commit }}"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def run(kind: str, options: Options) -> Run:
    return Run.replay([Record(1, "", started(kind=kind, arguments=options.arguments()))])


@pytest.mark.parametrize(
    ("version", "text", "wanted"),
    [
        ("v1.0.0", TAG, "v1.0.0"),
        ("v1.0.0", f"{TAG}+{FULL}", f"v1.0.0+{COMMIT}"),
        (COMMIT[:9], TAG, ""),
        (COMMIT[:9], f"release {TAG}", ""),
        (COMMIT[:9], FULL, COMMIT),
        (COMMIT[:9], "2026", "2026"),
    ],
)
def test_a_rollback_expects_the_release_of_its_restore_point_if_it_is_one(
    bench: Bench, version: str, text: str, wanted: str
) -> None:
    points = Points(bench.state.home)
    points.begin("r0")
    points.complete(
        RestorePoint("r0", "r0", "bench", "/srv/bench", "2026-11-20T09:30:00.000Z", "0.1.0", COMMIT, None, version)
    )
    # what the rollback leaves is a release: that must not be taken for what it goes to
    options = Options(point="r0", target={"commit": "dead", "name": "v9.9.9", "kind": "tag"})
    assert _wanted(bench.context(run("rollback", options)), text) == wanted


@pytest.mark.parametrize(
    ("kind", "text", "wanted"),
    [("tag", TAG, "v2.0.0"), ("tag", FULL, COMMIT), ("branch", TAG, ""), ("commit", TAG, ""), ("branch", FULL, COMMIT)],
)
def test_an_upgrade_expects_its_target_if_it_is_a_release(bench: Bench, kind: str, text: str, wanted: str) -> None:
    options = Options(target={"commit": COMMIT, "name": "v2.0.0" if kind == "tag" else COMMIT[:9], "kind": kind})
    assert _wanted(bench.context(run("upgrade", options)), text) == wanted
