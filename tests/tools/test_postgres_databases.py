"""Copying, swapping, describing and dropping whole databases, while an app does its best to be in the way."""

import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tools.postgres_world import RICH, ROWS, another_process, eventually, running
from upgrader.errors import RefusedError, StepError
from upgrader.tools.postgres import Server, name_for
from upgrader.tools.postgres_sql import making
from upgrader.tools.shell import Shell

pytest_plugins = ["tests.fixtures.postgres"]
pytestmark = pytest.mark.docker
Make = Callable[..., str]


@pytest.fixture
def app_connects(server: Server) -> Iterator[Callable[[str], None]]:
    """Starts clients that connect to a database again at once whenever they are thrown out."""
    stop = f"/tmp/stop-{uuid.uuid4().hex}"
    clients: list[subprocess.Popen[bytes]] = []

    def _start(database: str) -> None:
        loop = f"while [ ! -e {stop} ]; do psql -U app -d {database} -qAtc 'SELECT pg_sleep(5)'; done"
        argv = ["docker", "exec", server.container, "sh", "-c", f"{loop} & {loop}; wait"]
        clients.append(subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        eventually(lambda: len(server.sessions(database)) == 2)

    yield _start
    subprocess.run(["docker", "exec", server.container, "touch", stop], check=True)
    server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(5)';")
    for client in clients:
        client.wait(20)
    subprocess.run(["docker", "exec", server.container, "rm", stop], check=True)


def test_a_copy_is_equal_in_everything(either: Server, make: Make) -> None:
    app = make(either, RICH)
    either.execute(
        f"""ALTER DATABASE {app} OWNER TO reporter; ALTER DATABASE {app} SET search_path = '';
        ALTER DATABASE {app} SET default_transaction_read_only = on; REVOKE ALL ON DATABASE {app} FROM PUBLIC;
        ALTER DATABASE {app} CONNECTION LIMIT 3; COMMENT ON DATABASE {app} IS 'ours';"""
    )
    copy = name_for(app, either.run, "copy")
    either.copy(app, copy)
    before, after = either.describe(app), either.describe(copy)
    assert (after.owner, after.comment, after.grants, after.settings) == (
        before.owner, before.comment, before.grants, before.settings,
    )  # fmt: skip
    assert after.settings == (("", "default_transaction_read_only=on"), ("", 'search_path=""'))
    assert after.row["datconnlimit"] == 3
    assert {name: rows.count for name, rows in either.row_counts(copy).items()} == ROWS
    assert either.schema_digest(app) == either.schema_digest(copy)
    assert (either.is_open(app), either.is_open(copy)) == (True, True)


def test_a_copy_while_the_app_reconnects(server: Server, make: Make, app_connects: Callable[[str], None]) -> None:
    app = make(server, "CREATE TABLE t AS SELECT 1 AS a;")
    app_connects(app)
    server.copy(app, name_for(app, server.run, "copy"))
    eventually(lambda: len(server.sessions(app)) == 2)


def test_a_copy_may_keep_the_app_out(server: Server, make: Make) -> None:
    app = make(server)
    server.copy(app, name_for(app, server.run, "copy"), stay_shut=True)
    assert not server.is_open(app)
    server.let_in(app)
    assert server.is_open(app)


def test_a_copy_that_fails_lets_the_app_in_again(server: Server, make: Make) -> None:
    app = make(server)
    file = f"/var/lib/postgresql/data/base/{server.oid(app)}/unreadable"
    server.shell.run(server.inside("install", "-m", "0", "/dev/null", file, changes=True))
    with pytest.raises(StepError, match=r"unreadable.*: Permission denied"):
        server.copy(app, name_for(app, server.run, "copy"))
    assert server.is_open(app)
    assert [name for name in server.databases() if name.startswith(app)] == [app]


def test_a_copy_and_a_restore_on_a_disk_that_is_full(tmp_path: Path) -> None:
    """The app goes on as if nothing had been tried; what there was of the copy is gone, and the room is there again."""
    with running("postgres:17", "-c", "fsync=off", "-c", "max_wal_size=64MB", storage="size=230m") as container:
        server = Server(Shell(), container, "app", "20260801T120000Z-ab12")
        server.require(60)
        server.execute("CREATE TABLE t AS SELECT repeat(md5(i::text), 60) FROM generate_series(1, 40000) AS i;", "app")
        server.execute("CHECKPOINT;")
        assert server.size("app") > 70 << 20
        with pytest.raises(StepError, match=f"The disk is full while changing.* in {container}: .*[Nn]o space left"):
            server.copy("app", name_for("app", server.run, "copy"))
        assert server.is_open("app")
        dump = server.dump("app", tmp_path / "app.dump")
        with pytest.raises(StepError, match=f"The disk is full while restoring .* in {container}: .*[Nn]o space left"):
            server.restore(dump.path, name_for("app", server.run, "restored"), like="app")
        assert server.databases() == ["app", "postgres"]
        assert server.query("SELECT count(*) FROM t;", "app") == [["40000"]]
        server.execute(
            "CREATE TABLE after AS SELECT repeat(md5(i::text), 60) FROM generate_series(1, 2000) AS i;", "app"
        )


def test_a_copy_of_nothing(server: Server) -> None:
    with pytest.raises(RefusedError, match="has no database nowhere"):
        server.copy("nowhere", name_for("nowhere", server.run, "copy"))


def test_an_earlier_copy_is_never_taken_again(server: Server, make: Make) -> None:
    app = make(server, "CREATE TABLE t AS SELECT 1 AS a;")
    copy = name_for(app, server.run, "copy")
    server.copy(app, copy)
    server.execute("DELETE FROM t;", app)
    server.shut_out(app)  # as a kill in the middle of a copy leaves it
    server.copy(app, copy)
    assert server.query("SELECT a FROM t;", copy) == [["1"]]
    assert server.is_open(app)


def test_a_half_made_copy_is_made_anew(server: Server, make: Make) -> None:
    app = make(server, "CREATE TABLE t AS SELECT 1 AS a;")
    copy = name_for(app, server.run, "copy")
    server.shut_out(app)
    server.execute(f"CREATE DATABASE {making(copy)} TEMPLATE {app};")  # here a kill
    server.let_in(app)
    server.execute("INSERT INTO t VALUES (2);", app)
    server.copy(app, copy)
    assert server.query("SELECT a FROM t ORDER BY a;", copy) == [["1"], ["2"]]
    assert not server.exists(making(copy))


def test_a_copy_killed_in_the_middle(server: Server, make: Make, tmp_path_factory: pytest.TempPathFactory) -> None:
    app = make(server, "CREATE TABLE t AS SELECT i, repeat('x', 500) AS pad FROM generate_series(1, 200000) AS i;")
    copy = name_for(app, server.run, "copy")
    with another_process(server, f"server.copy({app!r}, {copy!r})", tmp_path_factory.getbasetemp()) as process:
        eventually(lambda: not server.is_open(app))
        process.kill()
    server.copy(app, copy)
    assert server.is_open(app)
    assert server.row_counts(copy) == server.row_counts(app)


def test_swap_while_the_app_reconnects(server: Server, make: Make, app_connects: Callable[[str], None]) -> None:
    app, other = make(server, "CREATE TABLE old ();"), make(server, "CREATE TABLE new ();")
    server.execute(f"COMMENT ON DATABASE {app} IS 'ours';")
    aside = name_for(app, server.run, "aside")
    app_connects(app)
    app_connects(other)
    oids = server.oid(app), server.oid(other)
    server.swap(app, other, aside, staged_oid=oids[1])
    assert (server.oid(aside), server.oid(app)) == oids
    assert not server.exists(other)
    assert (server.describe(app).comment, server.is_open(app), server.is_open(aside)) == ("ours", True, True)
    eventually(lambda: len(server.sessions(app)) == 2)
    # the way back is the same way
    server.swap(app, aside, other, staged_oid=oids[0])
    assert (server.oid(app), server.oid(other)) == oids


def test_swap_is_done_once(server: Server, make: Make) -> None:
    app, staged = make(server), make(server)
    aside = name_for(app, server.run, "aside")
    oid = server.oid(staged)
    for known in (oid, oid, None):
        server.swap(app, staged, aside, staged_oid=known)
        assert (server.oid(app), server.exists(staged), server.exists(aside)) == (oid, False, True)


def test_swap_goes_on_after_a_kill(server: Server, make: Make) -> None:
    app, staged = make(server), make(server)
    oid, aside = server.oid(staged), name_for(app, server.run, "aside")
    server.shut_out(app, staged)  # killed before the renames
    server.swap(app, staged, aside, staged_oid=oid)
    assert (server.oid(app), server.is_open(app), server.is_open(aside)) == (oid, True, True)
    server.shut_out(app)  # somebody else's kill after them
    server.swap(app, staged, aside, staged_oid=oid)
    assert (server.oid(app), server.is_open(app)) == (oid, True)


def test_swap_over_a_database_that_is_gone(server: Server, make: Make) -> None:
    app, staged = make(server), make(server)
    oid = server.oid(staged)
    server.execute(f"DROP DATABASE {app};")
    server.swap(app, staged, name_for(app, server.run, "aside"), staged_oid=oid)
    assert server.oid(app) == oid


def test_swap_the_database_called_postgres(server: Server, make: Make) -> None:
    staged = make(server, "CREATE TABLE marker ();")
    aside = name_for("postgres", server.run, "aside")
    oid = server.oid("postgres")
    server.swap("postgres", staged, aside)
    assert "public.marker" in server.row_counts("postgres")
    server.swap("postgres", aside, staged, staged_oid=oid)
    assert server.oid("postgres") == oid


def test_a_swap_that_cannot_be(server: Server, make: Make) -> None:
    app, staged, taken = make(server), make(server), make(server)
    with pytest.raises(RefusedError, match=f"{taken} exists already"):
        server.swap(app, staged, taken)
    with pytest.raises(RefusedError, match="has no database nowhere"):
        server.swap(app, "nowhere", name_for(app, server.run, "aside"))
    with pytest.raises(RefusedError, match="is not whole"):
        server.swap(app, making(name_for(app, server.run, "new")), name_for(app, server.run, "aside"))
    server.execute("BEGIN; CREATE TABLE held (a int); PREPARE TRANSACTION 'held';", staged)
    with pytest.raises(StepError, match="being accessed by other users"):
        server.swap(app, staged, name_for(app, server.run, "aside"))
    server.execute("ROLLBACK PREPARED 'held';", staged)
    assert all(server.is_open(name) and server.exists(name) for name in (app, staged, taken))


def test_sessions_that_do_not_end(server: Server, make: Make, app_connects: Callable[[str], None]) -> None:
    app = make(server)
    app_connects(app)
    holder = subprocess.Popen(
        ["docker", "exec", server.container, "psql", "-U", "app", "-d", app, "-c", "SELECT pg_sleep(5)"],
        stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    eventually(lambda: len(server.sessions(app)) == 3)
    [pid, *_] = [str(one.pid) for one in server.sessions(app)]
    subprocess.run(["docker", "exec", server.container, "kill", "-STOP", pid], check=True)  # hung in the kernel
    try:
        with pytest.raises(StepError, match=f"Connections to {app} do not end after 0.3 s"):
            server.shut_out(app, patience=0.3)
    finally:
        subprocess.run(["docker", "exec", server.container, "kill", "-CONT", pid], check=True)
        server.let_in(app)
        holder.wait(20)


def test_only_ours_are_dropped(server: Server, make: Make, app_connects: Callable[[str], None]) -> None:
    app = make(server)
    with pytest.raises(RefusedError, match=f"{app} is not a database of upgrader's"):
        server.drop(app)
    with pytest.raises(RefusedError, match="is not a name for a database of upgrader's"):
        server.copy(app, f"{app}copy")
    copy = name_for(app, server.run, "copy")
    server.copy(app, copy)
    app_connects(copy)
    server.drop(copy)
    server.drop(copy)
    assert (server.exists(app), server.exists(copy)) == (True, False)


def test_a_drop_that_was_cut_off(server: Server, make: Make) -> None:
    app = make(server, "CREATE TABLE t ();")
    copy = name_for(app, server.run, "copy")
    server.copy(app, copy)
    # how Postgres marks it before it removes the files
    cut_off = f"UPDATE pg_database SET datconnlimit = -2 WHERE datname = '{copy}';"
    server.execute(cut_off)
    assert not server.is_complete(copy)
    server.copy(app, copy)
    assert server.is_complete(copy)
    assert "public.t" in server.row_counts(copy)
    server.execute(cut_off)
    server.drop(copy)
    assert not server.exists(copy)


LOCALES = {
    "latin": "TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'",
    "ascii": "TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'",
    "icu": "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de-u-co-phonebk'",
    "rules": "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en' ICU_RULES '&a < g'",
    "builtin": "TEMPLATE template0 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C.UTF-8'",
}


@pytest.mark.parametrize(
    ("either", "locale"),
    [("postgres15", "icu"), *(("postgres17", locale) for locale in LOCALES)],
    indirect=["either"],
)
def test_locales(either: Server, make: Make, locale: str) -> None:
    app = make(either, 'CREATE TABLE "Größe" (a text); INSERT INTO "Größe" VALUES (\'Ä\');', options=LOCALES[locale])
    new = name_for(app, either.run, "new")
    either.create_like(new, app)
    copy = name_for(app, either.run, "copy")
    either.copy(app, copy)
    own = {"oid", "datname", "datfrozenxid", "datminmxid"}
    rows = [{k: v for k, v in either.describe(name).row.items() if k not in own} for name in (app, new, copy)]
    assert rows[0] == rows[1] == rows[2]
    assert either.row_counts(copy)["public.Größe"].count == 1
    assert either.query('SELECT a FROM "Größe";', copy) == [["Ä"]]


def test_leftovers_of_a_killed_run_are_ended_and_no_others(server: Server, make: Make) -> None:
    app = make(server)
    names = (server.application, "upgrader-another")
    clients = [
        subprocess.Popen(
            ["docker", "exec", "-e", f"PGAPPNAME={name}", server.container, "psql", "-U", "app", "-d", app, "-c", "SELECT pg_sleep(60)"],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
        )
        for name in names
    ]  # fmt: skip
    eventually(lambda: {one.application for one in server.sessions(app)} == set(names))
    [mine] = [one for one in server.sessions(app) if one.application == server.application]
    assert (mine.user, mine.state) == ("app", "active")
    started = time.monotonic()
    server.end_leftovers()
    _, said = clients[0].communicate(timeout=20)
    assert b"terminating connection due to administrator command" in said
    assert time.monotonic() - started < 20
    assert [one.application for one in server.sessions(app)] == ["upgrader-another"]
    server.shut_out(app)
    clients[1].communicate(timeout=20)
    server.let_in(app)
