"""What is known of each migrator: how it reads files and rows, and what it does with what is out of line."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from upgrader.migrations import files as read
from upgrader.migrations import python_files
from upgrader.migrations.files import OWN, File, Tree

Row = Mapping[str, object]


@dataclass(frozen=True)
class Entry:
    """One row of a ledger, in one form for all migrators."""

    id: str
    state: str = "applied"
    """`applied`, `failed` or `rolled back`."""
    checksum: str = ""


@dataclass(frozen=True)
class Migrator:
    """The texts are what it does the next time with a migration that is late, unknown or edited."""

    name: str
    files: Callable[[Tree, str], list[File]]
    entries: Callable[[Sequence[Row]], list[Entry]]
    late: str
    unknown: str
    edited: str = ""
    runs_late: bool = False
    repair: str = ""
    """What to type once the traces of a failed one are mended; `{id}` and `{table}` are filled."""


def _prisma(rows: Sequence[Row]) -> list[Entry]:
    """Neither finished nor rolled back: failed; schema-engine/commands/src/commands/apply_migrations.rs."""
    return [
        Entry(
            str(row["migration_name"]),
            "rolled back" if row["rolled_back_at"] else "applied" if row["finished_at"] else "failed",
            _text(row["checksum"]),
        )
        for row in rows
    ]


def _sqlx(rows: Sequence[Row]) -> list[Entry]:
    """`success` false is what `dirty_version` asks for; sqlx-postgres/src/migrate.rs."""
    return [
        Entry(str(row["version"]), "applied" if row["success"] else "failed", _bytes(row["checksum"])) for row in rows
    ]


def _golang_migrate(rows: Sequence[Row]) -> list[Entry]:
    """One row: the version, and whether it broke off there; database/postgres/postgres.go."""
    return [Entry(str(row["version"]), "failed" if row["dirty"] else "applied") for row in rows]


def _flyway(rows: Sequence[Row]) -> list[Entry]:
    """Rows in the order of their rank: `V`, `R` or `B` and what Flyway calls it; a later one of a kind counts.

    MigrationInfoImpl.java, CoreMigrationType.java.
    """
    found: dict[str, Entry] = {}
    for row in rows:
        kind, number = str(row["type"]), row["version"]
        name = f"V{number}" if number is not None else f"R{row['description']}"
        found.pop(name, None)
        if kind in ("BASELINE", "SQL_BASELINE"):
            found[f"B{number}"] = Entry(f"B{number}")
        elif not row["success"]:
            found[name] = Entry(name, "failed")
        elif kind not in ("DELETE", "SCHEMA") and not kind.startswith("UNDO"):
            checksum = _text(row["checksum"]) if kind == "SQL" else f"not SQL: {kind}"
            found[name] = Entry(name, checksum=checksum)
    return list(found.values())


def _goose(rows: Sequence[Row]) -> list[Entry]:
    """The last row of a version counts; 0 is the table's own. goose's migrate.go."""
    last = {str(row["version_id"]): bool(row["is_applied"]) for row in rows if row["version_id"] != 0}
    return [Entry(version, "applied" if applied else "rolled back") for version, applied in last.items()]


def _drizzle(rows: Sequence[Row]) -> list[Entry]:
    """The journal's time of each, and its hash; pg-core/dialect.ts."""
    return [Entry(_text(row["created_at"]), checksum=_text(row["hash"])) for row in rows]


def _ids(column: str, plain: Callable[[str], str] = str) -> Callable[[Sequence[Row]], list[Entry]]:
    def entries(rows: Sequence[Row]) -> list[Entry]:
        return [Entry(plain(_text(row[column]))) for row in rows]

    return entries


def _django(rows: Sequence[Row]) -> list[Entry]:
    return [Entry(f"{row['app']}.{row['name']}") for row in rows]


def _number(text: str) -> str:
    return str(int(text)) if text.isdecimal() else text


def _leading(text: str) -> str:
    """The digits that a name begins with, if it does."""
    found = re.match(r"\d+", text)
    return found[0] if found else text


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _bytes(value: object) -> str:
    """Bytes as `\\x…`; empty where the server was told to print them in its old form."""
    text = _text(value)
    return text if text.startswith("\\x") else ""


_SAME = "{name} applies it all the same"

MIGRATORS = {
    each.name: each
    for each in (
        Migrator(
            "drizzle",
            read.drizzle,
            _drizzle,
            late="drizzle never applies it: it looks at the time of the last one alone",
            unknown="drizzle does not look for it",
            edited="drizzle does not look",
        ),
        Migrator(
            "prisma",
            read.prisma,
            _prisma,
            late=_SAME.format(name="prisma migrate deploy"),
            unknown="prisma migrate deploy does not look for it",
            edited="prisma migrate deploy does not look",
            runs_late=True,
            repair="npx prisma migrate resolve --rolled-back {id}",
        ),
        Migrator(
            "sqlx",
            read.sqlx,
            _sqlx,
            late=_SAME.format(name="sqlx"),
            unknown="sqlx refuses to migrate, unless it was told to ignore missing ones",
            edited="sqlx refuses to migrate",
            runs_late=True,
            repair="DELETE FROM {table} WHERE version = {id};",
        ),
        Migrator(
            "golang-migrate",
            read.golang_migrate,
            _golang_migrate,
            late="golang-migrate never applies it: it goes on from its one version",
            unknown="golang-migrate refuses to migrate",
            repair="migrate … force VERSION, with the last version that is whole",
        ),
        Migrator(
            "dbmate",
            read.dbmate,
            _ids("version"),
            late="dbmate applies it all the same, but with --strict refuses to migrate",
            unknown="dbmate does not look for it",
            runs_late=True,
        ),
        Migrator(
            OWN,
            read.numbered,
            _ids("version", _leading),
            late="whether its migrator applies it is not known",
            unknown="what its migrator makes of it is not known",
        ),
        Migrator(
            "rails",
            read.rails,
            _ids("version", _number),
            late=_SAME.format(name="Rails"),
            unknown="Rails does not look for it",
            runs_late=True,
        ),
        Migrator(
            "goose",
            read.goose,
            _goose,
            late="goose refuses to migrate without -allow-missing",
            unknown="goose does not look for it",
        ),
        Migrator(
            "knex",
            read.knex,
            _ids("name", read.stem),
            late=_SAME.format(name="knex"),
            unknown="knex refuses to migrate: the directory is corrupt, it says",
            runs_late=True,
        ),
        Migrator(
            "flyway",
            read.flyway,
            _flyway,
            late="Flyway refuses to migrate without -outOfOrder=true",
            unknown="Flyway refuses to migrate",
            edited="Flyway refuses to migrate",
            repair="flyway repair",
        ),
        Migrator(
            "alembic",
            python_files.alembic,
            _ids("version_num"),
            late="alembic never applies it: what comes after it is applied",
            unknown="alembic refuses to migrate: it cannot locate the revision",
        ),
        Migrator(
            "django",
            python_files.django,
            _django,
            late="Django refuses to migrate: what depends on it is applied",
            unknown="Django does not look for it",
        ),
    )
}
