"""`upgrader status`: answered from the records, fast, and with the same words on both ways to it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from upgrader import __version__
from upgrader.cli.glance import status_at_once
from upgrader.engine.journal import Journal
from upgrader.engine.state import State
from upgrader.model import events as e


@pytest.fixture
def app(upgrader_home: Path, tmp_path: Path) -> Path:
    """The directory of an app with one finished upgrade to v2."""
    state = State(upgrader_home / "shop")
    state.make()
    (state.home / "app.json").write_text(json.dumps({"directory": str(tmp_path.resolve()), "project": "shop"}))
    _run(state, "v1", "v2")
    return tmp_path.resolve()


def _run(state: State, origin: str, target: str, *, finished: bool = True) -> None:
    directory = state.runs / f"20260101T0900{len(list(state.all())):02d}-ab12"
    directory.mkdir()
    journal = Journal.create(directory / "journal.jsonl")
    arguments = {"origin": {"name": origin}, "target": {"name": target}}
    journal(
        e.RunStarted(
            directory.name, "upgrade", "shop", "/srv/shop", __version__, "compose-git", "", f"Upgrade to {target}", [],
            arguments=arguments,
        )
    )  # fmt: skip
    if finished:
        journal(e.RunFinished("done", 0, f"Upgrade to {target}", 61.0))


def _upgrader(*argv: str | Path, python: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *python, "-m", "upgrader", *argv], capture_output=True, text=True)


@pytest.mark.parametrize(
    "argv",
    [["-C", "{}", "status"], ["status", "-C", "{}"], ["status", "--directory", "{}"], ["--project", "shop", "status"]],
)
def test_plain_forms_are_answered_at_once(app: Path, argv: list[str]) -> None:
    text = status_at_once([word.format(app) for word in argv])
    assert text is not None
    assert text.startswith("shop v2\n")


@pytest.mark.parametrize(
    "argv",
    [
        ["-C", "{}", "status", "--output", "json"],
        ["-C", "{}", "status", "--help"],
        ["-C", "{}", "status", "status"],
        ["-C", "{}", "history"],
        ["status", "-C"],
        ["-C", "/nowhere/at/all", "status"],
        ["--project", "another", "status"],
    ],
)
def test_anything_unusual_is_left_to_the_whole_command_line(app: Path, argv: list[str]) -> None:
    assert status_at_once([word.format(app) for word in argv]) is None


def test_both_ways_say_the_same(app: Path) -> None:
    at_once = _upgrader("-C", app, "status")
    whole = _upgrader("-C", app, "status", "--output", "plain")
    assert at_once.stdout == whole.stdout
    assert "Upgrade to v2" in at_once.stdout


def test_json_tells_the_same_version(app: Path) -> None:
    answer = json.loads(_upgrader("-C", app, "status", "--output", "json").stdout)
    assert (answer["project"], answer["version"], answer["unfinished"]) == ("shop", "v2", [])


def test_an_unfinished_run_is_the_last_one_and_the_version_is_that_before_it(upgrader_home: Path, app: Path) -> None:
    _run(State(upgrader_home / "shop"), "v2", "v3", finished=False)
    text = status_at_once(["-C", str(app), "status"])
    assert text is not None
    assert text.startswith("shop v2\n")
    assert "Upgrade to v3" in text
    assert "upgrader resume" in text


def test_an_error_is_told_by_the_whole_command_line(app: Path) -> None:
    done = _upgrader("-C", app.parent, "status")
    assert done.returncode == 4
    assert "no records" in done.stderr


@pytest.mark.parametrize("argv", [["--version"], ["-C", "{}", "status"]])
def test_what_is_asked_most_loads_nothing_heavy(app: Path, argv: list[str]) -> None:
    done = _upgrader(*(word.format(app) for word in argv), python=("-X", "importtime"))
    assert done.returncode == 0
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "upgrader" in loaded
    assert not loaded & {
        "typer",
        "click",
        "rich",
        "pydantic",
        "pydantic_core",
        "psycopg",
        "sh",
        "yaml",
        "pglast",
        "subprocess",
    }
