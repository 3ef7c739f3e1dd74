"""Records in trouble: a disk that fills up in the middle of a run, a journal that is torn or damaged."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.crash.conftest import Stage
from tests.crash.killer import Moment
from tests.crash.world import KILLED, World
from tests.fixtures.engine import sh

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1200)]

ROOM = "160m"
"""More than the preflight wants to see free."""


@pytest.fixture
def small(world: World, tmp_path: Path) -> Iterator[World]:
    """The world, its records on a small disk of their own."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk, home = tmp_path / "disk", world.home
    disk.mkdir()
    sh("mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", disk)
    world.home = disk
    try:
        yield world
        world.assert_good("1.0.0")
    finally:
        world.home = home
        sh("umount", "--lazy", disk)


def fill(disk: Path) -> Path:
    """A file that takes all the room there is."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1 << 20))
    with ballast.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1))
    return ballast


@pytest.mark.parametrize("step", ["compose.build", "migrate"])
def test_a_disk_that_fills_up_in_the_middle_of_a_run(stage: Stage, small: World, step: str) -> None:
    before, release = small.rows(), stage.slow_release()
    process = small.start("upgrade", "--to", release, "--yes", "--output", "plain", stderr=subprocess.PIPE)
    small.wait_for_step(step)
    ballast = fill(small.home)
    _, said = process.communicate(timeout=180)
    text = said.decode(errors="replace")
    assert process.returncode == 6, text
    assert "No space left on device" in text
    assert "then: upgrader resume" in text
    assert "bug" not in text
    assert small.installation.version() == "1.0.0"
    ballast.unlink()
    resumed = small.upgrader("resume", "--output", "plain")
    # where the failure itself still found room in the journal, the way on is the way back
    assert resumed.code in (0, 5), resumed.text
    small.assert_good(release.removeprefix("v") if resumed.code == 0 else "1.0.0")
    small.assert_rows(before)
    if resumed.code == 0:
        back = small.drive("rollback", "v1.0.0")
        assert back.code == 0, back.text


def test_a_disk_that_is_full_from_the_start_is_a_refusal(small: World) -> None:
    assert small.upgrader("plan").code == 0
    ballast = fill(small.home)
    refused = small.upgrader("upgrade", "--yes", "--to", "v1.1.0")
    ballast.unlink()
    assert refused.code == 4, refused.text
    assert "bug" not in refused.text
    assert "df -h" in refused.text


def test_a_torn_last_line_is_dropped_and_a_damaged_one_refuses(world: World) -> None:
    ended = world.drive("upgrade", "v1.1.0", Moment("upgrade", "StepFinished", "backup", after=False))
    assert ended.code == KILLED, ended.text
    path = world.state.directory(world.state.unfinished()[0]) / "journal.jsonl"
    whole = path.read_bytes()

    path.write_bytes(whole.replace(b'"preflight.stack"', b'"preflight.stick"', 1))
    for command in (("resume",), ("upgrade", "--yes"), ("rollback", "--yes")):
        refused = world.upgrader(*command)
        assert refused.code == 4, refused.text
        assert "this line is damaged" in refused.text
        assert f"less {path}" in refused.text

    path.write_bytes(whole + b'{"format":1,"seq":99,"at":"2026-')
    resumed = world.upgrader("rollback", "--yes", "--output", "plain")
    assert resumed.code == 0, resumed.text
