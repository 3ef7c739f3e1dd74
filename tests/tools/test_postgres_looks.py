"""Many looks through one psql: as quick as promised, as right as one by one, and gone afterwards."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from upgrader.errors import RefusedError, StepError
from upgrader.tools.conversation import CancelledError
from upgrader.tools.postgres import Looks, Server

pytest_plugins = ["tests.fixtures.postgres"]
pytestmark = pytest.mark.docker


@pytest.fixture
def app(server: Server, make: Callable[..., str]) -> str:
    return make(server)


def _another(server: Server) -> Server:
    """The same server for somebody else, who looks for themselves."""
    return replace(server, run="another", looks=Looks())


def _ours(server: Server) -> int:
    """How many sessions of ours there are, the asking one apart."""
    rows = _another(server).query(
        f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{server.application}';"
    )
    return int(rows[0][0])


def test_looks_share_one_session_across_databases(server: Server, app: str) -> None:
    with server.looks.looking():
        pids = {server.query("SELECT pg_backend_pid();")[0][0] for _ in range(3)}
        assert len(pids) == 1
        assert server.query("SELECT current_database();", app) == [[app]]
        assert server.query("SELECT current_database();") == [["template1"]]
        assert _ours(server) == 1
    assert _ours(server) == 0
    assert server.query("SELECT 1;") == [["1"]]


def test_a_shared_session_answers_as_one_of_its_own(server: Server, app: str) -> None:
    odd = "SELECT E'two\\nlines', NULL, 'a,\"b\"', pg_backend_pid() > 0 -- no semicolon"
    names = "SELECT name, setting FROM pg_settings WHERE source IN ('client', 'session') AND name <> 'application_name' ORDER BY 1;"
    alone = [server.query(odd, app), server.query(names, app), server.query("SELECT 1 WHERE false;", app)]
    with server.looks.looking():
        server.query("SELECT 1;")
        assert [server.query(odd, app), server.query(names, app), server.query("SELECT 1 WHERE false;", app)] == alone


def test_an_error_is_told_as_ever_and_the_next_look_works(server: Server, app: str) -> None:
    with server.looks.looking():
        server.query("SELECT 1;")
        with pytest.raises(StepError, match='relation "nothing" does not exist'):
            server.query("SELECT * FROM nothing;", app)
        assert server.query("SELECT 2;", app) == [["2"]]
        with pytest.raises(RefusedError, match="no database nowhere"):
            server.query("SELECT 1;", "nowhere")
        assert server.query("SELECT 3;", app) == [["3"]]


def test_a_session_that_was_ended_is_replaced(server: Server, app: str) -> None:
    with server.looks.looking():
        (pid,) = server.query("SELECT pg_backend_pid();", app)[0]
        _another(server).query(f"SELECT pg_terminate_backend({pid});")
        assert server.query("SELECT pg_backend_pid() <> " + pid + ";", app) == [["t"]]


def test_a_change_leaves_every_database_first(server: Server, app: str) -> None:
    with server.looks.looking():
        server.query("SELECT 1;", app)
        server.execute(f'CREATE DATABASE looks_copy TEMPLATE "{app}"; DROP DATABASE looks_copy;')
        assert server.query("SELECT 1;", app) == [["1"]]


def test_a_look_can_be_stopped(server: Server, app: str) -> None:
    asked = replace(server, shell=replace(server.shell, tick=lambda: True))
    started = time.monotonic()
    with asked.looks.looking(), pytest.raises(CancelledError):
        asked.query("SELECT pg_sleep(6);", app)
    assert time.monotonic() - started < 5
    deadline = time.monotonic() + 20
    while _ours(server) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _ours(server) == 0, "its session ends with the question that it was asked"


def test_looks_cost_a_round_trip(server: Server) -> None:
    with server.looks.looking():
        server.query("SELECT 1;")
        started = time.monotonic()
        for _ in range(20):
            server.query("SELECT 1;")
        together = time.monotonic() - started
    started = time.monotonic()
    server.query("SELECT 1;")
    alone = time.monotonic() - started
    assert together / 20 < alone / 2


def test_a_container_that_is_gone_is_told(server: Server) -> None:
    gone = replace(server, container="ut-looks-nothing")
    with gone.looks.looking(), pytest.raises(RefusedError, match="There is no container"):
        gone.query("SELECT 1;")
    assert not subprocess.run(["pgrep", "-f", "ut-looks-nothing"], capture_output=True).stdout
