"""The installation that the tests of one module kill their runs on; a test that breaks it costs the next one a new one."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.killer import Moment
from tests.crash.world import World
from upgrader.demo.remote import RELEASES, add_release, build_remote, git

SLOW = "select pg_sleep(2);\ncreate table slow (id int);\n"


class Stage:
    """Keeps one world as long as it is as good as new."""

    def __init__(self, parent: Path) -> None:
        self.parent = parent
        self.remote = parent / "ledgerly.git"
        build_remote(self.remote, upto=RELEASES[-1].tag)
        self.world: World | None = None
        self.courses: dict[str, list[Moment]] = {}
        """Every moment of a run, by the way it was made."""

    def clean(self) -> World:
        if self.world is None:
            name = f"crash-{secrets.token_hex(3)}"
            (self.parent / name).mkdir()
            self.world = World.create(self.remote, self.parent / name, name)
        return self.world

    def slow_release(self) -> str:
        """The tag of a new release whose build and migration take two seconds each; nothing of it is cached."""
        tag = f"v1.1.{100 + len(git('tag', '--list', cwd=self.remote).split())}"
        dockerfile = git("show", "v1.1.0:Dockerfile", cwd=self.remote)
        files = {"migrations/0005_slow.sql": SLOW, "Dockerfile": f"{dockerfile}RUN sleep 2; echo {tag} {self.parent}\n"}
        add_release(self.remote, tag, files, base="v1.1.0")
        return tag

    def strike(self) -> None:
        if self.world is not None:
            self.world.installation.remove()
            self.world = None


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("crash"))
    yield stage
    stage.strike()


@pytest.fixture
def world(stage: Stage) -> Iterator[World]:
    """v1.0.0, serving, as its test has to leave it."""
    world = stage.clean()
    yield world
    try:
        world.assert_good("1.0.0")
    except BaseException:
        stage.strike()
        raise
