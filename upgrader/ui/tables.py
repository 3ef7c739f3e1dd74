"""Tables of records: the history of an app, and its status, which starts fast because this imports little."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from upgrader.model.duration import duration, size
from upgrader.model.manifest import RestorePoint
from upgrader.model.run import Run
from upgrader.ui.words import clean, outcome_mark, outcome_words

if TYPE_CHECKING:
    from upgrader.model.plan import Row


def history_table(runs: Sequence[Run]) -> str:
    """One line per run, in the order given."""
    if not runs:
        return "No runs yet."
    rows = [("RUN", "WHEN (UTC)", "WHAT", "OUTCOME", "TOOK")]
    rows += [
        (run.id, when(run.started_at), clean(run.title), f"{outcome_mark(run)} {outcome_words(run)}", _took(run))
        for run in runs
    ]
    return columns(rows)


def status_screen(
    *,
    project: str,
    directory: str,
    version: str,
    runs: Sequence[Run] = (),
    restore_points: Sequence[RestorePoint] = (),
    damaged: Sequence[str] = (),
    holder: str = "",
) -> str:
    """The app at a glance: its version, its last run, what is unfinished, who works on it, the ways back.

    `runs` and `restore_points` come oldest first; `holder` is the lock's text for people, empty when it is free.
    `damaged` are the ids of restore points that cannot be read.
    """
    lines = [f"{project} {version}".rstrip(), f"  in {directory}", ""]
    rows: list[Row] = []
    if runs:
        last = runs[-1]
        rows.append(("Last run", f"{outcome_mark(last)} {clean(last.title)}: {outcome_words(last)}"))
        rows.append(("", f"{last.id}, {when(last.finished_at or last.started_at)} UTC"))
    else:
        rows.append(("Last run", "none yet"))
    if holder:
        rows.append(("Working now", clean(holder)))
    elif runs and runs[-1].unfinished:
        rows.append(("Next", "upgrader resume, upgrader rollback or upgrader abandon"))
    for index, point in enumerate(reversed(restore_points)):
        rows.append(
            (
                "" if index else "Ways back",
                f"{point.version}, saved {when(point.created_at)} UTC, {size(_saved(point))}",
            )
        )
    if not restore_points:
        rows.append(("Ways back", "none yet"))
    rows += [("Damaged", f"{clean(each)}: upgrader backups verify {clean(each)}") for each in damaged]
    return "\n".join([*lines, columns(rows)])


def columns(rows: Sequence["Row"]) -> str:
    """Rows as aligned text; the last column is left ragged."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def when(at: str) -> str:
    """A moment of a journal (UTC, ISO 8601) to the minute: `2025-11-20 11:35`."""
    return at[:16].replace("T", " ")


def _took(run: Run) -> str:
    return duration(run.finished.seconds) if run.finished else ""


def _saved(point: RestorePoint) -> int:
    return sum(file.size for file in point.files) + sum(file.size for db in point.databases for file in db.files)
