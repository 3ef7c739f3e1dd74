"""Dumps, proofs and restores against real servers."""

import hashlib
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tools.postgres_world import RICH, ROWS, another_process, eventually
from upgrader.errors import RefusedError, StepError
from upgrader.tools.postgres import DumpResult, RowCount, Server, name_for

pytest_plugins = ["tests.fixtures.postgres"]
pytestmark = pytest.mark.docker
Make = Callable[..., str]


def counts(server: Server, database: str) -> dict[str, int]:
    return {name: rows.count for name, rows in server.row_counts(database).items()}


def test_a_dump_restored_is_the_same_database(either: Server, make: Make, tmp_path: Path) -> None:
    app = make(either, RICH)
    either.execute(
        f"""ALTER DATABASE {app} OWNER TO reporter; ALTER DATABASE {app} SET search_path = "$user", 'Back Office', public;
        ALTER DATABASE {app} SET statement_timeout = '7s'; ALTER ROLE reporter IN DATABASE {app} SET my.setting = 'it''s \\';
        GRANT CONNECT ON DATABASE {app} TO "Odd 'role'" WITH GRANT OPTION; REVOKE TEMP ON DATABASE {app} FROM PUBLIC;
        COMMENT ON DATABASE {app} IS 'the app''s'; ALTER DATABASE {app} CONNECTION LIMIT 7;"""
    )
    dump = either.dump(app, tmp_path / "app.dump")
    into = name_for(app, either.run, "new")
    either.verify(dump.path, dump.sha256, dump.size)
    either.restore(dump.path, into, like=app)

    assert {name: rows.count for name, rows in dump.rows.items()} == ROWS == counts(either, into)
    assert dump.schema_sha256 == either.schema_digest(app) == either.schema_digest(into)
    before, after = either.describe(app), either.describe(into)
    assert (before.owner, before.encoding, before.comment) == (after.owner, after.encoding, after.comment)
    assert before.comment == "the app's"
    assert set(before.grants or ()) == set(after.grants or ())
    assert ("Odd 'role'", "CONNECT", True) in (after.grants or ())
    assert before.settings == after.settings
    assert ("", 'search_path="$user", "Back Office", public') in after.settings
    assert after.row["datconnlimit"] == 7
    assert either.query("SELECT mood, n FROM public.moods ORDER BY 1;", into) == [["bad", "251"], ["good", "251"]]
    assert either.query("SELECT nextval('public.invoices');", into) == [["5001"]]
    assert either.query("SELECT has_table_privilege('reporter', 'public.people', 'select');", into) == [["t"]]
    assert either.query("SHOW search_path;", into) == [['"$user", "Back Office", public']]
    assert (dump.path.stat().st_mode & 0o777, list(tmp_path.iterdir())) == (0o600, [dump.path])
    assert either.shell.run(either.inside("ls", "/tmp")).out == ""  # nothing of ours left in the container


def test_names_with_everything_in_them(server: Server, make: Make, tmp_path: Path) -> None:
    app = make(server, RICH, name="""Ä "app's" \\= x:y """)
    dump = server.dump(app, tmp_path / "odd.dump")
    new, copy, aside = (name_for(app, server.run, what) for what in ("new", "copy", "aside"))
    server.restore(dump.path, new, like=app)
    server.copy(app, copy)
    oid = server.oid(new)
    server.swap(app, new, aside, staged_oid=oid)
    assert (server.oid(app), counts(server, app), counts(server, copy)) == (oid, ROWS, ROWS)
    assert server.carry(app, new, dump.path).rows == ROWS
    assert server.schema_digest(new) == dump.schema_sha256


def test_a_dump_counts_the_rows_of_its_own_moment(server: Server, make: Make, tmp_path: Path) -> None:
    app = make(server, "CREATE TABLE t (a int); CREATE TABLE u (a int);")
    # each transaction writes both tables, so that any one moment has as many rows in the one as in the other
    both = f"PGDATABASE={app}; export PGDATABASE; while psql -U app -qc 'WITH x AS (INSERT INTO t VALUES (1)) INSERT INTO u VALUES (1)'; do :; done"
    writer = subprocess.Popen(["docker", "exec", server.container, "sh", "-c", both], stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: counts(server, app)["public.t"] > 3)
        dump = server.dump(app, tmp_path / "app.dump")
    finally:
        server.shut_out(app)
        writer.wait(20)
    into = name_for(app, server.run, "new")
    server.restore(dump.path, into, like=app)
    rows = {name: found.count for name, found in dump.rows.items()}
    assert rows["public.t"] == rows["public.u"] > 3
    assert counts(server, into) == rows
    server.let_in(app)
    assert counts(server, app)["public.t"] > rows["public.t"]


@pytest.fixture(scope="module")
def archive(postgres17: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DumpResult]:
    """The archive of a database with a bit of everything, not to be written to."""
    database = f"archive{uuid.uuid4().hex[:6]}"
    postgres17.execute(f"CREATE DATABASE {database};")
    postgres17.execute(RICH, database)
    yield postgres17.dump(database, tmp_path_factory.mktemp("archive") / "app.dump")
    postgres17.execute(f"DROP DATABASE {database};")


@pytest.mark.parametrize(
    "damage", ["empty", "half", "minus 1", "flip early", "flip middle", "flip late", "longer", "gone"]
)
def test_a_damaged_archive_is_refused(server: Server, archive: DumpResult, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "app.dump"
    data = bytearray(archive.path.read_bytes())
    where = {"flip early": 40, "flip middle": len(data) // 2, "flip late": len(data) - 9}.get(damage)
    if where is not None:
        data[where] ^= 4
    keep = {"empty": 0, "half": len(data) // 2, "minus 1": len(data) - 1}.get(damage, len(data))
    if damage != "gone":
        path.write_bytes(data[:keep] + (b"x" if damage == "longer" else b""))
    with pytest.raises(RefusedError) as refused:
        server.verify(path, archive.sha256, archive.size)
    word = "gone" if damage == "gone" else "truncated" if keep < len(data) else "damaged"
    assert word in refused.value.message
    assert str(path) in refused.value.message


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_an_archive_with_a_fitting_checksum_is_still_read_to_its_end(
    server: Server, archive: DumpResult, tmp_path: Path, share: float
) -> None:
    path = tmp_path / "app.dump"
    cut = archive.path.read_bytes()[: int(archive.size * share)]
    path.write_bytes(cut)
    with pytest.raises(RefusedError, match=r"is damaged: .+"):
        server.verify(path, hashlib.sha256(cut).hexdigest(), len(cut))


def test_a_truncated_archive_restores_nothing(server: Server, make: Make, archive: DumpResult, tmp_path: Path) -> None:
    app = make(server)
    path = tmp_path / "app.dump"
    path.write_bytes(archive.path.read_bytes()[:-2000])
    into = name_for(app, server.run, "new")
    with pytest.raises(StepError, match=f"restoring {into}"):
        server.restore(path, into, like=app)
    assert [name for name in server.databases() if name.startswith(app)] == [app]
    assert server.shell.run(server.inside("ls", "/tmp")).out == ""


def test_a_restore_that_is_there_is_left_alone(server: Server, make: Make, tmp_path: Path) -> None:
    app = make(server, "CREATE TABLE t (a int);")
    dump = server.dump(app, tmp_path / "app.dump")
    into = name_for(app, server.run, "new")
    assert not server.is_complete(into)
    server.restore(dump.path, into, like=app)
    assert server.is_complete(into)
    server.execute("INSERT INTO t VALUES (1);", into)
    server.restore(dump.path, into, like=app)
    assert counts(server, into) == {"public.t": 1}


SLOW = "CREATE MATERIALIZED VIEW slow AS SELECT count(*) FROM t, pg_sleep((SELECT s FROM speed));"


@pytest.mark.parametrize("verb", ["restore(path, {into!r}, like={app!r})", "carry({app!r}, {into!r}, path)"])
def test_killed_in_the_middle_and_called_again(server: Server, make: Make, tmp_path: Path, verb: str) -> None:
    app = make(server, f"CREATE TABLE t (a int); CREATE TABLE speed AS SELECT 0.0 AS s; {SLOW}")
    server.execute("INSERT INTO t SELECT generate_series(1, 1000); UPDATE speed SET s = 2;", app)
    dump = server.dump(app, tmp_path / "app.dump")
    into = name_for(app, server.run, "new")
    call = "server." + verb.format(app=app, into=into)
    with another_process(server, call, dump.path) as process:
        eventually(lambda: any(one.state == "active" for one in server.sessions(f"{into}_making")))
        process.kill()
    assert not server.is_complete(into)
    with another_process(server, call, dump.path) as process:
        assert process.process.wait(60) == 0
    assert counts(server, into) == {"public.t": 1000, "public.speed": 1}
    assert server.schema_digest(into) == dump.schema_sha256
    assert not server.exists(f"{into}_making")


def test_only_the_docker_client_is_killed(server: Server, make: Make, tmp_path: Path) -> None:
    app = make(server, f"CREATE TABLE t (a int); CREATE TABLE speed AS SELECT 0.0 AS s; {SLOW} UPDATE speed SET s = 9;")
    dump = server.dump(app, tmp_path / "app.dump")
    into = name_for(app, server.run, "new")
    with another_process(server, f"server.restore(path, {into!r}, like={app!r})", dump.path) as process:
        eventually(lambda: any(one.state == "active" for one in server.sessions(f"{into}_making")))
        for pid in process.clients("pg_restore"):
            os.kill(pid, 9)
        _, error = process.process.communicate(timeout=60)
    assert b"StepError" in error
    assert [name for name in server.databases() if name.startswith(app)] == [app]


def test_a_dump_killed_in_the_middle_leaves_no_archive(server: Server, make: Make, tmp_path: Path) -> None:
    app = make(server, RICH)
    blocker = "BEGIN; LOCK TABLE people; SELECT pg_sleep(60);"
    holder = subprocess.Popen(
        ["docker", "exec", "-i", server.container, "psql", "-U", "app", "-d", app, "-c", blocker],
        stderr=subprocess.DEVNULL,
    )
    eventually(lambda: any(one.state == "active" for one in server.sessions(app)))
    with another_process(server, f"server.dump({app!r}, path)", tmp_path / "app.dump") as process:
        eventually(lambda: len(server.sessions(app)) == 3)  # the lock, the snapshot, pg_dump waiting
        process.kill()
    assert not (tmp_path / "app.dump").exists()
    server.end_leftovers()
    assert len(server.sessions(app)) == 1
    for one in server.sessions(app):
        server.execute(f"SELECT pg_terminate_backend({one.pid});")
    holder.wait(20)
    dump = server.dump(app, tmp_path / "app.dump")
    assert {name: rows.count for name, rows in dump.rows.items()} == ROWS
    assert list(tmp_path.iterdir()) == [dump.path]


def test_a_dump_that_fails_says_why_and_leaves_nothing(server: Server, make: Make, tmp_path: Path) -> None:
    app = make(server, "CREATE TABLE t (a int); INSERT INTO t VALUES (1);")
    # a file that the table's relation points to is gone: what a failing disk looks like
    [[path]] = server.query("CHECKPOINT; SELECT pg_relation_filepath('t');", app)
    subprocess.run(["docker", "exec", server.container, "rm", f"/var/lib/postgresql/data/{path}"], check=True)
    with pytest.raises(StepError, match=f"dumping {app}: .*could not open file"):
        server.dump(app, tmp_path / "app.dump")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_on_our_side(server: Server, make: Make, tmp_path: Path) -> None:
    app = make(server, "CREATE TABLE t AS SELECT gen_random_uuid() AS u FROM generate_series(1, 200000);")
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], capture_output=True).returncode:
        pytest.skip("may not mount")
    try:
        with pytest.raises(StepError, match=f"The disk of {small} is full"):
            server.dump(app, small / "app.dump")
        assert list(small.iterdir()) == []
        assert server.sessions(app) == []
    finally:
        subprocess.run(["umount", small], check=True)


def test_row_counts_may_be_estimates_for_large_tables(server: Server, make: Make) -> None:
    app = make(server, "CREATE TABLE big AS SELECT generate_series(1, 5000) AS a; CREATE TABLE small (a int); ANALYZE;")
    found = server.row_counts(app, exact_below_bytes=64 * 1024)
    assert found == {"public.big": RowCount(5000, exact=False), "public.small": RowCount(0, exact=True)}


def test_roles_without_passwords(server: Server, tmp_path: Path) -> None:
    server.execute("ALTER ROLE reporter PASSWORD 'not-to-be-seen';")
    server.dump_globals(tmp_path / "globals.sql")
    text = (tmp_path / "globals.sql").read_text()
    assert "CREATE ROLE reporter" in text
    assert "PASSWORD" not in text
    assert (tmp_path / "globals.sql").stat().st_mode & 0o777 == 0o600
