"""Reaching a server, and what is said when it cannot be reached."""

import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.tools.postgres_world import PASSWORD, RICH, eventually, running
from upgrader.errors import RefusedError, StepError
from upgrader.model.secret import Redactor
from upgrader.tools.postgres import Server, probe
from upgrader.tools.shell import ReadOnlyError, Shell

pytest_plugins = ["tests.fixtures.postgres"]
pytestmark = pytest.mark.docker
Make = Callable[..., str]


def test_require(either: Server) -> None:
    info = either.require()
    assert info.version.startswith(f"{info.major}.")
    assert info.major in {15, 17}


def refusal(server: Server, patience: float = 0.3) -> RefusedError:
    with pytest.raises(RefusedError) as refused:
        server.require(patience)
    assert refused.value.hint
    return refused.value


def test_no_container(server: Server) -> None:
    assert (
        refusal(replace(server, container="upgrader-test-nowhere")).message
        == "There is no container upgrader-test-nowhere"
    )


def test_no_engine(server: Server) -> None:
    shell = Shell(environ={**server.shell.environ, "DOCKER_HOST": "unix:///nowhere.sock"})
    assert refusal(replace(server, shell=shell)).message == "The Docker engine does not answer"


def test_no_role(server: Server) -> None:
    said = refusal(replace(server, user="nobody"))
    assert said.message == f"Postgres in {server.container} has no role nobody"
    assert "POSTGRES_USER" in said.hint


def test_no_database(server: Server) -> None:
    for ask in (server.oid, server.size, server.describe, server.row_counts, server.schema_digest, server.ledger):
        with pytest.raises(RefusedError, match="has no database nowhere"):
            ask("nowhere")


@pytest.fixture
def own() -> Iterator[Server]:
    """A server that the test may break."""
    with running("postgres:17", "-c", "fsync=off") as container:
        server = Server(Shell(), container, "app", "r1")
        server.require(60)
        yield server


def test_stopped_paused_and_started(own: Server) -> None:
    def docker(*argv: str) -> None:
        subprocess.run(["docker", *argv, own.container], check=True, capture_output=True)

    docker("pause")
    assert refusal(own).message.endswith("is paused")
    docker("unpause")
    docker("stop", "-t", "20")
    said = refusal(own)
    assert said.message == f"The database's container {own.container} is not running"
    assert said.hint == f"Start it: docker start {own.container}"
    docker("start")
    assert own.require(60).major == 17


def test_the_server_that_only_initialises_is_not_taken_for_the_real_one() -> None:
    with running("postgres:17", "-c", "fsync=off") as container:
        # at once, while the image makes the database: the first answer must come from a server that stays
        server = Server(Shell(), container, "app", "r1")
        server.require(60)
        [[address, pid]] = server.query("SELECT current_setting('listen_addresses'), pg_postmaster_start_time();")
        assert address == "*"
        for _ in range(5):
            assert server.query("SELECT pg_postmaster_start_time();") == [[pid]]


def test_nothing_listens_on_the_socket(own: Server) -> None:
    own.shell.run(own.inside("rm", "/var/run/postgresql/.s.PGSQL.5432", changes=True))
    assert refusal(own).message.startswith(f"Postgres in {own.container} does not accept connections: ")


def test_no_psql(own: Server) -> None:
    own.shell.run(own.inside("sh", "-c", "rm -f $(which -a psql)", changes=True))
    assert refusal(own).message == f"The image of {own.container} has no psql"


def test_a_server_that_wants_a_password_even_on_its_socket(own: Server) -> None:
    rule = "local all all scram-sha-256"
    own.shell.run(own.inside("sh", "-c", f'echo {rule} > "$PGDATA/pg_hba.conf"', changes=True))
    own.execute("SELECT pg_reload_conf();")
    own.shell.run(own.psql("SELECT 1;"))
    assert PASSWORD not in str(own.psql("SELECT 1;"))
    own.execute("ALTER ROLE app PASSWORD 'changed-since';")
    assert "refuses the container's own POSTGRES_PASSWORD" in refusal(own).message


def test_a_database_with_settings_of_its_own(server: Server, make: Make) -> None:
    app = make(server, RICH)
    server.execute(
        f"ALTER DATABASE {app} SET statement_timeout = '1ms'; ALTER DATABASE {app} SET default_transaction_read_only = on;"
        f"ALTER DATABASE {app} SET datestyle = 'German'; ALTER DATABASE {app} SET standard_conforming_strings = off;"
    )
    server.execute("CREATE TABLE more AS SELECT date '2026-02-01' AS day, pg_sleep(0.01)::text AS slept;", app)
    assert server.query(r"SELECT day, 'a\b' FROM more;", app) == [["2026-02-01", "a\\b"]]


def test_the_servers_own_words(server: Server, make: Make) -> None:
    app = make(server)
    with pytest.raises(StepError) as failed:
        server.execute("CREATE TABLE t (a int); INSERT INTO t VALUES ('x'); DROP TABLE t;", app)
    assert failed.value.message.endswith('invalid input syntax for type integer: "x"')
    assert failed.value.hint == f"See: docker logs --tail 50 {server.container}"
    assert "public.t" in server.row_counts(app)  # it stopped at the failure


def test_secrets_are_kept_out_of_errors(server: Server) -> None:
    shell = Shell(redactor=Redactor(["hunter22"]))
    with pytest.raises(StepError) as failed:
        replace(server, shell=shell).execute("SELECT 'hunter22'::int;")
    assert "hunter22" not in failed.value.message + "".join(failed.value.lines)


def test_looking_changes_nothing(server: Server, make: Make) -> None:
    app = make(server, RICH)
    looking = replace(server, shell=server.shell.reading())
    looking.require()
    assert app in looking.databases()
    assert looking.size(app) > 1_000_000
    assert looking.sessions(app) == []
    assert looking.describe(app).owner == "app"
    with pytest.raises(ReadOnlyError):
        looking.execute("SELECT 1;")


def test_write_counters_grow(server: Server, make: Make) -> None:
    app = make(server, "CREATE TABLE t (a int);")
    server.execute(
        "INSERT INTO t VALUES (1), (2), (3); UPDATE t SET a = 9 WHERE a < 3; DELETE FROM t WHERE a = 3;", app
    )
    eventually(lambda: server.write_counters(app)["public.t"] == (3, 2, 1))


LEDGERS = {
    "CREATE TABLE schema_migrations (version text); INSERT INTO schema_migrations VALUES ('2'), ('1');": ["1", "2"],
    "CREATE TABLE schema_migrations (version bigint, dirty bool); INSERT INTO schema_migrations VALUES (7, true);": ["7 (dirty)"],
    """CREATE SCHEMA drizzle; CREATE TABLE drizzle.__drizzle_migrations (id serial, hash text, created_at bigint);
       INSERT INTO drizzle.__drizzle_migrations (hash, created_at) VALUES ('b', 1700), ('a', 1600);""": ["1600", "1700"],
    """CREATE TABLE _prisma_migrations (id text, migration_name text, started_at timestamptz, finished_at timestamptz,
                                        rolled_back_at timestamptz);
       INSERT INTO _prisma_migrations VALUES ('x', 'a', '2026-01-01', '2026-01-01', NULL), ('y', 'b', '2026-01-02', NULL, NULL),
                                             ('z', 'c', '2026-01-02', '2026-01-02', '2026-01-03');""": ["a"],
    "CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('ae1027a6acf');": ["ae1027a6acf"],
    """CREATE TABLE django_migrations (id serial, app text, name text);
       INSERT INTO django_migrations (app, name) VALUES ('auth', '0001_initial');""": ["auth.0001_initial"],
    """CREATE TABLE flyway_schema_history (installed_rank int, version text, description text, success bool);
       INSERT INTO flyway_schema_history VALUES (1, '1', 'i', true), (2, NULL, 'views', true), (3, '2', 'x', false);""": ["1", "views"],
    """CREATE TABLE goose_db_version (id serial, version_id bigint, is_applied bool);
       INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true), (1, true);""": ["1"],
    """CREATE TABLE migrations (id serial, migration text, batch int); INSERT INTO migrations VALUES (1, 'm', 1);""": ["m"],
    """CREATE TABLE migrations (id serial, timestamp bigint, name text); INSERT INTO migrations VALUES (1, 5, 'n');""": ["n"],
    """CREATE TABLE "SequelizeMeta" (name text); INSERT INTO "SequelizeMeta" VALUES ('s.js');""": ["s.js"],
}  # fmt: skip


def test_ledgers(server: Server, make: Make) -> None:
    app = make(server, "CREATE TABLE unrelated (version text); CREATE TABLE migrations (id int, note text);")
    assert server.ledger(app) is None
    for sql, ids in LEDGERS.items():
        fresh = "DROP SCHEMA IF EXISTS own, drizzle CASCADE; CREATE SCHEMA own; SET search_path = own;"
        server.execute(f"{fresh} {sql}", app)
        found = server.ledger(app)
        assert found is not None
        assert (found[0].split(".")[0] in {"own", "drizzle"}, found[1]) == (True, ids)


def test_the_digest_tells_schemas_apart(server: Server, make: Make) -> None:
    one, two = make(server, RICH), make(server, RICH)
    digest = server.schema_digest(one)
    assert digest == server.schema_digest(one) == server.schema_digest(two)
    changes = (
        "ALTER TABLE people ADD COLUMN extra2 int;",
        "CREATE INDEX ON people (mood);",
        "ALTER TABLE people ALTER COLUMN name DROP NOT NULL;",
        "GRANT INSERT ON people TO reporter;",
        "CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;",
    )
    seen = {digest}
    for change in changes:
        server.execute(change, two)
        seen.add(server.schema_digest(two))
    assert len(seen) == len(changes) + 1
    server.execute("INSERT INTO people (name, mood) VALUES ('more', 'good');", one)
    assert server.schema_digest(one) == digest


@pytest.fixture
def published(server: Server) -> str:
    """host:port under which the server is reachable from here."""
    argv = ["docker", "port", server.container, "5432/tcp"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()[0]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_probe(published: str, scheme: str) -> None:
    probe(f"{scheme}://app:{PASSWORD}@{published}/app?schema=public&pool_timeout=3")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://app:{pw}@{at}/app", "does not begin with postgresql://"),
        ("postgresql://app:{pw}x%zz@{at}/app", "cannot be read"),
        ("postgresql://app:{pw}@127.0.0.1:99999999/app", "cannot be read"),
        ("postgresql://app:{pw}@nowhere.invalid:5432/app", "The host of nowhere.invalid:5432 is not known here"),
        ("postgresql://app:{pw}@127.0.0.1:1/app", "Nothing listens on 127.0.0.1:1"),
        ("postgresql://app:{pw}-wrong@{at}/app", "{at} refuses the password of role app"),
        ("postgresql://app@{at}/app", "{at} refuses the password of role app"),
        ("postgresql://ghost:{pw}@{at}/app", "{at} refuses the password of role ghost"),
        ("postgresql://app:{pw}@{at}/ghost", "{at} has no database ghost"),
        ("postgresql://app:{pw}@{at}/app?sslmode=require", "do not agree on encryption"),
    ],
)
def test_probe_says_what_is_wrong(published: str, url: str, message: str) -> None:
    with pytest.raises(RefusedError) as refused:
        probe(url.format(at=published, pw=PASSWORD), timeout=2)
    assert message.format(at=published) in refused.value.message
    assert PASSWORD not in f"{refused.value.message} {refused.value.hint} {refused.value.__cause__}"
    assert refused.value.hint


def test_probe_does_not_wait_for_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(RefusedError, match="did not answer within 2 s"):
        probe(f"postgresql://app:{PASSWORD}@127.0.0.1:{mute.getsockname()[1]}/app", timeout=2)


def test_run_ids_too_long_for_a_session(server: Server) -> None:
    long = replace(server, run=uuid.uuid4().hex * 3)
    assert long.query("SHOW application_name;") == [[long.application]]
    long.end_leftovers()
