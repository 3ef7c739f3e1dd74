"""Restore points on disk: whole or refused, whatever happened to their bytes."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from upgrader.errors import RefusedError
from upgrader.model.manifest import Pin, RestorePoint, SavedDatabase
from upgrader.steps.points import Points, every_file, measure, save


@pytest.fixture
def points(tmp_path: Path) -> Points:
    (tmp_path / "restore-points").mkdir()
    return Points(tmp_path)


def make(points: Points, name: str = "20261120T093000-1a2b") -> RestorePoint:
    """A restore point with a dump, two files, a patch and a model."""
    root = points.begin(name)
    dump = save(root, "databases/app.dump", bytes(range(256)) * 5000)
    point = RestorePoint(
        id=name,
        run=name,
        project="app",
        directory="/srv/app",
        created_at="2026-11-20T09:30:00.000Z",
        tool="0.1.0",
        commit="c0ffee",
        branch=None,
        version="v1.0.0",
        databases=(SavedDatabase("app", "db", "app", "app", "17.1", "dump", files=(dump,), rows={"public.notes": 3}),),
        files=(
            save(root, "files/.env", b"A=1\n", origin=".env", mode=0o640),
            save(root, "files/deep/er/override.yml", b"services: {}\n", origin="deep/er/override.yml"),
        ),
        patch=save(root, "local.patch", b"diff\n"),
        model=save(root, "model.json", b"{}"),
        pins=(Pin("web", "sha256:1", "app-web", "upgrader-pin/app-web:1", ("app@sha256:2",)),),
        env_file=".env",
        running=("db", "web"),
    )
    points.complete(point)
    return point


def test_what_is_saved_is_read_back(points: Points) -> None:
    made = make(points)
    assert points.exists(made.id)
    assert points.load(made.id) == made
    points.verify(made)
    assert next(file.path for file in every_file(made)) == "databases/app.dump"
    assert len(list(every_file(made))) == 5
    assert list(points.all()) == [made]


def test_nobody_else_can_read_it(points: Points) -> None:
    old = os.umask(0)
    try:
        made = make(points)
    finally:
        os.umask(old)
    for path in [points.path(made.id), *points.path(made.id).rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


@pytest.mark.parametrize("harm", [cut, empty, flip, grow, Path.unlink])
@pytest.mark.parametrize(
    "name", ["databases/app.dump", "files/.env", "files/deep/er/override.yml", "local.patch", "model.json"]
)
def test_harm_to_any_file_is_found(points: Points, name: str, harm: Callable[[Path], None]) -> None:
    made = make(points)
    path = points.path(made.id) / name
    harm(path)
    with pytest.raises(RefusedError) as caught:
        points.verify(points.load(made.id))
    assert str(path) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("harm", [cut, empty, flip, Path.unlink])
def test_a_harmed_manifest_is_not_believed(points: Points, harm: Callable[[Path], None]) -> None:
    made = make(points)
    harm(points.path(made.id) / "manifest.json")
    with pytest.raises(RefusedError) as caught:
        points.load(made.id)
    assert made.id in caught.value.message
    assert caught.value.hint


def edit(points: Points, point: RestorePoint, change: Callable[[dict[str, object]], None]) -> None:
    path = points.path(point.id) / "manifest.json"
    body = json.loads(path.read_text())
    change(body)
    path.write_text(json.dumps(body))


def test_an_edited_manifest_is_not_believed(points: Points) -> None:
    """Somebody who changes a dump and its checksum in the manifest: the manifest has a checksum of its own."""
    made = make(points)
    edit(points, made, lambda body: body["manifest"].update(commit="deadbeef"))  # type: ignore[attr-defined]
    with pytest.raises(RefusedError, match="was changed after it was written"):
        points.load(made.id)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.pop("manifest"),
        lambda body: body.pop("sha256"),
        lambda body: body.update(manifest=[]),
        lambda body: body.update(manifest=None),
    ],
)
def test_a_manifest_that_is_none_is_refused(points: Points, change: Callable[[dict[str, object]], None]) -> None:
    made = make(points)
    edit(points, made, change)
    with pytest.raises(RefusedError):
        points.load(made.id)


@pytest.mark.parametrize("text", ["[]", "null", '"text"', "7", "\x00\x01"])
def test_json_of_another_kind_is_refused(points: Points, text: str) -> None:
    made = make(points)
    (points.path(made.id) / "manifest.json").write_text(text)
    with pytest.raises(RefusedError, match="damaged"):
        points.load(made.id)


def test_a_cut_off_attempt_is_no_restore_point(points: Points) -> None:
    root = points.begin("run")
    save(root, "databases/app.dump", b"half")
    assert not points.exists("run")
    assert list(points.all()) == []
    assert list((points.begin("run") / "databases").iterdir()) == [], "what it left is thrown away"
    with pytest.raises(RefusedError, match="there is no restore point run"):
        points.load("run")


def test_all_comes_oldest_first(points: Points) -> None:
    for name in ("20261121T000000-0000", "20261120T235959-ffff", "20261120T000000-aaaa"):
        make(points, name)
    assert [point.id for point in points.all()] == sorted(point.id for point in points.all())
    assert list(Points(points.home / "nowhere").all()) == []


def test_measure_reads_every_byte(tmp_path: Path) -> None:
    file = tmp_path / "big"
    file.write_bytes(b"x" * (3 << 20) + b"y")
    size, digest = measure(file)
    assert size == (3 << 20) + 1
    assert digest != measure_of(tmp_path, b"x" * ((3 << 20) + 1))


def measure_of(tmp_path: Path, data: bytes) -> str:
    (tmp_path / "other").write_bytes(data)
    return measure(tmp_path / "other")[1]
