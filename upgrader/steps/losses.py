"""What going back would undo: rows inserted, updated and deleted since, per table; an estimate is called one."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from upgrader.model.app import DatabaseSpec
from upgrader.model.manifest import SavedDatabase
from upgrader.model.plan import Loss
from upgrader.steps.base import Context, Options
from upgrader.steps.database import kept_copy
from upgrader.steps.points import Points
from upgrader.steps.way import Way
from upgrader.tools.postgres_moments import Counters, Moment, Tally, Window, moment, tally

READ = 2 << 30
"""Bytes of a database's tables that are read to count what would be lost; larger ones are sampled."""


@dataclass(frozen=True)
class Then:
    """The moment that is gone back to: rows by table, whether these are known (but of the `guessed`), and when it was,
    if that is.
    """

    rows: Mapping[str, int]
    known: bool = True
    moment: Moment | None = None
    guessed: Collection[str] = ()


@dataclass(frozen=True)
class Migrated:
    """A migration of an upgrade since then: between which moments it ran, and whether nobody else could write."""

    window: Window
    alone: bool


@dataclass(frozen=True)
class Changed:
    """What came of a table since then."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    exact: bool = True
    how: str = "rows"


@dataclass(frozen=True)
class Seen:
    """All that is known of a table now. `ours`: rows that migrations wrote last, not among the `written`."""

    rows: int
    exact: bool
    written: int | None = None
    ours: int = 0
    unsure: int = 0
    counted: Counters | None = None
    """What the statistics say of the time since then, without what migrations did alone; None: they say nothing."""
    removed: int = 0
    """Rows that migrations deleted, by the same statistics."""


def losses(ctx: Context, spec: DatabaseSpec, how: str, saved: SavedDatabase) -> Iterator[Loss]:
    """Of one database, by table; the migrators' own tables apart. Nothing where no row was touched."""
    server, name = ctx.world.server(spec), ctx.world.database(spec)
    then = _then(ctx, spec, how, saved)
    now = moment(server, name)
    ancestors = _ancestors(ctx, spec, now.oid)
    since = then.moment if then.moment and then.moment.reaches(now, ancestors) else None
    migrated = list(_migrated(ctx, spec, since, ancestors)) if since else []
    tallies = tally(server, name, since, [each.window for each in migrated], most=READ if since else None)
    own = {f"{schema}.{table}" for schema, table in server.migrators_tables(name)}
    counted = now.since(since) if since else None
    rolled_over = now.high >= 1 << 32
    for table in sorted(tallies.keys() - own):
        before = then.rows.get(table)
        seen = _seen(tallies[table], table, before is not None, migrated, counted)
        known = then.known and table not in then.guessed
        if not known and seen.written is not None:
            before = seen.rows - seen.written  # what was deleted since is not seen
        changed = compare(before or 0, seen, known=known and not rolled_over)
        if changed.inserted or changed.updated or changed.deleted:
            yield Loss(
                name,
                table,
                before or 0,
                seen.rows,
                changed.exact,
                inserted=changed.inserted,
                updated=changed.updated,
                deleted=changed.deleted,
                how=changed.how,
            )


def compare(before: int, seen: Seen, *, known: bool = True) -> Changed:
    """What became of a table that had `before` rows, `known` or the best that can be said."""
    if seen.written is None:
        more = seen.rows - before
        return Changed(max(more, 0), 0, max(-more, 0), exact=False, how="counts")
    if not seen.exact and seen.counted is not None:
        inserted, updated, deleted = (max(count, 0) for count in seen.counted)
        return Changed(inserted, updated, deleted, exact=False, how="statistics")
    gone = before - (seen.rows - seen.written - seen.ours)  # of the rows of then: changed or deleted
    exact = known and seen.exact and not seen.unsure and gone >= 0
    if not seen.exact and abs(gone) < before / 10:
        gone = 0  # within what a sample can tell
    gone = max(gone, 0)
    if gone and (seen.ours or seen.removed):
        # a row of then that migrations wrote last, or deleted, is one of those
        exact = False
        gone = max(gone - seen.removed, 0)
        gone = max(gone - seen.ours, min(gone, seen.counted[2] if seen.counted else 0))
    least, most = _updated(gone, seen)
    return Changed(seen.written - most, most, gone - most, exact=exact and least == most)


def _updated(gone: int, seen: Seen) -> tuple[int, int]:
    """The least and the most rows of then that can have been updated, out of those that changed or are gone."""
    assert seen.written is not None  # noqa: S101 - compare has looked
    most = min(gone, seen.written)
    if seen.counted is None:
        return 0, most
    _, updated, deleted = seen.counted  # never less than there were: what was rolled back is counted as well
    most = max(min(most, updated), 0)
    return max(gone - max(deleted, 0), 0), most


def _seen(
    found: Tally, table: str, known: bool, migrated: Sequence[Migrated], counted: Mapping[str, Counters] | None
) -> Seen:
    """The old version cannot have written to a table that it did not have, even while it served."""
    if found.written is None:
        return Seen(found.rows, found.exact)
    ours = sum(rows for rows, each in zip(found.within, migrated, strict=True) if each.alone or not known)
    apart = [_by_statistics(each, table) for each in migrated if each.alone]
    numbers, removed = None, sum(deleted for _, _, deleted in apart)
    if counted is not None:
        inserted, updated, deleted = (
            total - sum(part) for total, *part in zip(counted.get(table, (0, 0, 0)), *apart, strict=True)
        )
        numbers = inserted, updated, deleted
    return Seen(found.rows, found.exact, found.written - ours, ours, found.unsure, numbers, removed)


def _by_statistics(migrated: Migrated, table: str) -> Counters:
    """What a migration did to a table."""
    start, end = migrated.window
    return (end.since(start) or {}).get(table, (0, 0, 0))


def _ancestors(ctx: Context, spec: DatabaseSpec, oid: int) -> set[int]:
    """The database itself, and those that it is a copy of."""
    found = {oid}
    for run in reversed(ctx.past()):
        original, copy = run.facts("database.copy").get("oids", {}).get(spec.id, (0, 0))
        if copy in found:
            found.add(original)
    return found


def _migrated(ctx: Context, spec: DatabaseSpec, since: Moment, ancestors: Collection[int]) -> Iterator[Migrated]:
    """The migrations that upgrades ran in this database since then."""
    for run in ctx.past():
        start = Moment.of(run.before("migrate").get("moments", {}).get(spec.id, {}))
        end = Moment.of(run.facts("migrate").get("moments", {}).get(spec.id, {}))
        if start and end and {start.oid, end.oid} <= set(ancestors) and start.high >= since.high:
            yield Migrated((start, end), alone=run.facts("preflight.target").get("mode") == "offline")


def _then(ctx: Context, spec: DatabaseSpec, how: str, saved: SavedDatabase) -> Then:
    """What is gone back to."""
    server, way = ctx.world.server(spec), Way(ctx)
    if how == "copy" and way.parent and server.is_complete(copy := kept_copy(ctx, spec)):
        counts = tally(server, copy, most=READ)
        guessed = {table for table, found in counts.items() if not found.exact}
        when = Moment.of(way.parent.before("database.copy").get("moments", {}).get(spec.id, {}))
        return Then({table: found.rows for table, found in counts.items()}, moment=when, guessed=guessed)
    if how != "aside":
        return Then(saved.rows, known=True, moment=Moment.of(saved.moment))
    # an undo loses what was written since the rollback: since what that one had brought back
    undone = next((run for run in ctx.past() if run.id == way.point.run), None)
    points, point = Points(ctx.app.home), Options.of(undone.arguments).point if undone else ""
    if undone is None or not points.exists(point):
        return Then(saved.rows, known=False)
    back = next((db for db in points.load(point).databases if db.id == spec.id), saved)
    known = undone.facts("database.stage").get("ways", {}).get(spec.id) == "dump"
    return Then(back.rows, known, Moment.of(undone.facts("database.swap").get("moments", {}).get(spec.id, {})))
