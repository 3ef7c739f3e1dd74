"""Where the files of a migrator are looked for, and whose a ledger is."""

import pytest

from tests.migrations.ledgers import sha256, tree
from upgrader.migrations.compare import matching
from upgrader.migrations.migrators import MIGRATORS
from upgrader.migrations.places import candidates, likely
from upgrader.tools.postgres_ledgers import LEDGERS

NAMES = [
    "README.md",
    "apps/api/prisma/migrations/20240101_a/migration.sql",
    "apps/api/prisma/migrations/migration_lock.toml",
    "apps/shop/migrations/0001_initial.py",
    "db/migrate/20240101000000_a.rb",
    "db/migrate/old/20230101000000_b.rb",
    "db/migrations/0001_a.sql",
    "db/migrations/0001_b.up.sql",
    "drizzle/0000_a.sql",
    "drizzle/meta/_journal.json",
    "knex/20240101000000_a.ts",
    "py/alembic/env.py",
    "py/alembic/script.py.mako",
    "py/alembic/versions/one.py",
    "py/other/env.py",
    "sql/V1__a.sql",
    "sql/views/R__b.sql",
]


@pytest.mark.parametrize(
    ("migrator", "told"),
    [
        ("prisma", ["apps/api/prisma/migrations"]),
        ("django", [""]),
        ("rails", ["db/migrate"]),
        ("golang-migrate", ["db/migrations"]),
        ("sqlx", ["drizzle", "db/migrations"]),
        ("drizzle", ["drizzle"]),
        ("knex", ["knex"]),
        ("alembic", ["py/alembic/versions"]),
        ("flyway", ["sql"]),
    ],
)
def test_directories_that_may_hold_its_files(migrator: str, told: list[str]) -> None:
    assert candidates(migrator, NAMES) == told


def test_the_playbooks_directory_comes_first() -> None:
    assert candidates("sqlx", NAMES, "db/migrations") == ["db/migrations", "drizzle"]
    assert candidates("alembic", NAMES, "py/other") == ["py/other", "py/alembic/versions"]
    assert candidates("sqlx", NAMES, "not/there") == ["drizzle", "db/migrations"]


@pytest.mark.parametrize(
    ("directory", "told"),
    [("drizzle", "drizzle"), ("apps/api/prisma/migrations", "prisma"), ("db/migrate", "rails"), ("sql", "flyway"),
     ("py/alembic/versions", "alembic"), ("db/migrations", ""), ("", "")],
)  # fmt: skip
def test_a_form_that_leaves_no_doubt(directory: str, told: str) -> None:
    assert likely(NAMES, directory) == told


def test_of_two_directories_the_ledger_is_of_the_one_with_its_contents() -> None:
    both = tree({"a/1/migration.sql": "a", "b/1/migration.sql": "b"})
    known = MIGRATORS["prisma"]
    rows = known.entries([{"migration_name": "1", "checksum": sha256("b"), "finished_at": "x", "rolled_back_at": None}])
    scores = {place: matching("prisma", known.files(both, place), rows) for place in ("a", "b")}
    assert scores["b"] > scores["a"] > (0, 0)


def test_every_ledger_whose_rows_are_read_has_a_migrator() -> None:
    kept = {name for ledger in LEDGERS if ledger.told for name in ledger.migrators}
    assert kept == MIGRATORS.keys()
    assert all(ledger.migrators for ledger in LEDGERS)
