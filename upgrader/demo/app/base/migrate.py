"""Bring the schema up to date: each new migration in a transaction of its own, then the seed."""

import logging
import sys
from pathlib import Path

import psycopg

HERE = Path(__file__).parent
LEDGER = """
    create table if not exists schema_migrations (
        version text primary key,
        applied_at timestamptz not null default now()
    )
"""

log = logging.getLogger("migrate")


def migrate(database: psycopg.Connection) -> None:
    database.execute("select pg_advisory_lock(hashtext('migrate'))")  # one migrator at a time; ends with the session
    database.execute(LEDGER)
    applied = {version for (version,) in database.execute("select version from schema_migrations")}
    for file in sorted(HERE.glob("migrations/*.sql")):
        version, _, _ = file.stem.partition("_")
        if version not in applied:
            apply(database, file, version)
    database.execute((HERE / "seed.sql").read_bytes())
    log.info("the schema is up to date")


def apply(database: psycopg.Connection, file: Path, version: str) -> None:
    try:
        with database.transaction():
            database.execute(file.read_bytes())
            database.execute("insert into schema_migrations (version) values (%s)", [version])
    except psycopg.Error as error:
        sys.exit(f"{file.name}: {error}")
    log.info("%s: applied", file.name)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    with psycopg.connect(autocommit=True) as connection:
        migrate(connection)
