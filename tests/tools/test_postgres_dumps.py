"""Dumps that cannot be made: disks that fill, servers that die, tables that are locked, programs that are too old."""

import contextlib
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tools.postgres_world import RICH, ROOT, ROWS, another_process, eventually, running
from upgrader.errors import RefusedError, StepError
from upgrader.tools.postgres import Pace, Server, name_for
from upgrader.tools.postgres_dumps import FREE_CONNECTIONS
from upgrader.tools.shell import Shell

pytest_plugins = ["tests.fixtures.postgres"]
pytestmark = pytest.mark.docker
Make = Callable[..., str]
NOISE = "CREATE TABLE t AS SELECT gen_random_uuid() AS u FROM generate_series(1, 100000);"


def docker(*argv: str) -> str:
    return subprocess.run(["docker", *argv], check=True, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def small_disk(at: Path, options: str) -> Iterator[Path]:
    at.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", at], capture_output=True).returncode:
        pytest.skip("may not mount")
    try:
        yield at
    finally:
        subprocess.run(["umount", at], check=True)


def beside(server: Server) -> str:
    """The id of the container that works for the server, or nothing."""
    return docker("ps", "--all", "--quiet", "--filter", f"name={server.container}-{server.application}")


def niceness(server: Server) -> set[int]:
    """How far the processes of pg_dump stand back that work for the server's run now."""
    mark, found = f"PGAPPNAME={server.application}".encode(), set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in path.read_bytes().split(b"\0") and (path.parent / "comm").read_text() == "pg_dump\n":
                found.add(os.getpriority(os.PRIO_PROCESS, int(path.parent.name)))
    return found


@contextlib.contextmanager
def locked(server: Server, database: str, table: str) -> Iterator[None]:
    """Within it somebody holds a lock on a table."""
    lock = f"BEGIN; LOCK TABLE {table}; SELECT pg_sleep(60);"
    argv = [
        "docker",
        "exec",
        "-e",
        "PGAPPNAME=nightly",
        server.container,
        "psql",
        "-U",
        "app",
        "-d",
        database,
        "-c",
        lock,
    ]
    holder = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: any(one.state == "active" for one in server.sessions(database)))
        yield
    finally:
        server.shell.attempt(
            server.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'nightly';")
        )
        holder.wait(20)


@pytest.mark.parametrize(
    ("options", "said"),
    [("size=1m", "is full"), ("size=64m,nr_inodes=20", "has no inodes left")],
    ids=["bytes", "inodes"],
)
def test_a_disk_that_takes_no_more(either: Server, make: Make, tmp_path: Path, options: str, said: str) -> None:
    app = make(either, NOISE + "".join(f"CREATE TABLE t{n} (a int);" for n in range(30)))
    with small_disk(tmp_path / "small", options) as small:
        with pytest.raises(StepError, match=f"The disk of {small} {said}"):
            either.dump(app, small / "app.dump")
        assert list(small.iterdir()) == []
        assert either.sessions(app) == []
        assert beside(either) == ""


def test_a_stream_on_a_disk_that_takes_no_more(by_socket: Server, make: Make, tmp_path: Path) -> None:
    app = make(by_socket, NOISE)
    with small_disk(tmp_path / "small", "size=1m") as small:
        with pytest.raises(StepError, match=f"The disk of {small} is full"):
            by_socket.dump(app, small / "app.dump")
        assert list(small.iterdir()) == []


def test_rows_are_plain_only_where_there_is_room_for_them(postgres15: Server, make: Make, tmp_path: Path) -> None:
    app = make(postgres15, NOISE)
    assert postgres15.dump(app, tmp_path / "app.dump").how.endswith(", zstd")
    with small_disk(tmp_path / "small", "size=64m") as small:
        dump = postgres15.dump(app, small / "app.dump")
        assert dump.how.endswith(", gzip")
        postgres15.verify(dump.path, dump.members)


def test_rows_that_unfold_beyond_all_expectation(postgres15: Server, make: Make, tmp_path: Path) -> None:
    """What the server had compressed to a hundredth fills the disk as plain text: then it is never plain on disk."""
    app = make(postgres15, "CREATE TABLE t AS SELECT repeat('x', 1 << 20) AS x FROM generate_series(1, 330);")
    with small_disk(tmp_path / "small", "size=310m") as small:
        dump = postgres15.dump(app, small / "app.dump")
        assert dump.how.endswith(", gzip")
        assert {name: rows.count for name, rows in dump.rows.items()} == {"public.t": 330}
        assert [path.name for path in small.iterdir()] == ["app.dump"]


def test_a_locked_table_is_named_with_its_holder(either: Server, make: Make, tmp_path: Path) -> None:
    app = make(either, RICH)
    with locked(either, app, '"Back Office"."Odd ""T"" x"'), pytest.raises(StepError) as failed:
        either.dump(app, tmp_path / "app.dump", lock_patience=0.5)
    assert failed.value.message.startswith(f'"Back Office"."Odd ""T"" x" of {app} is locked by nightly (pid ')
    assert "pg_terminate_backend" in failed.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_question_about_a_locked_table_is_given_up_and_says_why(server: Server, make: Make) -> None:
    """Before the dump there are questions, to plan and to compare: they must not hang for as long as the lock lasts."""
    app = make(server, RICH)
    hasty = replace(server, lock_patience=0.3)
    with locked(server, app, "schema_migrations"):
        for ask in (hasty.schema_digest, hasty.row_counts, hasty.ledger):
            for context in (contextlib.nullcontext(), hasty.looks.looking()):
                with context, pytest.raises(StepError) as failed:
                    ask(app)
                assert failed.value.message.startswith(f"schema_migrations of {app} is locked by nightly (pid ")
                assert "pg_terminate_backend" in failed.value.hint
    assert hasty.ledger(app)


def test_a_table_that_somebody_waits_for_is_dumped_by_one(server: Server, make: Make, tmp_path: Path) -> None:
    app = make(server, RICH)
    # as soon as pg_dump has its locks, somebody queues for one that no further connection can share then
    queue = """DO $$ BEGIN LOOP
        PERFORM 1 FROM pg_locks WHERE relation = 'people'::regclass AND mode = 'AccessShareLock' AND pid <> pg_backend_pid();
        EXIT WHEN FOUND; COMMIT; END LOOP; LOCK TABLE people; END $$"""
    argv = ["docker", "exec", server.container, "psql", "-U", "app", "-d", app, "-c", queue]
    waiting = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: any(one.state == "active" for one in server.sessions(app)))
        dump = server.dump(app, tmp_path / "app.dump", pace=Pace(jobs=4))
    finally:
        waiting.wait(20)
    assert dump.how == "in parallel by 1, zstd"
    assert {name: rows.count for name, rows in dump.rows.items()} == ROWS


def test_a_server_killed_in_the_middle(tmp_path: Path) -> None:
    with running("postgres:17", "-c", "fsync=off") as container:
        server = Server(Shell(), container, "app", f"r{uuid.uuid4().hex[:6]}")
        server.require(60)
        server.execute("CREATE TABLE people (a int);", "app")
        hold = "BEGIN; LOCK TABLE people; SELECT pg_sleep(60);"
        argv = ["docker", "exec", container, "psql", "-U", "app", "-d", "app", "-c", hold]
        holder = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with another_process(server, "server.dump('app', path)", tmp_path / "app.dump") as process:
            watcher = replace(server, run="watcher")  # its own sessions would be taken for leftovers
            eventually(lambda: len(watcher.sessions("app")) == 3)  # the lock, the snapshot, pg_dump waiting
            docker("kill", container)
            _, error = process.process.communicate(timeout=60)
        holder.wait(20)
        assert f"The database's container {container} is not running" in error.decode()
        assert list(tmp_path.iterdir()) == []
        assert beside(server) == ""


def test_whoever_dumps_is_killed_and_the_container_beside_goes_too(server: Server, make: Make, tmp_path: Path) -> None:
    app = make(server, RICH)
    with locked(server, app, "people"):
        with another_process(server, f"server.dump({app!r}, path)", tmp_path / "app.dump") as process:
            watcher = replace(server, run="watcher")  # its own sessions would be taken for leftovers
            eventually(lambda: len(watcher.sessions(app)) == 3)
            assert beside(server)
            assert niceness(server) == {Pace().niceness}
            process.process.kill()  # but none of the clients that it started
            process.process.wait()
            eventually(lambda: not beside(server))
        assert not (tmp_path / "app.dump").exists()
    assert server.dump(app, tmp_path / "app.dump").size > 0


@pytest.fixture
def outdated() -> Iterator[Server]:
    """A server whose image has the pg_dump of an older one."""
    image, name = f"upgrader-test-outdated-{uuid.uuid4().hex[:6]}", f"upgrader-test-pg-{uuid.uuid4().hex[:8]}"
    docker("create", "--name", f"{name}-15", "postgres:15")
    docker("create", "--name", name, "postgres:17")
    try:
        program = "/usr/lib/postgresql/{}/bin/pg_dump"
        tar = subprocess.run(["docker", "cp", f"{name}-15:{program.format(15)}", "-"], check=True, capture_output=True)
        subprocess.run(["docker", "cp", "-", f"{name}:/usr/lib/postgresql/17/bin"], input=tar.stdout, check=True)
        docker("commit", name, image)
        with running(image) as container:
            server = Server(Shell(), container, "app", "r1")
            server.require(60)
            yield server
    finally:
        docker("rm", "-fv", name, f"{name}-15")
        docker("rmi", image)


def test_a_pg_dump_older_than_its_server(outdated: Server, tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as refused:
        outdated.dump("app", tmp_path / "app.dump")
    assert refused.value.message == f"pg_dump in the image of {outdated.container} is older than the server"
    assert list(tmp_path.iterdir()) == []


def test_a_dump_of_a_newer_major(postgres15: Server, server: Server, make: Make, tmp_path: Path) -> None:
    old, new = make(postgres15, "CREATE TABLE t (a int);"), make(server, "CREATE TABLE t AS SELECT 1 AS a;")
    dump = server.dump(new, tmp_path / "new.dump")
    into = name_for(old, postgres15.run, "new")
    with pytest.raises(RefusedError, match=f"{postgres15.container} is older than the pg_dump that made the dump"):
        postgres15.restore(dump.path, into, like=old)
    assert not postgres15.exists(into)


def test_a_dump_of_an_older_major_is_restored(postgres15: Server, server: Server, make: Make, tmp_path: Path) -> None:
    old, new = make(postgres15, RICH + NOISE), make(server, "CREATE TABLE t (a int);")
    dump = postgres15.dump(old, tmp_path / "old.dump")
    assert any(member.name.endswith(".zst") for member in dump.members)
    into = name_for(new, server.run, "new")
    server.restore(dump.path, into, like=new)
    assert server.row_counts(into) == dump.rows


# In a mount namespace of its own there is a file system that the engine does not see under that name.
UNSEEN = """
import shutil, sys
from pathlib import Path
from upgrader.tools.postgres import Server, name_for
from upgrader.tools.postgres_archives import measure
from upgrader.tools.shell import Shell
container, run, database, directory, given = sys.argv[1:]
server = Server(Shell(), container, "app", run)
here = Path(directory)
shutil.copytree(given, here / "given.dump")
dump = server.dump(database, here / "app.dump")
print(dump.how)
for archive in ("given", "app"):
    path = here / f"{archive}.dump"
    server.verify(path, measure(path))
    server.restore(path, name_for(database, run, archive), like=database)
"""


def test_an_engine_that_does_not_see_our_files(either: Server, make: Make, tmp_path: Path) -> None:
    app = make(either, RICH + NOISE)
    given = either.dump(app, tmp_path / "given.dump")
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    mount = f'mount -t tmpfs tmpfs {hidden} && exec "$@"'
    argv = ["unshare", "-m", "sh", "-c", mount, "sh", sys.executable, "-c", UNSEEN]
    words = [either.container, either.run, app, str(hidden), str(given.path)]
    done = subprocess.run([*argv, *words], cwd=ROOT, capture_output=True, text=True)
    if "unshare failed" in done.stderr:
        pytest.skip("may not unshare")
    assert done.stdout == f"as a stream, because the engine does not see {hidden} as we do\n", done.stderr
    for archive in ("given", "app"):
        into = name_for(app, either.run, archive)
        assert either.schema_digest(into) == given.schema_sha256
        assert either.row_counts(into) == given.rows
    assert list(hidden.iterdir()) == []  # nor did the engine leave something under the name that it sees
    assert either.shell.run(either.inside("ls", "/tmp")).out == ""


def test_few_connections_left(server: Server, make: Make, tmp_path: Path) -> None:
    app = make(server, RICH)

    def free() -> int:
        return int(server.query(FREE_CONNECTIONS)[0][0])

    script = f"for n in $(seq {free() - 6}); do psql -U app -d {app} -qc 'SELECT pg_sleep(60)' & done; wait"
    holders = subprocess.Popen(["docker", "exec", server.container, "sh", "-c", script], stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: free() <= 6, 60)
        dump = server.dump(app, tmp_path / "app.dump", pace=Pace(jobs=8))
    finally:
        server.shut_out(app)
        holders.wait(60)
        server.let_in(app)
    assert dump.how in {f"in parallel by {jobs}, zstd" for jobs in (1, 2, 3)}
    assert {name: rows.count for name, rows in dump.rows.items()} == ROWS
