"""Failures heal: every way to fail ends with the old version serving, with its data and every row (R4, R6)."""

import re
import socket
from pathlib import Path

import pytest

from tests.e2e.scenario import PLAYBOOK, Answer, Client, Operator, changed_app, edited
from upgrader.demo.host import Installation
from upgrader.demo.remote import add_release

pytestmark = pytest.mark.docker
HASTY = edited(PLAYBOOK, "timeout: 90s", "timeout: 20s")
"""Health that is given up soon: for releases that fail and take their time for it."""
SCREEN = re.compile(r"What happened .+?\nState now .+?\nData .+?\nNext .+", re.DOTALL)


def failed(operator: Operator, tag: str, step: str) -> Answer:
    """Upgrade to a bad release; it must fail in this step, heal, and say so in four lines."""
    answer = operator.upgrade(tag, code=5)
    run = operator.last()
    assert run.outcome == "rolled-back", answer
    assert (run.failed_step() or ("", None))[0] == step, answer
    back = operator.last("rollback")
    assert (back.of, back.outcome) == (run.id, "done")
    screen = SCREEN.search(answer.err)
    assert screen, answer
    told = " ".join(screen[0].split())
    assert f"the upgrade to {tag} failed in {step}" in told
    assert "State now v1.0.0 is serving" in told
    assert run.id in told, "the next command is there"
    assert operator.one_offs() == []
    return Answer(answer.code, answer.out, told)


def same_world(operator: Operator, world: dict[str, object]) -> None:
    """Nothing but our own records, pins and databases kept aside tells of the attempt."""
    now = operator.world()
    for thing in ("files", "head", "branch", "status", "boxes", "schema"):
        assert now[thing] == world[thing], thing


def test_failure_in_prepare_touches_no_container(remote: Path, app: Installation) -> None:
    """A release that does not build: checkout and env file are back, containers never noticed."""
    color = "APP_GREETING: ${APP_GREETING:-Hello}\n"
    broken = {
        "Dockerfile": "FROM python:3.13-slim\nRUN echo it cannot be built >&2; exit 7\n",
        ".env.example": changed_app(app, "APP_GREETING=Hello\n", "APP_GREETING=Hello\nCOLOR=red\n", ".env.example"),
        "docker-compose.yml": changed_app(app, color, color + "      COLOR: ${COLOR:?}\n"),
    }
    add_release(remote, "v1.5.0", broken, base="v1.0.0")
    operator = Operator.at(app)
    rows = app.write(3)
    world = operator.world()
    with Client(app) as client:
        told = failed(operator, "v1.5.0", "compose.build")
    assert set(rows) | set(client.acknowledged) <= set(app.notes())
    same_world(operator, world)
    assert operator.databases() == world["databases"]
    assert operator.images() != world["images"], "the pins stay, with the restore point"
    log = operator.state.directory(operator.last()) / "logs" / "compose.build.log"
    assert "it cannot be built" in log.read_text()
    assert "COLOR" in operator.last().facts("env.reconcile")["appended"]
    assert "nothing in the database had changed" in told.err
    assert "none was finished by upgrader" in operator("rollback", "--yes", code=4).err

    operator.upgrade("v1.4.0")
    assert (app.version(), app.schema()) == ("1.4.0", 8)
    assert set(rows) <= set(app.notes())


def test_migration_that_fails_at_once_touches_nothing_r4(remote: Path, app: Installation) -> None:
    """R4: the first migration fails: no new code started, no container was touched, the data never moved."""
    add_release(remote, "v1.5.0", {"migrations/0003_clash.sql": "create table notes (id int);\n"}, base="v1.0.0")
    operator = Operator.at(app)
    app.write(2)
    world = operator.world()
    failed(operator, "v1.5.0", "migrate")
    same_world(operator, world)
    assert operator.databases() == world["databases"]
    assert operator.table("notes") == world["notes"]
    logs = operator.state.directory(operator.last("rollback")) / "logs"
    assert any('relation "notes" already exists' in path.read_text() for path in logs.glob("*migrate*.log"))


def test_offline_migration_that_fails_midway_r4_r6(remote: Path, app: Installation) -> None:
    """R4, R6: v1.2.0 commits one migration and fails in the next: schema and rows are those of before."""
    operator = Operator.at(app)
    rows = app.write(5)
    schema, authors = operator.schema(), operator.table("authors")
    files, db = operator.files(), operator.boxes()["db"]
    with Client(app) as client:
        told = failed(operator, "v1.2.0", "migrate")
    assert (app.version(), app.schema(), operator.schema()) == ("1.0.0", 2, schema)
    assert operator.table("authors") == authors
    assert set(rows) | set(client.acknowledged) <= set(app.notes())
    assert client.acknowledged
    assert (operator.files(), operator.boxes()["db"]) == (files, db)

    (aside,) = [name for name in operator.databases() if name != "ledgerly"]
    assert aside in told.err, "the failed version's database is named"
    assert operator.sql("select first_name from authors order by id", aside) == ["Ada", "Ralph", "Grace"]
    logs = operator.state.directory(operator.last("rollback")) / "logs"
    assert str(logs) in told.err.replace(" ", ""), told
    assert any("duplicate key value" in path.read_text() for path in logs.iterdir())

    operator.upgrade("v1.4.0")
    assert (app.version(), app.schema()) == ("1.4.0", 8)
    assert set(rows) | set(client.acknowledged) <= set(app.notes())


def test_rows_changed_by_a_failed_migration_come_back_r4_r6(remote: Path, app: Installation) -> None:
    """R4, R6: it commits an update and fails, and neither the schema nor the ledger tells of it."""
    gone = "begin;\nupdate notes set body = 'gone';\ncommit;\ninsert into nowhere values (1);\n"
    add_release(remote, "v1.5.0", {"migrations/0003_gone.sql": gone}, base="v1.0.0")
    operator = Operator.at(app)
    app.write(3)
    notes = operator.table("notes")
    told = failed(operator, "v1.5.0", "migrate")
    assert operator.table("notes") == notes
    (aside,) = [name for name in operator.databases() if name != "ledgerly"]
    assert aside in told.err
    assert set(operator.sql("select body from notes", aside)) == {"gone"}, "the migration did commit"


def test_additive_migration_that_fails_midway_loses_no_row(remote: Path, app: Installation) -> None:
    """R4, R6: the old version went on serving, so its clients' rows of that time must be carried into the old schema."""
    changes = {
        "migrations/0003_more.sql": "alter table notes add column mood text;\ncreate table moods (mood text);\n",
        "migrations/0004_clash.sql": "select pg_sleep(3);\ncreate table notes (id int);\n",
    }
    add_release(remote, "v1.5.0", changes, base="v1.0.0")
    operator = Operator.at(app)
    rows = app.write(5)
    schema = operator.schema()
    with Client(app) as client:
        told = failed(operator, "v1.5.0", "migrate")
    written = set(rows) | set(client.acknowledged)
    notes = app.notes()
    assert written <= set(notes), f"{len(written - set(notes))} of {len(written)} acknowledged rows are gone"
    assert len(notes) == len(set(notes)), "no row is there twice"
    assert operator.schema() == schema
    assert app.schema() == 2
    assert "every row written meanwhile carried over" in told.err
    assert app.write(1)[0] in app.notes(), "identities go on where they stood"


def test_additive_release_that_is_never_healthy_loses_no_row(remote: Path, app: Installation) -> None:
    """R4, R6: rows that the unhealthy version acknowledged are kept as well."""
    changes = {
        "migrations/0003_moods.sql": "create table moods (note_id bigint references notes, mood text);\n",
        "queries/health.sql": "select count(*) from search_index\n",
    }
    add_release(remote, "v1.5.0", changes, base="v1.0.0")
    operator = Operator.at(app, HASTY)
    rows = app.write(5)
    schema = operator.schema()
    with Client(app) as client:
        told = failed(operator, "v1.5.0", "health")
    written, notes = set(rows) | set(client.acknowledged), app.notes()
    assert written <= set(notes), f"{len(written - set(notes))} of {len(written)} acknowledged rows are gone"
    assert len(notes) == len(set(notes))
    assert (operator.schema(), app.version(), app.health()) == (schema, "1.0.0", True)
    assert "carried over" in told.err
    logs = operator.state.directory(operator.last("rollback")) / "logs"
    assert any("search_index" in path.read_text() for path in logs.glob("*web*.log")), (
        "the failed version's logs are kept"
    )


def test_releases_that_do_not_start_heal_one_after_the_other(remote: Path, app: Installation) -> None:
    """Never healthy, another version than promised, a crash loop, a port that is taken: then a good release works."""
    crash = changed_app(app, "[python, worker.py]", "[python, -c, 'raise SystemExit(3)']")
    add_release(remote, "v1.5.0", {"VERSION": "1.4.9\n"}, base="v1.0.0")
    add_release(remote, "v1.5.1", {"docker-compose.yml": crash}, base="v1.0.0")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        clash = changed_app(
            app, "  worker:\n    <<: *app\n", f'  worker:\n    <<: *app\n    ports: ["127.0.0.1:{port}:9"]\n'
        )
        add_release(remote, "v1.5.2", {"docker-compose.yml": clash}, base="v1.0.0")
        add_release(remote, "v1.5.3", {}, base="v1.4.0")
        operator = Operator.at(app, HASTY)
        rows = app.write(4)
        schema, db = operator.schema(), operator.boxes()["db"]
        for tag, step, why in (
            ("v1.3.0", "health", "web is unhealthy"),
            ("v1.5.0", "health", "says version 1.4.9, not v1.5.0"),
            ("v1.5.1", "health", "worker is restarting"),
            ("v1.5.2", "compose.up", "port is already allocated|address already in use"),
        ):
            told = failed(operator, tag, step)
            state = operator.last().steps[step]
            assert re.search(why, f"{state.why} {state.lines}"), (told, state)
            assert (app.version(), app.health(), operator.schema()) == ("1.0.0", True, schema)
            assert set(rows) <= set(app.notes())
            assert operator.boxes()["db"] == db
            assert {box.state for name, box in operator.boxes().items() if name != "migrate"} == {"running"}
            rows += app.write(1)
    operator.upgrade("v1.5.3")
    assert (app.version(), app.schema()) == ("1.5.3", 8)
    assert set(rows) <= set(app.notes())
