"""A checkout of another user's: git runs as that user, or says whose the files become."""

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools.git_world import World, build
from upgrader.tools.git import Git
from upgrader.tools.shell import Shell

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
NOBODY = pwd.getpwnam("nobody")
UNNAMED = 54321


@pytest.fixture
def world() -> Iterator[World]:
    """Where other users can get at it, which pytest's directories do not allow."""
    root = Path(tempfile.mkdtemp(prefix="upgrader-tests-"))
    world = build(root)
    root.chmod(0o755)
    yield world
    shutil.rmtree(root)


def give(place: Path, uid: int) -> None:
    for path in (place, *place.rglob("*")):
        os.chown(path, uid, uid, follow_symlinks=False)


def owners(place: Path) -> set[int]:
    return {path.lstat().st_uid for path in (place, *place.rglob("*"))}


def git_of(world: World) -> Git:
    # the operator's own configuration lies in root's home, not in the owner's: safe.directory has to come from us
    return Git(Shell(environ={**world.environ, "HOME": str(world.root)}), world.app)


@pytest.mark.parametrize("uid", [NOBODY.pw_uid, UNNAMED])
def test_the_owner_stays_the_owner(world: World, uid: int, tmp_path: Path) -> None:
    """With the patch in a directory that the owner cannot enter, as our run directories are."""
    for place in (world.app, world.remote):
        give(place, uid)
    git = git_of(world)
    assert git.owner_note() is None
    git.require()
    git.fetch()
    target = git.resolve("v1.1.0")
    world.write("other.txt", "mine\n")
    os.chown(world.app / "other.txt", uid, uid)
    assert [edit.path for edit in git.local_edits()] == ["other.txt"]
    patch = tmp_path / "local.patch"
    patch.write_bytes(git.local_patch())
    git.export(target.commit, tmp_path / "export")
    assert (tmp_path / "export/app.txt").read_text().endswith("line 21\n")
    git.discard_edits(["other.txt"])
    git.checkout(target.commit, "main")
    assert git.apply_patch(patch) == []
    assert git.preflight_target(target.commit) == []
    assert (git.head(), world.text("other.txt")) == (target.commit, "mine\n")
    assert owners(world.app) == {uid}
    assert git.by_hand("status").startswith("sudo -u ")


def test_a_checkout_of_mixed_owners_works_with_a_note(world: World) -> None:
    give(world.app, NOBODY.pw_uid)
    os.chown(world.app / ".git/objects", 0, 0)
    git = git_of(world)
    git.require()
    git.fetch()
    git.checkout(git.resolve("v1.1.0").commit)
    note = git.owner_note()
    assert note
    assert "belongs to nobody, but git runs as root" in note
    assert f"chown -R {NOBODY.pw_uid}:" in note


def test_a_place_that_the_owner_cannot_reach_works_with_a_note(world: World) -> None:
    give(world.app, NOBODY.pw_uid)
    world.root.chmod(0o700)
    git = git_of(world)
    git.require()
    git.fetch()
    git.checkout(git.resolve("v1.1.0").commit)
    assert git.owner_note()


def test_a_repository_of_anothers_in_a_tree_of_ours_works_with_a_note(world: World) -> None:
    give(world.app / ".git", NOBODY.pw_uid)
    git = git_of(world)
    git.require()
    assert git.owner_note()
