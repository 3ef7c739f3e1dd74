"""`upgrader backups` on restore points of every degree of damage, without an engine."""

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.fixtures.harm import Ward, delete, flip_a_bit, put_something_beside_its_dump, tidy
from tests.fixtures.points import FIRST, SECOND, two_points
from upgrader.engine.state import write_private
from upgrader.steps.points import MANIFEST, Points

ROOT = Path(__file__).parents[2]


@pytest.fixture
def app(tmp_path: Path) -> Path:
    made = tmp_path / "app"
    made.mkdir()
    return made


@pytest.fixture
def points(upgrader_home: Path, app: Path) -> Points:
    made = two_points(upgrader_home / "app")
    write_private(made.home / "app.json", json.dumps({"directory": str(app), "project": "app"}))
    return made


def upgrader(app: Path, *args: str | Path, code: int = 0) -> str:
    """What it prints. No engine answers it, nor any other program."""
    environment = {**os.environ, "PATH": "/nowhere", "PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-m", "upgrader", "-C", app, *args]
    done = subprocess.run(argv, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_whole_ones(app: Path, points: Points) -> None:
    assert upgrader(app, "backups", "verify") == f"✓ {FIRST}\n✓ {SECOND}\n"
    assert upgrader(app, "backups", "verify", "3c4d") == f"✓ {SECOND}\n"


@pytest.mark.parametrize(
    ("way", "name", "said"),
    [
        (delete, MANIFEST, "manifest.json is missing"),
        (tidy, MANIFEST, "manifest.json was changed after it was written"),
        (flip_a_bit, "databases/idp.dump/toc.dat", "toc.dat is damaged: it has other bytes than were saved"),
        (flip_a_bit, "databases/far.dump", "far.dump is damaged: it has other bytes than were saved"),
        (delete, "databases/app.globals.sql", "app.globals.sql is missing"),
        (put_something_beside_its_dump, "databases/app.json", "later"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_damaged_one_is_told_and_used_for_nothing(
    app: Path, points: Points, tmp_path: Path, way: object, name: str, said: str
) -> None:
    ward = Ward.of(points, tmp_path / "pristine")
    path = points.path(FIRST) / name
    victim = next(each for each in ward.victims() if each.path == path)
    with ward.harmed(victim, way, Random(1)) as harm:  # type: ignore[arg-type]
        assert harm.points == {FIRST}
        text = upgrader(app, "backups", "verify", code=3)
        assert text.startswith(f"✗ {FIRST}: ")
        assert said in text.splitlines()[0]
        assert text.splitlines()[1] == f"✓ {SECOND}"
        found = json.loads(upgrader(app, "backups", "verify", FIRST, "--output", "json", code=3))
        assert [(each["id"], each["ok"]) for each in found] == [(FIRST, False)]
        listed = upgrader(app, "backups", "list")
        assert FIRST in listed
        assert ("✗ damaged" in listed) == (name == MANIFEST), "only the manifest is read for a list"
        assert (f"Damaged    {FIRST}: upgrader backups verify" in upgrader(app, "status")) == (name == MANIFEST)
        if way is not put_something_beside_its_dump:  # what nobody saved is not exported
            refused = upgrader(app, "backups", "export", FIRST, tmp_path / "app.tar", code=4)
            assert str(path) in refused
            assert not list(tmp_path.glob("app.tar*"))
    assert upgrader(app, "backups", "verify") == f"✓ {FIRST}\n✓ {SECOND}\n"
