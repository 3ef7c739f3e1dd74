"""Moments in the life of a database, and what its rows themselves tell of who was written since."""

# ruff: noqa: S608 (names are quoted by format(); they cannot be parameters in SQL that psql reads)

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from upgrader.tools.postgres_catalog import RELATIONS, USERS_OWN, Catalog
from upgrader.tools.postgres_sql import literal

Counters = tuple[int, int, int]
"""Rows inserted, updated and deleted, as the statistics have it."""

_WRAP = 1 << 32
_BLOCKS = 1024
"""How many blocks of a table that is too large to be read are looked at."""

# The statistics of a server begin anew after a crash, and of a database when somebody says so: both are dated.
MOMENT = """
SELECT o.oid, txid_current_snapshot(), concat_ws(' ', d.stats_reset, b.stats_reset)
FROM pg_database o JOIN pg_stat_database d ON d.datid = o.oid, pg_stat_bgwriter b WHERE o.datname = current_database();
SELECT schemaname || '.' || relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables
WHERE n_tup_ins + n_tup_upd + n_tup_del > 0;
"""


@dataclass(frozen=True)
class Moment:
    """When a database was looked at, by its transactions. Round-trips through JSON."""

    oid: int
    """The database's: what rows of another one tell of this moment means nothing."""
    snapshot: str
    """`xmin:xmax:list`, as `txid_current_snapshot()` has it."""
    epoch: str = ""
    """Since when the statistics count; another one later says that they began anew."""
    counters: Mapping[str, Counters] = field(default_factory=dict)
    """By `schema.table`; up to ten seconds late."""

    @property
    def low(self) -> int:
        """The oldest transaction that was under way: all before it had ended."""
        return int(self.snapshot.split(":")[0])

    @property
    def high(self) -> int:
        """The first transaction that had not ended yet; all from here on came later, or were under way."""
        return int(self.snapshot.split(":")[1])

    @property
    def under_way(self) -> tuple[int, ...]:
        return tuple(int(xid) for xid in self.snapshot.split(":")[2].split(",") if xid)

    def since(self, then: "Moment") -> dict[str, Counters] | None:
        """What the statistics counted between `then` and this moment; None where they cannot be believed."""
        if (self.oid, self.epoch) != (then.oid, then.epoch):
            return None
        found: dict[str, Counters] = {}
        for table in self.counters.keys() | then.counters.keys():
            now, old = self.counters.get(table, (0, 0, 0)), then.counters.get(table, (0, 0, 0))
            inserted, updated, deleted = (a - b for a, b in zip(now, old, strict=True))
            if min(inserted, updated, deleted) < 0:
                if table in self.counters:
                    return None
                continue  # dropped since
            found[table] = (inserted, updated, deleted)
        return found

    def reaches(self, now: "Moment", ancestors: Collection[int] = ()) -> bool:
        """Whether rows can be dated by it: it is of the same database, or of one of those that this one was copied from
        (a copy keeps the rows as they are), and transactions have not gone around since.
        """
        return self.oid in {now.oid, *ancestors} and now.high - self.low < _WRAP // 2

    def to_json(self) -> dict[str, Any]:
        counters = {table: list(counted) for table, counted in self.counters.items()}
        return {"oid": self.oid, "snapshot": self.snapshot, "epoch": self.epoch, "counters": counters}

    @staticmethod
    def of(data: Mapping[str, Any]) -> "Moment | None":
        """None for an empty mapping: records of earlier times have no moments."""
        if not data:
            return None
        counters = {table: _counters(counted) for table, counted in data["counters"].items()}
        return Moment(data["oid"], data["snapshot"], data["epoch"], counters)

    @staticmethod
    def of_rows(rows: Sequence[Sequence[str]]) -> "Moment":
        """From what `MOMENT` answers."""
        (oid, snapshot, epoch), *counted = rows
        return Moment(int(oid), snapshot, epoch, {table: _counters(numbers) for table, *numbers in counted})

    def at(self, snapshot: str) -> "Moment":
        """This moment, put a little later."""
        return replace(self, snapshot=snapshot)


def _counters(numbers: Sequence[Any]) -> Counters:
    inserted, updated, deleted = map(int, numbers)
    return inserted, updated, deleted


def moment(server: Catalog, database: str) -> Moment:
    """The present one."""
    return Moment.of_rows(server.query(MOMENT, database))


def instant(server: Catalog, database: str) -> Moment:
    """The present one of a database that need not be connected to; without statistics."""
    [[oid, snapshot]] = server.query(
        f"SELECT oid, txid_current_snapshot() FROM pg_database WHERE datname = {literal(database)};"
    )
    return Moment(int(oid), snapshot)


@dataclass(frozen=True)
class Tally:
    """The rows of one table now, and which of them were written since a moment."""

    rows: int
    exact: bool
    """Whether every row was looked at; otherwise a sample."""
    bytes: int = 0
    """On disk, without indexes."""
    written: int | None = None
    """Inserted or updated since then; None where no moment was given."""
    unsure: int = 0
    """Not among these: by transactions of which it cannot be said on which side of the moment they ended."""
    within: tuple[int, ...] = ()
    """How many of the written were last written within each of the windows."""


Window = tuple[Moment, Moment]


def tally(
    server: Catalog,
    database: str,
    since: Moment | None = None,
    windows: Sequence[Window] = (),
    *,
    most: int | None = None,
    patience: float = 10.0,
) -> dict[str, Tally]:
    """The tables of `database` by `schema.table`, as `row_counts` names them; partitions, not their parents.

    The smallest tables are read in full, up to `most` bytes in all; the others are sampled. A table that somebody has
    locked, and does not let go of within `patience` seconds, raises StepError.
    """
    filters = _filters(since, windows)
    columns = "".join(f", count(*) FILTER (WHERE {condition})" for condition in filters)
    scaled = "".join(f", (count(*) FILTER (WHERE {condition}) * %1$s)::bigint" for condition in filters)
    limit = "true" if most is None else f"sum(size) OVER (ORDER BY size, oid) <= {most}"
    read = f"SELECT %2$L, %3$L, %4$s, true, count(*){columns} FROM ONLY %2$I.%3$I;"
    sample = (
        f"SELECT %2$L, %3$L, %4$s, false, (count(*) * %1$s)::bigint{scaled}"
        " FROM ONLY %2$I.%3$I TABLESAMPLE SYSTEM (100 / %1$s);"
    )
    rows = server.query(
        f"SET lock_timeout = {round(patience * 1000)};\n"
        f"SELECT format(CASE WHEN {limit} THEN {literal(read)} ELSE {literal(sample)} END,"
        f" greatest(size / 8192.0 / {_BLOCKS}, 1), nspname, relname, pg_table_size(oid))"
        " FROM (SELECT n.nspname, c.relname, c.oid, pg_relation_size(c.oid) AS size"
        f" FROM {RELATIONS} WHERE c.relkind = 'r' AND {USERS_OWN}) AS tables ORDER BY nspname, relname \\gexec\n"
        "RESET lock_timeout;",
        database,
    )
    return {f"{schema}.{table}": _tallied(numbers, dated=since is not None) for schema, table, *numbers in rows}


def _tallied(numbers: Sequence[str], *, dated: bool) -> Tally:
    size, exact, rows, *dates = numbers
    if not dated:
        return Tally(int(rows), exact == "t", int(size))
    written, unsure, *within = map(int, dates)
    return Tally(int(rows), exact == "t", int(size), written, unsure, tuple(within))


def _filters(since: Moment | None, windows: Sequence[Window]) -> list[str]:
    """SQL for: written since then; perhaps; within each window. A row's xmin is the transaction that wrote it."""
    if since is None:
        return []
    pending = ", ".join(f"'{_xid(xid)}'" for xid in since.under_way)
    among = f"xmin IN ({pending})" if pending else "false"
    later = f"age(xmin) BETWEEN 0 AND {_age(since.high)}"
    # a part of a transaction that was under way has a number of its own, which is in no list
    between = f"age(xmin) > {_age(since.high)} AND age(xmin) <= {_age(since.low)} AND NOT {among}"
    return [
        f"({later} OR {among})",
        between if since.low < since.high else "false",
        *(f"age(xmin) BETWEEN 0 AND {_age(start.high)} AND age(xmin) > {_age(end.low)}" for start, end in windows),
    ]


def _age(xid: int) -> str:
    """How many transactions ago; asked once for each table, by the clock that the ages of its rows go by."""
    return f"(SELECT age('{_xid(xid)}'::xid))"


def _xid(number: int) -> int:
    """As it stands in rows: cut to 32 bits, of which the first three have another meaning."""
    return max(number % _WRAP, 3)
