"""What `upgrader status` says, read from the records alone; free of typer, so that it starts fast."""

from collections.abc import Sequence
from pathlib import Path

from upgrader.cli.chosen import Common
from upgrader.cli.records import state_of
from upgrader.engine import lock
from upgrader.engine.state import State
from upgrader.errors import UpgraderError
from upgrader.model.manifest import RestorePoint
from upgrader.model.run import Run
from upgrader.steps.points import Points


def status_text(common: Common) -> str:
    """The screen, or JSON where that was asked for; raises RefusedError when there are no records."""
    state, where = state_of(common)
    points, damaged = Points(state.home).readable()
    if common.output == "json":
        return _json(state, where, list(state.all()), points, damaged)
    runs = _latest(state)
    from upgrader.ui.tables import status_screen

    return status_screen(
        project=state.home.name,
        directory=where,
        version=version(runs),
        runs=runs,
        restore_points=[point for point in points if any(db.method == "dump" for db in point.databases)],
        damaged=damaged,
        holder=_holder(state),
    )


def status_at_once(argv: Sequence[str]) -> str | None:
    """The text for a plain `status`; None for anything unusual, which the whole command line answers better."""
    common = _plain(argv)
    if common is None:
        return None
    try:
        return status_text(common)
    except UpgraderError:
        return None


def _plain(argv: Sequence[str]) -> Common | None:
    """What `[-C DIR] [--project NAME] status [-C DIR] [--project NAME]` says."""
    words, commands, said = list(argv), 0, dict[str, str]()
    while words:
        word = words.pop(0)
        if word == "status":
            commands += 1
        elif word in ("-C", "--directory", "--project") and words:
            said["project" if word == "--project" else "directory"] = words.pop(0)
        else:
            return None
    directory = said.get("directory")
    return Common(Path(directory) if directory else None, said.get("project", "")) if commands == 1 else None


def _latest(state: State) -> list[Run]:
    """The newest runs down to one that ended, oldest first: no older one changes what is told."""
    runs: list[Run] = []
    for run in state.all(newest_first=True):
        runs.insert(0, run)
        if not run.unfinished:
            break
    return runs


def _json(state: State, where: str, runs: Sequence[Run], points: Sequence[RestorePoint], damaged: Sequence[str]) -> str:
    import json

    last = runs[-1] if runs else None
    answer = {
        "project": state.home.name,
        "directory": where,
        "version": version(runs),
        "last_run": {"id": last.id, "kind": last.kind, "title": last.title, "outcome": last.outcome} if last else None,
        "unfinished": [run.id for run in runs if run.unfinished],
        "holder": _holder(state),
        "restore_points": [{"id": p.id, "version": p.version, "created_at": p.created_at} for p in points],
        "damaged": damaged,
    }
    return json.dumps(answer, indent=1)


def _holder(state: State) -> str:
    return lock.who(state.home) if lock.held(state.home) else ""


def version(runs: Sequence[Run]) -> str:
    """The version that the records say is installed: where the last finished run left the app."""
    for run in reversed(runs):
        match run.outcome:
            case "done":
                return str(run.arguments.get("target", {}).get("name", ""))
            case "rolled-back" | "refused" | "failed":
                return str(run.arguments.get("origin", {}).get("name", ""))
    return ""
