"""Dumps are restored and migrations rehearsed beside the serving app: what would fail touches nothing."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.scenario import WHOLE, Answer, Client, Operator, changed_app, edited
from tests.fixtures.engine import eventually, sh
from upgrader.demo.host import Installation
from upgrader.demo.remote import add_release
from upgrader.model.manifest import Proved
from upgrader.tools.postgres_throwaway import leftovers
from upgrader.tools.shell import Shell

pytestmark = pytest.mark.docker
TRESPASS = """\
import os, socket, sys
import psycopg
for host in os.environ["LIVE"].split(","):
    try:
        socket.create_connection((host, 5432), timeout=3).close()
        print("reached", host, flush=True)
    except OSError:
        print("nobody at", host, flush=True)
print("db is", psycopg.connect().execute("select inet_server_addr()").fetchone()[0], flush=True)
os.execv(sys.executable, [sys.executable, "migrate.py"])
"""


def left(operator: Operator) -> list[str]:
    return leftovers(Shell(), operator.app.project)


def log_of(operator: Operator, step: str) -> str:
    return (operator.state.directory(operator.last()) / "logs" / f"{step}.log").read_text()


def test_a_migration_that_would_fail_is_refused_and_no_client_notices(app: Installation) -> None:
    """v1.2.0 commits one migration and fails in the next, on the copy: not one request goes without an answer."""
    operator = Operator.at(app, WHOLE)
    rows = app.write(5)
    world = operator.world()
    with Client(app) as client:
        answer = operator.upgrade("v1.2.0", code=5)
    assert client.refused == 0
    assert client.acknowledged
    assert set(rows) | set(client.acknowledged) <= set(app.notes())
    run = operator.last()
    assert (run.outcome, (run.failed_step() or ("",))[0]) == ("rolled-back", "rehearse")
    told = " ".join(answer.err.split())
    assert "migrate exited with status 1 in its rehearsal, on a copy of the data" in told
    assert "duplicate key value violates unique constraint" in told
    assert "v1.0.0 is serving" in told
    assert "upgrader upgrade --to v1.2.0 --no-rehearsal" in told
    assert (named := re.search(r"less (\S+)/\* · ", told))
    assert list(Path(named[1]).iterdir()), "the command that is named shows something"
    assert not run.touched("migrate")
    assert not run.touched("writers.stop")
    now = operator.world()
    for thing in ("files", "head", "branch", "status", "boxes", "schema", "databases"):
        assert now[thing] == world[thing], thing
    assert left(operator) == []

    said = operator.upgrade("v1.4.0")
    assert (app.version(), app.schema()) == ("1.4.0", 8)
    assert "public.notes: seal added, pinned added" in said.err + said.out
    proved_and_rehearsed(operator, said)
    assert set(rows) | set(client.acknowledged) <= set(app.notes())


def proved_and_rehearsed(operator: Operator, said: Answer) -> None:
    run = operator.last()
    facts = run.facts("rehearse")
    (changes,) = facts["changes"].values()
    assert "public.tags: new table" in changes
    assert 0 < facts["seconds"] < run.steps["rehearse"].seconds
    assert "expected downtime: about" in said.out + said.err
    (database,) = operator.point(run).databases
    assert isinstance(database.proved, Proved)
    assert database.proved.how == run.facts("proof")["how"] == "full"
    operator.points.verify(operator.point(run))
    assert left(operator) == []


def test_a_rehearsal_cannot_reach_what_is_live(remote: Path, app: Installation) -> None:
    """Proved by trying: where the real migration gets to, the rehearsed one does not."""
    operator = Operator.at(app, WHOLE)
    (address,) = sh(
        "docker", "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
        operator.boxes()["db"].id,
    ).split()  # fmt: skip
    other = f"{app.project}-db-1"
    compose = changed_app(app, "command: [python, migrate.py]", "command: [python, trespass.py]")
    compose = edited(
        compose,
        "environment: *database\n\n  web:",
        f"environment: {{<<: *database, LIVE: '{address},{other}'}}\n\n  web:",
    )
    add_release(remote, "v1.5.0", {"docker-compose.yml": compose, "trespass.py": TRESPASS}, base="v1.0.0")
    app.write(2)
    operator.upgrade("v1.5.0")
    rehearsed, real = log_of(operator, "rehearse"), log_of(operator, "migrate")
    assert f"reached {address}" in real
    assert f"db is {address}" in real
    assert f"nobody at {address}" in rehearsed
    assert f"nobody at {other}" in rehearsed
    assert "db is " in rehearsed
    assert f"db is {address}" not in rehearsed


def test_a_migration_that_hangs_is_stopped_on_the_copy(remote: Path, app: Installation) -> None:
    add_release(remote, "v1.5.0", {"migrations/0003_long.sql": "select pg_sleep(120);\n"}, base="v1.0.0")
    operator = Operator.at(app, edited(WHOLE, "path: migrations", "path: migrations, timeout: 4s"))
    boxes = operator.boxes()
    answer = operator.upgrade("v1.5.0", code=5)
    assert "migrate took longer than 4.0s in its rehearsal, and was stopped" in " ".join(answer.err.split())
    assert operator.boxes() == boxes
    assert left(operator) == []


def test_what_cannot_be_rehearsed_is_said_and_is_no_obstacle(remote: Path, app: Installation) -> None:
    """A volume of the live stack, a database elsewhere, a disk that fills up, a switch: the upgrade goes on, the rehearsal does not."""
    mounted = "environment: *database\n    volumes: [data:/data]\n\n  web:"
    add_release(
        remote,
        "v1.5.0",
        {"docker-compose.yml": changed_app(app, "environment: *database\n\n  web:", mounted)},
        base="v1.0.0",
    )
    elsewhere = changed_app(app, "command: [python, migrate.py]", "command: ['true']")
    add_release(remote, "v1.5.1", {"docker-compose.yml": elsewhere}, base="v1.0.0")
    rows = "case current_setting('autovacuum') when 'off' then 900000 else 1 end"
    big = f"create table big as select repeat(md5(i::text), 32) from generate_series(1, {rows}) i;\n"
    add_release(remote, "v1.5.2", {"migrations/0003_big.sql": big}, base="v1.0.0")
    add_release(remote, "v1.5.3", {"migrations/0003_big.sql": big}, base="v1.0.0")
    operator = Operator.at(app, WHOLE)
    assert "Rehearse the migrations" in operator("plan", "--to", "v1.5.0").out
    for tag, why in (
        ("v1.5.0", "migrate mounts the volume data"),
        ("v1.5.1", "it never connected to the copy"),
        ("v1.5.2", "the server of the copy could not go on: .*No space left on device"),
        ("v1.5.3", "as asked"),
    ):
        flags = ["--no-rehearsal", "--proof", "read"] if tag == "v1.5.3" else []
        operator.upgrade(tag, *flags)
        assert app.version() == tag.removeprefix("v")
        assert re.match(why, operator.last().facts("rehearse")["why"])
        assert left(operator) == []
    assert operator.last().facts("proof") == {"how": "read", "why": "as asked", "seconds": 0.0}


def test_killed_in_the_midst_of_either_it_goes_on_and_doctor_clears_what_is_left(app: Installation) -> None:
    operator = Operator.at(app, WHOLE)
    app.write(2)
    argv = [sys.executable, "-m", "upgrader", "--playbook", operator.playbook, "upgrade", "--to", "v1.1.0", "--yes"]
    root = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [str(word) for word in argv], cwd=app.path, env={**os.environ, "PYTHONPATH": root},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        eventually(lambda: left(operator), 120)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    looked = operator("doctor", code=3)
    assert "a run that was cut off left upgrader-proof-" in looked.out
    assert "removed upgrader-proof-" in operator("doctor", "--fix", code=None).out
    assert left(operator) == []
    operator("resume", "--output", "plain")
    assert app.version() == "1.1.0"
    assert operator.last().facts("rehearse")["seconds"] > 0
    assert left(operator) == []
