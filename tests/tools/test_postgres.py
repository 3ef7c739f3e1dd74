"""Dumps, proofs and restores against real servers."""

import contextlib
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tools.postgres_world import RICH, ROWS, another_process, eventually
from upgrader.errors import RefusedError, StepError
from upgrader.tools.postgres import DumpResult, RowCount, Server, name_for
from upgrader.tools.postgres_archives import measure

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
    either.verify(dump.path, dump.members)
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
    assert list(tmp_path.iterdir()) == [dump.path]
    assert (dump.path.stat().st_mode & 0o777, dump.how) == (0o700, f"in parallel by {os.cpu_count()}, zstd")
    assert {path.stat().st_mode & 0o777 for path in dump.path.iterdir()} == {0o600}
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


@contextlib.contextmanager
def origin(server: Server) -> Iterator[str]:
    """A database with a bit of everything, not to be written to."""
    database = f"archive{uuid.uuid4().hex[:6]}"
    server.execute(f"CREATE DATABASE {database};")
    server.execute(RICH, database)
    yield database
    server.execute(f"DROP DATABASE {database};")


@pytest.fixture(scope="module")
def archive(postgres17: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DumpResult]:
    """The archive of such a database: a directory."""
    with origin(postgres17) as database:
        yield postgres17.dump(database, tmp_path_factory.mktemp("archive") / "app.dump")


@pytest.fixture(scope="module")
def streamed(by_socket: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DumpResult]:
    """The archive of such a database, of a server that only its own container reaches: one file."""
    with origin(by_socket) as database:
        yield by_socket.dump(database, tmp_path_factory.mktemp("streamed") / "app.dump")


DAMAGE = ["empty", "half", "minus 1", "flip early", "flip middle", "flip late", "longer", "gone", "another beside it"]


def damaged(archive: DumpResult, to: Path, damage: str, name: str) -> Path:
    """A copy of the archive with one member (or the file that it is) damaged."""
    (shutil.copytree if archive.path.is_dir() else shutil.copyfile)(archive.path, to)
    path = to / name if name else to
    data = bytearray(path.read_bytes())
    where = {"flip early": 40, "flip middle": len(data) // 2, "flip late": len(data) - 9}.get(damage)
    if where is not None:
        data[where] ^= 4
    keep = {"empty": 0, "half": len(data) // 2, "minus 1": len(data) - 1}.get(damage, len(data))
    path.write_bytes(data[:keep] + (b"x" if damage == "longer" else b""))
    if damage == "gone":
        path.unlink()
    if damage == "another beside it":
        path.with_suffix(".again").write_bytes(b"x")
    return path


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("which", ["toc.dat", "data"])
def test_a_damaged_member_is_refused(
    server: Server, archive: DumpResult, tmp_path: Path, damage: str, which: str
) -> None:
    name = which if which == "toc.dat" else max(archive.members, key=lambda member: member.size).name
    path = damaged(archive, tmp_path / "app.dump", damage, name)
    with pytest.raises(RefusedError) as refused:
        server.verify(tmp_path / "app.dump", archive.members)
    word = "truncated" if damage in ("empty", "half", "minus 1") else "gone" if damage == "gone" else "damaged"
    assert word in refused.value.message
    assert str(path if damage not in ("gone", "another beside it") else path.parent) in refused.value.message


@pytest.mark.parametrize("damage", [one for one in DAMAGE if one != "another beside it"])
def test_a_damaged_stream_is_refused(server: Server, streamed: DumpResult, tmp_path: Path, damage: str) -> None:
    path = damaged(streamed, tmp_path / "app.dump", damage, "")
    with pytest.raises(RefusedError, match=f"{path} is (truncated|damaged|gone)"):
        server.verify(path, streamed.members)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_stream_with_a_fitting_checksum_is_still_read_to_its_end(
    server: Server, streamed: DumpResult, tmp_path: Path, share: float
) -> None:
    path = tmp_path / "app.dump"
    path.write_bytes(streamed.path.read_bytes()[: int(streamed.size * share)])
    with pytest.raises(RefusedError, match=r"is damaged: .+"):
        server.verify(path, measure(path))


@pytest.mark.parametrize("damage", ["empty", "half", "gone"])
def test_members_with_fitting_checksums_are_still_decoded(
    either: Server, make: Make, tmp_path: Path, damage: str
) -> None:
    app = make(either, "CREATE TABLE t AS SELECT gen_random_uuid() AS u FROM generate_series(1, 9000);")
    dump = either.dump(app, tmp_path / "whole.dump")
    name = max(dump.members, key=lambda member: member.size).name
    damaged(dump, tmp_path / "app.dump", damage, name)
    with pytest.raises(RefusedError, match=r"is damaged: .+"):
        either.verify(tmp_path / "app.dump", measure(tmp_path / "app.dump"))


@pytest.mark.parametrize("which", ["archive", "streamed"])
def test_a_truncated_archive_restores_nothing(
    server: Server, make: Make, tmp_path: Path, which: str, request: pytest.FixtureRequest
) -> None:
    archive: DumpResult = request.getfixturevalue(which)
    app = make(server)
    name = max(archive.members, key=lambda member: member.size).name
    damaged(archive, tmp_path / "app.dump", "half", name)
    into = name_for(app, server.run, "new")
    with pytest.raises(StepError, match=f"restoring {into}") as failed:
        server.restore(tmp_path / "app.dump", into, like=app, say=print)
    assert "restoring" not in failed.value.message.partition(": ")[2]  # the complaint, none of the chatter
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
