"""A commit's files elsewhere, submodules, and targets that this machine cannot check out."""

from pathlib import Path

import pytest

from tests.tools.git_world import FIRST, World, build
from upgrader.errors import RefusedError, TransientError
from upgrader.tools.git import Git


@pytest.fixture
def world(tmp_path: Path) -> World:
    return build(tmp_path)


def fetched(world: World, files: dict[str, str | bytes | None]) -> str:
    commit = world.commit(files, tag="v2.0.0")
    world.git.fetch()
    return commit


@pytest.fixture
def nested(world: World) -> World:
    """`v2.0.0` has the submodule `lib/sub`, which has one of its own; `v2.1.0` moves it on."""
    for name in ("inner", "sub"):
        place = world.root / name
        world.run("init", "--quiet", str(place), cwd=world.root)
        world.commit({f"{name}.txt": f"{name} 1"}, at=place)
    world.run("submodule", "--quiet", "add", f"file://{world.root}/inner", "inner", cwd=world.root / "sub")
    world.commit({}, at=world.root / "sub")
    world.run("submodule", "--quiet", "add", f"file://{world.root}/sub", "lib/sub", cwd=world.author)
    world.commit({}, tag="v2.0.0")
    world.commit({"sub.txt": "sub 2"}, at=world.root / "sub")
    world.run("submodule", "--quiet", "update", "--remote", cwd=world.author)
    world.commit({}, tag="v2.1.0")
    world.git.fetch()
    return world


def go(world: World, tag: str) -> None:
    world.git.checkout(world.git.resolve(tag).commit, "main")


def test_an_export_is_the_commit_and_nothing_else(world: World) -> None:
    (world.author / "tool.sh").write_text("#!/bin/sh\n", encoding="utf-8")
    (world.author / "tool.sh").chmod(0o755)
    (world.author / "link").symlink_to("app.txt")
    commit = fetched(
        world, {"a/b/c.txt": "deep", ".gitattributes": "a export-ignore\n*.dos text eol=crlf\n", "x.dos": "1\n"}
    )
    before = (world.run("status", "--porcelain"), (world.app / ".git/index").read_bytes(), sorted(world.app.iterdir()))
    place = world.root / "export"
    Git(world.shell.reading(), world.app).export(commit, place)
    names = sorted(str(path.relative_to(place)) for path in place.rglob("*") if not path.is_dir())
    assert names == sorted([*FIRST, "a/b/c.txt", ".gitattributes", "x.dos", "tool.sh", "link"])
    assert (place / "x.dos").read_bytes() == b"1\r\n"
    assert (place / "tool.sh").stat().st_mode & 0o100
    assert (place / "link").is_symlink()
    after = (world.run("status", "--porcelain"), (world.app / ".git/index").read_bytes(), sorted(world.app.iterdir()))
    assert after == before


def test_submodules_follow_there_and_back(nested: World) -> None:
    for tag, text in (("v2.0.0", "sub 1"), ("v2.1.0", "sub 2"), ("v2.0.0", "sub 1")):
        go(nested, tag)
        assert (nested.text("lib/sub/sub.txt"), nested.text("lib/sub/inner/inner.txt")) == (text, "inner 1")
        assert nested.run("status", "--porcelain") == ""
    go(nested, "v1.1.0")
    assert nested.git.local_edits() == []
    target = nested.git.resolve("v2.1.0").commit
    assert nested.git.collisions(target) == []
    go(nested, "v2.1.0")
    assert nested.text("lib/sub/sub.txt") == "sub 2"


def test_a_stale_submodule_is_no_edit(nested: World) -> None:
    go(nested, "v2.0.0")
    nested.run("checkout", "--quiet", nested.git.resolve("v2.1.0").commit)
    assert "lib/sub" in nested.run("status", "--porcelain")
    assert nested.git.local_edits() == []


def test_an_edit_inside_a_submodule_is_found_and_not_lost(nested: World) -> None:
    go(nested, "v2.0.0")
    nested.write("lib/sub/inner/inner.txt", "mine")
    found = [edit.path for edit in nested.git.local_edits()]
    assert found == ["lib/sub/inner/inner.txt"]
    with pytest.raises(RefusedError, match="inside a submodule"):
        nested.git.local_patch()


def test_an_export_holds_the_submodules_that_are_here(nested: World) -> None:
    target = nested.git.resolve("v2.0.0").commit
    nested.git.export(target, nested.root / "without")
    assert not (nested.root / "without/lib/sub/sub.txt").exists()
    go(nested, "v2.0.0")
    nested.git.export(target, nested.root / "with")
    assert (nested.root / "with/lib/sub/inner/inner.txt").read_text() == "inner 1"
    assert not [*(nested.root / "with").rglob(".git")]


def test_a_submodule_whose_remote_is_gone_is_transient(nested: World) -> None:
    (nested.root / "sub").rename(nested.root / "gone")
    with pytest.raises(TransientError, match="submodules") as caught:
        go(nested, "v2.0.0")
    assert "sync" in caught.value.hint
    (nested.root / "gone").rename(nested.root / "sub")
    go(nested, "v2.0.0")
    assert nested.text("lib/sub/sub.txt") == "sub 1"


def test_files_where_a_submodule_comes_are_a_collision(nested: World) -> None:
    nested.write("lib/sub/mine.txt", "mine")
    assert nested.git.collisions(nested.git.resolve("v2.0.0").commit) == ["lib/sub"]


def test_a_submodule_without_an_address_is_a_problem(nested: World) -> None:
    commit = nested.commit({".gitmodules": ""}, tag="v2.2.0")
    nested.git.fetch()
    assert nested.git.preflight_target(nested.git.resolve("v2.1.0").commit) == []
    [problem] = nested.git.preflight_target(commit)
    assert "lib/sub" in problem.message


def test_lfs_without_git_lfs_is_a_problem(world: World) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 1\n"
    commit = fetched(world, {".gitattributes": "*.psd filter=lfs\n*.mp4 filter=lfs\n", "assets/a.psd": pointer})
    [problem] = world.git.preflight_target(commit)
    assert "assets/a.psd in Git LFS" in problem.message
    assert "lfs install" in problem.hint


def test_lfs_attributes_that_no_file_has_are_no_problem(world: World) -> None:
    assert world.git.preflight_target(fetched(world, {".gitattributes": "*.psd filter=lfs\n"})) == []


def test_an_unknown_filter_is_a_problem_only_when_it_is_new(world: World) -> None:
    commit = fetched(world, {"secrets/.gitattributes": "*.key filter=git-crypt\n", "secrets/a.key": "x"})
    [problem] = world.git.preflight_target(commit)
    assert "secrets/a.key through the filter git-crypt" in problem.message
    world.run("checkout", "--quiet", commit)
    assert world.git.preflight_target(commit) == []
    world.run("checkout", "--quiet", "main")
    world.run("config", "filter.git-crypt.smudge", "cat")
    assert world.git.preflight_target(commit) == []
