"""What the `backups` commands tell of restore points, read from the records alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from upgrader.cli.chosen import Common
from upgrader.engine.journal import now
from upgrader.errors import RefusedError, UpgraderError
from upgrader.model.duration import age, between, size
from upgrader.model.manifest import RestorePoint
from upgrader.steps.points import Points

HEAD = ("ID", "WHEN (UTC)", "AGE", "VERSION", "MADE BY", "SIZE", "PROVED", "")
PROVED = {"full": "restored", "data": "restored, data", "read": "read", "": "-", "failed": "✗ does not restore"}


def told(points: Points) -> Iterator[dict[str, Any]]:
    """One document for each restore point, oldest first; damaged ones say what is wrong with them."""
    moment = now()
    for point_id in points.names():
        common = {"id": point_id, "size": points.size(point_id), "pinned": points.pinned(point_id)}
        try:
            point = points.load(point_id)
        except RefusedError as error:
            yield {**common, "trouble": error.message}
        else:
            yield {**common, **_document(point), "age": round(between(point.created_at, moment))}


def _document(point: RestorePoint) -> dict[str, Any]:
    return {
        "version": point.version,
        "commit": point.commit,
        "created_at": point.created_at,
        "kind": made_by(point),
        "label": point.label,
        "method": "dump" if point.dumped else "aside",
        "proved": point.proved,
        "copied_to": point.copied_to,
    }


def made_by(point: RestorePoint) -> str:
    """The kind of run that made it; old ones do not say so."""
    return point.kind or ("upgrade" if point.dumped else "rollback")


def row(each: dict[str, Any]) -> tuple[str, ...]:
    """The document as cells under HEAD."""
    pinned = "pinned" if each["pinned"] else ""
    if "trouble" in each:
        return (each["id"], "", "", "", "", size(each["size"]), "", "✗ damaged")
    proved = PROVED[each["proved"]] if each["method"] == "dump" else "kept in the server"
    said = ", ".join(filter(None, (each["label"], pinned, "copied away" if each["copied_to"] else "")))
    when = each["created_at"][:16].replace("T", " ")
    return (each["id"], when, age(each["age"]), each["version"], each["kind"], size(each["size"]), proved, said)


def complete(ctx: typer.Context, incomplete: str) -> list[str]:
    """The ids that begin with what was typed, for shells."""
    from upgrader.cli.records import state_of

    given: dict[str, Any] = {}
    each: Any = ctx
    while each is not None:
        given = {**{key: value for key, value in each.params.items() if value}, **given}
        each = each.parent
    try:
        directory = Path(given["directory"]) if "directory" in given else None
        state, _ = state_of(Common(directory=directory, project=given.get("project", "")))
    except UpgraderError:
        return []
    return [point_id for point_id in Points(state.home).names() if point_id.startswith(incomplete)]
