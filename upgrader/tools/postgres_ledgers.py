"""The tables in which migrators write down what they applied."""

# ruff: noqa: S608 (names are quoted by postgres_sql; they cannot be parameters in SQL that psql reads)

from collections.abc import Mapping
from dataclasses import dataclass, field

from upgrader.tools.postgres_sql import identifier, literal


@dataclass(frozen=True)
class Ledger:
    """One migrator's table, told from a namesake by its columns."""

    table: str
    id: str
    """SQL for the id of an applied migration."""
    order: str
    where: str = "true"
    needs: tuple[str, ...] = field(default=())
    """Columns that it must have."""
    migrators: tuple[str, ...] = ()
    """Who keeps it; the first where nothing else tells."""
    told: tuple[str, ...] = ()
    """Columns that a comparison with migration files wants of every row, also of one that is not applied."""

    @property
    def columns(self) -> set[str]:
        return set(self.needs)

    def applied(self, relation: str) -> str:
        """The query for the ids of applied migrations."""
        return f"SELECT ({self.id})::text FROM {relation} WHERE {self.where} ORDER BY {self.order};"

    def rows(self, relation: str) -> str:
        """The query for every row, each as a JSON object of what `told` names; null where there is no such column."""
        pairs = ", ".join(f"{literal(name)}, to_jsonb(t) -> {literal(name)}" for name in self.told)
        return f"SELECT json_build_object({pairs}) FROM {relation} AS t ORDER BY {self.order};"


@dataclass(frozen=True)
class Kept:
    """A ledger as it was found: its rows by column, or only the ids that it calls applied."""

    migrators: tuple[str, ...]
    schema: str
    table: str
    rows: tuple[Mapping[str, object], ...] = ()
    ids: tuple[str, ...] = ()
    compared: bool = True
    """Whether the rows were read, not only the ids."""

    @property
    def name(self) -> str:
        return f"{self.schema}.{self.table}"


def _by(
    table: str,
    column: str,
    *,
    order: str = "",
    where: str = "true",
    needs: tuple[str, ...] = (),
    migrators: tuple[str, ...] = (),
    told: tuple[str, ...] = (),
) -> Ledger:
    quoted = identifier(column)
    return Ledger(table, quoted, order or quoted, where, (column, *needs), migrators, told)


LEDGERS = (
    # golang-migrate keeps one row and flags it when a migration broke off
    Ledger(
        "schema_migrations",
        "version || CASE WHEN dirty THEN ' (dirty)' ELSE '' END",
        "version",
        "true",
        ("version", "dirty"),
        ("golang-migrate",),
        ("version", "dirty"),
    ),
    _by("schema_migrations", "version", needs=("inserted_at",), migrators=("Ecto",)),
    _by("schema_migrations", "version", migrators=("rails", "dbmate", "a migrator of its own"), told=("version",)),
    _by(
        "__drizzle_migrations",
        "created_at",
        needs=("hash",),
        migrators=("drizzle",),
        told=("hash", "created_at"),
    ),
    _by(
        "_prisma_migrations",
        "migration_name",
        order="started_at",
        where="finished_at IS NOT NULL AND rolled_back_at IS NULL",
        needs=("started_at", "finished_at", "rolled_back_at"),
        migrators=("prisma",),
        told=("migration_name", "checksum", "finished_at", "rolled_back_at"),
    ),
    _by(
        "_sqlx_migrations",
        "version",
        where="success",
        needs=("success",),
        migrators=("sqlx",),
        told=("version", "checksum", "success"),
    ),
    _by("alembic_version", "version_num", migrators=("alembic",), told=("version_num",)),
    Ledger(
        "django_migrations",
        "app || '.' || name",
        "id",
        "true",
        ("app", "name", "id"),
        ("django",),
        ("app", "name"),
    ),
    _by("knex_migrations", "name", order="id", needs=("id",), migrators=("knex",), told=("name",)),
    Ledger(
        "flyway_schema_history",
        "coalesce(version, description)",
        "installed_rank",
        "success",
        ("version", "description", "installed_rank", "success"),
        ("flyway",),
        ("version", "description", "type", "script", "checksum", "success"),
    ),
    _by(
        "goose_db_version",
        "version_id",
        order="id",
        where="is_applied AND version_id > 0",
        needs=("id", "is_applied"),
        migrators=("goose",),
        told=("version_id", "is_applied"),
    ),
    _by("SequelizeMeta", "name", migrators=("Sequelize",)),
    _by("migrations", "migration", order="id", needs=("id", "batch"), migrators=("Laravel",)),
    _by("migrations", "name", order="id", needs=("id", "timestamp"), migrators=("TypeORM",)),
    _by("databasechangelog", "id", order="orderexecuted", needs=("orderexecuted",), migrators=("Liquibase",)),
    _by("__EFMigrationsHistory", "MigrationId", migrators=("Entity Framework",)),
    _by("__diesel_schema_migrations", "version", migrators=("Diesel",)),
    _by("refinery_schema_history", "version", migrators=("Refinery",)),
    _by("atlas_schema_revisions", "version", migrators=("Atlas",)),
    _by("mikro_orm_migrations", "name", order="id", needs=("id",), migrators=("MikroORM",)),
    _by("kysely_migration", "name", migrators=("Kysely",)),
    _by("pgmigrations", "name", order="id", needs=("id",), migrators=("node-pg-migrate",)),
    _by("doctrine_migration_versions", "version", migrators=("Doctrine",)),
    _by("phinxlog", "version", migrators=("Phinx",)),
)
"""In the order in which they are believed when a database has several."""

LOCKS = ("knex_migrations_lock", "databasechangeloglock", "kysely_migration_lock")
