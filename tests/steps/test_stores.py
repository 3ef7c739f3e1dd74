"""Which volumes and directories a playbook means, by what Compose makes of the files; and what a point tells of them."""

import json
from dataclasses import replace

import pytest

from upgrader.model.app import VolumeSpec
from upgrader.model.manifest import RestorePoint, SavedFile, SavedVolume
from upgrader.model.plan import Loss, lost
from upgrader.steps.export_readme import readme
from upgrader.steps.points import every_file
from upgrader.steps.retention import must_stay
from upgrader.steps.stores import find
from upgrader.tools.compose_model import Model
from upgrader.tools.volumes import SUFFIX, Store, Tar, slug

MODEL = Model.of(
    {
        "name": "shop",
        "services": {
            "api": {
                "image": "api",
                "volumes": [
                    {"type": "volume", "source": "uploads", "target": "/app/uploads"},
                    {"type": "bind", "source": "/srv/shop/data", "target": "/data"},
                    {"type": "volume", "target": "/scratch"},
                    {"type": "tmpfs", "target": "/tmp"},
                ],
            },
            "web": {
                "image": "web",
                "volumes": [{"type": "volume", "source": "uploads", "target": "/uploads", "read_only": True}],
            },
        },
        "volumes": {"uploads": {"name": "shop_uploads"}, "shared": {"name": "company", "external": True}, "bare": None},
    }
)


@pytest.mark.parametrize(
    ("spec", "store"),
    [
        (VolumeSpec("x", volume="uploads"), Store("volume", "shop_uploads")),
        (VolumeSpec("x", volume="shared"), Store("volume", "company")),
        (VolumeSpec("x", volume="bare"), Store("volume", "bare")),
        (VolumeSpec("x", service="web", path="/uploads/"), Store("volume", "shop_uploads")),
        (VolumeSpec("x", service="api", path="/data"), Store("bind", "/srv/shop/data")),
        (VolumeSpec("x", volume="shop_uploads"), None),
        (VolumeSpec("x", service="api", path="/scratch"), None),
        (VolumeSpec("x", service="api", path="/tmp"), None),
        (VolumeSpec("x", service="api", path="/app"), None),
        (VolumeSpec("x", service="nobody", path="/data"), None),
    ],
)
def test_what_a_name_means(spec: VolumeSpec, store: Store | None) -> None:
    assert find(MODEL, spec) == store


def test_ours_lie_beside_the_live_ones() -> None:
    assert Store("volume", "shop_uploads").beside("20261120T1-ab", "aside") == Store(
        "volume", "shop_uploads_upgrader_20261120T1-ab_aside"
    )
    assert Store("bind", "/srv/data").beside("1-ab", "restored").source == "/srv/data.upgrader_1-ab_restored"


@pytest.mark.parametrize(
    ("name", "bent"), [("uploads", True), ("a.b-c_d", True), ("api:/data", False), ("../x", False)]
)
def test_names_of_files(name: str, bent: bool) -> None:
    found = slug(name)
    assert (found == name) is bent
    assert "/" not in found
    assert not found.startswith(".")
    assert len({slug(each) for each in ("api:/a/b", "api:/a-b", "api-/a/b")}) == 3


def test_what_reads_an_archive() -> None:
    """BusyBox's tar makes something else of GNU's holes and attributes, and says nothing."""
    gnu, plain = Tar("a", "gnu", "zstd"), Tar("b", "plain", "gzip")
    assert [gnu.reads("gnu", "zstd"), gnu.reads("gnu", "gzip"), gnu.reads("plain", "gzip")] == [True] * 3
    assert [plain.reads("gnu", "gzip"), plain.reads("plain", "zstd")] == [False] * 2
    assert plain.reads("plain", "gzip")
    assert set(SUFFIX) == {"zstd", "gzip"}


ARCHIVED = SavedVolume(
    "uploads",
    "volume",
    "shop_uploads",
    "archive",
    file=SavedFile("volumes/uploads.tar.zst", "ab" * 32, 1000),
    tar="gnu",
    packer="zstd",
    listing="cd" * 32,
    files=7,
    size=5 << 20,
    services=("api", "web"),
)
POINT = RestorePoint(
    "20261120T000000-0000", "r", "shop", "/srv", "2026-11-20T00:00:00.000Z", "0.1", "c0ffee", None, "v1",
    volumes=(ARCHIVED,),
)  # fmt: skip


def test_a_manifest_with_volumes_is_read_back() -> None:
    assert RestorePoint.from_json(json.loads(json.dumps(POINT.to_json()))) == POINT
    assert [file.path for file in every_file(POINT)] == ["volumes/uploads.tar.zst"]
    aside = replace(POINT, volumes=(SavedVolume("uploads", "volume", "shop_uploads", "aside", aside="x", identity=7),))
    assert RestorePoint.from_json(json.loads(json.dumps(aside.to_json()))) == aside
    assert (POINT.dumped, POINT.proved, aside.dumped, aside.proved) == (True, "read", False, "")


def test_an_older_manifest_is_read_as_one_without_volumes() -> None:
    older = {name: value for name, value in POINT.to_json().items() if name != "volumes"} | {"format": 2}
    assert RestorePoint.from_json(older) == replace(POINT, volumes=(), format=2)


def test_a_point_of_volumes_alone_stays_as_the_last_good_one() -> None:
    assert must_stay([POINT], [], set()) == {POINT.id: "the last one that is proved"}


def test_an_export_says_how_files_are_brought_back() -> None:
    text = readme(POINT)
    assert 'zstd -dc volumes/uploads.tar.zst | tar -C "$INTO" -xpf - --numeric-owner --xattrs' in text
    assert "Needs GNU tar, zstd and root" in text
    plain = replace(POINT, volumes=(replace(ARCHIVED, tar="plain", packer="gzip"),))
    assert 'gzip -dc volumes/uploads.tar.zst | tar -C "$INTO" -xpf - --numeric-owner\n' in readme(plain)


def test_what_is_lost_is_told_by_its_kind() -> None:
    rows, more = Loss("app", "notes", 1, 3, inserted=2), Loss("app", "people", 0, 1, updated=1)
    assert lost(()) == ""
    file = Loss("uploads", "files", 4, 5, exact=False, what="file", inserted=1)
    assert lost((rows, more, file)) == "3 rows and about 1 file"
