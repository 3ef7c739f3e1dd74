"""This machine and this directory are not as they must be: each is told, with the next command, before anything changed."""

import os
import shlex
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.bad import docker, refuse, upgrader
from upgrader.demo.host import Installation
from upgrader.demo.remote import git

pytestmark = pytest.mark.docker

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")


def programs(directory: Path, *names: str) -> str:
    """A PATH on which only these programs of this machine are found."""
    directory.mkdir()
    for name in names:
        found = shutil.which(name)
        assert found
        (directory / name).symlink_to(found)
    return str(directory)


@pytest.mark.parametrize("command", ["upgrade", "plan", "doctor"])
def test_a_directory_without_compose_files(tmp_path: Path, command: str) -> None:
    answer = upgrader(tmp_path, command)
    assert answer.code == 4
    assert answer.message.startswith(f"{tmp_path} is no Compose app that upgrader knows: there is no compose file")
    assert answer.hint == "upgrader -C DIRECTORY …"
    assert list(tmp_path.iterdir()) == []
    assert list(Path(os.environ["UPGRADER_HOME"]).iterdir()) == []


@pytest.mark.parametrize("command", ["rollback", "resume", "abandon", "status"])
def test_a_directory_without_records(tmp_path: Path, command: str) -> None:
    answer = upgrader(tmp_path, command)
    assert answer.code == 4
    assert str(tmp_path) in answer.message
    assert "upgrader -C " in answer.hint
    assert list(Path(os.environ["UPGRADER_HOME"]).iterdir()) == []


def test_a_directory_that_is_none(tmp_path: Path) -> None:
    answer = upgrader(tmp_path / "nowhere", "upgrade")
    assert (answer.code, answer.message) == (2, f"{tmp_path / 'nowhere'} is not a directory")
    assert answer.hint == "upgrader -C DIRECTORY …"


def test_an_output_that_is_none(serving: Installation) -> None:
    refuse(serving, "upgrade", "--output", "fancy", code=2, message="fancy.*none of auto, live", hint="--output plain")


def test_flags_that_exclude_each_other(serving: Installation) -> None:
    refuse(serving, "upgrade", "--online", "--offline", code=2, message="exclude each other", hint="leave one out")


def test_compose_files_that_are_no_checkout(serving: Installation, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(serving.path, copy, ignore=shutil.ignore_patterns(".git"))
    answer = upgrader(copy, "upgrade", "--yes")
    assert answer.code == 4
    assert answer.message == f"{copy} is not a git checkout"
    assert "upgrader -C " in answer.hint
    assert not list(Path(os.environ["UPGRADER_HOME"]).glob("*/runs/*"))


def test_an_app_that_never_started(serving: Installation, tmp_path: Path) -> None:
    copy = tmp_path / "never-started"
    shutil.copytree(serving.path, copy)
    answer = upgrader(copy, "upgrade", "--to", "v1.1.0", "--yes")
    assert answer.code == 4
    assert answer.message.startswith("no container of the project 'never-started' exists")
    assert "docker compose up -d" in answer.hint
    assert git("describe", "--tags", cwd=copy) == "v1.0.0\n"


def test_no_git(serving: Installation, tmp_path: Path) -> None:
    path = programs(tmp_path / "bin", "docker")
    refuse(serving, "upgrade", "--yes", env={"PATH": path}, message="git is not installed", hint="apt-get install git")


def test_no_docker(serving: Installation, tmp_path: Path) -> None:
    path = programs(tmp_path / "bin", "git")
    hint = "apt-get install docker.io docker-compose-v2"
    refuse(serving, "upgrade", "--yes", env={"PATH": path}, message="docker command is not installed", hint=hint)


def test_no_engine(serving: Installation, tmp_path: Path) -> None:
    socket = f"unix://{tmp_path}/nobody.sock"
    refuse(
        serving,
        "upgrade",
        "--yes",
        env={"DOCKER_HOST": socket},
        message=f"the Docker engine does not answer at {socket}",
        hint="systemctl start docker|docker context ls",
    )


@pytest.mark.parametrize(
    ("version", "message"), [("2.20.3", "Compose 2.20.3 is too old: 2.24.0 is the oldest"), ("", "no Compose plugin")]
)
def test_compose_is_missing_or_too_old(serving: Installation, tmp_path: Path, version: str, message: str) -> None:
    real = shutil.which("docker")
    assert real
    wrapper = tmp_path / "bin" / "docker"
    wrapper.parent.mkdir()
    says = f"echo {version}" if version else "echo \"docker: 'compose' is not a docker command.\" >&2; exit 1"
    wrapper.write_text(
        f'#!/bin/sh\n[ "$1 $2" = "compose version" ] && {{ {says}; exit; }}\nexec {shlex.quote(real)} "$@"\n'
    )
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    path = f"{wrapper.parent}{os.pathsep}{os.environ['PATH']}"
    refuse(serving, "upgrade", "--yes", env={"PATH": path}, message=message, hint="apt-get install .*docker-compose-v2")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    directory = tmp_path / "small"
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", directory], check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", directory], check=True)


@as_root
def test_no_room_for_the_dump(serving: Installation, small_disk: Path) -> None:
    refuse(
        serving,
        *("upgrade", "--to", "v1.1.0", "--yes"),
        env={"UPGRADER_HOME": str(small_disk)},
        message=rf"{small_disk}\S* has [78].* MiB free, and .* MiB may be needed for the dump",
        hint=f"df -h {small_disk}",
    )
    assert not list(small_disk.glob("*/restore-points/*"))


@as_root
def test_no_room_even_for_the_journal(serving: Installation, small_disk: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "ballast").write_bytes(bytes(16 << 20))
    refuse(
        serving,
        *("upgrade", "--to", "v1.1.0", "--yes"),
        env={"UPGRADER_HOME": str(small_disk)},
        message=f"{small_disk}.*No space left on device",
        hint=f"df -h {small_disk}",
    )


def test_a_state_directory_that_cannot_be_written(serving: Installation, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refuse(
        serving,
        *("upgrade", "--to", "v1.1.0", "--yes"),
        env={"UPGRADER_HOME": str(tmp_path / "file" / "home")},
        message=f"{tmp_path / 'file'}",
        hint="UPGRADER_HOME=",
    )


def test_the_remote_is_gone(serving: Installation, remote: Path) -> None:
    shutil.rmtree(remote)
    refuse(
        serving,
        *("upgrade", "--yes"),
        message=f"Could not fetch from the remote origin of {serving.path}: .*does not (exist|appear)",
        hint=f"git -C {serving.path} fetch origin",
    )


def test_the_remote_does_not_answer(serving: Installation) -> None:
    git("remote", "set-url", "origin", "http://127.0.0.1:9/ledgerly.git", cwd=serving.path)
    refuse(
        serving,
        *("upgrade", "--yes"),
        message="Could not fetch from the remote origin .*(refused|connect)",
        hint=f"git -C {serving.path} fetch origin",
    )


def test_no_remote(serving: Installation, remote: Path) -> None:
    git("remote", "rename", "origin", "elsewhere", cwd=serving.path)
    git("remote", "add", "second", str(remote), cwd=serving.path)
    try:
        refuse(
            serving,
            "upgrade",
            "--yes",
            message="several remotes .*none is called origin",
            hint="git -C .* branch --set-upstream-to",
        )
    finally:
        git("remote", "remove", "second", cwd=serving.path)
        git("remote", "rename", "elsewhere", "origin", cwd=serving.path)


def test_the_engines_containers_are_those_of_another_directory(serving: Installation, tmp_path: Path) -> None:
    """A second checkout with the same project name must not take the first one's containers over."""
    copy = tmp_path / "elsewhere" / serving.project
    shutil.copytree(serving.path, copy)
    ours = ("ps", "--no-trunc", "-q", "--filter", f"label=com.docker.compose.project={serving.project}")
    before = docker(*ours)
    answer = upgrader(copy, "upgrade", "--to", "v1.1.0", "--yes")
    assert answer.code == 4
    assert answer.message.startswith(
        f"the running containers were started another way: directory: started with {serving.path}"
    )
    assert docker(*ours) == before
