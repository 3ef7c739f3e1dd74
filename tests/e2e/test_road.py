"""The main road: one release to the next, seen from outside, against R1 to R5 and R7."""

import json
import os
import re
from pathlib import Path

import pytest

from tests.e2e.scenario import WHOLE, Client, Operator, changed_app
from tests.fixtures.engine import sh
from tests.fixtures.stack import Install
from upgrader.demo.host import GREETING, Installation
from upgrader.demo.poller import Poller
from upgrader.demo.remote import add_release, git

pytestmark = pytest.mark.docker
SLOW = {"migrations/0003_note_seals.sql": "alter table notes add column seal text;\nselect pg_sleep(4);\n"}


def test_upgrade_r1_r2_r3_r5(remote: Path, app: Installation) -> None:
    """R1: a whole restore point first; R2: the new version serves; R3: the override is untouched; R5: twice is once."""
    add_release(remote, "v1.1.1", SLOW, base="v1.1.0")
    operator = Operator.at(app, WHOLE)
    rows = app.write(7)
    env, override = app.env_file.read_bytes(), (app.path / "docker-compose.override.yml").read_bytes()
    before, notes, schema = operator.boxes(), operator.table("notes"), operator.schema()
    commit = operator.git("rev-parse", "HEAD")

    with Poller(app.port) as poller, Client(app) as client:
        told = operator.upgrade("v1.1.1")

    assert not re.search(r"(?<![:\w])[0-9a-f]{40,64}$", told.out + told.err, re.MULTILINE), "ids are for programs"
    run, after = operator.last(), operator.boxes()
    assert (run.outcome, app.version(), app.schema(), app.greeting()) == ("done", "1.1.1", 4, GREETING)
    assert set(rows) | set(client.acknowledged) <= set(app.notes())
    # the old version served while images were built and for the four seconds of the migration
    assert run.steps["migrate"].seconds > 4
    assert poller.downtime().longest < run.steps["compose.up"].seconds + run.steps["health"].seconds
    assert after["db"] == before["db"]
    assert {after[name].id for name in ("web", "worker")}.isdisjoint(box.id for box in before.values())
    assert operator.git("rev-parse", "HEAD") == operator.git("rev-parse", "v1.1.1^{commit}")
    assert operator.git("branch", "--show-current") == operator.git("status", "--porcelain") == ""
    assert operator.one_offs() == []

    assert (app.path / "docker-compose.override.yml").read_bytes() == override
    assert app.env_file.read_bytes().startswith(env)
    assert len(bytes.fromhex(operator.env()["WORKFLOW_SECRET_KEY"])) == 32
    assert operator.env()["PAGE_SIZE"] == "50"
    assert app.env_file.stat().st_mode & 0o777 == 0o600
    restore_point_is_whole(operator, commit, env, override, {name: box.image for name, box in before.items()})
    dump_holds(operator, notes, schema)

    world, runs = operator.world(), operator.runs()
    again = operator.upgrade("v1.1.1")
    assert "Nothing to do" in again.err
    assert operator.world() == world
    assert operator.runs() == runs, "a run that does nothing is no run"


def restore_point_is_whole(
    operator: Operator, commit: str, env: bytes, override: bytes, images: dict[str, str]
) -> None:
    """The records hold everything that a way back needs, and nobody else can read them."""
    run = operator.last()
    point = operator.point(run)
    operator.points.verify(point)
    root = operator.points.path(point.id)
    files = {file.origin: (root / file.path).read_bytes() for file in point.files}
    assert (files[".env"], files["docker-compose.override.yml"]) == (env, override)
    assert (point.commit, point.branch, point.version, point.patch) == (commit, None, "v1.0.0", None)
    assert set(point.running) == {"db", "web", "worker"}
    assert {pin.service: pin.image_id for pin in point.pins} == images, "pinned by what the containers ran"
    for pin in point.pins:
        assert sh("docker", "image", "inspect", "--format", "{{.Id}}", pin.tag) == pin.image_id
    assert point.model is not None
    assert set(json.loads((root / point.model.path).read_text())["services"]) == {"db", "migrate", "web", "worker"}
    for directory, _, names in os.walk(operator.state.home):
        assert os.stat(directory).st_mode & 0o77 == 0, directory
        for name in names:
            assert os.stat(os.path.join(directory, name)).st_mode & 0o77 == 0, name
    secret = operator.env()["POSTGRES_PASSWORD"], operator.env()["WORKFLOW_SECRET_KEY"]
    for path in (operator.state.directory(run)).rglob("*"):
        if path.is_file():
            assert not any(word in path.read_text(errors="replace") for word in secret), path


def dump_holds(operator: Operator, notes: list[str], schema: str) -> None:
    """Restored by hand with Postgres' own program, the dump is the database that it was taken of."""
    point = operator.point(operator.last())
    (saved,) = point.databases
    box = operator.boxes()["db"].id
    archive = operator.points.path(point.id) / saved.archive
    sh("docker", "exec", box, "createdb", "-U", "ledgerly", "by_hand")
    sh("docker", "cp", str(archive), f"{box}:/tmp/by_hand.dump")
    sh("docker", "exec", box, "pg_restore", "-U", "ledgerly", "-d", "by_hand", "--exit-on-error", "/tmp/by_hand.dump")
    assert set(notes) <= set(operator.table("notes", "by_hand"))
    assert operator.schema("by_hand") == schema
    counted = {f"public.{t}": len(operator.table(t, "by_hand")) for t in ("notes", "authors", "schema_migrations")}
    assert saved.rows.items() >= counted.items()
    sh("docker", "exec", box, "dropdb", "-U", "ledgerly", "by_hand")


def test_upgrade_by_tag_branch_and_commit(remote: Path, install: Install) -> None:
    """R2: a tag leaves the branch, a branch moves it, a commit is taken as it is; without a name it is the newest release."""
    app = install(branch="main")
    app.start()
    operator = Operator.at(app)
    first = operator.git("rev-parse", "main")

    operator.upgrade("v1.1.0")
    assert (operator.git("branch", "--show-current"), operator.git("rev-parse", "main")) == ("", first)

    operator.rollback()
    assert (operator.git("branch", "--show-current"), operator.git("rev-parse", "HEAD")) == ("main", first)
    assert app.version() == "1.0.0"

    commit = git("rev-parse", "v1.1.0^{commit}", cwd=remote).strip()
    add_release(remote, "v1.5.0", {"queries/health.sql": "select 1 as well\n"}, base="v1.4.0")
    operator.upgrade("main")
    assert operator.git("branch", "--show-current") == "main"
    assert operator.git("rev-parse", "main") == git("rev-parse", "main", cwd=remote).strip() != commit
    assert app.version() == "1.5.0"
    assert operator.git("status", "--porcelain", "--branch").startswith("## main...origin/main")

    refused = operator.upgrade(commit[:10], code=4)
    assert "older" in refused.err

    add_release(remote, "v1.6.0", {}, base="v1.4.0")
    newest = git("rev-parse", "v1.6.0^{commit}", cwd=remote).strip()
    operator.upgrade(newest)
    assert (operator.git("branch", "--show-current"), operator.git("rev-parse", "HEAD")) == ("", newest)
    assert operator.upgrade().err.count("Nothing to do") == 1, "the newest release is there already"

    boxes = operator.boxes()
    rebuilt = operator.upgrade("", "--rebuild")
    assert operator.last().outcome == "done", rebuilt
    assert operator.last().steps["compose.build"].state == "finished"
    assert operator.boxes()["db"] == boxes["db"]


EXTRAS = """
  edge:
    image: python:3.13-slim
    init: true
    command: [python, -c, "import time; print(open('/edge.conf').read(), flush=True); time.sleep(1e9)"]
    environment: {COLOR: one}
    volumes: ["./conf/edge.conf:/edge.conf:ro"]

  side:
    image: python:3.13-slim
    init: true
    command: [sleep, infinity]
    environment: {HERE: always}

  prepare:
    image: python:3.13-slim
    command: ["true"]
    restart: "no"

volumes:
"""
LAST = "    environment: *database\n\nvolumes:\n"
PAIR = LAST.replace("\nvolumes:\n", EXTRAS)


def test_only_changed_services_are_swapped(remote: Path, install: Install) -> None:
    """R2: a mounted file, an env value, one service's settings, its image, a new and a removed service: each by itself."""
    add_release(remote, "v1.0.1", {"conf/edge.conf": "one\n", "docker-compose.yml": with_extras(remote)}, base="v1.0.0")
    add_release(remote, "v1.0.2", {"conf/edge.conf": "two\n"}, base="v1.0.1")
    example = git("show", "v1.0.0:.env.example", cwd=remote) + "\n# What side is on\nSIDE=left\n"
    fresh = EXTRAS.replace("HERE: always", 'HERE: always, SIDE: "${SIDE:?say where it is}"').replace(
        "  prepare:",
        "  fresh:\n    image: python:3.13-slim\n    init: true\n    command: [sleep, infinity]\n\n  prepare:",
    )
    add_release(
        remote, "v1.0.3", {".env.example": example, "docker-compose.yml": with_extras(remote, fresh)}, base="v1.0.2"
    )
    moved = fresh.replace("COLOR: one", "COLOR: two").replace('["true"]', '[python, -c, "print(6*7)"]')
    moved = moved.replace("side:\n    image: python:3.13-slim", "side:\n    image: postgres:15")
    add_release(remote, "v1.0.4", {"docker-compose.yml": with_extras(remote, moved)}, base="v1.0.3")
    gone = moved.replace(moved[moved.index("  fresh:") : moved.index("  prepare:")], "")
    add_release(remote, "v1.0.5", {"docker-compose.yml": with_extras(remote, gone)}, base="v1.0.4")
    app = install(tag="v1.0.1")
    app.start()
    operator = Operator.at(app)

    assert swapped(operator, "v1.0.2") == {"edge"}
    assert sh("docker", "exec", operator.boxes()["edge"].id, "cat", "/edge.conf") == "two"

    assert swapped(operator, "v1.0.3") == {"side", "fresh"}
    assert operator.env()["SIDE"] == "left"
    assert sh("docker", "exec", operator.boxes()["side"].id, "printenv", "SIDE") == "left"

    assert swapped(operator, "v1.0.4") == {"edge", "side", "prepare"}
    assert sh("docker", "logs", operator.boxes()["prepare"].id) == "42"
    assert operator.boxes()["side"].image == sh("docker", "image", "inspect", "-f", "{{.Id}}", "postgres:15")

    plan = operator("plan", "--to", "v1.0.5", "--output", "json").json
    assert plan["orphans"] == ["fresh"]
    assert swapped(operator, "v1.0.5") == set()
    assert operator.boxes()["fresh"].state == "running"


def with_extras(remote: Path, extras: str = EXTRAS) -> str:
    """v1.0.0's Compose file with services that are not built, so that a new VERSION is nothing to them."""
    text = git("show", "v1.0.0:docker-compose.yml", cwd=remote)
    assert text.endswith(LAST.removeprefix("    environment: *database\n") + "  data:\n")
    return text.replace("\nvolumes:\n", extras)


def swapped(operator: Operator, tag: str) -> set[str]:
    """Upgrade, and return which of the services beside web and worker (which every release builds anew) got a new container."""
    before = operator.boxes()
    operator.upgrade(tag)
    after = operator.boxes()
    assert operator.app.version() == tag.removeprefix("v")
    assert before["web"].id != after["web"].id
    return {name for name in after if before.get(name) != after[name]} - {"web", "worker", "migrate"}


def test_migrate_that_pushes_a_schema_is_refused_r7(remote: Path, app: Installation) -> None:
    """R7: such a command is named, and nothing changes."""
    package = '{"scripts": {"db:up": "npm run db:sync", "db:sync": "drizzle-kit push --force"}}\n'
    push = changed_app(app, "command: [python, migrate.py]", "command: [npm, run, 'db:up']")
    add_release(remote, "v1.5.0", {"docker-compose.yml": push, "package.json": package}, base="v1.0.0")
    operator = Operator.at(app)
    world = operator.world()
    refused = operator.upgrade("v1.5.0", code=4)
    assert "drizzle-kit push" in refused.err
    assert "package.json" in refused.err
    now = operator.world()
    assert {**now, "refs": []} == {**world, "refs": []}
    assert operator.runs() == []
