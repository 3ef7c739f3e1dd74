"""The remote, its releases, and how commits relate."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.tools.git_world import World, build
from upgrader.errors import RefusedError, StepError, TransientError
from upgrader.tools.git import Git, MovedTag
from upgrader.tools.git_refs import TAGS
from upgrader.tools.shell import Shell


@pytest.fixture
def world(tmp_path: Path) -> World:
    return build(tmp_path)


def test_a_fetch_touches_no_ref_of_the_operators(world: World) -> None:
    world.run("branch", "mine")
    before = world.refs()
    git = Git(world.shell.reading(), world.app)
    git.fetch()
    assert world.refs() == before
    assert not (world.app / ".git/FETCH_HEAD").exists()
    assert git.releases() == ["v1.1.0", "v1.0.0"]


def test_what_the_remote_drops_is_dropped(world: World) -> None:
    world.git.fetch()
    world.run("push", "--quiet", "origin", ":refs/tags/v1.1.0", cwd=world.author)
    world.git.fetch()
    assert world.git.releases() == ["v1.0.0"]


def test_a_gone_remote_is_transient_and_named(world: World) -> None:
    world.remote.rename(world.root / "gone.git")
    with pytest.raises(TransientError, match=r"remote origin of .*does not appear to be a git repository") as caught:
        world.git.fetch()
    assert caught.value.hint == f"git -C {world.app} fetch origin"


def test_an_unreachable_host_shows_no_credentials(world: World) -> None:
    world.run("remote", "set-url", "origin", "https://operator:hunter2hunter2@127.0.0.1:1/app.git")
    git = world.git
    with pytest.raises(TransientError) as caught:
        git.fetch()
    error = caught.value
    assert "127.0.0.1" in str(error)
    assert "hunter2" not in " ".join([error.message, error.hint, *error.lines])
    assert git.shell.redactor.text("hunter2hunter2") == "***"


def test_ssh_asks_nothing_and_keeps_the_operators_key(world: World) -> None:
    log = world.root / "ssh.log"
    ssh = world.root / "ssh"
    ssh.write_text(
        f'#!/bin/sh\necho "$@" >{log}\necho "Permission denied (publickey)." >&2\nexit 255\n', encoding="utf-8"
    )
    ssh.chmod(0o755)
    world.run("remote", "set-url", "origin", "git@example.invalid:app.git")
    world.run("config", "core.sshCommand", f"{ssh} -i deploy_key")
    with pytest.raises(TransientError, match="Permission denied"):
        world.git.fetch()
    assert "-i deploy_key" in log.read_text()
    assert "BatchMode=yes" in log.read_text()


def test_a_lock_that_our_own_fetch_left_goes(world: World) -> None:
    started = time.time()
    world.git.fetch()
    lock = world.app / ".git" / (TAGS + "v1.2.0.lock")
    world.commit({"a": "a"}, tag="v1.2.0")
    lock.touch()
    with pytest.raises(StepError, match=r"cannot lock ref|File exists") as caught:
        world.git.fetch()
    assert not isinstance(caught.value, TransientError)
    world.git.fetch(started)
    assert world.git.releases()[0] == "v1.2.0"


def test_the_remote_is_that_of_the_branch_then_origin_then_the_only_one(world: World) -> None:
    world.run("remote", "add", "fork", str(world.author))
    assert world.git.remote() == "origin"
    world.run("config", "branch.main.remote", "fork")
    assert world.git.remote() == "fork"
    world.run("remote", "remove", "origin")
    world.run("config", "--unset-all", "branch.main.remote")
    assert world.git.remote() == "fork"
    world.run("remote", "add", "third", "nowhere")
    with pytest.raises(RefusedError, match="fork, third"):
        world.git.remote()
    world.run("remote", "remove", "third")
    world.run("remote", "remove", "fork")
    with pytest.raises(RefusedError, match="no remote"):
        world.git.remote()


def test_a_moved_tag_is_seen_and_the_local_one_stays(world: World) -> None:
    here = world.run("rev-parse", "v1.0.0")
    there = world.commit({"app.txt": "evil\n"})
    world.run("tag", "--force", "v1.0.0", cwd=world.author)
    world.push()
    world.git.fetch()
    assert world.git.moved_tags() == [MovedTag("v1.0.0", here, there)]
    assert world.run("rev-parse", "v1.0.0") == here


def test_a_tag_that_was_made_anew_for_the_same_commit_has_not_moved(world: World) -> None:
    world.run("tag", "--force", "-m", "annotated now", "v1.0.0", "v1.0.0^{}", cwd=world.author)
    world.push()
    world.git.fetch()
    assert world.git.moved_tags() == []


def test_resolve_takes_the_newest_release(world: World) -> None:
    world.commit({"a": "a"}, tag="v1.2.0-rc.1")
    world.git.fetch()
    target = world.git.resolve(None)
    assert (target.ref, target.kind, target.name) == ("v1.1.0", "tag", "v1.1.0")
    assert target.commit == world.run("rev-parse", "v1.1.0", cwd=world.author)
    assert world.git.resolve(None, "v1.0.*").name == "v1.0.0"
    assert world.git.resolve(None, "*-rc*").name == "v1.2.0-rc.1"
    with pytest.raises(RefusedError, match=r"matches v7\.\*"):
        world.git.resolve(None, "v7.*")


def test_resolve_knows_tags_branches_and_hashes(world: World) -> None:
    tip = world.commit({"a": "a"})
    world.run("tag", "-m", "with a message", "v1.2.0", cwd=world.author)
    world.run("tag", "-m", "of a tag", "nested", "v1.2.0", cwd=world.author)
    world.run("tag", "tree", "HEAD^{tree}", cwd=world.author)
    world.push()
    world.run("tag", "mine")
    git = world.git
    git.fetch()
    assert git.resolve("v1.2.0").commit == git.resolve("nested").commit == tip
    for ref, kind in (("main", "branch"), ("origin/main", "branch"), (tip, "commit"), (tip[:10].upper(), "commit")):
        target = git.resolve(ref)
        assert (target.commit, target.kind, target.name) == (tip, kind, "v1.2.0")
    assert git.resolve("mine").note == "The tag mine exists only here, not at origin"


@pytest.mark.parametrize("ref", ["v1.1.1", "nothing-like-it", "--help", "deadbeef", "tree", "v1.1.0^", "a b"])
def test_an_unknown_ref_is_refused_with_suggestions(world: World, ref: str) -> None:
    world.run("tag", "tree", "HEAD^{tree}", cwd=world.author)
    world.push()
    world.git.fetch()
    with pytest.raises(RefusedError, match=r"newest releases: v1\.1\.0, v1\.0\.0") as caught:
        world.git.resolve(ref)
    assert "--to v1." in caught.value.hint


def test_without_releases_the_branch_is_followed(world: World) -> None:
    for tag in ("v1.0.0", "v1.1.0"):
        world.run("push", "--quiet", "origin", f":refs/tags/{tag}", cwd=world.author)
    tip = world.run("rev-parse", "HEAD", cwd=world.author)
    world.run("checkout", "--quiet", "-b", "production", "--track", "origin/main")
    world.git.fetch()
    target = world.git.resolve(None)
    assert (target.ref, target.kind, target.commit) == ("main", "branch", tip)
    world.run("checkout", "--quiet", "--detach")
    assert world.git.resolve(None).ref == "main"


def test_only_pre_releases_are_no_reason_to_leave_the_releases(world: World) -> None:
    for tag in ("v1.0.0", "v1.1.0"):
        world.run("push", "--quiet", "origin", f":refs/tags/{tag}", cwd=world.author)
        world.run("tag", "--delete", tag, cwd=world.author)
    world.commit({"a": "a"}, tag="v2.0.0-beta.1")
    world.git.fetch()
    with pytest.raises(RefusedError, match=r"only pre-releases.*v2\.0\.0-beta\.1"):
        world.git.resolve(None)


def test_relations(world: World) -> None:
    world.git.fetch()
    old, new = (world.git.resolve(tag).commit for tag in ("v1.0.0", "v1.1.0"))
    world.run("commit", "--quiet", "--allow-empty", "-m", "mine")
    git = world.git
    assert git.relation(old, old) == "same"
    assert git.relation(old, new) == "newer"
    assert git.relation(new, old) == "older"
    assert git.relation(git.head(), new) == "diverged"
    assert git.commit_count(old, new) == 1
    assert git.commits(old, new) == [(new, "Ship v1.1.0")]
    assert git.changed_files(old, new) == ["app.txt", "compose.yaml"]


def test_releases_of_separate_branches_are_told_by_their_versions(world: World) -> None:
    world.run("checkout", "--quiet", "-b", "1.0", "v1.0.0", cwd=world.author)
    fix = world.commit({"fix": "fix"}, tag="v1.0.1", branch="1.0")
    world.git.fetch()
    assert world.git.relation(fix, world.git.resolve("v1.1.0").commit) == "newer"
    assert world.git.relation(world.git.resolve("v1.1.0").commit, fix) == "older"


def test_a_force_pushed_branch_has_diverged(world: World) -> None:
    world.run("commit", "--quiet", "--amend", "-m", "history, rewritten", cwd=world.author)
    world.run("reset", "--quiet", "--soft", "HEAD~1", cwd=world.author)
    world.run("commit", "--quiet", "--amend", "-m", "from the start", cwd=world.author)
    world.push()
    world.git.fetch()
    assert world.git.relation(world.git.head(), world.git.resolve("main").commit) == "diverged"


def test_a_shallow_clone_says_what_it_knows(world: World) -> None:
    for number in range(3):
        world.commit({"n": str(number)})
    world.commit({"last": "1"}, tag="v1.2.0")
    shutil.rmtree(world.app)
    world.run("clone", "--quiet", "--depth=1", f"file://{world.remote}", str(world.app), cwd=world.root)
    git = world.git
    assert git.is_shallow()
    world.run("push", "--quiet", "origin", "v1.2.0~2:refs/heads/old", cwd=world.author)
    world.commit({"n": "next"}, tag="v1.3.0")
    world.commit({"n": "later"})
    git.fetch()
    here = git.head()
    assert git.relation(here, git.resolve("v1.3.0").commit) == "newer"
    assert git.relation(here, git.resolve("v1.1.0").commit) == "older"  # by version: ancestry is cut off
    assert git.relation(here, git.resolve("old").commit) == "unknown"
    git.checkout(git.resolve("v1.1.0").commit)
    assert world.text("app.txt").endswith("line 21\n")
    assert "app.txt" in git.changed_files(git.resolve("v1.0.0").commit, here)


def test_names_of_commits(world: World) -> None:
    world.git.fetch()
    commit = world.git.resolve("v1.1.0").commit
    world.run("tag", "v9.9.9", commit)
    assert world.git.name_of(commit) == "v1.1.0"
    tip = world.commit({"a": "a"}, tag="latest")
    world.git.fetch()
    assert world.git.name_of(tip) == tip[:9]


def test_detached_heads_have_no_branch(world: World) -> None:
    assert world.git.branch() == "main"
    world.run("checkout", "--quiet", "--detach")
    assert world.git.branch() is None


def test_a_deployed_branch_is_no_commits_ahead_of_its_remote(world: World) -> None:
    old, tip = world.run("rev-parse", "origin/main"), world.commit({"more": "more"})
    world.git.fetch()
    assert world.run("rev-parse", "origin/main") == old
    world.git.ensure_tracking("main", tip)
    world.git.ensure_tracking("main", tip)
    assert world.run("rev-parse", "origin/main") == tip
    world.git.ensure_tracking("main", old)
    assert world.run("rev-parse", "origin/main") == tip, "never back"
    world.git.ensure_tracking("unknown", tip)
    assert "origin/unknown" not in world.run("branch", "--remotes")


def test_a_deployed_tag_becomes_a_local_one(world: World) -> None:
    world.git.fetch()
    commit = world.git.resolve("v1.1.0").commit
    world.git.ensure_tag("v1.1.0", commit)
    world.git.ensure_tag("v1.1.0", commit)
    world.git.ensure_tag("v1.0.0", commit)
    assert world.run("rev-parse", "v1.1.0") == commit != world.run("rev-parse", "v1.0.0")


@pytest.fixture
def signed(world: World) -> World:
    """The author signs `v2.0.0` with an ssh key that the operator knows."""
    if not shutil.which("ssh-keygen"):
        pytest.skip("no ssh-keygen")
    for name in ("known", "stranger"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(world.root / name)], check=True)
    allowed = world.root / "allowed"
    allowed.write_text("author@example.com " + (world.root / "known.pub").read_text(), encoding="utf-8")
    world.run("config", "--global", "gpg.format", "ssh")
    world.run("config", "--global", "gpg.ssh.allowedSignersFile", str(allowed))
    world.run("config", "user.signingKey", str(world.root / "known"), cwd=world.author)
    world.run("tag", "--sign", "-m", "two", "v2.0.0", cwd=world.author)
    world.push()
    world.git.fetch()
    return world


def test_a_known_signature_is_accepted(signed: World) -> None:
    signed.git.verify_tag("v2.0.0")


def test_an_unsigned_tag_is_refused(signed: World) -> None:
    with pytest.raises(RefusedError, match=r"v1\.1\.0 is not signed"):
        signed.git.verify_tag("v1.1.0")
    signed.run("tag", "-m", "annotated", "v2.0.1", cwd=signed.author)
    signed.push()
    signed.git.fetch()
    with pytest.raises(RefusedError, match="no signature"):
        signed.git.verify_tag("v2.0.1")
    with pytest.raises(RefusedError, match=r"no tag v3\.0\.0"):
        signed.git.verify_tag("v3.0.0")


def test_a_strangers_signature_is_refused(signed: World) -> None:
    signed.run("config", "user.signingKey", str(signed.root / "stranger"), cwd=signed.author)
    signed.run("tag", "--sign", "-m", "evil", "v2.0.2", cwd=signed.author)
    signed.push()
    signed.git.fetch()
    with pytest.raises(RefusedError, match="not good") as caught:
        signed.git.verify_tag("v2.0.2")
    assert caught.value.lines


def test_a_signature_does_not_vouch_under_another_name(signed: World) -> None:
    signed.run("update-ref", "refs/tags/v2.1.0", "refs/tags/v2.0.0", cwd=signed.author)
    signed.push()
    signed.git.fetch()
    with pytest.raises(RefusedError, match="under another name"):
        signed.git.verify_tag("v2.1.0")


def test_git_that_is_missing_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(world.root / "empty"))
    with pytest.raises(RefusedError, match="git is not installed"):
        Git(Shell(environ={"HOME": "/"}), world.app).require()
