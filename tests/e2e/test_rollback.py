"""The way back: to any version that was left, with its data, and back again (R6)."""

import re
from pathlib import Path

import pytest

from tests.e2e.scenario import Operator, changed_app
from tests.fixtures.engine import sh
from upgrader.demo.host import GREETING, Installation
from upgrader.demo.remote import APP, add_release

pytestmark = pytest.mark.docker
EXTRA = """
  mailer:
    image: python:3.13-slim
    init: true
    command: [sleep, infinity]

volumes:
  data:
"""
WORKER = """\
  worker:
    <<: *app
    command: [python, worker.py]
    environment: *database
"""


def test_rollback_through_two_versions_and_back_r6(app: Installation) -> None:
    """R6: code, schema, data, settings and checkout of one moment; --undo returns, and its undo goes back again."""
    operator = Operator.at(app)
    first, schema, db = app.write(3), operator.schema(), operator.boxes()["db"]
    env, images = app.env_file.read_bytes(), {name: box.image for name, box in operator.boxes().items()}
    operator.upgrade("v1.1.0")
    second, secret = app.write(4), operator.env()["WORKFLOW_SECRET_KEY"]
    operator.upgrade("v1.4.0")
    third, newest = app.write(5), operator.schema()
    operator.sql("insert into tags select id, 'kept' from notes")

    asked = operator("rollback", "--to", "v1.0.0", "--yes", "--output", "plain", code=4)
    assert "--accept-data-loss" in asked.err, "nobody is there to ask: the flag is named"
    assert lost(asked.err) == {
        "ledgerly.public.notes": ("9 inserted since", "12 now, 3 then"),
        "ledgerly.public.tags": ("12 inserted since", "12 now, 0 then"),
    }
    assert app.version() == "1.4.0"

    operator.rollback("--to", "v1.0.0")
    assert (app.version(), app.schema(), operator.schema(), app.greeting()) == ("1.0.0", 2, schema, GREETING)
    assert app.notes() == first
    assert (app.env_file.read_bytes(), operator.boxes()["db"]) == (env, db)
    assert {name: box.image for name, box in operator.boxes().items()} == images, "the very images, not built again"
    assert operator.git("describe", "--tags") == "v1.0.0"
    assert operator.git("status", "--porcelain") == ""
    newer = app.write(1)

    back = operator("rollback", "--undo", "--yes", "--accept-data-loss", "--output", "plain")
    assert lost(back.err) == {"ledgerly.public.notes": ("1 inserted since", "4 now, 3 then")}, (
        "what comes back is no loss"
    )
    assert (app.version(), app.schema(), operator.schema()) == ("1.4.0", 8, newest)
    assert app.notes() == first + second + third
    assert operator.sql("select count(*) from tags") == ["12"]
    assert operator.env()["WORKFLOW_SECRET_KEY"] == secret, "what was sealed under it stays readable"
    assert operator.git("describe", "--tags") == "v1.4.0"

    operator.rollback("--undo")
    assert (app.version(), app.notes(), operator.schema()) == ("1.0.0", first + newer, schema)

    world, runs = operator.world(), operator.runs()
    again = operator.rollback("--to", "v1.0.0")
    assert "Nothing to do" in again.err
    assert (operator.world(), operator.runs()) == (world, runs)


def lost(text: str) -> dict[str, tuple[str, str]]:
    """Table → what was done to it, and how many rows there are and were, of the plan's section about losses.

    The worker's heartbeats are left out: there is always one more of them.
    """
    section = text.split("Lost by going back\n")[1].split("\n\n", maxsplit=1)[0]
    rows = [re.split(r" {2,}", line.strip()) for line in section.splitlines()]
    return {table: (what, counts) for table, what, counts in rows if table != "ledgerly.public.heartbeats"}


def test_rollback_with_the_same_schema_loses_nothing(remote: Path, app: Installation) -> None:
    """Where no migration came between, the data is not touched, and nothing is said to be lost; --data restore still restores."""
    add_release(remote, "v1.0.9", {}, base="v1.0.0")
    add_release(remote, "v1.1.9", {}, base="v1.1.0")
    operator = Operator.at(app)
    first = app.write(2)
    operator.upgrade("v1.0.9")
    second = app.write(3)
    for words, told in (
        (["--undo"], "no rollback to undo"),
        (["--to", "v0.9.0"], "there is no restore point of v0.9.0; there is one of v1.0.0"),
        (["--run", "zzzz"], "no run of this app"),
    ):
        assert told in operator("rollback", "--yes", *words, code=4).err

    done = operator("rollback", "--yes", "--output", "plain")
    assert "Lost by going back" not in done.err
    assert (app.version(), app.notes()) == ("1.0.0", first + second)
    assert operator.databases() == ["ledgerly"]

    operator.upgrade("v1.0.9")
    third = app.write(1)
    left = operator.last()
    operator.upgrade("v1.1.9")
    app.write(1)
    operator.rollback("--run", left.id, "--data", "restore")
    assert (app.version(), app.notes()) == ("1.0.0", first + second), "the data of the moment that this run left"
    assert third[0] in operator.sql(f"select body from notes where body = '{third[0]}'", aside(operator))


def aside(operator: Operator) -> str:
    """The database that the last rollback kept."""
    name = str(operator.last("rollback").facts("database.swap")["aside"]["app"])
    assert name in operator.databases()
    return name


def test_rollback_of_a_damaged_installation(remote: Path, app: Installation) -> None:
    """A service that only the new version has, an edited env file, a web container that is gone, rows to keep."""
    compose = changed_app(app, "\nvolumes:\n  data:\n", EXTRA, at="v1.1.0")
    add_release(remote, "v1.1.5", {"docker-compose.yml": compose}, base="v1.1.0")
    operator = Operator.at(app)
    first, schema = app.write(3), operator.schema()
    operator.upgrade("v1.1.5")
    second = app.write(4)
    app.add_setting("MINE", "added-later")
    env = app.env_file.read_bytes()
    sh("docker", "rm", "-f", operator.boxes()["web"].id)

    kept = operator("rollback", "--data", "keep", "--yes", "--output", "plain")
    assert "Lost by going back" not in kept.err
    assert (app.version(), app.health(), operator.schema()) == ("1.0.0", True, schema)
    assert app.notes() == first + second
    assert app.env_file.read_bytes() == env, "edited since: it stays as it is"
    assert operator.boxes()["mailer"].state == "exited"
    assert {"web", "worker", "db"} == set(operator.serving())


OURS = {"web", "worker", "migrate"}


def prune(operator: Operator) -> None:
    """Remove the images that the last upgrade has pinned, pins and all."""
    for service in OURS:
        pin = operator.last().facts("backup")["pins"][service]
        sh("docker", "rmi", "-f", sh("docker", "image", "inspect", "-f", "{{.Id}}", pin))


def test_rollback_builds_what_was_pruned(app: Installation) -> None:
    """Without its pins, the old version is built while the new one serves; the plan says so."""
    operator = Operator.at(app)
    first = app.write(2)
    operator.upgrade("v1.1.0")
    app.write(1)
    prune(operator)
    asked = operator("rollback", "--output", "plain", code=4)
    told = " ".join(asked.err.split())
    for service in OURS:
        assert re.search(rf"{service} sha256:\w+ → {app.project}-{service} build", told)
    assert "worker (another image)" in told
    operator.rollback()
    assert (app.version(), app.schema(), app.notes(), app.health()) == ("1.0.0", 2, first, True)
    back = operator.last("rollback")
    assert set(back.facts("images.rebuild")["rebuilt"]) == OURS
    assert back.facts("images.restore")["rebuilt"] == []
    assert list(back.steps).index("images.rebuild") < list(back.steps).index("writers.stop")


def test_rollback_builds_in_the_checkout_what_needs_its_untracked_files(remote: Path, app: Installation) -> None:
    """A tree from git lacks what only this machine has: then the build waits for the checkout."""
    dockerfile = (APP / "base" / "Dockerfile").read_text().replace("COPY . .", "COPY . .\nRUN test -f local.conf")
    add_release(remote, "v1.1.7", {"Dockerfile": dockerfile, "NOTE": "7\n"}, base="v1.0.0")
    add_release(remote, "v1.1.8", {"Dockerfile": dockerfile, "NOTE": "8\n"}, base="v1.1.7")
    (app.path / "local.conf").write_text("here\n")
    (app.path / ".git" / "info" / "exclude").write_text("local.conf\n")
    operator = Operator.at(app)
    operator.upgrade("v1.1.7")
    operator.upgrade("v1.1.8")
    first = app.write(2)
    prune(operator)
    operator.rollback()
    back = operator.last("rollback")
    assert (back.facts("images.rebuild")["rebuilt"], set(back.facts("images.restore")["rebuilt"])) == ([], OURS)
    assert operator.git("describe", "--tags") == "v1.1.7"
    assert (app.notes(), app.health()) == (first, True)


def test_rollback_from_a_run_that_healed(remote: Path, app: Installation) -> None:
    """Its restore point is as good as any: --data restore sets today's rows aside for those of that moment."""
    add_release(remote, "v1.0.5", {"migrations/0003_clash.sql": "create table notes (id int);\n"}, base="v1.0.0")
    operator = Operator.at(app)
    first, schema = app.write(2), operator.schema()
    operator.upgrade("v1.0.5", code=5)
    healed, second = operator.last(), app.write(3)
    kept = operator("rollback", "--run", healed.id, "--yes", "--output", "plain")
    assert "Nothing to do" in kept.err, "it went back by itself"
    assert app.notes() == first + second

    words = ("rollback", "--run", healed.id, "--data", "restore", "--yes", "--output", "plain")
    asked = operator(*words, code=4)
    assert "--accept-data-loss" in asked.err
    assert lost(asked.err) == {"ledgerly.public.notes": ("3 inserted since", "5 now, 2 then")}
    boxes = operator.boxes()
    operator(*words, "--accept-data-loss")
    back = operator.last("rollback")
    assert (back.of, back.outcome) == (healed.id, "done")
    assert (app.version(), app.notes(), operator.schema()) == ("1.0.0", first, schema)
    assert operator.boxes()["db"] == boxes["db"]
    assert operator.sql("select count(*) from notes", aside(operator)) == ["5"]

    operator.rollback("--undo")
    assert (app.version(), app.notes()) == ("1.0.0", first + second)


def test_rollback_to_a_service_that_the_new_version_dropped(remote: Path, app: Installation) -> None:
    """It keeps no data, so nothing speaks against it: left running by the upgrade, and back in its place afterwards."""
    compose = changed_app(app, "\n\n" + WORKER, "\n")
    add_release(remote, "v1.0.5", {"docker-compose.yml": compose}, base="v1.0.0")
    operator = Operator.at(app)
    notes, worker = app.write(2), operator.boxes()["worker"]
    plan = operator("plan", "--to", "v1.0.5", "--output", "json").json
    assert (plan["orphans"], plan["recreate"].get("worker")) == (["worker"], None)
    operator.upgrade("v1.0.5")
    assert operator.last().outcome == "done"
    assert (app.version(), operator.boxes()["worker"]) == ("1.0.5", worker)
    sh("docker", "rm", "-f", worker.id)  # as the operator would, one day

    operator.rollback()
    assert (app.version(), app.notes()) == ("1.0.0", notes)
    again = operator.boxes()["worker"]
    assert (again.state, again.image) == ("running", worker.image)


def test_rollback_with_nothing_to_go_back_to(serving: Installation) -> None:
    """No run was ever made here: refused, whatever is asked for."""
    operator = Operator.at(serving)
    world = operator.world()
    for words in ([], ["--undo"], ["--to", "v0.9.0"], ["--run", "2026"]):
        refused = operator("rollback", "--yes", *words, code=4)
        assert "upgrader has no records of" in refused.err
        assert "→ upgrader -C" in refused.err
    assert operator.world() == world
