"""The scratch directory holds a copy of the env file: nobody's is left behind."""

import os
import subprocess
import sys
from pathlib import Path

from upgrader.steps.world import SCRATCH, Scratch, clear_scratch


def test_it_lies_in_the_apps_home_private_and_goes_when_closed(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    assert scratch.path.parent == tmp_path
    assert scratch.path.stat().st_mode & 0o777 == 0o700
    scratch.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_cleared_and_what_a_living_one_uses_is_not(tmp_path: Path) -> None:
    died = subprocess.Popen([sys.executable, "-c", ""])
    died.wait()
    for pid in (died.pid, os.getpid()):
        (tmp_path / f"{SCRATCH}{pid}-x").mkdir()
        (tmp_path / f"{SCRATCH}{pid}-x" / ".env").write_text("PASSWORD=secret")
    clear_scratch(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"{SCRATCH}{os.getpid()}-x"]


def test_without_a_home_it_lies_where_temporary_files_lie(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "none")
    assert scratch.path.is_dir()
    assert not (tmp_path / "none").exists()
    scratch.close()
