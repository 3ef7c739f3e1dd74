"""Writers that stand still for a moment, and go on whatever happens."""

import contextlib
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools.postgres_world import ROOT, eventually
from upgrader.errors import StepError
from upgrader.tools.docker_pause import paused, stopped
from upgrader.tools.shell import Shell

pytestmark = pytest.mark.docker


def state(container: str) -> str:
    argv = ["docker", "inspect", "--format", "{{.State.Status}}", container]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def two() -> Iterator[list[str]]:
    names = [f"upgrader-test-pause-{uuid.uuid4().hex[:8]}" for _ in range(2)]
    for name in names:
        argv = ["docker", "run", "-d", "--init", "--name", name, "python:3.13-slim", "sleep", "600"]
        subprocess.run(argv, check=True, capture_output=True)
    yield names
    subprocess.run(["docker", "rm", "-f", *names], check=True, capture_output=True)


def test_they_stand_still_and_go_on(two: list[str]) -> None:
    with paused(Shell(), two):
        assert [state(name) for name in two] == ["paused"] * 2
    assert [state(name) for name in two] == ["running"] * 2
    with contextlib.suppress(KeyError), paused(Shell(), two):
        raise KeyError
    assert [state(name) for name in two] == ["running"] * 2


def test_one_that_cannot_be_paused(two: list[str]) -> None:
    subprocess.run(["docker", "kill", two[1]], check=True, capture_output=True)
    with pytest.raises(StepError, match=r"The writers cannot be paused: .*is not running"), paused(Shell(), two):
        raise AssertionError
    assert state(two[0]) == "running"


def test_they_are_stopped_and_started_again(two: list[str]) -> None:
    with stopped(Shell(), two):
        assert [state(name) for name in two] == ["exited"] * 2
    assert [state(name) for name in two] == ["running"] * 2


@pytest.mark.parametrize(("how", "resting"), [("paused", "paused"), ("stopped", "exited")])
def test_whoever_paused_them_is_killed(two: list[str], tmp_path: Path, how: str, resting: str) -> None:
    code = (
        f"import sys; from upgrader.tools.docker_pause import {how}; from upgrader.tools.shell import Shell\n"
        f"with {how}(Shell(), sys.argv[1:]):\n    print('paused', flush=True); sys.stdin.read()"
    )
    argv = [sys.executable, "-c", code, *two]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"paused\n"
        assert [state(name) for name in two] == [resting] * 2
        process.kill()
    eventually(lambda: [state(name) for name in two] == ["running"] * 2)


def test_nobody_to_pause() -> None:
    with paused(Shell(environ={}), []):
        pass
