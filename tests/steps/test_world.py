"""What is read of an app whose migrations are Drizzle's, and whose settings stand in an override."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.tools import git_world
from upgrader.model.app import App, MigrationsSpec, Stack
from upgrader.model.run import Run
from upgrader.steps.base import Context, Options
from upgrader.steps.target import objections
from upgrader.steps.world import Scratch, World

pytestmark = pytest.mark.docker

COMPOSE = """\
services:
  migrate: {image: app, restart: "no"}
  api: {image: app, depends_on: {migrate: {condition: service_completed_successfully}}}
"""
FIRST = {
    "compose.yaml": COMPOSE,
    "compose.override.yaml": "services: {api: {environment: {PLACE: shipped}}}\n",
    ".env.example": "PORT=3001\n",
    "db/migrations/0000_notes.sql": "CREATE TABLE notes (id int);",
    "db/migrations/meta/_journal.json": '{"entries": [0]}',
}
ADDED = {"db/migrations/0001_tags.sql": "CREATE TABLE tags (id int);"}
JOURNAL = {"db/migrations/meta/_journal.json": '{"entries": [0, 1]}'}


@pytest.fixture
def git(tmp_path: Path) -> git_world.World:
    made = git_world.build(tmp_path)
    made.commit(FIRST, tag="v2.0.0")
    made.run("fetch", "--quiet", "--tags")
    made.run("checkout", "--quiet", "v2.0.0")
    return made


class Seen(Protocol):
    """What an upgrade to these changes sees."""

    def __call__(self, changes: dict[str, str | bytes | None]) -> Context: ...


@pytest.fixture
def seen(git: git_world.World, tmp_path: Path) -> Iterator[Seen]:
    scratch = Scratch(tmp_path)
    yield lambda changes: planning(git, changes, scratch)
    scratch.close()


def planning(git: git_world.World, changes: dict[str, str | bytes | None], scratch: Scratch) -> Context:
    commit = git.commit(changes, tag="v2.1.0")
    git.run("fetch", "--quiet", "--tags")
    stack = Stack(git.app, "drizzled", files=("compose.yaml", "compose.override.yaml"))
    app = App("drizzled", stack, git.root / "state", migrations=MigrationsSpec("migrate", "db/migrations"))
    origin = {"commit": git.run("rev-parse", "HEAD"), "name": "v2.0.0"}
    options = Options(target={"commit": commit, "name": "v2.1.0", "kind": "tag"}, origin=origin)
    run = Run("plan", "upgrade", "drizzled", str(git.app), "upgrade", "2026-11-20T00:00:00Z")
    return Context(
        app=app,
        run=run,
        options=options,
        shell=git.shell,
        world=World(app, git.shell, run, options, scratch),
        directory=git.root,
        parent=None,
        say=lambda _text: None,
        ask=lambda question: question.default,
        now=lambda: run.started_at,
        planning=True,
    )


def test_the_journal_beside_the_migrations_is_none(seen: Seen) -> None:
    migrations = seen({**ADDED, **JOURNAL}).world.migrations
    assert migrations.files == ("db/migrations/0001_tags.sql",)
    assert migrations.mode == "online", migrations.why


def test_a_migration_that_changed_after_its_release_stops_the_writers(seen: Seen) -> None:
    migrations = seen({"db/migrations/0000_notes.sql": "CREATE TABLE notes (id bigint);"}).world.migrations
    assert (migrations.mode, migrations.why) == (
        "offline",
        "db/migrations/0000_notes.sql was changed after its release",
    )


def test_an_env_file_that_nothing_reads_is_not_missed(seen: Seen) -> None:
    assert seen({".env.example": "PORT=3001\nTOKEN=changeme # REQUIRED\n"}).world.env_plan is None


def test_an_env_file_is_missed_where_compose_would_read_it(seen: Seen) -> None:
    reading = COMPOSE.replace("image: app, depends_on", 'image: app, environment: {TOKEN: "${TOKEN}"}, depends_on')
    plan = seen({".env.example": "PORT=3001\nTOKEN=changeme # REQUIRED\n", "compose.yaml": reading}).world.env_plan
    assert plan is not None
    assert [decision.key for decision in plan.result.blocking] == ["TOKEN"]


def test_an_override_that_upstream_stops_shipping_is_not_lost(seen: Seen) -> None:
    refusal = next(objections(seen({"compose.override.yaml": None})))
    assert refusal.why == "v2.1.0 no longer ships compose.override.yaml, one of the files that the app was started from"
