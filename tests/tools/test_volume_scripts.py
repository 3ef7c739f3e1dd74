"""What runs beside volumes, run here: by GNU's tools and by BusyBox's, on whole archives, broken ones and killed swaps."""

import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from upgrader.tools import volume_scripts as scripts
from upgrader.tools.volumes import BACK, OPTIONS, PACKING, UNPACKING

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="files of other owners are root's to make")
LINKED, HOLE = 2, 64 << 20
KINDS = (("gnu", "zstd"), ("gnu", "gzip"), ("plain", "gzip"))


@pytest.fixture
def tools(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A PATH: this machine's, or of BusyBox alone."""
    if request.param == "gnu":
        return os.environ["PATH"]
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("there is no busybox")
    (bin_ := tmp_path / "bin").mkdir()
    for name in subprocess.check_output([busybox, "--list"], text=True).split():
        (bin_ / name).symlink_to(busybox)
    return str(bin_)


def run(script: str, *args: str | Path, path: str = "", **options: object) -> "subprocess.CompletedProcess[bytes]":
    env = {**os.environ, "PATH": path or os.environ["PATH"]}
    argv = ["/bin/sh", "-c", script, "sh", *map(str, args)]
    return subprocess.run(argv, capture_output=True, check=False, env=env, **options)  # type: ignore[call-overload,no-any-return]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Everything that a careless copy loses."""
    root = tmp_path / "files"
    (root / "deep er").mkdir(parents=True)
    (root / "empty").mkdir(mode=0o1777)
    (root / "empty").chmod(0o1777)
    (root / "one").write_text("one")
    os.link(root / "one", root / "deep er/again")
    (root / "deep er/with\na line").write_bytes(secrets.token_bytes(70_000))
    (root / "link").symlink_to("one")
    os.mkfifo(root / "fifo")
    with (root / "hole").open("wb") as file:
        file.truncate(HOLE)
        file.seek(HOLE // 3)
        file.write(b"data")
    os.chown(root / "one", 1234, 4321)
    os.chown(root / "link", 55, 66, follow_symlinks=False)
    (root / "one").chmod(0o4750)
    os.setxattr(root / "one", "user.note", b"kept")
    os.utime(root / "one", (1_000_000_000, 1_000_000_000))
    os.chown(root, 77, 88)
    root.chmod(0o2770)
    return root


def looked(said: bytes) -> list[str]:
    return [line for line in said.decode().splitlines() if line.startswith("look ")]


def archive(files: Path, into: Path, tar: str, packer: str, path: str = "") -> "subprocess.CompletedProcess[bytes]":
    made = run(scripts.ARCHIVE, files, PACKING[packer].format(jobs=0), "10", *OPTIONS[tar], path=path)
    into.write_bytes(made.stdout)
    return made


@pytest.mark.parametrize(("tools", "tar", "packer"), [(tar, tar, packer) for tar, packer in KINDS], indirect=["tools"])
def test_files_come_back_as_they_were(files: Path, tmp_path: Path, tools: str, tar: str, packer: str) -> None:
    file, back = tmp_path / "archive", tmp_path / "back"
    made = archive(files, file, tar, packer, tools)
    before, after = looked(made.stderr)
    assert (made.returncode, before) == (0, after), made.stderr
    assert b"ended 0 0" in made.stderr
    assert b"ended 0 0" in run(scripts.READ, UNPACKING[packer], path=tools, input=file.read_bytes()).stderr

    back.mkdir()
    (back / "left by a killed one").write_text("x")
    done = run(scripts.EXTRACT, back, UNPACKING[packer], *BACK[tar], path=tools, input=file.read_bytes())
    (found,) = looked(done.stderr)
    assert found.split()[3] == before.split()[3], done.stderr
    assert sorted(p.name for p in back.iterdir()) == sorted(p.name for p in files.iterdir())
    root, one = back.stat(), (back / "one").stat()
    assert (root.st_uid, root.st_gid, root.st_mode & 0o7777) == (77, 88, 0o2770)
    assert (one.st_uid, one.st_gid, one.st_mode & 0o7777, one.st_nlink) == (1234, 4321, 0o4750, LINKED)
    assert one.st_mtime == 1_000_000_000
    assert one.st_ino == (back / "deep er/again").stat().st_ino
    assert (back / "link").readlink() == Path("one")
    assert (back / "fifo").is_fifo()
    assert (back / "deep er/with\na line").read_bytes() == (files / "deep er/with\na line").read_bytes()
    assert (back / "hole").read_bytes() == (files / "hole").read_bytes()
    if tar == "gnu":
        assert (back / "hole").stat().st_blocks * 512 < HOLE // 100, "the hole is none any more"
        assert (back / "link").lstat().st_uid == 55
        assert os.getxattr(back / "one", "user.note") == b"kept"


def test_both_kinds_of_tools_see_the_same(files: Path, tmp_path: Path) -> None:
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("there is no busybox")
    (bin_ := tmp_path / "bin").mkdir()
    for name in subprocess.check_output([busybox, "--list"], text=True).split():
        (bin_ / name).symlink_to(busybox)
    one, other = (run(scripts.LOOK, files, "1600000000", path=path).stdout for path in ("", str(bin_)))
    assert one == other
    assert b"newer 2" in one, "the one with a line break and the hole; what is hard-linked is old"


@pytest.mark.parametrize("what", ["content", "mode", "owner", "time", "link", "gone", "new", "hard link"])
def test_what_changes_is_seen(files: Path, what: str) -> None:
    before = run(scripts.LOOK, files, "0").stdout
    one = files / "one"
    match what:
        case "content":
            one.write_text("other")
        case "mode":
            one.chmod(0o640)
        case "owner":
            os.chown(files / "empty", 5, 5)
        case "time":
            os.utime(one, (1_000_000_001, 1_000_000_001))
        case "link":
            (files / "link").unlink()
            (files / "link").symlink_to("empty")
        case "gone":
            (files / "fifo").unlink()
        case "new":
            (files / "deep er/new").mkdir()
        case "hard link":
            (files / "deep er/again").unlink()
    assert run(scripts.LOOK, files, "0").stdout != before


def test_sockets_are_no_data(files: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(files / "socket"))
        made = archive(files, tmp_path / "archive", "gnu", "zstd")
        (tmp_path / "back").mkdir()
        data = (tmp_path / "archive").read_bytes()
        done = run(scripts.EXTRACT, tmp_path / "back", UNPACKING["zstd"].format(jobs=0), *BACK["gnu"], input=data)
    assert looked(done.stderr)[0].split()[3] == looked(made.stderr)[0].split()[3]


@pytest.mark.parametrize(("tar", "packer"), KINDS[:2])
def test_an_archive_that_is_damaged_anywhere_is_not_read_to_its_end(
    files: Path, tmp_path: Path, tar: str, packer: str
) -> None:
    """The floor below the checksums: what the packers and tar find by themselves."""
    archive(files, tmp_path / "archive", tar, packer)
    data = (tmp_path / "archive").read_bytes()

    def ends_well(broken: bytes) -> bool:
        return b"ended 0 0" in run(scripts.READ, UNPACKING[packer], input=broken).stderr

    assert ends_well(data)
    assert not any(ends_well(data[: len(data) * part // 8]) for part in range(8))
    for part in range(1, 8):
        place = len(data) * part // 8
        assert not ends_well(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]), place


def test_an_archive_that_could_not_be_written_is_told(files: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        argv = ["sh", "-c", scripts.ARCHIVE, "sh", str(files), PACKING["zstd"].format(jobs=0), "10", *OPTIONS["gnu"]]
        made = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, check=False)
    assert b"ended" in made.stderr
    assert b"ended 0 0" not in made.stderr


# --- the swap


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Path]:
    """What is live, what was restored, and the empty directory that an engine makes of a new volume."""
    root = tmp_path / "volumes"
    for name, text in (("live", "today"), ("restored", "yesterday")):
        (root / name).mkdir(parents=True)
        (root / name / "file").write_text(text)
    (root / "kept").mkdir()
    yield root
    left = {str(path.relative_to(root)) for path in root.rglob("file")}
    assert len(left) == 2, f"a file was lost: {left}"


def swap(root: Path, identities: tuple[int, int], path: str = "") -> "subprocess.CompletedProcess[bytes]":
    return run(scripts.SWAP, *(root / name for name in ("live", "restored", "kept")), *map(str, identities), path=path)


def identities(root: Path) -> tuple[int, int]:
    return (root / "live").stat().st_ino, (root / "restored").stat().st_ino


def is_swapped(root: Path) -> bool:
    return ((root / "live/file").read_text(), (root / "kept/file").read_text()) == ("yesterday", "today")


def mortal(tmp_path: Path, program: str, nth: int, *, before: bool) -> str:
    """A PATH whose `program` kills the shell that calls it for the nth time, before or after it does its work."""
    bin_, count, real = tmp_path / "mortal", tmp_path / "count", shutil.which(program)
    bin_.mkdir()
    count.write_text("")
    die = f'[ "$(wc -c < {count})" = {nth} ] && kill -9 $PPID && exit 1'
    work = f'{real} "$@" || exit'
    script = "\n".join(["#!/bin/sh", f"printf x >> {count}", *((die, work) if before else (work, die)), "exit 0\n"])
    (bin_ / program).write_text(script)
    (bin_ / program).chmod(0o755)
    return f"{bin_}:{os.environ['PATH']}"


def test_two_directories_are_swapped(places: Path) -> None:
    noted = identities(places)
    assert swap(places, noted).returncode == 0
    assert is_swapped(places)
    assert sorted(path.name for path in places.iterdir()) == ["kept", "live"]
    assert swap(places, noted).returncode == 0, "once more does nothing"
    assert is_swapped(places)


MOMENTS = [
    (program, nth, before)
    for program, nth in (("mv", 1), ("mv", 2), ("mv", 3), ("rmdir", 1))
    for before in (True, False)
]


@pytest.mark.parametrize(("program", "nth", "before"), MOMENTS)
def test_a_swap_killed_anywhere_is_ended_by_the_next(
    places: Path, tmp_path: Path, program: str, nth: int, before: bool
) -> None:
    noted = identities(places)
    assert swap(places, noted, mortal(tmp_path, program, nth, before=before)).returncode == -9
    assert len(list(places.rglob("file"))) == 2
    if not (places / "live").exists():
        (places / "live").mkdir()  # an engine started a container of it meanwhile
    assert swap(places, noted).returncode == 0
    assert is_swapped(places)
    assert sorted(path.name for path in places.iterdir()) == ["kept", "live"]


def test_nothing_is_swapped_that_is_not_what_was_noted(places: Path) -> None:
    live, restored = identities(places)
    for wrong in ((live + 1_000_000, restored), (live, restored + 1_000_000)):
        assert swap(places, wrong).returncode == 3
        assert sorted(path.read_text() for path in places.rglob("file")) == ["today", "yesterday"]


def test_files_written_meanwhile_are_not_overwritten(places: Path, tmp_path: Path) -> None:
    noted = identities(places)
    assert swap(places, noted, mortal(tmp_path, "mv", 1, before=False)).returncode == -9
    (places / "live").mkdir()
    (places / "live/upload").write_text("new")
    told = swap(places, noted)
    assert (told.returncode, b"not empty" in told.stderr) == (3, True)
    assert (places / "live/upload").read_text() == "new"
