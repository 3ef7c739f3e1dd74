"""`upgrader migrations` on an app that serves, and no upgrade over a ledger that says that a migration broke off."""

import json
from collections.abc import Iterator

import pytest

from tests.e2e.bad import docker, picture, refuse, upgrader
from upgrader.demo.host import Installation

pytestmark = pytest.mark.docker

BROKEN = """CREATE TABLE _prisma_migrations (
    id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz,
    migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
    started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0);
    INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ('1', 'x', '20260101_tags');"""


@pytest.fixture
def broken(serving: Installation) -> Iterator[Installation]:
    """With the ledger of a migrator that broke off in the app's database."""
    psql = ("exec", f"{serving.project}-db-1", "psql", "-qXU", "ledgerly", "-d", "ledgerly", "-c")
    docker(*psql, BROKEN)
    yield serving
    docker(*psql, "DROP TABLE _prisma_migrations")


def test_what_is_applied_and_what_a_release_would_bring(serving: Installation) -> None:
    before = picture(serving)
    answer = upgrader(serving.path, "migrations", "status")
    assert answer.code == 0, answer
    assert "public.schema_migrations" in answer.out
    assert answer.out.count("✓") == 2, answer
    assert "2 migrations: 2 applied" in answer.out

    answer = upgrader(serving.path, "migrations", "pending", "--to", "v1.1.0", "--output", "json")
    assert answer.code == 0, answer
    told = json.loads(answer.out)
    [ledger] = told["ledgers"]
    assert (told["version"], ledger["directory"], ledger["counts"]) == (
        "v1.1.0", "migrations", {"applied": 2, "pending": 2},
    )  # fmt: skip
    assert [each["id"] for each in ledger["migrations"] if each["runs"]] == ["0003", "0004"]
    assert not before.changed(picture(serving))


def test_no_upgrade_over_a_migration_that_broke_off(broken: Installation) -> None:
    for words in (("plan",), ("upgrade", "--yes")):
        answer = upgrader(broken.path, *words)
        assert answer.code == 4, answer
        assert "the migration 20260101_tags broke off: prisma says so" in answer.out + answer.err, answer
    refuse(
        broken,
        *("upgrade", "--to", "v1.1.0", "--yes"),
        message=r"the migration 20260101_tags broke off: prisma says so in public\._prisma_migrations",
        hint="npx prisma migrate resolve --rolled-back 20260101_tags",
    )
    answer = upgrader(broken.path, "migrations", "pending")
    assert answer.code == 3, answer
    assert "✗  failed  20260101_tags" in answer.out, answer
