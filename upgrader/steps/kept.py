"""Databases that runs kept in their servers: told, and dropped only by name."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from upgrader.model.app import DatabaseSpec
from upgrader.model.run import Run
from upgrader.steps.base import Context
from upgrader.steps.points import Points
from upgrader.steps.retention import Shelf, last_back
from upgrader.tools.postgres import name_for
from upgrader.tools.postgres_sql import is_making, is_ours


@dataclass(frozen=True)
class KeptDatabase:
    """One of ours in the server of `spec`; `size` in bytes. `needed`: why it is not dropped, empty when it may be."""

    spec: DatabaseSpec
    name: str
    size: int
    needed: str = ""


def kept_databases(ctx: Context) -> Iterator[KeptDatabase]:
    """By server, then by name."""
    needed = _needed(ctx)
    live = {ctx.world.database(spec) for spec in ctx.app.databases.values()}
    for spec in {spec.where: spec for spec in ctx.app.databases.values()}.values():
        server = ctx.world.server(spec)
        for name in server.databases():
            if is_ours(name) and not is_making(name) and name not in live:
                yield KeptDatabase(spec, name, server.size(name), needed.get(name, ""))


def _needed(ctx: Context) -> dict[str, str]:
    """Name → what needs it: the ways back that are still open."""
    runs, points = ctx.past(), Points(ctx.app.home)
    found: dict[str, str] = {}
    for run in runs:
        if run.unfinished:
            found |= dict.fromkeys(_names(ctx, run, "before", "aside", "restored"), f"run {run.id} is unfinished")
    upgrades = [run for run in runs if run.kind == "upgrade" and run.committed]
    if upgrades:
        found |= dict.fromkeys(_names(ctx, upgrades[-1], "before"), "the way back from the last upgrade")
    if back := last_back(runs):
        found |= dict.fromkeys(_names(ctx, back, "aside"), f"the way back from the last {back.kind}")
    shelf = Shelf.of(points, runs)
    for point in shelf.points:
        if why := shelf.kept.get(point.id):
            needed = {db.aside: f"restore point {point.id}: {why}" for db in point.databases if db.aside}
            found = {**needed, **found}
    return found


def _names(ctx: Context, run: Run, *purposes: str) -> Sequence[str]:
    specs = ctx.app.databases.values()
    return [name_for(ctx.world.database(spec), run.id, what) for spec in specs for what in purposes]
