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


def imported(*words: str, cwd: Path) -> set[str]:
    """The modules that a command imports, as the interpreter reports them: commands may leave without cleaning up."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "upgrader", *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


def test_the_report_names_what_is_imported(tmp_path: Path) -> None:
    assert {"typer", "upgrader.cli.app"} <= imported("upgrade", "--help", cwd=tmp_path)


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
