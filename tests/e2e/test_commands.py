"""The other commands, on a real run's records."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.e2e.scenario import PLAYBOOK, Operator, edited, upgrader
from tests.engine.steps import started
from upgrader.cli.records import remember
from upgrader.demo.host import Installation
from upgrader.engine.journal import Journal
from upgrader.playbook.load import load
from upgrader.steps.kinds import KINDS

pytestmark = pytest.mark.docker


def test_commands_on_an_upgraded_app(app: Installation) -> None:
    """upgrade --output json, status, history and its forms, doctor, resume and abandon with nothing to do."""
    operator = Operator.at(app)
    fresh = operator("status", code=4)
    assert "no records" in fresh.err
    assert "→ " in fresh.err

    told = operator("upgrade", "--to", "v1.1.0", "--yes", "--output", "json")
    run = operator.last()
    assert told.out.splitlines() == operator.lines(run), "the very lines of the journal"
    events = [json.loads(line) for line in told.out.splitlines()]
    assert [events[0]["event"], events[-1]["event"]] == ["RunStarted", "RunFinished"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))

    shown = upgrader("history", "show", run.id, "--output", "json", cwd=app.path)
    assert shown.out.splitlines() == operator.lines(run)
    assert upgrader("history", "show", run.id[-4:], "--output", "json", cwd=app.path).out == shown.out
    assert upgrader("history", "show", "--output", "json", cwd=app.path).out == shown.out, "the last one by default"
    replayed = upgrader("history", "show", "--events", cwd=app.path).out
    for words in ("Upgrade to v1.1.0", "preflight", "Run the migrations", "0003", "✓ Upgrade to v1.1.0"):
        assert words in replayed or words == "0003", words
    details = upgrader("history", "show", cwd=app.path).out
    assert run.id in details
    assert str(operator.state.directory(run) / "logs") in details
    assert "no run" in upgrader("history", "show", "zzzz", cwd=app.path, code=4).err

    (row,) = upgrader("history", "--output", "json", cwd=app.path).json
    assert (row["id"], row["kind"], row["outcome"]) == (run.id, "upgrade", "done")
    assert run.id in upgrader("history", cwd=app.path).out

    status = upgrader("status", "--output", "json", cwd=app.path).json
    assert (status["project"], status["version"], status["holder"]) == (app.project, "v1.1.0", "")
    assert status["directory"] == str(app.path)
    assert status["last_run"]["id"] == run.id
    assert [point["version"] for point in status["restore_points"]] == ["v1.0.0"]
    text = upgrader("status", cwd=app.path).out
    for words in (app.project, "v1.1.0", "v1.0.0", run.id):
        assert words in text

    elsewhere = app.path.parent
    before = upgrader("-C", app.path, "status", "--output", "json", cwd=elsewhere).json
    after = upgrader("status", "-C", app.path, "--output", "json", cwd=elsewhere).json
    assert before == after == status
    assert upgrader("--output", "json", "--project", app.project, "status", cwd=elsewhere).json == status
    assert upgrader("-C", elsewhere, "history", "-C", app.path, "show", cwd=elsewhere).out == details
    assert upgrader("status", cwd=elsewhere, code=4).err

    world = operator.world()
    for command in ("resume", "abandon"):
        said = upgrader(command, cwd=app.path)
        assert f"Nothing to {command}" in said.err
    assert operator.world() == world
    assert operator.runs() == [run]


def test_doctor_looks_and_says(serving: Installation) -> None:
    operator = Operator.at(serving)
    world = operator.world()
    well = operator("doctor")
    assert "✗" not in well.out
    assert "newest release v1.4.0" in well.out
    assert all(item["ok"] for item in operator("doctor", "--output", "json").json)
    readme = serving.path / "README.md"
    text = readme.read_bytes()
    readme.write_text("mine\n")
    try:
        found = operator("doctor", code=3)
        assert "✗ 1 file of the checkout is edited: README.md" in found.out
        assert "→ add --keep-local-changes" in found.out
        assert [item["ok"] for item in operator("doctor", "--output", "json", code=3).json].count(False) == 1
    finally:
        readme.write_bytes(text)
    assert {**operator.world(), "refs": []} == {**world, "refs": []}


@pytest.mark.parametrize("database", ["{service: postgres}", "{service: db, user: nobody}"])
def test_doctor_says_once_what_several_looks_meet(serving: Installation, database: str) -> None:
    operator = Operator.at(serving, edited(PLAYBOOK, "{service: db}", database))
    found = operator("doctor", "--output", "json", code=3).json
    wrong = [item["what"] for item in found if not item["ok"]]
    assert len(wrong) == len(set(wrong)) == 1, wrong


def test_a_command_that_takes_the_lock_clears_half_made_restore_points(serving: Installation) -> None:
    """`doctor --fix` those of earlier runs, never of the unfinished one; `abandon` those of its own."""
    operator = Operator.at(serving)
    operator.state.make()
    remember(operator.state, serving.path)
    left = operator.points.begin("20200101T000000-0000")
    directory = operator.state.new_run()
    assert operator.playbook is not None
    (directory / "playbook.yaml").write_text(load(operator.playbook, KINDS).to_yaml())
    Journal.create(directory / "journal.jsonl")(started(directory.name, project=serving.project))
    own = operator.points.begin(directory.name)

    operator("doctor", code=None)
    assert left.exists(), "looking changes nothing"
    operator("doctor", "--fix", code=None)
    assert (left.exists(), own.exists()) == (False, True)
    upgrader("abandon", "--yes", cwd=serving.path)
    assert not own.exists()


def test_doctor_stops_when_told_to_while_it_mends(serving: Installation, tmp_path: Path) -> None:
    """A docker that has the signal sent, once, as soon as the app is locked: by somebody who knows the moment."""
    operator = Operator.at(serving)
    lock, told = operator.state.home / "lock", tmp_path / "told"
    docker = tmp_path / "docker"
    docker.write_text(
        f"#!/bin/sh\nif [ -e {lock} ] && ! flock --nonblock {lock} true && ! [ -e {told} ]\n"
        f'then touch {told}; kill -TERM "$PPID"\nfi\nexec {shutil.which("docker")} "$@"\n'
    )
    docker.chmod(0o755)
    stopped = operator("doctor", "--fix", code=143, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert told.exists()
    assert "✗ stopped on SIGTERM" in stopped.err, stopped
    assert stopped.out == ""


def test_output_modes_and_colours(serving: Installation) -> None:
    """Nobody at a terminal: no colours unless they are forced, no prompt, and answers go to stdout."""
    operator = Operator.at(serving)
    plain = operator("plan", "--to", "v1.1.0", "--output", "plain")
    assert "\x1b" not in plain.out + plain.err
    assert "Expected downtime" in plain.out
    assert "\x1b" not in operator("plan", "--to", "v1.1.0", NO_COLOR="1", FORCE_COLOR="1").out
    refused = operator("upgrade", "--to", "v1.1.0", code=4)
    assert "--yes" in refused.err
    assert refused.out == ""
    assert operator.runs() == []
    quiet = operator("upgrade", "--to", "v1.1.0", "--output", "quiet", code=4)
    assert "Steps" not in quiet.err
    assert "--yes" in quiet.err
    assert operator("upgrade", "--to", "v1.1.0", "--output", "json", code=4).out == ""
