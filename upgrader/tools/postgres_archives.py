"""Archives of databases on this machine: one file, or a directory of members, each with its checksum."""

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from upgrader.errors import RefusedError, StepError
from upgrader.tools.files import no_inodes

TOC = "toc.dat"
"""The member of a directory archive that names the others."""
_HINT = "Use another restore point: upgrader history"


@dataclass(frozen=True)
class Member:
    """A file of an archive: its name in the directory, or empty where the archive is one file."""

    name: str
    sha256: str
    size: int
    """Bytes."""


def measure(archive: Path) -> tuple[Member, ...]:
    """Read every byte of an archive."""
    return tuple(Member(name, _sha256(path), path.stat().st_size) for name, path in _files(archive))


def check(archive: Path, members: Sequence[Member]) -> None:
    """Read every byte and compare: no member gone, cut, altered or put there since. Raises RefusedError."""
    if not os.path.lexists(archive):
        raise RefusedError(f"The dump {archive} is gone", _HINT)
    found = dict(_files(archive))
    for member in members:
        path = found.pop(member.name, None)
        if path is None:
            raise RefusedError(f"The dump {archive} is damaged: its member {member.name or 'file'} is gone", _HINT)
        if (size := path.stat().st_size) != member.size:
            what = "truncated" if size < member.size else "damaged"
            raise RefusedError(f"The dump {path} is {what}: {size} of {member.size} bytes", _HINT)
        if _sha256(path) != member.sha256:
            raise RefusedError(f"The dump {path} is damaged: its checksum is not the one noted when it was made", _HINT)
    if found:
        raise RefusedError(f"The dump {archive} is damaged: nobody dumped its member {min(found)}", _HINT)


def make_durable(archive: Path) -> None:
    """Sync an archive and its names, its own among them."""
    for _, path in _files(archive):
        sync(path)
    if archive.is_dir():
        sync(archive)
    sync(archive.parent)


def remove(archive: Path) -> None:
    """Remove an archive, or what there is of it."""
    if archive.is_dir() and not archive.is_symlink():
        shutil.rmtree(archive)
    else:
        archive.unlink(missing_ok=True)


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def full(directory: Path, needed: int) -> StepError:
    """What to say when the file system of `directory` takes no more; `needed` in bytes is a generous guess."""
    if no_inodes(directory):
        return StepError(f"The disk of {directory} has no inodes left", f"Remove small files there: df -i {directory}")
    return StepError(f"The disk of {directory} is full", f"Free up to {needed:,} bytes there")


def _files(archive: Path) -> Iterator[tuple[str, Path]]:
    if not archive.is_dir():
        yield "", archive
        return
    for path in sorted(archive.rglob("*")):
        if not path.is_dir() or path.is_symlink():
            yield str(path.relative_to(archive)), path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
