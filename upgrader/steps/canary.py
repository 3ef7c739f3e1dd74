"""The data canary: an upgrade after which a table has lost its rows does not count before somebody agrees."""

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from typing import ClassVar, Literal

from upgrader.errors import RefusedError, StepError
from upgrader.migrations.review import removed
from upgrader.model.app import CanarySpec, DatabaseSpec
from upgrader.model.duration import plural, size
from upgrader.model.events import Facts
from upgrader.model.manifest import SavedDatabase
from upgrader.model.verdict import Needed, Satisfied, Verdict
from upgrader.steps.base import Context, Question, StepModel
from upgrader.steps.points import Points
from upgrader.tools.postgres_moments import Tally, tally

READ = 256 << 20
"""Bytes of a database's tables that are read; larger ones are sampled."""
LARGE = 16 << 20
"""Bytes from which on a table's size says something: below, one page more or less is much."""

Collapsed = Mapping[str, str]
"""Tables, and what became of each, in words."""


class Canary(StepModel):
    """Compare what each table holds with the run's restore point; where one collapsed, ask, or fail.

    `canary:` in the playbook says which tables are looked at, and what a collapse is.
    """

    alters: ClassVar[bool] = False

    uses: Literal["canary"]

    def describe(self) -> str:
        return "Compare the data with before"

    def check(self, ctx: Context) -> Verdict:
        if not ctx.app.databases:
            return Satisfied("the app has no database")
        tables = ", ".join(ctx.app.canary.tables) or "every table that has rows"
        if ctx.planning:
            return Needed(tables)
        try:
            found = {spec.id: self._found(ctx, spec) for spec in ctx.app.databases.values()}
        except (StepError, RefusedError) as error:  # it serves, and is well: a look that fails is no reason to go back
            return Satisfied(f"not compared: {error.message}", {"why": error.message})
        collapsed = {name: dict(lost) for name, lost in found.items() if lost}
        return Needed(summary(collapsed) if collapsed else tables, {"collapsed": collapsed})

    def _found(self, ctx: Context, spec: DatabaseSpec) -> Collapsed:
        saved = next(saved for saved in Points(ctx.app.home).load(ctx.run.id).databases if saved.id == spec.id)
        server, name = ctx.world.server(spec), ctx.world.database(spec)
        own = {f"{schema}.{table}" for schema, table in server.migrators_tables(name)}
        agreed = ctx.run.facts("rehearse").get("collapsed", {}).get(spec.id, {})
        without = {*own, *agreed, *_dropped(ctx, spec, saved)}
        return collapses(ctx.app.canary, saved, tally(server, name, most=READ), without)

    def apply(self, ctx: Context) -> Facts:
        collapsed: Mapping[str, Collapsed] = ctx.run.before(self.id)["collapsed"]
        if collapsed and not agreed_to(ctx, collapsed, f"{ctx.world.target_name} serves"):
            raise collapse(ctx, collapsed, "after the upgrade")
        return {"agreed": collapsed}


def collapses(spec: CanarySpec, saved: SavedDatabase, now: Mapping[str, Tally], without: Collection[str]) -> Collapsed:
    """The tables, but those `without`, that had rows and lost them."""
    found = {}
    for table in sorted(saved.rows.keys() - set(without)):
        before = saved.rows[table]
        if (
            before
            and _chosen(spec, table)
            and (why := _became(spec, before, saved.sizes.get(table, 0), now.get(table)))
        ):
            found[table] = why
    return found


def _chosen(spec: CanarySpec, table: str) -> bool:
    names = (table, table.partition(".")[2])
    looked_at = not spec.tables or any(fnmatchcase(name, glob) for name in names for glob in spec.tables)
    return looked_at and not any(fnmatchcase(name, glob) for name in names for glob in spec.ignore)


def _became(spec: CanarySpec, before: int, bytes_: int, now: Tally | None) -> str:
    """What became of a table; empty if it is well."""
    if now is None:
        return f"is gone, with {plural(before, 'row')}"
    if before >= spec.rows and before - now.rows >= before * spec.lost / 100:
        return f"has {'' if now.exact else 'about '}{plural(now.rows, 'row')}, and had {before}"
    if spec.shrunk and bytes_ >= LARGE and bytes_ - now.bytes >= bytes_ * spec.shrunk / 100:
        return f"has its rows, in {size(now.bytes)} instead of {size(bytes_)}"
    return ""


def _dropped(ctx: Context, spec: DatabaseSpec, saved: SavedDatabase) -> set[str]:
    """Tables that the migrations drop or rename on purpose: so it was in the rehearsal, or so says their SQL."""
    files = ctx.run.facts("preflight.target").get("files", ctx.world.migrations.files)
    named = {name for path in files for name in removed(ctx.world.git.read(ctx.world.target, path) or b"")}
    rehearsed = ctx.run.facts("rehearse").get("dropped", {}).get(spec.id, [])
    return {*rehearsed, *(table for table in saved.rows if any(_is(table, *name) for name in named))}


def _is(table: str, schema: str | None, name: str) -> bool:
    its_schema, _, its_name = table.partition(".")
    return (schema is None or schema == its_schema) and name in ("*", its_name)


def agreed_to(ctx: Context, collapsed: Mapping[str, Collapsed], where: str) -> bool:
    """Whether the new version is to stay all the same: by the flag, or by a person. Nobody there: no."""
    for line in _lines(collapsed):
        ctx.say(line)
    if ctx.options.accept_data_loss:
        ctx.say("accepted beforehand: --accept-data-loss")
        return True
    old, new = ctx.options.origin.get("name", "the old version"), ctx.world.target_name
    text = f"{where}, and {summary(collapsed)}. Go on with {new}? No goes back to {old} and its data"
    try:
        return ctx.ask(Question("collapse", text, "--accept-data-loss")) == "y"
    except RefusedError:  # there is no terminal
        return False


def collapse(ctx: Context, collapsed: Mapping[str, Collapsed], when: str) -> StepError:
    """What is raised when nobody agrees."""
    return StepError(
        f"{summary(collapsed)}, {when}",
        f"if that is meant: upgrader upgrade --to {ctx.world.target_name} --accept-data-loss",
        lines=_lines(collapsed),
    )


def summary(collapsed: Mapping[str, Collapsed]) -> str:
    first, *others = _lines(collapsed)
    return f"{first} (and {plural(len(others), 'other table')})" if others else first


def _lines(collapsed: Mapping[str, Collapsed]) -> list[str]:
    return [f"{table} {what}" for tables in collapsed.values() for table, what in tables.items()]
