"""Finds the records of the app in a directory without loading its playbook: status and history start fast."""

import json
import os
from pathlib import Path

from upgrader.cli.chosen import Common
from upgrader.engine.state import State, root
from upgrader.errors import RefusedError


def state_of(common: Common) -> tuple[State, str]:
    """The state and the directory of the app; raises RefusedError when upgrader never worked on it."""
    base = root(os.environ)
    for home in sorted(base.iterdir()) if base.is_dir() else ():
        directory = _directory(home)
        if directory and (home.name == common.project or (not common.project and Path(directory) == common.path)):
            return State(home), directory
    where = common.project or str(common.path)
    raise RefusedError(f"upgrader has no records of {where}", f"upgrader -C {common.path} plan")


def remember(state: State, directory: Path) -> None:
    """Note which directory this state belongs to."""
    path = state.home / "app.json"
    text = json.dumps({"directory": str(directory), "project": state.home.name})
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        from upgrader.engine.state import write_private

        write_private(path, text)


def clear_incomplete_points(state: State) -> None:
    """Throw away what runs that are over left of restore points; an unfinished run may yet complete its own."""
    import shutil

    from upgrader.steps.points import PARTIAL

    for path in state.points.glob(f"*{PARTIAL}"):
        if state.over(path.name.removesuffix(PARTIAL)):
            shutil.rmtree(path, ignore_errors=True)


def _directory(home: Path) -> str:
    try:
        return str(json.loads((home / "app.json").read_text(encoding="utf-8"))["directory"])
    except (OSError, ValueError, KeyError):
        return ""
