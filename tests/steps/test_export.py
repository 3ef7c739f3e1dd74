"""Exports on disks that take no more, and what their README says of several servers."""

import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fixtures.engine import sh
from tests.fixtures.points import FIRST, two_points
from upgrader.errors import RefusedError, StepError
from upgrader.steps.export import export
from upgrader.steps.export_readme import readme
from upgrader.steps.points import Points
from upgrader.tools.shell import Shell

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")
with_age = pytest.mark.skipif(not shutil.which("age"), reason="age is not installed here")


@pytest.fixture
def points(tmp_path: Path) -> Points:
    return two_points(tmp_path / "home")


@contextmanager
def disk(at: Path, options: str) -> Iterator[Path]:
    """A file system of its own."""
    at.mkdir(exist_ok=True)
    sh("mount", "-t", "tmpfs", "-o", options, "tmpfs", at)
    try:
        yield at
    finally:
        subprocess.run(["umount", at], check=True)


@as_root
@pytest.mark.parametrize(
    ("options", "look"), [("size=12k", "df -h"), ("nr_inodes=1", "df -i")], ids=["bytes", "inodes"]
)
def test_a_disk_that_takes_no_more(points: Points, tmp_path: Path, options: str, look: str) -> None:
    with disk(tmp_path / "small", options) as small:
        with pytest.raises(RefusedError, match=f"{small}/app.tar cannot be written: No space left") as refused:
            export(points, points.load(FIRST), small / "app.tar", Shell())
        assert refused.value.hint == f"{look} {small}"
        assert list(small.iterdir()) == []
    assert points.trouble(FIRST) == ""


@as_root
@with_age
def test_no_room_for_what_is_to_be_encrypted_or_for_what_was(points: Points, tmp_path: Path) -> None:
    sh("age-keygen", "-o", tmp_path / "key")
    to = sh("age-keygen", "-y", tmp_path / "key")
    with disk(tmp_path / "small", "size=12k") as small, pytest.raises(StepError, match="age") as failed:
        export(points, points.load(FIRST), small / "app.tar.age", Shell(), recipient=to)
    assert "no space left" in " ".join([failed.value.message, *failed.value.lines]).lower()
    assert list((tmp_path / "small").iterdir()) == []

    shutil.move(points.home, tmp_path / "moved")
    with disk(points.home, "size=400k") as small:
        shutil.copytree(tmp_path / "moved", small, dirs_exist_ok=True)
        room = os.statvfs(small).f_bavail * os.statvfs(small).f_bsize
        (small / "ballast").write_bytes(bytes(room - 8192))
        with pytest.raises(RefusedError, match=f"{small}/scratch-.*plain.tar cannot be written"):
            export(points, points.load(FIRST), tmp_path / "app.tar.age", Shell(), recipient=to)
        assert not list(small.glob("scratch-*"))
    assert not list(tmp_path.glob("app.tar*"))


def test_a_damaged_member_makes_no_export(points: Points, tmp_path: Path) -> None:
    member = points.path(FIRST) / "databases/idp.dump/3302.dat.zst"
    data = bytearray(member.read_bytes())
    data[-1] ^= 1
    member.write_bytes(data)
    with pytest.raises(RefusedError, match=f"{member} is damaged: it cannot be exported"):
        export(points, points.load(FIRST), tmp_path / "app.tar", Shell())
    assert not list(tmp_path.glob("app.tar*"))


def test_an_export_is_whole_by_its_own_sums(points: Points, tmp_path: Path) -> None:
    export(points, points.load(FIRST), tmp_path / "app.tar", Shell())
    with tarfile.open(tmp_path / "app.tar") as tar:
        tar.extractall(tmp_path / "out", filter="data")
    (top,) = (tmp_path / "out").iterdir()
    assert sh("sha256sum", "--quiet", "--check", "SHA256SUMS", cwd=top) == ""


def test_each_server_is_brought_back_by_itself(points: Points) -> None:
    text = readme(points.load(FIRST))
    assert "The app has 3 servers of Postgres: `app-db`, `far-db`, `idp-db`" in text
    blocks = [block for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "pg_restore" in block]
    assert [re.findall(r"-f (\S+)", block) for block in blocks] == [
        ["databases/app.globals.sql"],
        ["databases/far.globals.sql"],
        ["databases/idp.globals.sql"],
    ]
    for major, block in zip((17, 17, 15), blocks, strict=True):
        assert f"postgres:{major}" in text[: text.index(block)].rpartition("## ")[2]
    assert ["zstd -q -d" in block for block in blocks] == [True, False, True], "the second was streamed into one file"
    assert "does not read it" in text


def test_databases_of_one_server_share_its_roles(points: Points) -> None:
    point = points.load(FIRST)
    together = replace(point, databases=tuple(replace(database, service="db") for database in point.databases))
    text = readme(together)
    assert text.count(".globals.sql") == 1
    assert text.count("pg_restore --exit-on-error --create -d template1") == 3
    assert "## Database app, idp, far, of the service db" in text
