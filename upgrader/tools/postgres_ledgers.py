"""The tables in which migrators write down what they applied."""

# ruff: noqa: S608 (names are quoted by postgres_sql; they cannot be parameters in SQL that psql reads)

from dataclasses import dataclass, field

from upgrader.tools.postgres_sql import identifier


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

    @property
    def columns(self) -> set[str]:
        return set(self.needs)

    def applied(self, relation: str) -> str:
        """The query for the ids of applied migrations."""
        return f"SELECT ({self.id})::text FROM {relation} WHERE {self.where} ORDER BY {self.order};"


def _by(table: str, column: str, *, order: str = "", where: str = "true", needs: tuple[str, ...] = ()) -> Ledger:
    quoted = identifier(column)
    return Ledger(table, quoted, order or quoted, where, (column, *needs))


LEDGERS = (
    # golang-migrate keeps one row and flags it when a migration broke off
    Ledger(
        "schema_migrations",
        "version || CASE WHEN dirty THEN ' (dirty)' ELSE '' END",
        "version",
        "true",
        ("version", "dirty"),
    ),
    _by("schema_migrations", "version"),  # Rails, Ecto, dbmate and many hand-made ones
    _by("__drizzle_migrations", "created_at", needs=("hash",)),
    _by(
        "_prisma_migrations",
        "migration_name",
        order="started_at",
        where="finished_at IS NOT NULL AND rolled_back_at IS NULL",
        needs=("started_at", "finished_at", "rolled_back_at"),
    ),
    _by("_sqlx_migrations", "version", where="success", needs=("success",)),
    _by("alembic_version", "version_num"),
    Ledger("django_migrations", "app || '.' || name", "id", "true", ("app", "name", "id")),
    _by("knex_migrations", "name", order="id", needs=("id",)),
    Ledger(
        "flyway_schema_history",
        "coalesce(version, description)",
        "installed_rank",
        "success",
        ("version", "description", "installed_rank", "success"),
    ),
    _by(
        "goose_db_version", "version_id", order="id", where="is_applied AND version_id > 0", needs=("id", "is_applied")
    ),
    _by("SequelizeMeta", "name"),
    _by("migrations", "migration", order="id", needs=("id", "batch")),  # Laravel
    _by("migrations", "name", order="id", needs=("id", "timestamp")),  # TypeORM
    _by("databasechangelog", "id", order="orderexecuted", needs=("orderexecuted",)),
    _by("__EFMigrationsHistory", "MigrationId"),
    _by("__diesel_schema_migrations", "version"),
    _by("refinery_schema_history", "version"),
    _by("atlas_schema_revisions", "version"),
    _by("mikro_orm_migrations", "name", order="id", needs=("id",)),
    _by("kysely_migration", "name"),
    _by("pgmigrations", "name", order="id", needs=("id",)),
    _by("doctrine_migration_versions", "version"),
    _by("phinxlog", "version"),
)
"""In the order in which they are believed when a database has several."""

LOCKS = ("knex_migrations_lock", "databasechangeloglock", "kysely_migration_lock")
