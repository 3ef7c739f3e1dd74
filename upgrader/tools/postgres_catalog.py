"""What a server's databases look like: sizes, row counts, schema, the migrator's ledger, settings."""

# ruff: noqa: S608 (names are quoted by postgres_sql; they cannot be parameters in SQL that psql reads)

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from upgrader.errors import RefusedError
from upgrader.tools.postgres_client import Client
from upgrader.tools.postgres_ledgers import LEDGERS, LOCKS, Kept, Ledger
from upgrader.tools.postgres_sql import identifier, literal, schema_sha256

# Extensions fill and own their tables; temporary ones are nobody's data.
USERS_OWN = """
    c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
"""
RELATIONS = "pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"

_DESCRIBE = """
SELECT jsonb_build_object(
    'row', to_jsonb(d) - 'datacl',
    'owner', pg_get_userbyid(d.datdba),
    'encoding', pg_encoding_to_char(d.encoding),
    'tablespace', (SELECT spcname FROM pg_tablespace WHERE oid = d.dattablespace),
    'comment', shobj_description(d.oid, 'pg_database'),
    'grants', (SELECT jsonb_agg(jsonb_build_array(CASE grantee WHEN 0 THEN '' ELSE pg_get_userbyid(grantee) END,
                                                  privilege_type, is_grantable) ORDER BY grantee, privilege_type)
               FROM aclexplode(d.datacl)),
    'settings', (SELECT jsonb_agg(jsonb_build_array(CASE setrole WHEN 0 THEN '' ELSE pg_get_userbyid(setrole) END, item)
                                  ORDER BY setrole, item)
                 FROM pg_db_role_setting, unnest(setconfig) AS item WHERE setdatabase = d.oid))
FROM pg_database d WHERE datname = """


@dataclass(frozen=True)
class RowCount:
    count: int
    exact: bool
    bytes: int = field(default=0, compare=False)
    """On disk, without indexes; no two copies of a table have the same."""


@dataclass(frozen=True)
class Description:
    """All of a database that is not inside it: what a new one needs to be its equal. Round-trips through JSON."""

    row: Mapping[str, object]
    """Its row in `pg_database`, whose columns differ between major versions."""
    owner: str
    encoding: str
    tablespace: str
    comment: str | None = None
    grants: tuple[tuple[str, str, bool], ...] | None = None
    """(role or '' for PUBLIC, privilege, grantable); None: the built-in default."""
    settings: tuple[tuple[str, str], ...] = field(default=())
    """(role or '' for all, `name=value`)."""

    @staticmethod
    def from_json(data: Mapping[str, object]) -> "Description":
        values = dict(data)
        for name in ("grants", "settings"):
            if (items := values.get(name)) is not None:
                values[name] = tuple(tuple(item) for item in items)  # type: ignore[attr-defined]  # JSON's lists
        values["settings"] = values.get("settings") or ()
        return Description(**values)  # type: ignore[arg-type]  # checked by the query that made it


class Catalog(Client):
    """A server's databases, seen from outside and inside."""

    def databases(self) -> list[str]:
        """Every database but the templates, by name."""
        return [name for (name,) in self.query("SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1;")]

    def exists(self, database: str) -> bool:
        return bool(self.query(f"SELECT 1 FROM pg_database WHERE datname = {literal(database)};"))

    def oid(self, database: str) -> int:
        """What stays the same when a database is renamed; raises RefusedError when there is none of that name."""
        return int(self._of(database, "oid"))

    def size(self, database: str) -> int:
        """Bytes on disk."""
        return int(self._of(database, "pg_database_size(oid)"))

    def is_open(self, database: str) -> bool:
        """Whether it accepts connections at all."""
        return self._of(database, "datallowconn") == "t"

    def describe(self, database: str) -> Description:
        rows = self.query(_DESCRIBE + literal(database) + ";")
        if not rows:
            raise self.no_database(database)
        return Description.from_json(json.loads(rows[0][0]))

    def row_counts(self, database: str, exact_below_bytes: int | None = None) -> dict[str, RowCount]:
        """Rows of each table by `schema.table`; tables of `exact_below_bytes` and more by the planner's estimate.

        Partitions are counted, their parents are not.
        """
        return count_rows(self.query(counting(exact_below_bytes), database))

    def schema_digest(self, database: str) -> str:
        """sha256 over the schema: equal before a dump and after its restore."""
        return schema_sha256(self.read_schema(database))

    def write_counters(self, database: str) -> dict[str, tuple[int, int, int]]:
        """Rows inserted, updated and deleted by `schema.table` since the statistics began; up to a second late."""
        rows = self.query(
            "SELECT schemaname || '.' || relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables;", database
        )
        return {name: (int(inserted), int(updated), int(deleted)) for name, inserted, updated, deleted in rows}

    def ledger(self, database: str) -> tuple[str, list[str]] | None:
        """The migrator's own table as `schema.table` and the ids it calls applied, in its order; None without one."""
        found = self._ledgers(database)
        if not found:
            return None
        schema, table, ledger = found[0]
        return f"{schema}.{table}", [row[0] for row in self.query(ledger.applied(_relation(schema, table)), database)]

    def ledgers(self, database: str) -> list[Kept]:
        """Every ledger of a known migrator, in whichever schema; the main schema and the better known first."""
        kept: dict[tuple[str, str], Kept] = {}
        for schema, table, ledger in self._ledgers(database):
            if (schema, table) in kept:
                continue  # told by fewer columns: a namesake
            relation = _relation(schema, table)
            if ledger.told:
                rows = tuple(json.loads(row[0]) for row in self.query(ledger.rows(relation), database))
                kept[schema, table] = Kept(ledger.migrators, schema, table, rows=rows)
            else:
                ids = tuple(row[0] for row in self.query(ledger.applied(relation), database))
                kept[schema, table] = Kept(ledger.migrators, schema, table, ids=ids, compared=False)
        return list(kept.values())

    def migrators_tables(self, database: str) -> set[tuple[str, str]]:
        """(schema, table) of all ledgers and of the locks beside them."""
        locks = ", ".join(literal(name) for name in LOCKS)
        rows = self.query(
            f"SELECT n.nspname, c.relname FROM {RELATIONS} WHERE c.relkind = 'r' AND {USERS_OWN}"
            f" AND c.relname IN ({locks});",
            database,
        )
        return {(schema, table) for schema, table, _ in self._ledgers(database)} | {(a, b) for a, b in rows}

    def _ledgers(self, database: str) -> list[tuple[str, str, Ledger]]:
        """(schema, table, what is known of it) of each known ledger: the main schema and the better known first."""
        names = ", ".join(literal(ledger.table) for ledger in LEDGERS)
        rows = self.query(
            f"SELECT n.nspname, c.relname, (SELECT json_agg(attname) FROM pg_catalog.pg_attribute"
            f" WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) FROM {RELATIONS}"
            f" WHERE c.relkind = 'r' AND {USERS_OWN} AND c.relname IN ({names})"
            " ORDER BY n.nspname <> 'public', n.nspname;",
            database,
        )
        return [
            (schema, table, ledger)
            for ledger in LEDGERS
            for schema, table, columns in rows
            if ledger.table == table and ledger.columns <= set(json.loads(columns))
        ]

    def _of(self, database: str, expression: str) -> str:
        rows = self.query(f"SELECT {expression} FROM pg_database WHERE datname = {literal(database)};")
        if not rows:
            raise self.no_database(database)
        return rows[0][0]

    def no_database(self, database: str) -> RefusedError:
        return RefusedError(
            f"Postgres {self.place} has no database {database}",
            f"See: {self.by_hand(f'psql -U {self.user} -l')}",
        )


def _relation(schema: str, table: str) -> str:
    return f"{identifier(schema)}.{identifier(table)}"


def counting(exact_below_bytes: int | None) -> str:
    """psql text that prints schema, table, rows, `t` if exact, bytes on disk."""
    exact = "true" if exact_below_bytes is None else f"size < {exact_below_bytes} OR c.reltuples < 0"
    return (
        f"SELECT CASE WHEN {exact}"
        " THEN format('SELECT %1$L, %2$L, count(*), true, %3$s FROM ONLY %1$I.%2$I;', n.nspname, c.relname, size)"
        " ELSE format('SELECT %L, %L, %s, false, %s;', n.nspname, c.relname, c.reltuples::bigint, size) END"
        f" FROM {RELATIONS}, coalesce(pg_table_size(c.oid), 0) AS size"
        f" WHERE c.relkind = 'r' AND {USERS_OWN} ORDER BY n.nspname, c.relname \\gexec\n"
    )


def count_rows(rows: list[list[str]]) -> dict[str, RowCount]:
    return {
        f"{schema}.{table}": RowCount(int(count), exact == "t", int(size)) for schema, table, count, exact, size in rows
    }
