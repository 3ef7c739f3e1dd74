"""What makes a change of files durable."""

import errno
import os
from pathlib import Path

from upgrader.errors import StepError

_FEW = 16
"""Inodes that were given back since a program failed for want of them."""


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable: a file that was made or renamed there is there after a power loss."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def no_inodes(directory: Path) -> bool:
    """Whether its file system has room for no more files, however small."""
    found = os.statvfs(directory)
    return bool(found.f_files) and found.f_favail <= _FEW


def look_for_room(path: Path) -> str:
    """The command that shows what a file system which takes no more is short of: inodes, or bytes."""
    while not path.is_dir() and path != path.parent:
        path = path.parent
    return f"df -i {path}" if no_inodes(path) else f"df -h {path}"


def unwritable(error: OSError, home: Path) -> StepError | None:
    """What to say of a disk that is full, broken or read-only; None for any other error, which is a bug of ours.

    `home` is named where the error itself names no file.
    """
    if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO):
        return None
    where = error.filename or home
    return StepError(f"{where} cannot be written: {error.strerror}", f"make room: {look_for_room(Path(where))}")
