"""What rows tell of when they were written, and when statistics are not to be believed."""

from collections.abc import Callable

import pytest

from tests.tools.postgres_world import RICH, ROWS
from upgrader.errors import StepError
from upgrader.tools.postgres import Server, name_for
from upgrader.tools.postgres_moments import Tally, moment, tally

pytest_plugins = ["tests.fixtures.postgres"]
pytestmark = pytest.mark.docker
Make = Callable[..., str]

NOTES = "CREATE TABLE notes AS SELECT i AS id, 'n' || i AS body FROM generate_series(1, 100) AS i;"


def test_every_row_written_since_a_moment_is_found_and_no_other(either: Server, make: Make) -> None:
    """Whatever was under way then; in a copy too, and in whatever window it was written."""
    app = make(either, NOTES)
    with either.holding(app) as late, either.holding(app) as parts:
        late.query("BEGIN; INSERT INTO notes VALUES (101, 'under way');")
        parts.query("BEGIN; INSERT INTO notes VALUES (102, 'a'); SAVEPOINT s; INSERT INTO notes VALUES (103, 'b');")
        either.execute("INSERT INTO notes VALUES (104, 'ended before, after these began');", app)
        then = moment(either, app)
        assert len(then.under_way) == 2
        late.query("COMMIT;")
        parts.query("COMMIT;")
    either.execute("INSERT INTO notes VALUES (105, 'after'); UPDATE notes SET body = '' WHERE id <= 2;", app)
    start = moment(either, app)
    either.execute("UPDATE notes SET body = '' WHERE id <= 10;", app)
    end = moment(either, app)
    either.execute("UPDATE notes SET body = '' WHERE id <= 3; DELETE FROM notes WHERE id > 98 AND id < 101;", app)
    either.execute("BEGIN; INSERT INTO notes VALUES (106, 'undone'); ROLLBACK;", app)
    found = tally(either, app, then, [(start, end)])["public.notes"]
    # 101, 102, 105 and the ten updated ones; of 103, in a part of its own, and of 104 it cannot be said
    assert (found.rows, found.exact, found.written, found.unsure, found.within) == (103, True, 13, 2, (7,))
    assert found.bytes > 0

    copy = name_for(app, either.run, "before")
    either.copy(app, copy)
    again = tally(either, copy, then, [(start, end)])["public.notes"]
    assert (again.written, again.unsure, again.within) == (found.written, found.unsure, found.within)
    now = moment(either, copy)
    assert then.reaches(now, {then.oid})
    assert not then.reaches(now)
    assert now.since(then) is None, "a copy begins with statistics of its own"
    assert tally(either, app, moment(either, app))["public.notes"].written == 0


def test_tables_are_named_and_counted_as_everywhere(either: Server, make: Make) -> None:
    app = make(either, RICH)
    assert {name: found.rows for name, found in tally(either, app).items()} == ROWS
    then = moment(either, app)
    either.execute("""UPDATE "Back Office"."Odd ""T"" x" SET amount = 0 WHERE "Id" <= 7;""", app)
    found = tally(either, app, then, most=1 << 30)
    assert {name: each.written for name, each in found.items() if each.written} == {'Back Office.Odd "T" x': 7}
    assert all(each.exact for each in found.values())
    assert {name: counts.bytes for name, counts in either.row_counts(app).items()} == {
        name: each.bytes for name, each in found.items()
    }


def test_large_tables_are_sampled(server: Server, make: Make) -> None:
    """4000 blocks, of which about a quarter is looked at; and what is small enough for the rest is read."""
    app = make(server, NOTES + "CREATE TABLE big AS SELECT repeat('x', 900) AS a FROM generate_series(1, 32000);")
    then = moment(server, app)
    found = tally(server, app, then, most=1 << 20)
    assert found["public.notes"] == Tally(100, True, found["public.notes"].bytes, 0)
    assert (found["public.big"].exact, found["public.big"].written) == (False, 0)
    assert 24_000 < found["public.big"].rows < 40_000
    server.execute("DELETE FROM big WHERE ctid >= '(100,1)';", app)  # by nothing but the rows themselves
    assert tally(server, app, then, most=1 << 20)["public.big"].rows < 4000


def test_a_table_that_is_locked_is_not_waited_for(server: Server, make: Make) -> None:
    app = make(server, NOTES)
    with server.holding(app) as somebody:
        somebody.query("BEGIN; LOCK TABLE notes;")
        with pytest.raises(StepError, match=r"notes of .* is locked by"):
            tally(server, app, patience=0.2)


def test_statistics_count_until_they_begin_anew(either: Server, make: Make) -> None:
    app = make(either, NOTES)
    then = moment(either, app)
    either.execute(
        "INSERT INTO notes VALUES (0, ''), (0, ''); UPDATE notes SET body = 'x' WHERE id <= 3; DELETE FROM notes WHERE id = 9;"
        "CREATE TABLE new (a int); INSERT INTO new VALUES (1);",
        app,
    )
    now = moment(either, app)
    assert now.since(then) == {"public.notes": (2, 5, 1), "public.new": (1, 0, 0)}
    either.execute("SELECT pg_stat_reset_single_table_counters('notes'::regclass);", app)
    assert moment(either, app).since(now) is None
    now = moment(either, app)
    either.execute("SELECT pg_stat_reset();", app)
    assert moment(either, app).since(now) is None


def test_statistics_do_not_survive_a_crash_and_rows_do(server: Server, make: Make) -> None:
    """The very server process stays: only one that served a session is killed, as by the kernel when memory is out."""
    app = make(server, NOTES)
    then = moment(server, app)
    server.execute("INSERT INTO notes SELECT 0, '' FROM generate_series(1, 500);", app)
    with server.holding(app) as session:
        [[pid]] = session.query("SELECT pg_backend_pid();")
        server.shell.run(server.inside("sh", "-c", f"kill -9 {pid}", changes=True))
    server.require(60)
    server.execute("INSERT INTO notes SELECT 0, '' FROM generate_series(1, 900);", app)
    now = moment(server, app)
    assert now.since(then) is None
    assert then.reaches(now)
    assert tally(server, app, then)["public.notes"].written == 1400
