"""The writer: nothing lost, nothing widened, nobody's edit overwritten."""

import os
import stat
import sys
from pathlib import Path

import pytest

from upgrader.errors import RefusedError, StepError
from upgrader.tools.envfile import append_to, replace_exactly

OLD, NEW = b"A=1\n", b"A=1\nB=2\n"


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    path.write_bytes(OLD)
    path.chmod(0o600)
    return path


def test_appends_and_leaves_nothing_else_behind(env_file: Path) -> None:
    append_to(env_file, OLD, NEW)
    assert env_file.read_bytes() == NEW
    assert os.listdir(env_file.parent) == [".env"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o400])
def test_the_mode_stays(env_file: Path, mode: int) -> None:
    env_file.chmod(mode)
    mask = os.umask(0)
    try:
        append_to(env_file, OLD, NEW)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(env_file.stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_stays(env_file: Path) -> None:
    os.chown(env_file, 1234, 4321)
    env_file.chmod(0o640)
    append_to(env_file, OLD, NEW)
    status = env_file.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 4321, 0o640)


def test_extended_attributes_stay(env_file: Path) -> None:
    try:
        os.setxattr(env_file, "user.note", b"mine")
    except OSError:
        pytest.skip("no extended attributes on this file system")
    append_to(env_file, OLD, NEW)
    assert os.getxattr(env_file, "user.note") == b"mine"


def test_a_symlink_stays_one(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    target = tmp_path / "etc" / "app.conf"
    target.write_bytes(OLD)
    link = tmp_path / ".env"
    link.symlink_to("etc/app.conf")
    append_to(link, OLD, NEW)
    assert os.readlink(link) == "etc/app.conf"
    assert target.read_bytes() == NEW
    assert sorted(os.listdir(tmp_path)) == [".env", "etc"]
    assert os.listdir(target.parent) == ["app.conf"]


def test_another_hard_link_keeps_the_old_content(env_file: Path) -> None:
    snapshot = env_file.with_name("snapshot")
    snapshot.hardlink_to(env_file)
    append_to(env_file, OLD, NEW)
    assert (snapshot.read_bytes(), env_file.read_bytes()) == (OLD, NEW)


def test_an_edit_meanwhile_is_kept(env_file: Path) -> None:
    env_file.write_bytes(b"A=edited\n")
    with pytest.raises(RefusedError, match="changed by someone else"):
        append_to(env_file, OLD, NEW)
    assert env_file.read_bytes() == b"A=edited\n"
    assert os.listdir(env_file.parent) == [".env"]


def test_an_edit_while_the_new_file_is_written_is_kept(env_file: Path) -> None:
    """Edit at the very moment when the temporary file appears, from within the process: no race, no luck."""
    edited: list[bool] = []

    def edit(event: str, arguments: tuple[object, ...]) -> None:
        if event == "tempfile.mkstemp" and str(env_file.parent) in str(arguments[0]) and not edited:
            edited.append(True)
            env_file.write_bytes(b"A=edited\n")

    sys.addaudithook(edit)
    with pytest.raises(RefusedError, match="changed by someone else"):
        append_to(env_file, OLD, NEW)
    assert edited
    assert env_file.read_bytes() == b"A=edited\n"
    assert os.listdir(env_file.parent) == [".env"]


def test_new_content_that_drops_a_byte_is_refused(env_file: Path) -> None:
    with pytest.raises(RefusedError, match="does not begin with"):
        append_to(env_file, OLD, b"A=2\nB=2\n")
    assert env_file.read_bytes() == OLD


def test_an_older_content_is_put_back(env_file: Path) -> None:
    append_to(env_file, OLD, NEW)
    replace_exactly(env_file, NEW, OLD)
    assert env_file.read_bytes() == OLD
    with pytest.raises(RefusedError, match="changed by someone else"):
        replace_exactly(env_file, NEW, OLD)


def test_the_same_content_leaves_the_very_same_file(env_file: Path) -> None:
    before = env_file.stat()
    replace_exactly(env_file, OLD, OLD)
    after = env_file.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_missing_file_and_a_dangling_link_name_the_place(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("missing", "link"):
        with pytest.raises(StepError, match=name):
            append_to(tmp_path / name, b"", b"A=1\n")


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=tmp_path.name):
        append_to(tmp_path, b"", b"A=1\n")
