"""The shape of a schema as far as rows must fit into it, and the script that carries rows from one into another."""

# ruff: noqa: S608 (names are quoted by postgres_sql; they cannot be parameters in SQL that psql reads)

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from upgrader.tools.postgres_catalog import USERS_OWN
from upgrader.tools.postgres_sql import identifier, literal


@dataclass(frozen=True)
class Table:
    """A table that rows are put into: an ordinary one, or the root of a partitioned one."""

    schema: str
    name: str
    partitioned: bool
    columns: Mapping[str, str]
    """Type by name of each column, in order."""
    generated: frozenset[str] = frozenset()
    """Those of the columns that the server computes."""

    @property
    def relation(self) -> str:
        return f"{identifier(self.schema)}.{identifier(self.name)}"

    @property
    def rows(self) -> str:
        """What to read from: a parent's children are tables of their own, a partitioned table's are not."""
        return self.relation if self.partitioned else f"ONLY {self.relation}"

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Shape:
    """Tables, sequences and the presence of large objects."""

    tables: tuple[Table, ...]
    partitions: frozenset[tuple[str, str]]
    """(schema, table) of the tables behind partitioned ones."""
    sequences: tuple[tuple[str, str], ...]
    large_objects: bool

    QUERY: ClassVar[str] = f"""
SELECT 'table', n.nspname, c.relname, c.relkind = 'p',
       coalesce((SELECT json_agg(json_build_array(attname, format_type(atttypid, atttypmod), attgenerated <> '')
                                 ORDER BY attnum)
                 FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped), '[]')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND {USERS_OWN} ORDER BY n.nspname, c.relname;
SELECT 'partition', n.nspname, c.relname, '', '' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relispartition AND {USERS_OWN};
SELECT 'sequence', n.nspname, c.relname, '', '' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND {USERS_OWN} ORDER BY n.nspname, c.relname;
SELECT 'large', '', '', '', '' FROM pg_largeobject_metadata LIMIT 1;
"""

    @staticmethod
    def of(rows: list[list[str]]) -> "Shape":
        return Shape(
            tuple(_table(*row[1:]) for row in rows if row[0] == "table"),
            frozenset((row[1], row[2]) for row in rows if row[0] == "partition"),
            tuple((row[1], row[2]) for row in rows if row[0] == "sequence"),
            any(row[0] == "large" for row in rows),
        )

    def misfit(self, old: "Shape") -> str | None:
        """Why rows of this shape do not fit into `old`, or None."""
        if self.large_objects:
            return "it holds large objects"
        mine = {(table.schema, table.name): table for table in self.tables}
        for table in old.tables:
            here = mine.get((table.schema, table.name))
            if here is None:
                return f"the table {table} is gone"
            for column, kind in table.columns.items():
                if column in table.generated:
                    continue
                if column not in here.columns:
                    return f"the column {table}.{column} is gone"
                if here.columns[column] != kind:
                    return f"the column {table}.{column} is {here.columns[column]} now, it was {kind}"
        gone = sorted(set(old.sequences) - set(self.sequences))
        return f"the sequence {'.'.join(gone[0])} is gone" if gone else None

    def beyond(self, old: "Shape") -> tuple[str, ...]:
        """Tables (`schema.table`) and columns (`schema.table.column`) that `old` does not have."""
        known = {(table.schema, table.name): table for table in old.tables}
        found = []
        for table in self.tables:
            if before := known.get((table.schema, table.name)):
                found += [f"{table}.{column}" for column in table.columns if column not in before.columns]
            else:
                found.append(str(table))
        return tuple(found)


def carrying(old: Shape, kept: set[tuple[str, str]], carried: str) -> str:
    """psql text which, run in the source, prints the psql text that fills a database of the shape `old`.

    The tables in `kept` are left out. That text ends with COMMIT and with printing `carried`.
    """
    tables = [table for table in old.tables if (table.schema, table.name) not in kept and _columns(table)]
    lines = [
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;",
        "\\qecho 'BEGIN;'",
        *(_copy(table) for table in tables),
        *(_sequence(schema, name) for schema, name in old.sequences),
        "\\qecho 'COMMIT;'",
        f"\\qecho {_shown(f'{chr(92)}echo {_shown(carried)}')}",
        "COMMIT;",
    ]
    return "\n".join(lines) + "\n"


def _copy(table: Table) -> str:
    columns = ", ".join(identifier(column) for column in _columns(table))
    lost = f"\\echo {_shown(f'error: rows of {table} went missing')}"
    return (
        f"\\qecho {_shown(f'COPY {table.relation} ({columns}) FROM stdin;')}\n"
        f"COPY (SELECT {columns} FROM {table.rows}) TO STDOUT;\n"
        "\\qecho '\\\\.'\n"
        f"SELECT count(*) AS rows FROM {table.rows} \\gset\n"
        f"\\qecho 'SELECT count(*) <>' :rows {_shown(f'AS lost FROM {table.rows}')} '\\\\gset'\n"
        f"\\qecho '\\\\if :lost'\n"
        f"\\qecho {_shown(lost)}\n"
        "\\qecho '\\\\quit'\n\\qecho '\\\\endif'\n"
    )


def _sequence(schema: str, name: str) -> str:
    relation = f"{identifier(schema)}.{identifier(name)}"
    return (
        f"SELECT format('SELECT pg_catalog.setval(%L, %s, %L);', {literal(relation)}, last_value, is_called)"
        f" FROM {relation};\n"
    )


def _columns(table: Table) -> list[str]:
    return [column for column in table.columns if column not in table.generated]


def _shown(text: str) -> str:
    """`text` as one argument of a psql command, where a backslash escapes and a quote is doubled."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _table(schema: str, name: str, partitioned: str, columns: str) -> Table:
    items: list[tuple[str, str, bool]] = json.loads(columns)
    return Table(
        schema,
        name,
        partitioned == "t",
        {column: kind for column, kind, _ in items},
        frozenset(column for column, _, generated in items if generated),
    )
