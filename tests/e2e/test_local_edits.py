"""Edits of the operator's in the checkout, and checkouts of every kind: nothing of theirs is lost, forward or back."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.bad import picture, refuse, upgrader
from tests.fixtures.stack import Install
from upgrader.demo.host import Installation
from upgrader.demo.remote import git

pytestmark = pytest.mark.docker

SOMEBODY = 54321
FIXED = "\n# pinned by the operator\n"
TO = ("upgrade", "--to", "v1.1.0", "--yes")


@contextmanager
def edited(installation: Installation, *names: str) -> Iterator[None]:
    """Tracked files with a line of the operator's at their end."""
    for name in names:
        with (installation.path / name).open("a") as file:
            file.write(FIXED)
    try:
        yield
    finally:
        git("checkout", "--quiet", "--", *names, cwd=installation.path)


def test_edits_are_refused_with_their_list(serving: Installation) -> None:
    with edited(serving, "README.md", "seed.sql"):
        (serving.path / "worker.py").unlink()
        answer = refuse(
            serving,
            *TO,
            message="3 files of the checkout are edited: README.md",
            hint="--keep-local-changes.*git checkout",
        )
        git("checkout", "--quiet", "--", "worker.py", cwd=serving.path)
    for line in ("modified README.md", "modified seed.sql", "deleted worker.py"):
        assert line in answer.err


def test_staged_edits_are_edits(serving: Installation) -> None:
    with edited(serving, "README.md"):
        git("add", "README.md", cwd=serving.path)
        refuse(serving, *TO, message="1 file of the checkout is edited: README.md", hint="--keep-local-changes")
        git("reset", "--quiet", "--", "README.md", cwd=serving.path)


def test_a_merge_under_way(serving: Installation) -> None:
    (serving.path / ".git" / "MERGE_HEAD").write_text(git("rev-parse", "v1.1.0^{commit}", cwd=serving.path))
    try:
        refuse(serving, *TO, message=f"A merge is under way in {serving.path}", hint=f"git -C {serving.path} merge --")
    finally:
        (serving.path / ".git" / "MERGE_HEAD").unlink()


def test_a_lock_that_a_killed_git_left(serving: Installation) -> None:
    lock = serving.path / ".git" / "index.lock"
    lock.touch()
    try:
        refuse(serving, *TO, message=f"{lock} exists, though no git works there", hint=f"rm {lock}")
    finally:
        lock.unlink()


def test_edits_survive_there_and_back(app: Installation) -> None:
    """On a branch, with an edit of a tracked file and a file of the operator's own."""
    git("checkout", "--quiet", "-B", "main", cwd=app.path)
    written = app.write(2)
    readme = app.path / "README.md"
    mine = readme.read_text() + FIXED
    readme.write_text(mine)
    (app.path / "notes.local").write_text("mine\n")
    env = app.env_file.read_bytes()
    status = git("status", "--porcelain", cwd=app.path)

    there = upgrader(app.path, *TO, "--keep-local-changes")
    assert there.code == 0, there
    assert app.version() == "1.1.0"
    assert readme.read_text() == mine
    assert git("status", "--porcelain", cwd=app.path) == status

    back = upgrader(app.path, "rollback", "--to", "v1.0.0", "--yes", "--accept-data-loss")
    assert back.code == 0, back
    assert app.version() == "1.0.0"
    assert readme.read_text() == mine
    assert (app.path / "notes.local").read_text() == "mine\n"
    assert git("status", "--porcelain", cwd=app.path) == status
    assert git("branch", "--show-current", cwd=app.path) == "main\n"
    assert app.env_file.read_bytes() == env
    assert app.notes() == written


def conflicting(installation: Installation) -> bytes:
    """An edit of the lines that v1.1.0 changes too."""
    example = installation.path / ".env.example"
    text = example.read_text()
    assert text.endswith("APP_GREETING=Hello\n")
    example.write_text(text.replace("APP_GREETING=Hello\n", "APP_GREETING=Mine\n"))
    return example.read_bytes()


def test_an_edit_that_conflicts(app: Installation) -> None:
    """Without an answer it heals, and says the flag; with the flag it goes on, and the way back brings the edit back."""
    mine = conflicting(app)
    before = picture(app)
    failed = upgrader(app.path, *TO, "--keep-local-changes")
    assert failed.code == 5, failed
    assert "--drop-conflicting-changes" in failed.err, failed
    after = picture(app)
    assert (after.checkout, after.files, after.containers) == (before.checkout, before.files, before.containers)
    assert after.data == before.data

    there = upgrader(app.path, *TO, "--keep-local-changes", "--drop-conflicting-changes")
    assert there.code == 0, there
    assert app.version() == "1.1.0"
    assert git("status", "--porcelain", cwd=app.path) == ""

    back = upgrader(app.path, "rollback", "--to", "v1.0.0", "--yes", "--accept-data-loss")
    assert back.code == 0, back
    assert app.version() == "1.0.0"
    assert (app.path / ".env.example").read_bytes() == mine


@pytest.fixture
def others(remote: Path) -> Iterator[Installation]:
    """A shallow clone on a branch, all of it another user's, where that user can get at it."""
    parent = Path(tempfile.mkdtemp(prefix="upgrader-tests-"))
    theirs = Path(shutil.copytree(remote, parent / "ledgerly.git"))
    app = Installation.create(theirs, parent, project=f"ut-others-{os.getpid()}")
    git("clone", "--quiet", "--depth=1", "--branch=v1.0.0", f"file://{theirs}", "shallow", cwd=parent)
    shutil.rmtree(app.path / ".git")
    shutil.move(parent / "shallow" / ".git", app.path / ".git")
    git("checkout", "--quiet", "-B", "main", cwd=app.path)
    for path in (parent, *parent.rglob("*")):
        os.chown(path, SOMEBODY, SOMEBODY, follow_symlinks=False)
    parent.chmod(0o755)
    try:
        app.start()
        yield app
    finally:
        app.remove()
        shutil.rmtree(parent)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_shallow_clone_of_another_owner(others: Installation) -> None:
    written = others.write(1)
    files = {path.name: path.read_bytes() for path in others.path.iterdir() if path.is_file()}
    there = upgrader(others.path, *TO)
    assert there.code == 0, there
    assert others.version() == "1.1.0"
    back = upgrader(others.path, "rollback", "--to", "v1.0.0", "--yes", "--accept-data-loss")
    assert back.code == 0, back
    assert others.version() == "1.0.0"
    assert others.notes() == written
    assert {path.name: path.read_bytes() for path in others.path.iterdir() if path.is_file()} == files
    assert (others.path / ".git" / "HEAD").read_text() == "ref: refs/heads/main\n"
    assert {path.lstat().st_uid for path in (others.path, *others.path.rglob("*"))} == {SOMEBODY}


def test_a_checkout_with_a_submodule(remote: Path, install: Install, tmp_path: Path) -> None:
    """Its commit changes between the releases; both ways it is checked out as the release says."""
    commits = _submodule(tmp_path / "theme.git")
    for tag, commit in zip(("v1.0.0", "v1.1.0"), commits, strict=True):
        _with_submodule(remote, tag, f"file://{tmp_path}/theme.git", commit)
    app = install()
    git("-c", "protocol.file.allow=always", "submodule", "update", "--quiet", "--init", cwd=app.path)
    git("config", "protocol.file.allow", "always", cwd=app.path)
    app.start()
    assert (app.path / "theme" / "theme.css").read_text() == "one"
    there = upgrader(app.path, *TO)
    assert there.code == 0, there
    assert (app.path / "theme" / "theme.css").read_text() == "two"
    back = upgrader(app.path, "rollback", "--to", "v1.0.0", "--yes", "--accept-data-loss")
    assert back.code == 0, back
    assert (app.path / "theme" / "theme.css").read_text() == "one"
    assert git("status", "--porcelain", cwd=app.path) == ""


def _submodule(path: Path) -> list[str]:
    git("init", "--quiet", "--bare", "--initial-branch=main", str(path), cwd=path.parent)
    who = "a <a@b.example> 1700000000 +0000"
    stream = "".join(
        f"commit refs/heads/main\ncommitter {who}\ndata 1\nx{parent}M 100644 inline theme.css\ndata 3\n{word}\n"
        for word, parent in (("one", "\n"), ("two", "\n"))
    )
    git("fast-import", "--quiet", cwd=path, stdin=stream.encode())
    return git("rev-list", "--reverse", "main", cwd=path).split()


def _with_submodule(remote: Path, tag: str, url: str, commit: str) -> None:
    """The release again, with the submodule at this commit."""
    tree = git("rev-parse", f"{tag}^{{tree}}", cwd=remote).strip()
    who = "a <a@b.example> 1700000000 +0000"
    modules = f'[submodule "theme"]\n\tpath = theme\n\turl = {url}\n'
    parent = "" if tag == "v1.0.0" else "from refs/heads/modules^0\n"
    stream = (
        f"commit refs/heads/modules\ncommitter {who}\ndata 1\nx\n{parent}M 040000 {tree} \n"
        f"M 100644 inline .gitmodules\ndata {len(modules)}\n{modules}\nM 160000 {commit} theme\n\n"
    )
    git("fast-import", "--quiet", cwd=remote, stdin=stream.encode())
    git("update-ref", f"refs/tags/{tag}", "refs/heads/modules", cwd=remote)
