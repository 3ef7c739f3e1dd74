"""Is a checkout fit to be changed; putting it on another commit, and back; carrying edits over."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.tools.git_world import FIRST, World, build
from upgrader.errors import RefusedError, StepError, TransientError
from upgrader.tools.git import Git
from upgrader.tools.shell import ReadOnlyError


@pytest.fixture
def world(tmp_path: Path) -> World:
    """With everything fetched."""
    world = build(tmp_path)
    world.git.fetch()
    return world


def commit_of(world: World, ref: str) -> str:
    return world.git.resolve(ref).commit


def status(world: World) -> str:
    return world.run("status", "--porcelain")


def test_a_usual_checkout_is_fit(world: World) -> None:
    world.git.require()
    world.run("checkout", "--quiet", "--detach")
    world.git.require()


def test_what_is_no_checkout_is_refused(world: World) -> None:
    with pytest.raises(RefusedError, match="is not a git checkout"):
        Git(world.shell, world.root / "home").require()
    with pytest.raises(RefusedError, match="bare"):
        Git(world.shell, world.remote).require()
    world.run("config", "core.bare", "true")
    with pytest.raises(RefusedError, match="bare"):
        world.git.require()


def test_a_checkout_without_a_commit_is_refused(world: World) -> None:
    world.run("init", "--quiet", str(world.root / "unborn"), cwd=world.root)
    with pytest.raises(RefusedError, match="no commit"):
        Git(world.shell, world.root / "unborn").require()


@pytest.mark.parametrize("name", ["index.lock", "HEAD.lock", "refs/heads/main.lock"])
def test_a_lock_file_is_refused_and_named(world: World, name: str) -> None:
    lock = world.app / ".git" / name
    lock.touch()
    with pytest.raises(RefusedError, match="one was cut off") as caught:
        world.git.require()
    assert caught.value.hint == f"rm {lock}"
    world.git.require(started_at=time.time())
    with pytest.raises(RefusedError):
        world.git.require(started_at=time.time() + 60)


def test_a_git_at_work_is_told_from_a_stale_lock(world: World) -> None:
    (world.app / ".git/index.lock").touch()
    worker = subprocess.Popen(["git", "cat-file", "--batch"], cwd=world.app, stdin=subprocess.PIPE)
    try:
        for started_at in (None, 0.0):
            with pytest.raises(RefusedError, match=f"at work there .process {worker.pid}"):
                world.git.require(started_at)
        with pytest.raises(TransientError, match="still at work"):
            world.git.checkout(commit_of(world, "v1.1.0"), repair=True, started_at=0.0)
        assert (world.app / ".git/index.lock").exists()
    finally:
        worker.communicate()


def test_a_merge_under_way_is_refused(world: World) -> None:
    world.write("compose.yaml", "mine\n")
    world.run("commit", "--quiet", "--all", "-m", "mine")
    world.run("merge", "--quiet", commit_of(world, "v1.1.0"), ok=False)
    with pytest.raises(RefusedError, match="A merge is under way") as caught:
        world.git.require()
    assert caught.value.hint.endswith("merge --abort")


def test_a_rebase_under_way_is_refused(world: World) -> None:
    world.write("compose.yaml", "mine\n")
    world.run("commit", "--quiet", "--all", "-m", "mine")
    world.run("rebase", "--quiet", commit_of(world, "v1.1.0"), ok=False)
    with pytest.raises(RefusedError, match="A rebase is under way"):
        world.git.require()


def test_unresolved_conflicts_are_refused(world: World) -> None:
    world.write("compose.yaml", "mine\n")
    world.run("stash", "--quiet")
    world.run("checkout", "--quiet", commit_of(world, "v1.1.0"))
    world.run("stash", "pop", ok=False)
    with pytest.raises(RefusedError, match=r"compose\.yaml has conflicts"):
        world.git.require()


def test_checkout_moves_the_branch_forward_and_back(world: World) -> None:
    old, new = commit_of(world, "v1.0.0"), commit_of(world, "v1.1.0")
    for commit, text in ((new, "line 21\n"), (old, "line 20\n"), (old, "line 20\n")):
        world.git.checkout(commit, "main")
        assert (world.git.head(), world.git.branch(), status(world)) == (commit, "main", "")
        assert world.text("app.txt").endswith(text)
    assert world.run("config", "branch.main.remote") == "origin"


def test_checkout_without_a_branch_detaches(world: World) -> None:
    main = world.refs()["refs/heads/main"]
    world.git.checkout(commit_of(world, "v1.1.0"))
    assert world.git.branch() is None
    assert world.refs()["refs/heads/main"] == main


def test_a_branch_of_its_own_way_stays_where_it_is(world: World) -> None:
    mine = world.commit({"mine.txt": "mine"}, at=world.app)
    world.git.checkout(commit_of(world, "v1.1.0"), "main")
    assert world.git.branch() is None
    assert world.refs()["refs/heads/main"] == mine
    world.git.checkout(mine, "main")
    assert (world.git.branch(), world.git.head()) == ("main", mine)


def test_a_commit_that_nothing_else_keeps_gets_a_backup_ref(world: World) -> None:
    old = world.git.head()
    mine = world.commit({"mine.txt": "mine"}, at=world.app)
    world.git.checkout(old, "main")
    world.git.checkout(mine)
    world.git.checkout(old)
    world.git.checkout(commit_of(world, "v1.1.0"))
    backups = world.run("for-each-ref", "--format=%(refname) %(objectname)", "refs/upgrader/backup").splitlines()
    assert backups == [f"refs/upgrader/backup/1 {mine}"]


def test_checks_may_not_check_out(world: World) -> None:
    git = Git(world.shell.reading(), world.app)
    commit = commit_of(world, "v1.1.0")
    world.write("a", "a")
    world.run("add", "a")
    for action in (
        lambda: git.checkout(commit),
        lambda: git.discard_edits(["a"]),
        lambda: git.apply_patch(Path("/dev/null")),
    ):
        with pytest.raises(ReadOnlyError):
            action()
    assert world.git.local_edits()


def test_a_mode_that_the_target_changes_is_taken_over(world: World) -> None:
    (world.app / "compose.yaml").chmod(0o755)  # no edit, hence no obstacle
    (world.author / "other.txt").chmod(0o755)
    commit = world.commit({}, tag="v1.2.0")
    world.git.fetch()
    world.git.checkout(commit)
    assert os.access(world.app / "other.txt", os.X_OK)
    assert world.git.local_edits() == []


def test_the_operators_hooks_do_not_run(world: World) -> None:
    for name in ("post-checkout", "reference-transaction"):
        hook = world.app / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {world.root}/ran\n", encoding="utf-8")
        hook.chmod(0o755)
    world.git.fetch()
    world.git.checkout(commit_of(world, "v1.1.0"))
    assert not (world.root / "ran").exists()


def test_files_with_a_hiding_flag_are_upgraded_too(world: World) -> None:
    world.run("update-index", "--skip-worktree", "app.txt")
    world.run("update-index", "--assume-unchanged", "compose.yaml")
    world.git.checkout(commit_of(world, "v1.1.0"), "main")
    assert world.text("app.txt").endswith("line 21\n")
    assert "web" in world.text("compose.yaml")


def test_a_checkout_that_was_cut_off_is_finished(world: World) -> None:
    started = time.time()
    commit = world.commit({"new/file.txt": "whole", "new/other.txt": "whole"}, tag="v1.2.0")
    world.git.fetch()
    world.write("new/file.txt", "who")
    world.write("app.txt", "half of it")
    for name in ("index.lock", "HEAD.lock", "refs/heads/main.lock"):
        (world.app / ".git" / name).touch()
    with pytest.raises((RefusedError, StepError)):
        world.git.checkout(commit, "main")
    world.git.checkout(commit, "main", repair=True, started_at=started)
    assert (world.git.head(), world.git.branch(), status(world)) == (commit, "main", "")
    assert world.text("new/file.txt") == "whole"
    world.git.checkout(commit, "main", repair=True, started_at=started)


def test_repair_leaves_a_lock_that_is_older_than_the_run(world: World) -> None:
    lock = world.app / ".git/index.lock"
    lock.touch()
    with pytest.raises(StepError, match=r"index\.lock"):
        world.git.checkout(commit_of(world, "v1.1.0"), repair=True, started_at=time.time() + 60)
    assert lock.exists()


def test_a_checkout_survives_kill_minus_nine(world: World) -> None:
    files: dict[str, str | bytes | None] = {
        f"many/{number % 50}/{number}.txt": str(number) * 50 for number in range(6000)
    }
    commit = world.commit(files, tag="v2.0.0")
    world.git.fetch()
    started = time.time()
    lock = world.app / ".git/index.lock"
    worker = subprocess.Popen(
        ["git", "checkout", "--quiet", "--detach", commit],
        cwd=world.app,
        env=world.environ,
        start_new_session=True,
    )
    while not (world.app / "many").exists() and worker.poll() is None:
        pass
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    assert lock.exists(), "the checkout was too quick to be cut off"
    world.git.checkout(commit, "main", repair=True, started_at=started)
    assert (world.git.head(), status(world), lock.exists()) == (commit, "", False)


def test_a_checkout_that_failed_midway_is_taken_back(world: World) -> None:
    files: dict[str, str | bytes | None] = {
        ".gitattributes": "*.key filter=broken\n",
        "b.key": "x",
        "a/new": "new",
        "a/half": "half",
    }
    commit = world.commit(files, tag="v2.0.0")
    world.git.fetch()
    for name, value in (("smudge", "false"), ("required", "true")):
        world.run("config", f"filter.broken.{name}", value)
    before = world.git.head()
    with pytest.raises(StepError, match="external filter 'false' failed") as caught:
        world.git.checkout(commit)
    assert any("smudge filter broken failed" in line for line in caught.value.lines)
    assert world.git.interrupted() == commit
    world.write("a/half", "ha")
    world.write("a/mine", "made since")
    world.git.checkout(before, "main", repair=True)
    assert (world.git.head(), status(world), world.git.interrupted()) == (before, "?? a/", None)
    assert [path.name for path in (world.app / "a").iterdir()] == ["mine"]


def test_a_file_of_the_same_content_is_adopted_as_it_is(world: World) -> None:
    mine = world.write(".env", "A=1")
    mine.chmod(0o600)
    before, commit = mine.stat(), world.commit({".env": "A=1"}, tag="v2.0.0")
    world.git.fetch()
    world.git.checkout(commit, "main")
    assert status(world) == ""
    assert (mine.stat().st_ino, mine.stat().st_mode) == (before.st_ino, before.st_mode)


@pytest.mark.parametrize("cut_off", [False, True])
def test_a_failed_checkout_gives_adopted_files_back(world: World, cut_off: bool) -> None:
    mine = world.write(".env", "A=1")
    before, commit = world.git.head(), world.commit({".env": "A=1", "app.txt": "new"}, tag="v2.0.0")
    world.git.fetch()
    world.write("app.txt", "edited")
    with pytest.raises(StepError, match="would be overwritten"):
        world.git.checkout(commit, "main")
    assert status(world) == "M app.txt"
    if cut_off:  # as a kill leaves it
        world.run("add", "--force", ".env")
    world.git.checkout(before, "main", repair=True)
    assert (status(world), mine.read_text(), world.git.head()) == ("", "A=1", before)


def test_what_was_refused_is_no_leftover(world: World) -> None:
    world.write(".env", "A=")
    commit = world.commit({".env": "A=1"}, tag="v2.0.0")
    world.git.fetch()
    with pytest.raises(RefusedError):
        world.git.checkout(commit)
    assert world.git.interrupted() is None
    world.git.checkout(world.git.head(), "main", repair=True)
    assert world.text(".env") == "A="


def test_edits_are_carried_over(world: World) -> None:
    world.write("app.txt", FIRST["app.txt"].replace("line 2\n", "mine 2\n"))
    world.write("local/new.bin", "\0binary")
    world.run("add", "--force", "local/new.bin")
    (world.app / "other.txt").unlink()
    patch = world.root / "local.patch"
    patch.write_bytes(world.git.local_patch())
    world.git.discard_edits(edit.path for edit in world.git.local_edits())
    assert (status(world), (world.app / "local/new.bin").exists()) == ("", False)
    world.git.checkout(commit_of(world, "v1.1.0"), "main")
    for _ in range(2):
        assert world.git.apply_patch(patch) == []
        assert "mine 2\n" in world.text("app.txt")
        assert world.text("app.txt").endswith("line 21\n")
        assert world.text("local/new.bin") == "\0binary"
        assert not (world.app / "other.txt").exists()
        assert world.run("diff", "--cached", "--name-only") == ""
    kept = {edit.path: edit.what for edit in world.git.local_edits()}
    assert kept == {"app.txt": "modified", "local/new.bin": "added", "other.txt": "deleted"}


def test_hidden_edits_are_carried_over(world: World) -> None:
    world.run("update-index", "--skip-worktree", "app.txt")
    world.write("app.txt", FIRST["app.txt"].replace("line 2\n", "mine 2\n"))
    patch = world.root / "local.patch"
    patch.write_bytes(world.git.local_patch())
    world.git.discard_edits(["app.txt"])
    world.git.checkout(commit_of(world, "v1.1.0"))
    assert world.git.apply_patch(patch) == []
    assert "mine 2\n" in world.text("app.txt")
    assert world.text("app.txt").endswith("line 21\n")


def test_contradictions_are_named_and_nothing_is_written(world: World) -> None:
    for name in ("compose.yaml", "other.txt", "app.txt"):
        world.write(name, "mine\n")
    patch = world.root / "local.patch"
    patch.write_bytes(world.git.local_patch())
    world.git.discard_edits(["compose.yaml", "other.txt", "app.txt"])
    commit = world.commit({"other.txt": None}, tag="v1.2.0")
    world.git.fetch()
    world.git.checkout(commit)
    assert sorted(world.git.apply_patch(patch)) == ["app.txt", "compose.yaml", "other.txt"]
    assert (status(world), world.git.local_edits()) == ("", [])


def test_a_patch_does_not_overwrite_later_edits(world: World) -> None:
    world.write("app.txt", FIRST["app.txt"].replace("line 2\n", "mine 2\n"))
    world.write("new.txt", "mine")
    world.run("add", "new.txt")
    patch = world.root / "local.patch"
    patch.write_bytes(world.git.local_patch())
    world.git.discard_edits(["app.txt", "new.txt"])
    world.write("app.txt", "yet another edit\n")
    world.write("new.txt", "yet another file\n")
    assert sorted(world.git.apply_patch(patch)) == ["app.txt", "new.txt"]
    assert world.text("app.txt") == "yet another edit\n"
    assert world.text("new.txt") == "yet another file\n"


def test_patches_that_say_nothing_or_nonsense(world: World) -> None:
    patch = world.root / "local.patch"
    patch.touch()
    assert world.git.apply_patch(patch) == []
    patch.write_text("nonsense\n", encoding="utf-8")
    with pytest.raises(StepError, match="git apply failed"):
        world.git.apply_patch(patch)
