"""The data canary: what a collapse is, and what is none."""

from pathlib import Path

import pytest

from upgrader.migrations.review import removed
from upgrader.model.app import CanarySpec
from upgrader.model.manifest import SavedDatabase
from upgrader.playbook.load import load
from upgrader.playbook.resolve import resolve_app
from upgrader.steps.canary import collapses, summary
from upgrader.steps.kinds import KINDS
from upgrader.tools.postgres_moments import Tally

MIB = 1 << 20


def saved(rows: int, size: int = 0) -> SavedDatabase:
    return SavedDatabase(
        "app", "db", "app", "app", "17.1", "dump", rows={"public.notes": rows}, sizes={"public.notes": size}
    )


@pytest.mark.parametrize(
    ("before", "now", "what"),
    [
        ((100, 0), Tally(100, True), ""),
        ((100, 0), Tally(100_000, True), ""),
        ((100, 0), Tally(11, True), ""),
        ((100, 0), Tally(10, True), "has 10 rows, and had 100"),
        ((100, 0), Tally(1, True), "has 1 row, and had 100"),
        ((100_000, 0), Tally(70, False), "has about 70 rows, and had 100000"),
        ((20, 0), Tally(0, True), "has 0 rows, and had 20"),
        ((19, 0), Tally(0, True), ""),
        ((1, 0), None, "is gone, with 1 row"),
        ((0, 0), None, ""),
        ((100, 40 * MIB), Tally(100, True, 2 * MIB), "has its rows, in 2.0 MiB instead of 40.0 MiB"),
        ((100, 40 * MIB), Tally(100, True, 3 * MIB), ""),
        ((100, 15 * MIB), Tally(100, True, 8192), ""),
        ((100, 0), Tally(100, True, 8192), ""),
    ],
)
def test_a_table_collapses(before: tuple[int, int], now: Tally | None, what: str) -> None:
    found = collapses(CanarySpec(), saved(*before), {"public.notes": now} if now else {}, ())
    assert found == ({"public.notes": what} if what else {})
    assert collapses(CanarySpec(), saved(*before), {}, ("public.notes",)) == {}, "dropped on purpose"


@pytest.mark.parametrize(
    ("spec", "looked_at"),
    [
        (CanarySpec(), True),
        (CanarySpec(tables=("notes",)), True),
        (CanarySpec(tables=("public.*",)), True),
        (CanarySpec(tables=("tags",)), False),
        (CanarySpec(ignore=("not*",)), False),
        (CanarySpec(tables=("notes",), ignore=("public.notes",)), False),
        (CanarySpec(rows=101), False),
        (CanarySpec(lost=100), True),
    ],
)
def test_a_playbook_says_which_tables_count(spec: CanarySpec, looked_at: bool) -> None:
    assert bool(collapses(spec, saved(100), {"public.notes": Tally(0, True)}, ())) == looked_at


def test_the_first_of_several_is_named() -> None:
    assert summary({"app": {"public.a": "is gone, with 3 rows"}}) == "public.a is gone, with 3 rows"
    told = summary({"app": {"public.a": "is gone, with 3 rows", "public.b": "…"}, "id": {"public.c": "…"}})
    assert told == "public.a is gone, with 3 rows (and 2 other tables)"


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("drop table notes", {(None, "notes")}),
        ('DROP TABLE IF EXISTS app."Notes", tags CASCADE;', {("app", "Notes"), (None, "tags")}),
        ("alter table app.notes rename to letters", {("app", "notes")}),
        ("alter table notes rename body to text", set()),
        ("alter table notes set schema old", {(None, "notes")}),
        ("drop schema old cascade", {("old", "*")}),
        ("drop index notes; delete from notes; truncate notes", set()),
        ("not sql at all", set()),
    ],
)
def test_tables_that_a_migration_takes_away_on_purpose(sql: str, names: set[tuple[str | None, str]]) -> None:
    assert removed(sql.encode()) == names


def test_the_shipped_base_leaves_out_what_comes_and_goes(tmp_path: Path) -> None:
    """Every shipped playbook extends it; one of an operator's own says otherwise."""
    playbook = load("ledgerly", KINDS)
    kinds = [step.uses for _, step in playbook.upgrade]
    assert kinds.index("health") < kinds.index("canary") < kinds.index("confirm")
    spec = resolve_app(playbook, tmp_path, {"WEB_PORT": "8000"}, tmp_path).canary
    assert (spec.rows, spec.lost, spec.tables) == (20, 90.0, ())
    for table, counts in (("public.sessions", False), ("pgboss.job", False), ("public.notes", True), ("blocks", True)):
        point = SavedDatabase("app", "db", "app", "app", "17.1", "dump", rows={table: 100})
        assert bool(collapses(spec, point, {table: Tally(0, True)}, ())) == counts, table
