"""What differs on disk from what git keeps, and what is in the way."""

import os
from pathlib import Path

import pytest

from tests.tools.git_world import FIRST, World, build
from upgrader.errors import RefusedError
from upgrader.tools.git import Edit


@pytest.fixture
def world(tmp_path: Path) -> World:
    return build(tmp_path)


def edits(world: World) -> dict[str, str]:
    return {edit.path: edit.what for edit in world.git.local_edits()}


def target(world: World, files: dict[str, str | bytes | None]) -> str:
    """A new release with these files, fetched."""
    commit = world.commit(files, tag="v1.2.0")
    world.git.fetch()
    return commit


def test_a_fresh_clone_has_no_edits(world: World) -> None:
    world.write("docker-compose.override.yml", "mine")
    world.write(".env", "A=1")
    assert edits(world) == {}
    assert world.git.local_patch() == b""


def test_edits_are_found_wherever_they_are(world: World) -> None:
    world.write("app.txt", "edited")
    world.write("new é.txt", "new")
    world.run("add", "new é.txt")
    world.write("new é.txt", "newer")
    (world.app / "compose.yaml").unlink()
    assert edits(world) == {"app.txt": "modified", "compose.yaml": "deleted", "new é.txt": "added"}


def test_a_chmod_is_no_edit(world: World) -> None:
    (world.app / "compose.yaml").chmod(0o755)
    assert edits(world) == {}
    assert world.git.local_patch() == b""


def test_a_file_that_became_a_link_is_an_edit(world: World) -> None:
    (world.app / "other.txt").unlink()
    (world.app / "other.txt").symlink_to("app.txt")
    assert edits(world) == {"other.txt": "of another type"}


@pytest.mark.parametrize("flag", ["skip-worktree", "assume-unchanged"])
def test_hidden_edits_are_found_and_saved(world: World, flag: str) -> None:
    world.run("update-index", f"--{flag}", "app.txt", "other.txt")
    world.write("app.txt", "hidden")
    assert world.run("status", "--porcelain") == ""
    assert world.git.local_edits() == [Edit("app.txt", f"modified, hidden by {flag}")]
    assert b"+hidden" in world.git.local_patch()
    assert world.run("status", "--porcelain") == ""


def test_what_a_sparse_checkout_leaves_out_is_no_edit(world: World) -> None:
    status = world.run("status", "--porcelain")
    world.run("sparse-checkout", "set", "--no-cone", "app.txt", ".gitignore")
    assert not status
    assert not (world.app / "compose.yaml").exists()
    assert edits(world) == {}


def test_a_file_taken_out_of_the_index_keeps_its_edits(world: World) -> None:
    world.run("rm", "--cached", "--quiet", "app.txt", "other.txt")
    world.write("app.txt", "edited")
    assert edits(world) == {"app.txt": "modified", "other.txt": "deleted, in the index only"}
    assert b"+edited" in world.git.local_patch()


def test_an_edit_that_is_only_staged_counts(world: World) -> None:
    world.write("app.txt", "edited")
    world.run("add", "app.txt")
    world.write("app.txt", FIRST["app.txt"])
    assert edits(world) == {"app.txt": "modified, in the index only"}
    world.git.discard_edits(["app.txt"])
    assert edits(world) == {}


def test_an_edit_in_the_very_second_of_the_checkout_is_seen(world: World) -> None:
    for number in range(5):
        world.run("checkout", "--quiet", "--force", "main")
        world.write("other.txt", f"othe{number}\n")  # of the same size
        assert edits(world) == {"other.txt": "modified"}


def test_the_persons_diff_settings_do_not_reach_the_patch(world: World) -> None:
    for name, value in (
        ("diff.noprefix", "true"),
        ("diff.external", "false"),
        ("color.diff", "always"),
        ("diff.context", "0"),
        ("diff.relative", "true"),
        ("core.abbrev", "4"),
    ):
        world.run("config", name, value)
    world.write("other.txt", "edited\n")
    patch = world.git.local_patch()
    assert patch.startswith(b"diff --git a/other.txt b/other.txt\nindex ")
    assert b"-other\n+edited\n" in patch


def test_names_that_are_not_utf8_survive(world: World) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    (world.app / name).write_bytes(b"x")
    assert world.git.untracked() == [name]
    world.run("add", "--all")
    assert world.git.local_edits() == [Edit(name, "added")]
    world.git.discard_edits([name])
    assert not (world.app / name).exists()


def test_untracked_files_and_directories(world: World) -> None:
    world.write("docker-compose.override.yml", "mine")
    world.write("certs/a/key.pem", "mine")
    world.write("certs/b/key.pem", "mine")
    world.write(".env", "ignored")
    assert world.git.untracked() == ["certs/", "docker-compose.override.yml"]
    assert "certs/a/key.pem" in world.git.untracked(collapsed=False)


def test_an_ignored_env_file_that_the_target_ships_is_a_collision(world: World) -> None:
    world.write(".env", "SECRET=mine")
    commit = target(world, {".env": "SECRET=default", "new.txt": "new"})
    assert world.git.collisions(commit) == [".env"]
    with pytest.raises(RefusedError, match=r"\.env is yours, but v1\.2\.0 ships a file there"):
        world.git.checkout(commit)
    assert world.text(".env") == "SECRET=mine"
    assert world.git.name_of(world.git.head()) == "v1.0.0"


def test_the_same_content_is_no_collision(world: World) -> None:
    world.write("new.txt", "new")
    world.write(".env", "same")
    (world.app / "link").symlink_to("app.txt")
    (world.author / "link").symlink_to("app.txt")
    commit = target(world, {".env": "same", "new.txt": "new"})
    assert world.git.collisions(commit) == []
    world.git.checkout(commit)
    assert (world.text(".env"), edits(world)) == ("same", {})


def test_things_in_the_way_are_collisions(world: World) -> None:
    world.write("config", "a file where a directory comes")
    world.write("schema.sql/notes", "a directory where a file comes")
    (world.app / "assets").symlink_to("/srv")
    (world.app / "link").symlink_to("elsewhere")
    (world.app / "empty").mkdir()
    (world.author / "link").symlink_to("app.txt")
    commit = target(world, {"config/a": "a", "schema.sql": "sql", "assets/a": "a", "empty": "a", "free/a": "a"})
    assert sorted(world.git.collisions(commit)) == ["assets", "config", "link", "schema.sql"]


def test_tracked_files_that_change_their_kind_are_no_collisions(world: World) -> None:
    world.commit({"conf": "file", "dir/a": "a"}, tag="v1.1.1")
    world.git.fetch()
    world.git.checkout(world.git.resolve("v1.1.1").commit)
    (world.author / "conf").unlink()
    (world.author / "dir/a").unlink()
    (world.author / "dir").rmdir()
    commit = target(world, {"conf/a": "now a directory", "dir": "now a file"})
    assert world.git.collisions(commit) == []
    world.git.checkout(commit)
    assert world.text("dir") == "now a file"


def test_a_directory_that_becomes_a_file_may_hold_the_operators_files(world: World) -> None:
    world.commit({"dir/a": "a"}, tag="v1.1.1")
    world.git.fetch()
    world.git.checkout(world.git.resolve("v1.1.1").commit)
    world.write("dir/.env", "mine")
    (world.author / "dir/a").unlink()
    (world.author / "dir").rmdir()
    assert world.git.collisions(target(world, {"dir": "now a file"})) == ["dir"]


def test_contents_of_commits(world: World) -> None:
    commit = target(world, {"infra/compose.yaml": b"\xff\x00", "infrastructure/x": "x"})
    git = world.git
    assert git.read(commit, "infra/compose.yaml") == b"\xff\x00"
    assert git.read(commit, "infra") is None
    assert git.read(commit, "nothing") is None
    every = git.list_files(commit)
    assert git.read_all(commit, [*every, "nothing", "infra", every[0]]) == {
        path: git.read(commit, path) for path in every
    }
    assert git.read_all(commit, []) == {}
    assert git.list_files(commit, "infra/") == ["infra/compose.yaml"]
    assert {*FIRST} <= {*git.list_files(commit)}


def test_a_directory_below_the_top_will_do(world: World) -> None:
    world.commit({"infra/compose.yaml": "services: {}"}, tag="v1.2.0")
    world.run("pull", "--quiet")
    world.write("infra/compose.yaml", "edited")
    below = type(world.git)(world.shell, world.app / "infra")
    assert below.top == world.app
    assert [edit.path for edit in below.local_edits()] == ["infra/compose.yaml"]
    below.require()
