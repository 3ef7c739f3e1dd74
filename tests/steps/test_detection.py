"""Whatever happens to a restore point is found by reading it, and nothing is found where nothing happened."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from tests.fixtures.harm import TO_ANY, TO_MANIFESTS, Ward, Way, missed, ways
from tests.fixtures.points import FIRST, SECOND, two_points
from upgrader.errors import RefusedError
from upgrader.model.manifest import SavedDatabase, SavedFile
from upgrader.steps.points import MANIFEST, Points, save


@pytest.fixture
def points(tmp_path: Path) -> Points:
    return two_points(tmp_path / "home")


@pytest.fixture
def ward(points: Points, tmp_path: Path) -> Ward:
    return Ward.of(points, tmp_path / "pristine")


def test_nothing_is_found_where_nothing_happened(ward: Ward) -> None:
    assert [ward.points.trouble(point_id) for point_id in ward.points.names()] == ["", ""]


@pytest.mark.parametrize("way", [*TO_ANY, *TO_MANIFESTS], ids=lambda way: way.__name__)
def test_each_way_of_harming_each_file_is_found(ward: Ward, way: Way) -> None:
    harms = 0
    for number, victim in enumerate(ward.victims()):
        if way in ways(victim):
            harm, wrong = missed(ward, victim, way, Random(number))
            assert not wrong, (harm, wrong)
            harms += bool(harm.points)
    assert harms
    test_nothing_is_found_where_nothing_happened(ward)


def test_harm_at_random_is_found(ward: Ward) -> None:
    seed = int.from_bytes(os.urandom(4))
    random, victims = Random(seed), ward.victims()
    for _ in range(150):
        victim = random.choice(victims)
        harm, wrong = missed(ward, victim, random.choice(ways(victim)), random)
        assert not wrong, f"seed {seed}: {harm} {wrong}"


def test_a_manifest_cut_at_any_byte_or_with_a_bit_flipped_in_any_is_not_believed(points: Points) -> None:
    path = points.path(FIRST) / MANIFEST
    whole = path.read_bytes()
    for at in range(len(whole)):
        flipped = bytes([*whole[:at], whole[at] ^ 1 << at % 8, *whole[at + 1 :]])
        for data in (whole[:at], flipped):
            path.write_bytes(data)
            with pytest.raises(RefusedError):
                points.load(FIRST)
    path.write_bytes(whole)
    points.load(FIRST)


def test_an_archive_cut_at_any_byte_or_with_any_bit_flipped_is_refused(points: Points) -> None:
    tiny = replace(points.load(FIRST), id="20261122T093000-5e6f", databases=(), files=(), volumes=())
    tiny = replace(tiny, patch=None, model=None)
    dump = save(points.begin(tiny.id), "databases/app.dump", Random(0).randbytes(250))
    points.complete(replace(tiny, databases=(SavedDatabase("app", "db", "app", "app", "17.1", "dump", (dump,)),)))
    tiny, path = points.load(tiny.id), points.path(tiny.id) / dump.path
    whole = path.read_bytes()
    points.verify(tiny)
    for at in range(len(whole)):
        for bit in range(8):
            path.write_bytes(bytes([*whole[:at], whole[at] ^ 1 << bit, *whole[at + 1 :]]))
            with pytest.raises(RefusedError, match="other bytes than were saved"):
                points.verify(tiny)
        path.write_bytes(whole[:at])
        with pytest.raises(RefusedError, match=f"{at} bytes instead of 250"):
            points.verify(tiny)


def test_a_directory_without_its_manifest_is_told_and_not_passed_over(points: Points) -> None:
    (points.path(FIRST) / MANIFEST).unlink()
    assert points.ids() == [SECOND]
    assert points.names() == [FIRST, SECOND]
    assert points.find("1a2b") == FIRST
    assert points.trouble(FIRST) == f"{points.path(FIRST) / MANIFEST} is missing"


@pytest.mark.parametrize(
    "manifest",
    [
        pytest.param(lambda whole: {**whole, "format": 99, "volumes": []}, id="newer"),
        pytest.param(lambda whole: {key: whole[key] for key in whole if key != "databases"}, id="lacks a key"),
        pytest.param(lambda whole: {**whole, "surprise": 1}, id="has a key too many"),
        pytest.param(lambda whole: {**whole, "databases": ["app"]}, id="of another shape"),
        pytest.param(lambda _: [], id="of another kind"),
    ],
)
def test_a_manifest_with_a_fitting_checksum_that_is_not_ours_is_refused(
    points: Points, manifest: Callable[[dict[str, object]], object]
) -> None:
    path = points.path(FIRST) / MANIFEST
    made = manifest(json.loads(path.read_bytes())["manifest"])
    digest = sha256(json.dumps(made, indent=1, sort_keys=True).encode()).hexdigest()
    path.write_text(json.dumps({"sha256": digest, "manifest": made}, indent=1, sort_keys=True))
    with pytest.raises(RefusedError) as refused:
        points.load(FIRST)
    assert str(path) in refused.value.message
    assert refused.value.hint


def test_a_file_that_the_disk_does_not_give_back_is_told(points: Points) -> None:
    point = points.load(FIRST)
    broken = os.path.relpath("/proc/self/mem", points.path(FIRST))  # its first bytes are none that can be read
    with pytest.raises(RefusedError, match="cannot be read: Input/output error"):
        points.verify(replace(point, patch=SavedFile(broken, "0" * 64, 1)))
