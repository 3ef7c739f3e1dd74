"""Moments of several servers that fit each other."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tools.postgres_world import PASSWORD, eventually
from upgrader.errors import RefusedError, StepError
from upgrader.tools.docker_pause import paused
from upgrader.tools.postgres import Server
from upgrader.tools.shell import Shell

pytest_plugins = ["tests.fixtures.postgres"]
pytestmark = pytest.mark.docker
Make = Callable[..., str]

# One row into the first server, then one into the second, and again: a moment that fits shows at most one more there.
WRITER = """
while :; do
  psql -qU app -h 127.0.0.1 -d "$1" -c 'INSERT INTO t VALUES (1)' && psql -qU app -h "$3" -d "$2" -c 'INSERT INTO t VALUES (1)'
done
"""


@contextlib.contextmanager
def writing(first: Server, second: Server, *databases: str) -> Iterator[str]:
    """The name of a container that writes to both."""
    name = f"{first.container}-writer"
    where = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    inspect = ["docker", "inspect", "--format", where, second.container]
    address = subprocess.run(inspect, check=True, capture_output=True, text=True).stdout.strip()
    options = ["--network", f"container:{first.container}", "-e", f"PGPASSWORD={PASSWORD}", "--init"]
    argv = ["docker", "run", "-d", "--name", name, *options, "--entrypoint", "sh", "postgres:17"]
    subprocess.run([*argv, "-c", WRITER, "sh", *databases, address], check=True, capture_output=True)
    try:
        yield name
    finally:
        subprocess.run(["docker", "rm", "-fv", name], check=True, capture_output=True)


def rows(server: Server, database: str) -> int:
    return int(server.query("SELECT count(*) FROM t;", database)[0][0])


def test_snapshots_of_two_servers_while_the_writer_stands_still(
    postgres15: Server, server: Server, make: Make, tmp_path: Path
) -> None:
    table = "CREATE TABLE t (a int);"
    one, two = make(server, table), make(postgres15, table)
    with (
        server.holding(one) as first,
        postgres15.holding(two) as second,
        writing(server, postgres15, one, two) as writer,
    ):
        eventually(lambda: rows(postgres15, two) > 5, 40)
        with paused(Shell(), [writer]):
            assert server.settle()
            assert postgres15.settle()
            moments = first.take(), second.take()
        seen = rows(postgres15, two)
        eventually(lambda: rows(postgres15, two) > seen + 2, 40)  # it writes again
        dumps = [
            server.dump(one, tmp_path / "one.dump", snapshot=moments[0]),
            postgres15.dump(two, tmp_path / "two.dump", snapshot=moments[1]),
        ]
    [a, b] = [dump.rows["public.t"].count for dump in dumps]
    assert a - b in {0, 1}
    assert b > 5
    assert rows(postgres15, two) > b + 2


def test_settling_does_not_wait_for_ever(server: Server, make: Make) -> None:
    app = make(server)
    argv = ["docker", "exec", server.container, "psql", "-U", "app", "-d", app, "-c", "SELECT pg_sleep(30)"]
    busy = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually(lambda: any(one.state == "active" for one in server.sessions(app)))
    assert not server.settle(0.2)
    server.shut_out(app)
    busy.wait(20)
    eventually(server.settle)


def test_a_snapshot_shows_its_moment_alone(server: Server, make: Make) -> None:
    app = make(server, "CREATE TABLE t AS SELECT 1 AS a;")
    with server.snapshot(app) as snapshot:
        server.execute("INSERT INTO t VALUES (2);", app)
        assert snapshot.row_counts()["public.t"].count == 1
        assert snapshot.taken_at.endswith("Z")
    assert rows(server, app) == 2


def test_a_snapshot_whose_session_is_ended(server: Server, make: Make, tmp_path: Path) -> None:
    app = make(server, "CREATE TABLE t AS SELECT 1 AS a;")
    with server.snapshot(app) as snapshot:
        server.shut_out(app)
        server.let_in(app)
        with pytest.raises(StepError, match=f"The session that holds a snapshot of {app} was ended"):
            server.dump(app, tmp_path / "app.dump", snapshot=snapshot)
    assert list(tmp_path.iterdir()) == []


def test_no_such_database(server: Server) -> None:
    with pytest.raises(RefusedError, match="has no database nowhere"), server.snapshot("nowhere"):
        raise AssertionError
