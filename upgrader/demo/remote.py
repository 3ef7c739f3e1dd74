"""Builds the git repository that the demo app is released from: the same bytes, and so the same commits, every time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from upgrader.errors import UsageError
from upgrader.tools.shell import Command, Shell

APP = Path(__file__).parent / "app"
"""The app's source: what `base` holds, and for each release the files that it changes."""


@dataclass(frozen=True)
class Release:
    """A tag, the directories of APP that its tree is laid from, and what its annotation says."""

    tag: str
    layers: tuple[str, ...]
    notes: str


RELEASES = (
    Release("v1.0.0", ("base",), "The first release."),
    Release(
        "v1.1.0",
        ("base", "v1.1.0"),
        "Seals and tags for notes.\n\nNew in .env: WORKFLOW_SECRET_KEY (required) and PAGE_SIZE.",
    ),
    Release(
        "v1.2.0",
        ("base", "v1.1.0", "v1.2.0"),
        "A page for each author.\n\nIts first migration commits, its second fails: two authors share a last name.",
    ),
    Release(
        "v1.3.0",
        ("base", "v1.1.0", "v1.3.0"),
        "Withdraw the author pages; search.\n\nMigrates, then is never healthy: nothing makes the search index.",
    ),
    Release("v1.4.0", ("base", "v1.1.0", "v1.4.0"), "Withdraw search; pinned notes."),
)

_AUTHOR = "ledgerly releases <releases@ledgerly.example>"
_FIRST_RELEASE = datetime(2026, 1, 5, 9, tzinfo=UTC)


def build_remote(path: Path, *, upto: str = "v1.3.0") -> None:
    """Make a bare repository at `path`, with every release up to `upto` as a commit on main and an annotated tag."""
    releases = RELEASES[: RELEASES.index(_release(upto)) + 1]
    git("init", "--quiet", "--bare", "--initial-branch=main", str(path), cwd=path.parent)
    for release in releases:
        publish(path, release.tag)


def publish(remote: Path, tag: str) -> None:
    """Add one of RELEASES on top of the remote's main branch."""
    release = _release(tag)
    _commit(remote, tag, release.notes, [b"deleteall\n", *(_write(path, data) for path, data in _tree(release))])


def add_release(remote: Path, tag: str, changes: Mapping[str, str | None], base: str) -> None:
    """Add a release of a test's own: the tree of the release `base`, with files written, or deleted where None."""
    tree = git("rev-parse", f"{base}^{{tree}}", cwd=remote).strip()
    edits = [
        f"D {path}\n".encode() if text is None else _write(path, text.encode())
        for path, text in {"VERSION": f"{tag.removeprefix('v')}\n", **changes}.items()
    ]
    _commit(remote, tag, f"{base} with changes.", [f"M 040000 {tree} \n".encode(), *edits])


def _release(tag: str) -> Release:
    for release in RELEASES:
        if release.tag == tag:
            return release
    raise UsageError(
        f"{tag} is no release of the demo app", f"Choose one of {', '.join(each.tag for each in RELEASES)}"
    )


def _tree(release: Release) -> list[tuple[str, bytes]]:
    files = {
        file.relative_to(APP / layer).as_posix(): file.read_bytes()
        for layer in release.layers
        for file in (APP / layer).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    return sorted(files.items())


def _commit(remote: Path, tag: str, notes: str, edits: Iterable[bytes]) -> None:
    """One commit on main and its tag, as one stream: `git fast-import` needs no work tree and no identity."""
    tags = git("tag", "--list", cwd=remote).split()
    when = f"{_AUTHOR} {(_FIRST_RELEASE + timedelta(weeks=len(tags))).timestamp():.0f} +0000"
    stream = [
        f"commit refs/heads/main\ncommitter {when}\n".encode(),
        _data(f"Release {tag}\n".encode()),
        b"from refs/heads/main^0\n" if tags else b"",
        *edits,
        f"tag {tag}\nfrom refs/heads/main\ntagger {when}\n".encode(),
        _data(f"{tag.removeprefix('v')}: {notes}\n".encode()),
    ]
    git("fast-import", "--quiet", cwd=remote, stdin=b"".join(stream))


def _write(path: str, data: bytes) -> bytes:
    return f"M 100644 inline {path}\n".encode() + _data(data)


def _data(data: bytes) -> bytes:
    return b"data %d\n%b\n" % (len(data), data)


def git(*args: str, cwd: Path, stdin: bytes | None = None) -> str:
    """What git prints; raises CommandFailedError."""
    # whoever runs the demo has a git config of their own, which must not show in the commits
    env = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    return Shell().run(Command(("git", *args), cwd=cwd, env=env, stdin=stdin)).out
