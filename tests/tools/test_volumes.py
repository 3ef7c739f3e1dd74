"""Volumes and directories through real containers: of an image that has BusyBox alone, and nothing of GNU's."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.engine import sh
from upgrader.errors import RefusedError, StepError
from upgrader.tools.docker import NotOursError
from upgrader.tools.shell import Shell
from upgrader.tools.volumes import PROJECT, Store, Volumes

pytestmark = pytest.mark.docker


@pytest.fixture
def ours(busybox: str) -> Iterator[Volumes]:
    found = Volumes(Shell(), f"ut-vol-{secrets.token_hex(3)}", "1-ab", (busybox,))
    yield found
    names = sh("docker", "volume", "ls", "-q", "--filter", f"label={PROJECT}={found.project}").split()
    if names:
        sh("docker", "volume", "rm", *names)


@pytest.fixture
def live(ours: Volumes) -> Store:
    store = Store("volume", f"{ours.project}_uploads")
    sh("docker", "volume", "create", "--label", f"{PROJECT}={ours.project}", store.source)
    write(ours, store, "echo one > a; ln a b; chown 7:8 a; chmod 1777 .")
    return store


def write(ours: Volumes, store: Store, script: str) -> str:
    mount = ("--mount", f"type={store.kind},source={store.source},target=/v")
    return sh("docker", "run", "--rm", *mount, "--workdir", "/v", ours.images[0], "sh", "-c", script)


def test_a_volume_goes_and_comes_back(ours: Volumes, live: Store, tmp_path: Path) -> None:
    file = tmp_path / "archive"
    before = ours.look(live)
    made = ours.archive(live, file)
    assert (made.look.listing, made.still) == (before.listing, True)
    assert (made.tar.tar, made.tar.packer) == ("plain", "gzip")
    assert before.files == 2
    assert file.stat().st_mode & 0o777 == 0o600
    restored, kept = live.beside("1-ab", "restored"), live.beside("1-ab", "aside")
    assert not ours.exists(restored)
    assert ours.extract(file, restored, "plain", "gzip").listing == before.listing
    assert ours.extract(file, restored, "plain", "gzip").listing == before.listing, "once more makes no other"

    write(ours, live, "echo two > c; rm b")
    noted = ours.identities(live, restored)
    assert not ours.swapped(live, restored, kept, (noted[0], noted[1]))
    for _ in range(2):
        ours.swap(live, restored, kept, (noted[0], noted[1]))
        assert ours.swapped(live, restored, kept, (noted[0], noted[1]))
    assert ours.look(live).listing == before.listing
    assert write(ours, kept, "ls") == "a\nc"
    assert not ours.exists(restored), "an empty name is not left behind"

    with pytest.raises(RefusedError, match="no image of this stack has GNU tar and zstd"):
        ours.extract(file, restored, "gnu", "zstd")
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(StepError, match=r"restoring archive into .* failed"):
        ours.extract(file, restored, "plain", "gzip")


def test_a_directory_of_the_host(ours: Volumes, tmp_path: Path) -> None:
    live = Store("bind", str(tmp_path / "my data"))
    Path(live.source).mkdir(mode=0o750)
    (Path(live.source) / "file").write_text("then")
    os.chown(live.source, 1000, 1000)
    ours.archive(live, tmp_path / "archive")
    (Path(live.source) / "file").write_text("now")
    restored, kept = live.beside("1-ab", "restored"), live.beside("1-ab", "aside")
    ours.extract(tmp_path / "archive", restored, "plain", "gzip")
    one, other = ours.identities(live, restored)
    ours.swap(live, restored, kept, (one, other))
    assert ((Path(live.source) / "file").read_text(), (Path(kept.source) / "file").read_text()) == ("then", "now")
    assert Path(live.source).stat().st_uid == 1000
    assert not Path(restored.source).exists()


def test_what_cannot_be_swapped(ours: Volumes, live: Store, tmp_path: Path) -> None:
    named = ("--label", f"{PROJECT}={ours.project}", f"{ours.project}_memory")
    sh("docker", "volume", "create", "--opt", "type=tmpfs", "--opt", "device=tmpfs", *named)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    troubles = {
        live: "",
        Store("volume", f"{ours.project}_memory"): "its files are not the engine's own: it is of the kind tmpfs",
        Store("volume", f"{ours.project}_nothing"): "it does not exist",
        Store("bind", str(tmp_path)): "",
        Store("bind", str(tmp_path / "nothing")): "it does not exist",
        Store("bind", str(tmp_path / "file")): "it is a regular empty file",
        Store("bind", str(tmp_path / "link")): "it is a symbolic link",
        Store("bind", "/proc"): "it is a disk of its own",
    }
    assert {store: ours.trouble(store) for store in troubles} == troubles
    for store in (live, live.beside("1-ab", "aside"), Store("bind", str(tmp_path)), Store("bind", "/a/b.upgrader_1/c")):
        with pytest.raises(NotOursError):
            ours.extract(tmp_path / "file", store, "plain", "gzip")
