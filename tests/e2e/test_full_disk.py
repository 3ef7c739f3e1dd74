"""A disk that fills up in the middle of a backup: said, nothing left of it, and the next one succeeds."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.scenario import PLAYBOOK, Operator
from tests.fixtures.engine import sh
from upgrader.cli import backup
from upgrader.cli.common import Common
from upgrader.cli.wiring import open_app
from upgrader.demo.host import Installation
from upgrader.engine.engine import Sink
from upgrader.engine.journal import Journal
from upgrader.model import events as e
from upgrader.steps.base import Options

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk"),
]


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Where the records are: more than the preflight wants to see free."""
    disk = tmp_path / "disk"
    disk.mkdir()
    sh("mount", "-t", "tmpfs", "-o", "size=120m,nr_inodes=200", "tmpfs", disk)
    monkeypatch.setenv("UPGRADER_HOME", str(disk))
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def no_bytes(disk: Path) -> None:
    found = os.statvfs(disk)
    with (disk / "ballast").open("wb", buffering=0) as file:
        # what the journal needs is left, and less than the smallest dump takes
        os.posix_fallocate(file.fileno(), 0, found.f_bavail * found.f_bsize - (16 << 10))


def no_inodes(disk: Path) -> None:
    (disk / "many").mkdir()
    with suppress(OSError):
        for number in range(200):
            (disk / "many" / str(number)).touch()
    for number in range(5):
        (disk / "many" / str(number)).unlink()


@pytest.mark.parametrize(
    ("fill", "said", "look"),
    [(no_bytes, "is full", "Free up to"), (no_inodes, "cannot be written: No space left on device", "df -i")],
    ids=["bytes", "inodes"],
)
def test_in_the_middle_of_a_backup(
    serving: Installation, small: Path, capsys: pytest.CaptureFixture[str], fill: object, said: str, look: str
) -> None:
    operator = Operator.at(serving, PLAYBOOK)
    operator.home = small
    before = serving.notes(), operator.boxes(), operator.files()
    desk = open_app(Common(directory=serving.path, playbook=str(operator.playbook), output="plain"), yes=True)

    def order(journal: Journal, renderer: Sink) -> Sequence[Sink]:
        def meet(event: e.Event) -> None:
            if isinstance(event, e.StepStarted) and event.step == "backup":
                fill(small)  # type: ignore[operator]

        return (journal, meet, renderer)

    desk.order = order
    assert backup.perform(desk, Options(proof="read")) == 4
    told = "".join(capsys.readouterr())
    assert said in told
    assert look in told
    assert list(operator.state.points.iterdir()) == []
    assert operator.last("backup").outcome == "refused"
    assert (serving.notes(), operator.boxes(), operator.files()) == before

    for path in sorted(small.glob("ballast")) + sorted(small.glob("many/*")):
        path.unlink()
    operator("backup", "--proof", "read")
    assert [point.id for point in operator.points.all()] == [operator.last("backup").id]
