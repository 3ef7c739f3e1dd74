"""`upgrader backups prune`: what would go, agreed to, and gone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import typer

from upgrader.cli import common as c
from upgrader.cli import say
from upgrader.cli.agree import agree
from upgrader.cli.wiring import Desk, open_app
from upgrader.engine.journal import now
from upgrader.errors import RefusedError, UpgraderError, UsageError
from upgrader.model.app import Retention
from upgrader.model.duration import plural, size
from upgrader.playbook.schema import bytes_of, seconds
from upgrader.steps.base import Context, Options, Question
from upgrader.steps.kept import KeptDatabase, kept_databases
from upgrader.steps.points import Points
from upgrader.steps.retention import Shelf, remove, stray_pins
from upgrader.ui.tables import columns

AGAIN = "upgrader backups prune"


@dataclass(frozen=True)
class Choice:
    """What is to go: restore points and why, and databases."""

    points: Mapping[str, str]
    databases: Sequence[KeptDatabase]
    pins: Sequence[str] = ()

    def __str__(self) -> str:
        parts = {"restore point": self.points, "database": self.databases, "stray image pin": self.pins}
        return " and ".join(plural(len(found), noun) for noun, found in parts.items() if found)

    def __bool__(self) -> bool:
        return bool(self.points or self.databases or self.pins)


def policy_of(keep: int, max_age: str, max_size: str) -> Retention:
    """The limits given on the command line; raises UsageError."""
    try:
        return Retention(keep, seconds(max_age) if max_age else 0.0, bytes_of(max_size) if max_size else 0)
    except ValueError as error:
        raise UsageError(str(error), f"{AGAIN} --max-age 90d --max-size 50GiB") from error


def perform(common: c.Common, ids: Sequence[str], names: Sequence[str], policy: Retention, *, yes: bool) -> int:
    """Show, ask, delete; returns the exit code."""
    desk = open_app(common, yes=yes)
    with desk.session():
        points = Points(desk.app.home)
        shelf = Shelf.of(points, list(desk.state.all()))
        ctx = desk.planning("backup", Options())
        there = _kept(ctx, named=bool(names))
        by_name = bool(ids or names) and not policy
        limits = Retention() if by_name else policy or desk.app.backups
        going = shelf.expendable(limits, now()) | _named(points, shelf, ids)
        strays = [] if by_name else stray_pins(points, ctx.world.docker, ctx.past())
        choice = Choice(going, _chosen(there, names), strays)
        if common.output not in ("json", "quiet"):
            typer.echo(_shown(shelf, choice, there, limited=bool(limits) or by_name))
            for name in ctx.world.volumes.ours():
                typer.echo(f"The volume {name} is never deleted from here: docker volume rm {name}")
        if choice:
            agree(desk, Question("prune", f"Delete {choice} for good?", "--yes"))
            _carry_out(desk, ctx, points, choice)
    if common.output == "json":
        typer.echo(json.dumps(_document(shelf, choice, there), indent=1))
    return 0


def _kept(ctx: Context, *, named: bool) -> list[KeptDatabase]:
    """What is kept in servers; where one cannot be asked, that is no reason to keep files."""
    try:
        return list(kept_databases(ctx))
    except UpgraderError as error:
        if named:
            raise
        say.tell(f"Databases kept in servers cannot be listed: {error.message}")
        return []


def _named(points: Points, shelf: Shelf, ids: Sequence[str]) -> dict[str, str]:
    """Those asked for by name, damaged ones too; raises RefusedError for one that must stay."""
    found = [points.find(wanted) for wanted in ids]
    for point_id in found:
        if why := shelf.kept.get(point_id) or ("pinned" if points.pinned(point_id) else ""):
            hint = f"upgrader backups unpin {point_id}" if why == "pinned" else "leave it out"
            raise RefusedError(f"{point_id} stays: {why}", hint)
    return dict.fromkeys(found, "asked for by name")


def _chosen(there: Sequence[KeptDatabase], names: Sequence[str]) -> list[KeptDatabase]:
    by_name = {each.name: each for each in there}
    for name in names:
        if name not in by_name:
            known = ", ".join(by_name) or "none"
            raise RefusedError(f"{name} is no database that upgrader kept; there is {known}", AGAIN)
        if by_name[name].needed:
            raise RefusedError(f"{name} stays: {by_name[name].needed}", "leave it out")
    return [by_name[name] for name in dict.fromkeys(names)]


def _shown(shelf: Shelf, choice: Choice, there: Sequence[KeptDatabase], *, limited: bool) -> str:
    rows = [(f"✗ {point_id}", f"goes: {why}") for point_id, why in choice.points.items()]
    rows += [
        (f"  {point.id}", f"stays: {shelf.kept.get(point.id) or 'nothing says that it goes'}")
        for point in shelf.points
        if point.id not in choice.points
    ]
    rows += [(f"✗ {pin}", "goes: no restore point needs it") for pin in choice.pins]
    for each in there:
        goes = "goes: asked for by name" if each in choice.databases else ""
        why = goes or (f"stays: {each.needed}" if each.needed else "stays unless it is named: --databases")
        rows.append((f"{'✗' if goes else ' '} {each.name}", f"{size(each.size)} in {each.spec.where}, {why}"))
    hint = (
        "" if limited else f"\nNo limit is set: name what may go, or {AGAIN} --keep N, or `backups:` in the playbook."
    )
    return (columns(rows) if rows else "There is nothing that could go.") + hint


def _carry_out(desk: Desk, ctx: Context, points: Points, choice: Choice) -> None:
    acting = ctx.using(replace(desk.shell, read_only=False), say.tell)
    for point_id in choice.points:
        try:
            point = points.load(point_id)
        except RefusedError:  # its pins are not known
            points.discard(point_id)
        else:
            remove(points, acting.world.docker, point)
    for pin in choice.pins:
        acting.world.docker.untag(pin)
    for each in choice.databases:
        acting.world.server(each.spec).drop(each.name)
    if desk.common.output not in ("json", "quiet"):
        say.tell(f"Deleted {choice}.")


def _document(shelf: Shelf, choice: Choice, there: Sequence[KeptDatabase]) -> dict[str, Any]:
    gone = {each.name for each in choice.databases}
    return {
        "removed": dict(choice.points),
        "kept": {p.id: shelf.kept.get(p.id, "") for p in shelf.points if p.id not in choice.points},
        "dropped": sorted(gone),
        "pins": list(choice.pins),
        "databases": {each.name: each.needed for each in there if each.name not in gone},
    }
