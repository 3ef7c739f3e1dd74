"""Files of an app: in restore points, brought back with their holes, owners, attributes and links, and never lost (L1, L8)."""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.killer import Moment
from tests.e2e.scenario import PLAYBOOK, Answer, Operator
from tests.fixtures.engine import sh
from upgrader.demo.host import Installation

pytestmark = pytest.mark.docker
ODD = r"""
import os
import shutil
os.chdir("/uploads")
os.umask(0)
for name in os.listdir():
    shutil.rmtree(name) if os.path.isdir(name) else os.remove(name)
open("one", "w").write("first")
os.makedirs("deep er/still")
os.link("one", "deep er/again")
os.symlink("../one", "deep er/link")
open("deep er/with\na line", "wb").write(os.urandom(300_000))
with open("hole", "wb") as file:
    file.truncate(64 << 20)
    file.seek(20 << 20)
    file.write(b"data")
os.mkfifo("pipe", 0o600)
os.chown("one", 1234, 4321)
os.chmod("one", 0o4750)
os.setxattr("one", "user.note", b"kept")
os.utime("one", (1e9, 1e9))
os.chown(".", 77, 88)
os.chmod(".", 0o2775)
open("/state/settings", "w").write("v1")
os.chown("/state/settings", 5, 6)
"""
LOOK = r"""
import hashlib, json, os, stat, sys
found = {}
for root in ("/uploads", "/state"):
    inodes = {}
    for top, directories, files in os.walk(root):
        for path in [top, *(os.path.join(top, name) for name in files)]:
            seen = os.lstat(path)
            told = [oct(seen.st_mode), seen.st_uid, seen.st_gid, seen.st_nlink]
            if stat.S_ISREG(seen.st_mode):
                told += [seen.st_size, seen.st_size - seen.st_blocks * 512 > 1 << 20, seen.st_mtime_ns]
                told += [hashlib.sha256(open(path, "rb").read()).hexdigest(), os.listxattr(path)]
                told += [inodes.setdefault(seen.st_ino, path)] if seen.st_nlink > 1 else []
            elif stat.S_ISLNK(seen.st_mode):
                told += [os.readlink(path), seen.st_mtime_ns]
            found[path] = told
json.dump(found, sys.stdout)
"""


def inside(app: Installation, code: str) -> str:
    """What a program of Python prints in the web service, as root."""
    return sh("docker", "exec", "-u", "0", f"{app.project}-web-1", "python", "-c", code)


def files(app: Installation) -> dict[str, Any]:
    """All that can be told of the files that the service sees."""
    found: dict[str, Any] = json.loads(inside(app, LOOK))
    return found


def volumes(app: Installation) -> list[str]:
    """The names of the volumes that we made for it."""
    return sh("docker", "volume", "ls", "-q", "--filter", f"label=upgrader.project={app.project}").split()


@pytest.fixture(scope="module")
def _stored(remote_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    parent = tmp_path_factory.mktemp("stored")
    app = Installation.create(remote_template, parent, project=f"ut-stored-{os.getpid()}")
    override, state = app.path / "docker-compose.override.yml", parent / "state"
    state.mkdir()
    mounts = f"    volumes: [uploads:/uploads, {state}:/state]\n"
    override.write_text(f"{override.read_text()}{mounts}volumes: {{uploads: }}\n")
    try:
        app.start()
        yield app
    finally:
        app.remove()


@pytest.fixture
def stored(_stored: Installation) -> Iterator[Installation]:
    """v1.0.0, serving; its web service has a volume and a directory of the host, with everything in them that is easily
    lost.
    """
    inside(_stored, ODD)
    yield _stored
    assert _stored.health()
    if ours := volumes(_stored):
        sh("docker", "volume", "rm", *ours)


def operator_of(app: Installation, more: str = "pause: yes") -> Operator:
    return Operator.at(app, f"{PLAYBOOK}volumes: [uploads, {{service: web, path: /state, {more}}}]\n")


def plainly(answer: Answer) -> str:
    return answer.out + answer.err


def test_files_are_saved_and_brought_back(stored: Installation, tmp_path: Path) -> None:
    """Backup, damage, restore in place and beside, undo, export: nothing of them is lost, and nothing of today's."""
    operator = operator_of(stored)
    stored.write(2)
    rows, then = stored.notes(), files(stored)
    assert {"/uploads/hole", "/uploads/deep er/link", "/state/settings"} <= then.keys()
    said = plainly(operator("backup", "--proof", "read", "--output", "plain"))
    assert "archiving uploads (" in said
    assert "web stood still for" in said
    assert files(stored) == then
    point = operator.point(operator.last("backup"))
    archives = {volume.id: operator.points.path(point.id) / volume.file.path for volume in point.volumes if volume.file}
    assert list(archives) == ["uploads", "web:/state"]
    assert all(volume.still and volume.tar == "gnu" for volume in point.volumes)
    assert all(path.stat().st_mode & 0o077 == 0 for path in (*archives.values(), archives["uploads"].parent))
    assert f"uploads, {stored.project}_uploads: " in operator("backups", "show", point.id).out
    plan = operator("plan", "--to", "v1.1.0").out
    assert f"uploads: volume {stored.project}_uploads of web, " in plan

    inside(stored, "import os; os.remove('/uploads/one'); open('/uploads/new', 'w').write('today')")
    now = files(stored)
    good = archives["uploads"].read_bytes()
    archives["uploads"].write_bytes(good[:99] + bytes([good[99] ^ 1]) + good[100:])
    assert "is damaged" in plainly(operator("backups", "verify", point.id, code=3))
    archives["uploads"].write_bytes(good[:-1])
    assert "is damaged" in plainly(operator("restore", point.id, "--in-place", "--yes", code=4))
    archives["uploads"].write_bytes(good)
    assert (files(stored), volumes(stored)) == (now, [])

    asked = plainly(operator("restore", point.id, "--in-place", "--yes", code=4))
    assert "about 1 file written since" in asked
    assert "--accept-data-loss" in asked
    boxes = {name: box.id for name, box in operator.boxes().items()}
    done = plainly(operator("restore", point.id, "--in-place", "--yes", "--accept-data-loss", "--output", "plain"))
    assert files(stored) == then
    assert stored.notes() == rows
    assert {name: box.id for name, box in operator.boxes().items()} == boxes
    run = operator.last("restore").id
    kept = f"{stored.project}_uploads_upgrader_{run}_aside"
    assert f"swapped; what was live is kept as {kept}" in done
    assert volumes(stored) == [kept], "what was restored has taken the live one's place"

    assert f"docker volume rm {kept}" in operator("backups", "prune", "--yes").out
    operator.rollback("--undo")
    assert files(stored) == now, "what was set aside is there again"
    assert len(volumes(stored)) == 1

    operator("restore", point.id, "--into-new", "then")
    beside = f"{stored.project}_upgrader_then_uploads"
    image = operator.boxes()["web"].image
    words = ("docker", "run", "--rm", "-v", f"{beside}:/uploads", "--user", "0", image, "cat", "/uploads/one")
    assert sh(*words) == "first"
    assert "exists already" in plainly(operator("restore", point.id, "--into-new", "then", code=4))

    by_hand(operator, point.id, tmp_path)


def by_hand(operator: Operator, point_id: str, tmp_path: Path) -> None:
    """As the export's README says."""
    file, into = tmp_path / "app.tar", tmp_path / "into"
    operator("backups", "export", point_id, file)
    with tarfile.open(file) as tar:
        tar.extractall(tmp_path, filter="data")
    top = tmp_path / f"{operator.app.project}-{point_id}"
    text = (top / "README.md").read_text()
    (command,) = [line for line in text.splitlines() if line.startswith("zstd -dc volumes/uploads.tar.zst ")]
    into.mkdir()
    sh("sh", "-c", f"sha256sum --quiet --check SHA256SUMS && {command}", cwd=top, env={**os.environ, "INTO": str(into)})
    assert (into / "deep er/again").read_text() == "first"
    assert os.getxattr(into / "one", "user.note") == b"kept"


def killed(operator: Operator, moment: Moment, *args: str) -> None:
    driven = (str(operator.app.path), str(operator.playbook), moment.to_json(), *args)
    done = subprocess.run([sys.executable, "-m", "tests.e2e.points_driver", *driven], check=False, timeout=240)
    assert done.returncode == -9, "that moment never came"


def test_killed_in_the_middle_and_gone_on_with(stored: Installation) -> None:
    """In a backup that has stopped a service, and in a restore: it is started again, and the files come back whole."""
    operator = operator_of(stored, "pause: stop")
    then = files(stored)
    killed(operator, Moment("backup", "StepStarted", "backup", delay=2.5, tree=True))
    operator("backup")
    stored.wait_healthy(120)
    assert set(operator.serving()) == {"db", "web", "worker"}
    (point_id,) = operator.points.ids()
    moments = (
        Moment("restore", "StepStarted", "volumes.stage", delay=0.8, tree=True),
        Moment("restore", "StepStarted", "volumes.swap", delay=0.4, tree=True),
    )
    for number, moment in enumerate(moments):
        inside(stored, f"open('/uploads/{number}', 'w').write('today'); open('/state/settings', 'w').write('v2')")
        killed(operator, moment, point_id)
        operator("resume", "--output", "plain")
        stored.wait_healthy(120)
        assert files(stored) == then, moment
        assert operator.last("restore").outcome == "done"
        assert set(operator.serving()) == {"db", "web", "worker"}
    kept = f"{stored.project}_uploads_upgrader_{operator.last('restore').id}_aside"
    image = operator.boxes()["web"].image
    assert sh("docker", "run", "--rm", "-v", f"{kept}:/uploads", "--user", "0", image, "cat", "/uploads/1") == "today"


def test_files_go_back_with_the_rows_of_an_upgrade(stored: Installation) -> None:
    operator = operator_of(stored)
    stored.write(1)
    rows, then = stored.notes(), files(stored)
    operator.upgrade("v1.1.0")
    stored.write(1)
    inside(stored, "open('/uploads/one', 'w').write('rewritten')")
    operator.rollback("--data", "restore")
    assert (stored.version(), stored.notes(), files(stored)) == ("1.0.0", rows, then)


def test_what_cannot_be_brought_back_is_refused(stored: Installation) -> None:
    for named, why in (
        ("[data]", "db is a database"),
        ("[uplaods]", "the Compose files have the volumes data, uploads"),
        ("[{service: web, path: /nowhere}]", "web mounts /"),
    ):
        operator = Operator.at(stored, f"{PLAYBOOK}volumes: {named}\n")
        assert why in plainly(operator("backup", code=4))
        assert operator.points.ids() == []
