"""The demo tells the truth: it runs through, leaves nothing behind, and a claim that is false makes it fail."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.engine import eventually
from upgrader.demo.claims import Scene, Sight, Told, claims
from upgrader.demo.poller import Downtime
from upgrader.demo.screen import Screen
from upgrader.demo.sight import leaks
from upgrader.demo.stage import installed
from upgrader.demo.story import ACTS, verdict

ENV = b"POSTGRES_PASSWORD=hunter2hunter2\n"
KEYED = ENV + b"WORKFLOW_SECRET_KEY=" + b"ab" * 32 + b"\n"
BEFORE = Sight("1.0.0", 2, ("a", "b"), ENV, b"services: {}\n", "v1.0.0", "c0ffee since noon")
AFTER = replace(BEFORE, version="1.1.0", schema=4, env=KEYED, checkout="v1.1.0")
NOTES = {
    "upgrade": ("a", "b", "c", "d"),
    "broken": ("a", "b", "c", "d", "e"),
    "sick": ("a", "b", "c", "d", "e", "f"),
    "back": ("a", "b", "c"),
    "undo": ("a", "b", "c", "d", "e", "f"),
}


def good_story() -> Told:
    scenes = {}
    for act in ACTS:
        sight = BEFORE if act.name == "back" else AFTER
        after = replace(sight, notes=NOTES[act.name])
        told = NOTES["sick"] if act.name == "undo" else NOTES[act.name]
        scenes[act.name] = Scene(
            act.line,
            act.code,
            act.version,
            act.code,
            20.0,
            Downtime(0.0 if act.name == "broken" else 1.0, 1.5),
            told,
            after,
        )
    return Told(BEFORE, scenes)


def tampered(name: str, **facts: Any) -> Told:
    """The good story with facts of one scene changed; those of what was seen afterwards begin with `after_`."""
    told = good_story()
    scene = told.scenes[name]
    seen = {key.removeprefix("after_"): value for key, value in facts.items() if key.startswith("after_")}
    own = {key: value for key, value in facts.items() if not key.startswith("after_")}
    return replace(told, scenes={**told.scenes, name: replace(scene, after=replace(scene.after, **seen), **own)})


def false_claims(told: Told) -> list[str]:
    return [claim.text.strip() for claim in claims(told) if not claim.holds]


def test_a_good_story_proves_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert false_claims(good_story()) == []
    assert verdict(Screen(), good_story()) == 0
    assert "23 of 23 claims hold." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("told", "false"),
    [
        (tampered("broken", code=0), "`upgrade --to v1.2.0 --yes` exits with 5"),
        (tampered("sick", after_version=""), "afterwards 1.1.0 serves, on its own schema and checkout"),
        (tampered("broken", after_schema=5), "afterwards 1.1.0 serves, on its own schema and checkout"),
        (tampered("back", after_checkout="v1.0.0-dirty"), "afterwards 1.0.0 serves, on its own schema and checkout"),
        (tampered("sick", after_notes=("a", "b", "c", "d", "f")), "every note that a client was told is written is there, once"),
        (tampered("undo", after_notes=(*NOTES["undo"], "f")), "every note that a client was told is written is there, once"),
        (tampered("upgrade", acknowledged=()), "every note that a client was told is written is there, once"),
        (tampered("upgrade", downtime=Downtime(15.0, 15.0)), "the old version served during its build and migrations"),
        (tampered("broken", downtime=Downtime(2.0, 2.0)), "no client noticed: it was refused in a rehearsal"),
        (tampered("back", after_notes=("a",)), "the notes are those of the moment when v1.0.0 was left"),
        (tampered("back", after_notes=("a", "b", "x")), "the notes are those of the moment when v1.0.0 was left"),
        (tampered("undo", after_env=KEYED.replace(b"ab", b"cd")), "WORKFLOW_SECRET_KEY was generated once, and kept"),
        (tampered("undo", after_env=KEYED + KEYED), "WORKFLOW_SECRET_KEY was generated once, and kept"),
        (tampered("back", after_env=KEYED), ".env is byte for byte what it was, once v1.0.0 is back"),
        (tampered("broken", after_env=KEYED + b"# x\n"), ".env is untouched by the upgrades that failed"),
        (tampered("sick", after_override=b""), "docker-compose.override.yml is byte for byte what it was"),
        (tampered("back", after_database="c0ffee since one"), "Postgres was never restarted"),
        (replace(good_story(), leaks=("run/journal.jsonl",)), "no journal and no log has a secret in it"),
    ],
)  # fmt: skip
def test_a_false_claim_is_found(told: Told, false: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert false_claims(told) == [false]
    assert verdict(Screen(), told) == 1
    assert f"✗ {false}" in re.sub(" +", " ", capsys.readouterr().out)


def test_a_story_that_ends_early_proves_less() -> None:
    told = good_story()
    cut_off = replace(told, scenes={name: scene for name, scene in told.scenes.items() if name == "upgrade"})
    assert "the story reaches “back”" in false_claims(cut_off)
    assert "WORKFLOW_SECRET_KEY was generated once, and kept" in false_claims(cut_off)


def test_a_secret_in_the_records_is_found(tmp_path: Path) -> None:
    logs = tmp_path / "ledgerly/runs/1/logs"
    logs.mkdir(parents=True)
    (logs / "migrate.log").write_text("password: ***\n")
    assert leaks(tmp_path, [BEFORE, AFTER]) == ()
    (logs / "build.log").write_text(f"key: {'ab' * 32}\n")
    (logs.parent / "journal.jsonl").write_text("hunter2hunter2\n")
    assert leaks(tmp_path, [BEFORE, AFTER]) == ("ledgerly/runs/1/journal.jsonl", "ledgerly/runs/1/logs/build.log")


@pytest.mark.docker
@pytest.mark.timeout(1200)  # a minute and a half, where the machine has nothing else to do
def test_the_story_runs_through_and_leaves_nothing(tmp_path: Path) -> None:
    with demo(tmp_path) as (process, output):
        assert process.wait() == 0, output.read_text()[-6000:]
    told = output.read_text()
    for act in ACTS:
        assert f"$ upgrader {act.line}" in told
    assert "23 of 23 claims hold." in told
    assert nothing_left(tmp_path, told)


@pytest.mark.docker
def test_an_interrupted_story_leaves_nothing(tmp_path: Path) -> None:
    with demo(tmp_path) as (process, output):
        eventually(lambda: "$ upgrader plan" in output.read_text() or process.poll() is not None, 240)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130, output.read_text()
    told = output.read_text()
    assert "✗ the demo was interrupted" in told
    assert nothing_left(tmp_path, told)


@pytest.mark.docker
def test_what_is_kept_can_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with installed(Screen(), keep=True) as app:
        pass
    told = capsys.readouterr().out
    script = re.findall(r"^\$ (.*/remove)$", told, re.MULTILINE)
    try:
        assert app.health(), "it still serves"
        assert len(script) == 1
        subprocess.run(script[0], check=True, capture_output=True, timeout=120)
        assert nothing_left(tmp_path, told)
    finally:
        app.remove()


@contextmanager
def demo(directory: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """The demo as a process; if the test fails it is told to clean up, and waited for."""
    output = directory / "output"
    room = directory / "tmp"
    room.mkdir()
    environ = {**os.environ, "TMPDIR": str(room), "NO_COLOR": "1"}
    environ.pop("KEEP", None)
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "upgrader", "demo"], stdout=file, stderr=file, stdin=subprocess.DEVNULL, env=environ
        )
    try:
        yield process, output
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait()


def nothing_left(directory: Path, told: str) -> bool:
    """Whether neither the engine nor the disk has anything of the demo whose output this is."""
    project = re.search(r"ledgerly-[0-9a-f]{4}\b", told)
    assert project, told
    assert not list(directory.glob("**/upgrader-demo-*"))
    for what in ("ps -a", "volume ls", "network ls", "image ls"):
        listed = subprocess.run(["docker", *what.split()], capture_output=True, text=True, check=True).stdout
        assert project[0] not in listed
    return True
