"""What would be lost, told from what a server can be asked: never less than is known, and an estimate called one."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.steps.proof_world import Stand, standing
from upgrader.model.plan import Loss
from upgrader.steps.base import Options
from upgrader.steps.losses import Changed, Seen, compare, losses
from upgrader.tools.postgres_moments import Counters, Moment


@dataclass
class Table:
    """A table that remembers of each row who wrote it last; `counted` is what the statistics would say."""

    rows: dict[int, str]
    fresh: int = 1000
    counted: Counter[str] = field(default_factory=Counter)
    removed: int = 0

    def write(self, who: str, what: str, which: int) -> None:
        if who == "app":
            self.counted[what.removeprefix("undone ")] += 1
        if what == "insert":
            self.fresh += 1
            self.rows[self.fresh] = who
        elif self.rows and what in ("update", "delete"):
            row = sorted(self.rows)[which % len(self.rows)]
            if what == "update":
                self.rows[row] = who
            else:
                del self.rows[row]
                self.removed += who == "migration"

    def seen(self, *, statistics: bool) -> Seen:
        last = Counter(self.rows.values())
        counted = cast("Counters", tuple(self.counted[what] for what in ("insert", "update", "delete")))
        return Seen(
            len(self.rows),
            exact=True,
            written=last["app"],
            ours=last["migration"],
            counted=counted if statistics else None,
            removed=self.removed if statistics else 0,
        )


def truth(before: set[int], table: Table) -> tuple[int, int, int]:
    """What the app did to rows: inserted, updated, deleted."""
    mine = {row for row, who in table.rows.items() if who == "app"}
    return len(mine - before), len(mine & before), len(before - table.rows.keys())


WRITES = st.lists(
    st.tuples(
        st.sampled_from(["app", "app", "migration"]),
        st.sampled_from(["insert", "update", "delete", "undone insert", "undone update", "undone delete"]),
        st.integers(0, 30),
    ),
    max_size=25,
)


@given(st.integers(0, 10), WRITES, st.booleans())
def test_what_is_called_exact_is_true(rows: int, writes: list[tuple[str, str, int]], statistics: bool) -> None:
    table = Table(dict.fromkeys(range(rows), "old"))
    for who, what, which in writes:
        table.write(who, what, which)
    before = set(range(rows))
    changed = compare(rows, table.seen(statistics=statistics))
    told = (changed.inserted, changed.updated, changed.deleted)
    assert min(told) >= 0
    assert changed.inserted + changed.updated == sum(who == "app" for who in table.rows.values()), "each row that goes"
    alone = all(who == "app" for who, _, _ in writes)
    if changed.exact and (alone or not changed.deleted + changed.updated):
        inserted, updated, deleted = truth(before, table)
        assert told[:2] == (inserted, updated)
        assert told[2] == deleted or not alone
    if alone:
        assert changed.updated + changed.deleted == sum(truth(before, table)[1:]), "each row that comes back"
    if statistics and not any(who == "app" for who, _, _ in writes):
        assert told == (0, 0, 0), "what migrations did is no loss"


def test_only_inserts_or_only_deletes_need_no_statistics() -> None:
    assert compare(10, Seen(13, exact=True, written=3)) == Changed(3, 0, 0)
    assert compare(10, Seen(7, exact=True, written=0)) == Changed(0, 0, 3)
    assert compare(10, Seen(10, exact=True, written=0)) == Changed()
    assert compare(10, Seen(10, exact=True, written=2)) == Changed(0, 2, 0, exact=False), "or two new ones for two"
    assert compare(10, Seen(10, exact=True, written=2, counted=(0, 2, 0))) == Changed(0, 2, 0)
    assert compare(10, Seen(10, exact=True, written=2, counted=(2, 0, 2))) == Changed(2, 0, 2)


def test_what_is_not_known_is_an_estimate() -> None:
    assert not compare(10, Seen(13, exact=True, written=3, unsure=1)).exact
    assert not compare(10, Seen(13, exact=True, written=3), known=False).exact
    assert compare(10, Seen(13, exact=True)) == Changed(3, exact=False, how="counts"), "nothing dates the rows"
    assert compare(0, Seen(5, exact=True, written=1)) == Changed(1, exact=False), "it had another name"
    assert compare(10, Seen(10, exact=True, written=0, ours=10, counted=(0, 0, 0))) == Changed(exact=False), (
        "a backfill"
    )


def test_a_table_that_is_too_large_to_be_read_is_told_by_statistics_or_by_a_sample() -> None:
    large = 10_000_000
    counted = compare(large, Seen(9_900_000, exact=False, written=0, counted=(12, 0, 3)))
    assert counted == Changed(12, 0, 3, exact=False, how="statistics")
    assert compare(large, Seen(9_700_000, exact=False, written=0)) == Changed(exact=False), (
        "within what a sample can tell"
    )
    assert compare(large, Seen(5_000_000, exact=False, written=0)).deleted == 5_000_000


def moment(snapshot: str, epoch: str = "2026", oid: int = 5, **counters: Counters) -> Moment:
    return Moment(oid, snapshot, epoch, counters)


def test_a_moment_goes_through_json_and_has_a_past() -> None:
    then = moment("100:104:100,102", notes=(5, 0, 0), gone=(1, 1, 1))
    assert (then.low, then.high, then.under_way) == (100, 104, (100, 102))
    assert Moment.of(then.to_json()) == then
    assert Moment.of({}) is None
    now = moment("200:200:", notes=(9, 2, 1), new=(3, 0, 0))
    assert now.since(then) == {"notes": (4, 2, 1), "new": (3, 0, 0)}
    assert now.since(moment("1:1:", epoch="2025")) is None, "they began anew"
    assert now.since(moment("1:1:", oid=6)) is None, "another database"
    assert now.since(moment("1:1:", notes=(10, 0, 0))) is None, "they went backwards"
    assert then.reaches(now)
    assert not then.reaches(moment("200:200:", oid=6))
    assert then.reaches(moment("200:200:", oid=6), {6, 5}), "a copy keeps the rows as they are"
    assert not then.reaches(moment(f"1:{(1 << 31) + 200}:")), "transactions have gone around"


def test_a_loss_is_told_by_what_was_done() -> None:
    loss = Loss("app", "notes", 3, 5, exact=True, inserted=3, deleted=1)
    assert loss.count == 4


@pytest.fixture(scope="module", params=["postgres:15", "postgres:17"])
def stand(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(request.param, tmp_path_factory.mktemp("losses")) as made:
        yield made


SHOP = """
CREATE TABLE notes (id int PRIMARY KEY, body text); INSERT INTO notes SELECT i, 'n' FROM generate_series(1, 50) AS i;
CREATE TABLE quiet (id int); INSERT INTO quiet SELECT generate_series(1, 50);
CREATE TABLE visits (id int); INSERT INTO visits SELECT generate_series(1, 50);
CREATE TABLE doomed (id int); INSERT INTO doomed SELECT generate_series(1, 50);
CREATE TABLE schema_migrations (version text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());
"""
SINCE = """
INSERT INTO notes SELECT i, 'new' FROM generate_series(101, 103) AS i; UPDATE notes SET body = 'x' WHERE id <= 4;
DELETE FROM notes WHERE id IN (7, 8); INSERT INTO visits VALUES (51); DROP TABLE doomed;
INSERT INTO schema_migrations VALUES ('0007'); CREATE TABLE tags (id int); INSERT INTO tags VALUES (1), (2);
"""


@pytest.mark.docker
def test_what_a_dump_would_lose_is_counted(stand: Stand) -> None:
    """Exactly, as long as statistics go on; when they began anew, what the rows tell, and updates by guess."""
    name = stand.database(SHOP)
    ctx = stand.context(name)
    point = stand.point(ctx)
    ctx = replace(ctx, options=Options(point=point.id))
    (spec,), (saved,) = ctx.app.databases.values(), point.databases
    assert list(losses(ctx, spec, "dump", saved)) == []
    stand.server.execute(SINCE, name)
    rest = [Loss(name, "public.tags", 0, 2, inserted=2), Loss(name, "public.visits", 50, 51, inserted=1)]
    notes = Loss(name, "public.notes", 50, 51, inserted=3, updated=4, deleted=2)
    assert list(losses(ctx, spec, "dump", saved)) == [notes, *rest]
    stand.server.execute("SELECT pg_stat_reset();", name)
    guess = replace(notes, exact=False, inserted=1, updated=6, deleted=0)
    assert list(losses(ctx, spec, "dump", saved)) == [guess, *rest]
    undated = replace(saved, moment={})
    netto = {loss.table: loss for loss in losses(ctx, spec, "dump", undated)}
    assert netto["public.notes"] == Loss(name, "public.notes", 50, 51, exact=False, inserted=1, how="counts")
