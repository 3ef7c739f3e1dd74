"""Undoing a migration without losing what was written after it."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tools.postgres_world import RICH, ROWS
from upgrader.errors import StepError
from upgrader.tools.postgres import DumpResult, Server, name_for

pytest_plugins = ["tests.fixtures.postgres"]
pytestmark = pytest.mark.docker
Make = Callable[..., str]
Dumped = tuple[Server, str, DumpResult]

ADDITIVE = """
    ALTER TABLE people ADD COLUMN nick text NOT NULL DEFAULT 'x';
    ALTER TABLE people DROP CONSTRAINT people_mood_check;
    CREATE TABLE brand_new AS SELECT generate_series(1, 9) AS a;
    CREATE INDEX ON people (nick);
    INSERT INTO schema_migrations (version) VALUES ('0003');
"""
WRITES = """
    INSERT INTO people (name, mood) SELECT 'later' || i, 'bad' FROM generate_series(1, 10) AS i;
    UPDATE people SET mood = 'good' WHERE name = 'n1';
    DELETE FROM "Back Office"."Odd ""T"" x" WHERE "Id" <= 5;
    INSERT INTO events VALUES ('2026-12-24', E'\\\\.\\n\\\\N\\t"x"'), ('2026-12-25', NULL);
    INSERT INTO child VALUES (5, 6);
    SELECT nextval('invoices');
"""
AFTER = {
    **ROWS,
    'Back Office.Odd "T" x': 295,
    "public.child": 2,
    "public.events_2026": 96,
    "public.people": 512,
}


def _dumped(server: Server, directory: Path) -> Iterator[Dumped]:
    """A server, a database to make others from, and an archive of it."""
    origin = f"origin{uuid.uuid4().hex[:6]}"
    server.execute(f"CREATE DATABASE {origin};")
    server.execute(RICH + "REFRESH MATERIALIZED VIEW moods;", origin)
    yield server, origin, server.dump(origin, directory / "app.dump")
    server.execute(f"DROP DATABASE {origin};")


@pytest.fixture(params=["postgres15", "postgres17"])
def dumped_by_either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Dumped]:
    yield from _dumped(request.getfixturevalue(request.param), tmp_path)


@pytest.fixture(scope="module")
def dumped(postgres17: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dumped]:
    yield from _dumped(postgres17, tmp_path_factory.mktemp("origin"))


def test_rows_written_after_an_additive_migration_survive(dumped_by_either: Dumped, make: Make) -> None:
    server, origin, dump = dumped_by_either
    app = make(server, ADDITIVE + WRITES, options=f"TEMPLATE {origin}")
    into = name_for(app, server.run, "old")
    assert server.can_carry(app, dump.path) is None
    result = server.carry(app, into, dump.path)
    assert result.rows == AFTER
    assert set(result.left) == {"public.people.nick", "public.brand_new"}
    assert server.schema_digest(into) == dump.schema_sha256
    assert server.ledger(into) == ("public.schema_migrations", ["0001", "0002"])
    query = "SELECT * FROM events ORDER BY 1 DESC LIMIT 2; SELECT last_value, is_called FROM invoices;"
    assert server.query(query, into) == server.query(query, app)
    columns = (
        "SELECT md5(string_agg(p::text, '|' ORDER BY id)) FROM (SELECT id, name, mood, shout, extra FROM people) p;"
    )
    assert server.query(columns, into) == server.query(columns, app)
    assert server.query("SELECT mood, n FROM moods ORDER BY 1;", into) == [["bad", "260"], ["good", "252"]]
    # the next row gets the next number, and the trigger is back
    assert server.execute("INSERT INTO people (name, mood) VALUES ('z', 'good') RETURNING id, name;", into) == [
        ["513", "z!"]
    ]
    assert not [name for name in server.databases() if name.endswith(("_making", "_shape"))]
    # a second call finds it there
    assert server.carry(app, into, dump.path).rows["public.people"] == 513


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("DROP TABLE child;", "the table public.child is gone"),
        ("ALTER TABLE people DROP COLUMN extra;", "the column public.people.extra is gone"),
        (
            """ALTER TABLE "Back Office"."Odd ""T"" x" ALTER COLUMN amount TYPE numeric(14, 2);""",
            'the column Back Office.Odd "T" x.amount is numeric(14,2) now, it was numeric(12,2)',
        ),
        ("DROP SEQUENCE invoices;", "the sequence public.invoices is gone"),
        ("SELECT lo_create(0);", "it holds large objects"),
    ],
)
def test_what_does_not_fit_is_known_before(dumped: Dumped, make: Make, change: str, reason: str) -> None:
    server, origin, dump = dumped
    app = make(server, f"DROP VIEW good; {change}", options=f"TEMPLATE {origin}")
    assert server.can_carry(app, dump.path) == reason
    with pytest.raises(StepError) as failed:
        server.carry(app, name_for(app, server.run, "old"), dump.path)
    assert reason in failed.value.message
    assert [name for name in server.databases() if name.startswith(app)] == [app]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("ALTER TABLE people DROP CONSTRAINT people_mood_check; UPDATE people SET mood = 'odd';", "people_mood_check"),
        ("ALTER TABLE people DROP CONSTRAINT people_name_key; UPDATE people SET name = 'same';", "could not create unique index"),
        ("CREATE TABLE events_2027 PARTITION OF events DEFAULT; INSERT INTO events VALUES ('2030-01-01');", "no partition of relation"),
    ],
)  # fmt: skip
def test_rows_that_break_the_old_rules_are_not_carried(dumped: Dumped, make: Make, change: str, said: str) -> None:
    server, origin, dump = dumped
    app = make(server, change, options=f"TEMPLATE {origin}")
    assert server.can_carry(app, dump.path) is None
    with pytest.raises(StepError, match=said):
        server.carry(app, name_for(app, server.run, "old"), dump.path)
    assert [name for name in server.databases() if name.startswith(app)] == [app]


def test_a_session_that_breaks_in_the_middle_carries_nothing(server: Server, make: Make, tmp_path: Path) -> None:
    # reading the second table fails, after the first has gone through the pipe
    app = make(server, "CREATE TABLE a AS SELECT generate_series(1, 10) AS i; CREATE TABLE b AS SELECT 1 AS i;")
    dump = server.dump(app, tmp_path / "app.dump")
    [[path]] = server.query("CHECKPOINT; SELECT pg_relation_filepath('b');", app)
    server.shell.run(server.inside("rm", f"/var/lib/postgresql/data/{path}", changes=True))
    with pytest.raises(StepError, match="could not open file"):
        server.carry(app, name_for(app, server.run, "old"), dump.path)
    assert [name for name in server.databases() if name.startswith(app)] == [app]
