"""Restore points without an upgrade: made, listed, checked, brought back, taken elsewhere, and deleted (L1, L6)."""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.crash.killer import Moment
from tests.e2e.bare import bare_server, ddl
from tests.e2e.scenario import PLAYBOOK, Operator, edited, upgrader
from tests.fixtures.engine import sh
from upgrader.demo.host import Installation

pytestmark = pytest.mark.docker
MANIFEST = "manifest.json"
"""Where the copy is noted, once it is there."""


def quiet(operator: Operator, *args: str | Path, code: int = 0, **env: str) -> str:
    answer = operator(*args, code=code, **env)
    return answer.out + answer.err


def test_a_backup_and_all_that_is_done_with_it(app: Installation, tmp_path: Path) -> None:
    """Backup, list, show, verify, restore beside and in place, undo, prune: rows and containers as they should be."""
    operator = Operator.at(app)
    rows, before = app.write(3), operator.world()
    said = operator("backup", "--label", "before the import", "--output", "plain")
    run = operator.last("backup")
    assert f"Restore point {run.id}" in said.err
    assert "restored in full elsewhere" in said.err
    assert operator.world() == {**before, "images": operator.images()}, "nothing of the app has changed"
    assert operator("status").out.splitlines()[0].endswith("v1.0.0")

    (told,) = operator("backups", "list", "--output", "json").json
    assert (told["id"], told["version"], told["kind"], told["proved"]) == (run.id, "v1.0.0", "backup", "full")
    assert (told["label"], told["pinned"], told["method"]) == ("before the import", False, "dump")
    assert told["size"] > 1000
    assert told["age"] >= 0
    table = operator("backups", "list").out
    for words in (run.id, "v1.0.0", "backup", "restored", "before the import"):
        assert words in table
    shown = operator("backups", "show", run.id[-4:]).out
    for words in (".env", "docker-compose.override.yml", " rows in ", "proved", "full"):
        assert words in shown
    assert operator("backups", "verify", "--output", "json").json == [{"id": run.id, "ok": True, "trouble": ""}]

    operator("backup", "--proof", "read")
    assert [each["proved"] for each in operator("backups", "list", "--output", "json").json] == ["full", "read"]
    assert operator("backups", "verify", "--restore").out.count("✓") == 2
    assert [each["proved"] for each in operator("backups", "list", "--output", "json").json] == ["full", "full"]
    assert operator.one_offs() == []

    late = app.write(2)
    beside = operator("restore", run.id[-4:], "--into-new", "yesterday")
    assert "yesterday" in beside.err
    assert operator.sql("select body from notes order by id", "yesterday") == rows
    assert app.notes() == rows + late, "the app was not touched"
    again = quiet(operator, "restore", run.id, "--into-new", "yesterday", code=4)
    assert "exists already" in again

    asked = operator("restore", run.id, "--in-place", "--yes", code=4)
    assert "--accept-data-loss" in asked.err
    assert "2 inserted since" in asked.err
    boxes = operator.boxes()
    operator("restore", run.id, "--in-place", "--yes", "--accept-data-loss", "--output", "plain")
    assert app.notes() == rows
    assert {name: box.id for name, box in operator.boxes().items()} == {name: box.id for name, box in boxes.items()}
    (kept,) = [name for name in operator.databases() if name.endswith("_aside")]
    assert operator.sql("select count(*) from notes", kept) == ["5"]
    newest = app.write(1)

    held = operator("backups", "prune", "--yes").out
    assert "No limit is set" in held
    assert re.search(rf"{kept} .*stays: the way back from the last restore", held)
    refused = quiet(operator, "backups", "prune", "--databases", kept, "--yes", code=4)
    assert "stays: the way back from the last restore" in refused
    operator.rollback("--undo")
    assert app.notes() == rows + late, "what was set aside is there again"
    assert newest[0] not in app.notes()


def test_an_export_restores_on_a_bare_machine(serving: Installation, tmp_path: Path) -> None:
    """By the commands of its README, as they stand there, in a fresh container of Postgres."""
    operator = Operator.at(serving)
    operator("backup", "--proof", "read")
    run, notes, schema = operator.last("backup"), operator.table("notes"), operator.schema()
    file = tmp_path / "app.tar"
    operator("backups", "export", run.id, file)
    assert file.stat().st_mode & 0o077 == 0
    assert "exists already" in quiet(operator, "backups", "export", run.id, file, code=4)
    with tarfile.open(file) as tar:
        top = f"{serving.project}-{run.id}"
        readme = tar.extractfile(f"{top}/README.md")
        assert readme is not None
        text = readme.read().decode()
        assert tar.getnames()[0] == f"{top}/README.md"
        assert f"{top}/files/.env" in tar.getnames()
    check, restore, checkout = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    assert operator.git("rev-parse", "HEAD") in checkout
    image = sh("docker", "inspect", "-f", "{{.Config.Image}}", operator.boxes()["db"].id).strip()
    with bare_server(image) as bare:
        sh("docker", "cp", str(file), f"{bare}:/tmp/app.tar")
        script = f"set -e\ncd /tmp\ntar -xf app.tar\ncd {top}\n{check}\n{restore}"
        sh("docker", "exec", bare, "bash", "-c", script)
        query = "select row_to_json(t) from notes t order by 1::text"
        found = sh("docker", "exec", bare, "psql", "-U", "postgres", "-d", "ledgerly", "-XAtc", query).splitlines()
        assert found == notes
        dumped = sh("docker", "exec", bare, "pg_dump", "-sU", "postgres", "ledgerly")
        assert ddl(dumped) == ddl(schema)

    dump = next(path for path in operator.points.path(run.id).rglob("*") if "app.dump" in str(path) and path.is_file())
    with dump.open("r+b") as opened:
        opened.truncate(dump.stat().st_size - 1)
    other = tmp_path / "other.tar"
    assert "is damaged" in quiet(operator, "backups", "export", run.id, other, code=4)
    assert list(tmp_path.glob("other*")) == []


@pytest.mark.skipif(not shutil.which("age"), reason="age is not installed here")
def test_an_export_for_one_recipient(serving: Installation, tmp_path: Path) -> None:
    operator = Operator.at(serving)
    operator("backup", "--proof", "read")
    run, file, key = operator.last("backup"), tmp_path / "app.tar.age", tmp_path / "key"
    sh("age-keygen", "-o", str(key))
    recipient = sh("age-keygen", "-y", str(key)).strip()
    assert "age takes no" in quiet(operator, "backups", "export", run.id, file, "--encrypt-to", "nobody", code=4)
    assert not file.exists()
    operator("backups", "export", run.id, file, "--encrypt-to", recipient)
    assert serving.env_file.read_bytes().splitlines()[-1] not in file.read_bytes()
    sh("age", "-d", "-i", str(key), "-o", str(tmp_path / "app.tar"), str(file))
    with tarfile.open(tmp_path / "app.tar") as tar:
        env = tar.extractfile(f"{serving.project}-{run.id}/files/.env")
        assert env is not None
        assert env.read() == serving.env_file.read_bytes()
    assert not list(operator.state.home.glob("scratch-*")), "no plain text is left behind"


@pytest.mark.skipif(not shutil.which("restic"), reason="restic is not installed here")
def test_a_copy_by_restic_is_the_same_or_the_backup_failed(serving: Installation, tmp_path: Path) -> None:
    repository, password = tmp_path / "repository", secrets.token_hex(8)
    operator = Operator.at(serving, PLAYBOOK + f"backups: {{copy_to: {{restic: {repository}}}}}\n")
    failed = operator("backup", "--proof", "read", "--output", "plain", code=4, RESTIC_PASSWORD=password)
    assert "its copy failed: restic backup" in failed.out + failed.err
    assert operator.last("backup").outcome == "refused"

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESTIC_PASSWORD", password)
        sh("restic", "-r", str(repository), "init")
        operator("backup", "--proof", "read")
        there, here = tmp_path / "there", operator.points.path(operator.last("backup").id)
        sh("restic", "-r", str(repository), "restore", "latest", "--target", str(there))
    copied = next(there.rglob("manifest.json")).parent
    names = {path.relative_to(here) for path in here.rglob("*") if path.is_file()}
    assert {path.relative_to(copied) for path in copied.rglob("*") if path.is_file()} == names
    assert all((copied / name).read_bytes() == (here / name).read_bytes() for name in names if name.name != MANIFEST)
    one, other = operator("backups", "list", "--output", "json").json[-2:]
    assert (one["copied_to"], other["copied_to"]) == ("", f"restic {repository}")
    assert not [path for path in operator.home.rglob("*") if path.is_file() and password.encode() in path.read_bytes()]


@pytest.mark.skipif(not shutil.which("rclone"), reason="rclone is not installed here")
def test_a_copy_by_rclone(serving: Installation, tmp_path: Path) -> None:
    operator = Operator.at(serving, PLAYBOOK + f"backups: {{copy_to: {{rclone: {tmp_path}/away}}}}\n")
    operator("backup", "--proof", "read")
    here = operator.points.path(operator.last("backup").id)
    there = tmp_path / "away" / serving.project / here.name
    names = {path.relative_to(here) for path in here.rglob("*") if path.is_file()}
    assert {path.relative_to(there) for path in there.rglob("*") if path.is_file()} == names
    assert all((there / name).read_bytes() == (here / name).read_bytes() for name in names if name.name != MANIFEST)


def test_retention_keeps_what_a_way_back_needs(serving: Installation) -> None:
    """`backups: {keep: 1}`: each backup deletes the older ones with their image pins, but neither pinned nor proved."""
    operator = Operator.at(serving, PLAYBOOK + "backups: {keep: 1}\n")
    for proof in ("restore", "read", "read", "read"):
        operator("backup", "--proof", proof)
        if proof == "read" and len(operator.points.ids()) == 2:
            operator("backups", "pin", operator.points.ids()[-1])
    proved, pinned, newest = operator.points.ids()
    assert [point.proved for point in operator.points.all()] == ["full", "read", "read"]
    assert operator.points.pinned(pinned)
    gone = [run.id for run in operator.runs() if run.id not in operator.points.ids()]
    assert len(gone) == 1
    assert not [image for image in operator.images() if gone[0].lower() in image.lower()], "its pins went with it"
    assert [image for image in operator.images() if newest.lower() in image.lower()]

    assert "stays: pinned" in quiet(operator, "backups", "prune", pinned, "--yes", code=4)
    operator("backups", "unpin", pinned)
    asked = operator("backups", "prune", pinned, code=4)
    assert "--yes" in asked.err, "nobody is there to ask"
    assert operator.points.exists(pinned)
    gone_now = operator("backups", "prune", pinned, "--yes", "--output", "json").json
    assert gone_now["removed"] == {pinned: "asked for by name"}
    assert operator.points.ids() == [proved, newest]
    assert "the last one that is proved" in quiet(operator, "backups", "prune", proved, "--yes", code=4)


def test_damaged_ones_are_told_and_never_used(serving: Installation) -> None:
    """An edited manifest, a cut member, a newer format, another app's: exit code 3 or 4, and the app as it was."""
    operator = Operator.at(serving)
    for _ in range(4):
        operator("backup", "--proof", "read")
    edited_one, cut, newer, foreign = operator.points.ids()[-4:]
    world = operator.world()

    _edit(operator.points.path(edited_one) / "manifest.json", '"v1.0.0"', '"v9.9.9"')
    env = operator.points.path(cut) / "files/.env"
    os.truncate(env, env.stat().st_size - 1)
    _reseal(operator.points.path(newer) / "manifest.json", {"format": 99})
    _reseal(operator.points.path(foreign) / "manifest.json", {"project": "somebody-else"})

    found = {each["id"]: each for each in operator("backups", "verify", "--output", "json", code=3).json}
    assert "was changed after it was written" in found[edited_one]["trouble"]
    assert "is damaged: it has" in found[cut]["trouble"]
    assert "newer upgrader" in found[newer]["trouble"]
    listed = {each["id"]: each for each in operator("backups", "list", "--output", "json").json}
    assert [("trouble" in listed[one]) for one in (edited_one, cut, newer)] == [True, False, True]
    assert "damaged" in operator("backups", "list").out
    operator("backups", "verify", cut, code=3)

    wrong = {
        edited_one: "was changed after it was written",
        cut: "is damaged",
        newer: "newer upgrader",
        foreign: "another app",
    }
    for point_id, words in wrong.items():
        assert words in quiet(operator, "restore", point_id, "--in-place", "--yes", "--accept-data-loss", code=4)
    for point_id in (edited_one, cut, newer):
        assert wrong[point_id] in quiet(operator, "backups", "export", point_id, "/nowhere/x.tar", code=4) or (
            point_id == cut
        )
    assert "no restore point" in quiet(operator, "restore", "zzzz", "--in-place", code=4)
    assert operator.world() == world
    operator("backups", "prune", edited_one, newer, "--yes")
    assert not {edited_one, newer} & set(operator.points.ids())


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _reseal(path: Path, changes: dict[str, object]) -> None:
    """As another upgrader would have written it: with a checksum that fits."""
    import hashlib

    manifest = {**json.loads(path.read_text())["manifest"], **changes}
    text = json.dumps(manifest, indent=1, sort_keys=True)
    sealed = {"sha256": hashlib.sha256(text.encode()).hexdigest(), "manifest": manifest}
    path.write_text(json.dumps(sealed, indent=1, sort_keys=True))


@contextmanager
def damaged(path: Path) -> Iterator[Path]:
    """A bit of it is another one for a while."""
    whole = path.read_bytes()
    path.write_bytes(bytes([*whole[:-9], whole[-9] ^ 1, *whole[-8:]]))
    yield path
    path.write_bytes(whole)


def killed(operator: Operator, moment: Moment, *args: str) -> None:
    driven = (str(operator.app.path), str(operator.playbook), moment.to_json(), *args)
    done = subprocess.run([sys.executable, "-m", "tests.e2e.points_driver", *driven], check=False, timeout=240)
    assert done.returncode == -9, "that moment never came"


def test_a_restore_killed_anywhere_is_gone_on_with(app: Installation) -> None:
    """The dump restored beside, the writers stopped, the databases swapped: `resume` brings the rows and the app back."""
    operator = Operator.at(app)
    rows = app.write(3)
    operator("backup", "--proof", "read")
    point_id = operator.points.ids()[-1]
    moments = (
        Moment("restore", "StepStarted", "database.stage", delay=0.3, tree=True),
        Moment("restore", "StepFinished", "writers.stop"),
        Moment("restore", "StepStarted", "database.swap", delay=0.1),
        Moment("restore", "StepFinished", "database.swap", tree=True),
        Moment("restore", "StepStarted", "writers.start"),
    )
    for moment in moments:
        app.write(1)
        killed(operator, moment, point_id)
        assert "upgrader resume" in quiet(operator, "restore", point_id, "--in-place", "--yes", code=8)
        if moment is moments[0]:
            with damaged(next(operator.points.path(point_id).rglob("toc.dat"))) as path:
                assert f"{path} is damaged" in quiet(operator, "resume", code=6)
        operator("resume", "--output", "plain")
        app.wait_healthy(120)
        assert app.notes() == rows, moment
        assert operator.last("restore").outcome == "done"
        assert set(operator.serving()) == {"db", "web", "worker"}
    operator.rollback("--undo")
    assert len(app.notes()) == len(rows) + 1, "what the last one set aside"


@pytest.mark.parametrize("tree", [False, True], ids=["alone", "with its children"])
def test_killed_in_the_middle_and_gone_on_with(serving: Installation, tree: bool) -> None:
    """The next `upgrader backup` goes on with it; until then a half-made one is none."""
    operator = Operator.at(serving)
    world, there = operator.world(), operator.points.ids()
    assert operator.playbook is not None
    moment = Moment("backup", "StepStarted", "backup", delay=0.4, tree=tree)
    killed(operator, moment)
    (cut_off,) = operator.state.unfinished()
    assert operator.points.ids() == there
    refused = quiet(operator, "upgrade", "--to", "v1.1.0", "--yes", code=8)
    assert "upgrader resume" in refused
    assert "upgrader abandon" in quiet(operator, "rollback", "--yes", code=8)

    operator("backup")
    assert operator.points.ids() == [*there, cut_off.id]
    assert operator.state.unfinished() == []
    operator("backups", "verify", cut_off.id)
    assert {**operator.world(), "images": []} == {**world, "images": []}


def test_what_an_abandoned_backup_pinned_goes_when_asked(serving: Installation) -> None:
    operator = Operator.at(serving)
    operator("backup", "--proof", "read")
    whole = operator.points.ids()[-1]
    killed(operator, Moment("backup", "StepFinished", "backup", after=False))
    (cut_off,) = operator.state.unfinished()
    shutil.rmtree(operator.points.path(cut_off.id))
    assert [image for image in operator.images() if cut_off.id.lower() in image]
    assert cut_off.id not in operator("backups", "prune", "--yes").out, "somebody may yet go on with it"
    upgrader("abandon", "--yes", cwd=serving.path)
    pins = operator("backups", "prune", "--yes", "--output", "json").json["pins"]
    assert pins
    assert all(pin.endswith(cut_off.id.lower()) for pin in pins)
    assert not [image for image in operator.images() if cut_off.id.lower() in image]
    assert [image for image in operator.images() if whole.lower() in image]


def test_an_upgrade_keeps_to_the_limits_too(app: Installation) -> None:
    """What is beyond them goes at its end; what it can be gone back from with stays."""
    operator = Operator.at(app, PLAYBOOK + "backups: {keep: 1}\n")
    for _ in range(2):
        operator("backup", "--proof", "read")
    rows = app.write(2)
    operator.upgrade("v1.1.0")
    assert operator.points.ids() == [operator.last().id]
    operator.rollback("--to", "v1.0.0")
    assert (app.version(), app.notes()) == ("1.0.0", rows)


def test_a_backup_of_a_database_that_is_down_is_refused(serving: Installation) -> None:
    operator = Operator.at(serving, edited(PLAYBOOK, "{service: db}", "{service: db, name: nothing}"))
    there = operator.points.ids()
    said = quiet(operator, "backup", code=4)
    assert "no database 'nothing'" in said
    assert operator.points.ids() == there
    assert list(operator.state.points.glob("*.partial")) == []


def test_ids_are_completed(serving: Installation) -> None:
    operator = Operator.at(serving)
    operator("backup", "--proof", "read")
    point_id = operator.points.ids()[-1]
    for words in (f"upgrader -C {serving.path} backups show 20", f"upgrader -C {serving.path} restore 20"):
        last = str(len(words.split()) - 1)
        said = operator(_UPGRADER_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=last)
        assert point_id in said.out.split()
