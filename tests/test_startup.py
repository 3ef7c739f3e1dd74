"""Start-up is part of the product: what a command does not need, it does not import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from upgrader.engine.journal import Journal
from upgrader.engine.state import State
from upgrader.model.events import RunFinished, RunStarted

HEAVY = {"pydantic", "psycopg", "sh", "rich.live", "yaml", "pglast"}
RUN = """\
import runpy, sys
sys.argv = ["upgrader", *{words!r}]
try:
    runpy.run_module("upgrader", run_name="__main__")
except SystemExit as ended:
    assert not ended.code, ended.code
print("\\nimported:", *sys.modules, sep="\\n")
"""


def imported(*words: str, cwd: Path) -> set[str]:
    """The modules that a command has imported by its end."""
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(words=words)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split("imported:\n")[1].split())


@pytest.fixture
def known(tmp_path: Path) -> Path:
    """The directory of an app with a finished run."""
    app = tmp_path / "app"
    app.mkdir()
    state = State(Path(os.environ["UPGRADER_HOME"]) / "app")
    state.make()
    (state.home / "app.json").write_text(f'{{"directory": "{app}", "project": "app"}}')
    directory = state.new_run()
    journal = Journal.create(directory / "journal.jsonl")
    journal(RunStarted(directory.name, "upgrade", "app", str(app), "0", "p", "d", "Upgrade to v2", []))
    journal(RunFinished("done", 0, "Upgrade to v2", 1.0))
    return app


def test_version_imports_next_to_nothing(tmp_path: Path) -> None:
    modules = imported("--version", cwd=tmp_path)
    assert not modules & (HEAVY | {"typer", "rich", "json", "asyncio"})


@pytest.mark.parametrize("command", [("status",), ("history",), ("history", "show"), ("status", "--output", "json")])
def test_reading_records_imports_no_library_that_it_does_not_need(command: tuple[str, ...], known: Path) -> None:
    assert not imported(*command, cwd=known) & (HEAVY | {"rich", "asyncio"})


def test_help_imports_no_library_that_it_does_not_need(tmp_path: Path) -> None:
    assert not imported("upgrade", "--help", cwd=tmp_path) & HEAVY
