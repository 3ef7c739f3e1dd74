"""A restore point that is not whole: the way back is refused, by the name of the file, before anything changed."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

from tests.e2e.bad import PATIENCE, Answer, picture, refuse, upgrader
from upgrader.demo.host import Installation

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def _upgraded(remote_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Path]]:
    home = tmp_path_factory.mktemp("home-upgraded")
    installation = Installation.create(
        remote_template, tmp_path_factory.mktemp("up"), project=f"ut-upgraded-{os.getpid()}"
    )
    try:
        installation.start()
        installation.write(3)
        made = upgrader(installation.path, "upgrade", "--to", "v1.1.0", "--yes", env={"UPGRADER_HOME": str(home)})
        assert made.code == 0, made
        yield installation, home
    finally:
        if not os.environ.get("UPGRADER_KEEP"):
            installation.remove()


@pytest.fixture
def upgraded(_upgraded: tuple[Installation, Path], upgrader_home: Path) -> Installation:
    """From v1.0.0 to v1.1.0; its records are a copy of the test's own."""
    installation, home = _upgraded
    shutil.copytree(home, upgrader_home, dirs_exist_ok=True)
    return installation


@pytest.fixture
def point(upgraded: Installation, upgrader_home: Path) -> Path:
    (path,) = (upgrader_home / upgraded.project / "restore-points").iterdir()
    return path


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "what"),
    [(cut, "it has .* bytes instead of"), (flip, "other bytes than were saved"), (Path.unlink, "is missing")],
)
@pytest.mark.parametrize("file", ["databases/*.dump/toc.dat", "files/.env"])
def test_a_restore_point_with_a_bad_file(
    upgraded: Installation, point: Path, damage: Callable[[Path], None], what: str, file: str
) -> None:
    (path,) = point.glob(file)
    damage(path)
    answer = refuse(
        upgraded,
        "rollback",
        "--to",
        "v1.0.0",
        "--yes",
        message=f"{path} is .*{what}|{path} {what}",
        hint="upgrader backups list",
    )
    assert upgraded.version() == "1.1.0", answer


def edit(manifest: Path) -> None:
    body = json.loads(manifest.read_text())
    body["manifest"]["commit"] = "0" * 40
    manifest.write_text(json.dumps(body))


def empty(manifest: Path) -> None:
    manifest.write_text("")


@pytest.mark.parametrize("damage", [edit, empty, cut])
def test_a_manifest_that_was_edited(upgraded: Installation, point: Path, damage: Callable[[Path], None]) -> None:
    damage(point / "manifest.json")
    refuse(
        upgraded,
        "rollback",
        "--yes",
        message=f"{point / 'manifest.json'} (is damaged|was changed after it was written)",
        hint="upgrader backups list",
    )


def test_a_restore_point_that_is_gone(upgraded: Installation, point: Path) -> None:
    shutil.rmtree(point)
    refuse(
        upgraded,
        "rollback",
        "--to",
        "v1.0.0",
        "--yes",
        message="no upgrade of this app can be gone back from",
        hint="upgrader history",
    )


def test_an_unknown_version_to_go_back_to(upgraded: Installation) -> None:
    refuse(
        upgraded,
        "rollback",
        "--to",
        "v0.9.0",
        "--yes",
        message=r"there is no restore point of v0\.9\.0; there is one of v1\.0\.0",
        hint="upgrader history|--to v1.0.0",
    )


def test_an_unknown_run(upgraded: Installation) -> None:
    refuse(
        upgraded,
        "rollback",
        "--run",
        "20990101",
        "--yes",
        message="no run of this app can be meant by '20990101'",
        hint="upgrader history",
    )


def test_no_rollback_to_undo(upgraded: Installation) -> None:
    refuse(upgraded, "rollback", "--undo", "--yes", message="there is no rollback to undo", hint="upgrader history")


def test_lost_rows_are_asked_about_by_a_flag_of_their_own(upgraded: Installation) -> None:
    written = upgraded.write(2)
    answer = refuse(
        upgraded,
        "rollback",
        "--data",
        "restore",
        "--yes",
        message="rows? set aside.*no terminal",
        hint="--accept-data-loss",
    )
    assert "public.notes" in answer.err
    before = picture(upgraded)
    shown = upgrader(upgraded.path, "rollback", "--data", "restore", "--dry-run", "--output", "json")
    losses = {loss["table"]: loss for loss in json.loads(shown.out)["losses"]}
    now = len(upgraded.notes())
    notes = {"before": 3, "now": now, "inserted": now - 3, "updated": 0, "deleted": 0, "exact": True}
    assert losses["public.notes"] == {
        "database": "ledgerly",
        "table": "public.notes",
        **notes,
        "how": "rows",
        "what": "row",
    }
    assert picture(upgraded) == before
    assert set(written) <= set(upgraded.notes())


def test_rows_are_given_up_by_the_name_of_the_app(upgraded: Installation) -> None:
    """At a terminal: neither y nor Enter does it, and --yes does not answer this question."""
    upgraded.write(1)
    before = picture(upgraded)
    words = ["-m", "upgrader", "-C", str(upgraded.path), "rollback", "--data", "restore", "--yes", "--output", "plain"]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    child = pexpect.spawn(sys.executable, words, env=env, encoding="utf-8", timeout=PATIENCE, dimensions=(50, 120))
    prompt = f"Type {upgraded.project} to agree, or just Enter to leave it: "
    child.expect("Go back to v1.0.0, with changes to [0-9]+ rows? set aside[?]")
    child.expect_exact(prompt)
    child.sendline("y")
    child.expect_exact(f"Please answer {upgraded.project}, letter for letter.")
    child.expect_exact(prompt)
    child.sendline("")
    child.expect_exact("declined: nothing was changed")
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 4
    assert picture(upgraded) == before


def test_a_journal_with_a_bad_line(upgraded: Installation, upgrader_home: Path) -> None:
    (journal,) = (upgrader_home / upgraded.project / "runs").glob("*/journal.jsonl")
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b"e", b"a", 1)
    journal.write_bytes(b"".join(lines))
    for command in (("rollback", "--yes"), ("upgrade", "--yes")):
        refuse(upgraded, *command, message=rf"{journal}.*(line )?3", hint=".")


def test_upgrades_refuse_nothing_when_there_is_nothing_to_do(upgraded: Installation) -> None:
    before = picture(upgraded)
    answer: Answer = upgrader(upgraded.path, "upgrade", "--to", "v1.1.0")
    assert answer.code == 0, answer
    assert picture(upgraded) == before
