"""Writing env files so that a crash leaves the old one or the new one, and nothing about the file widens."""

import errno
import glob
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from upgrader.errors import RefusedError, StepError
from upgrader.tools.files import sync_directory


def append_to(path: Path, old: bytes, new: bytes) -> None:
    """Replace the file's content `old` by `new`, which must begin with it. Raises RefusedError if the file has changed
    meanwhile, StepError if it cannot be written; then the file is as it was.
    """
    if not new.startswith(old):
        raise RefusedError(f"the new content of {path} does not begin with the old one", "Nothing was written")
    replace_exactly(path, old, new)


def replace_exactly(path: Path, expected_old: bytes, new: bytes) -> None:
    """Replace the whole content, if it still is `expected_old`. A symlink stays, its target is replaced.

    Mode, owner and extended attributes are kept. Raises as `append_to` does.
    """
    try:
        _replace(Path(os.path.realpath(path, strict=True)), path, expected_old, new)
    except OSError as error:
        raise StepError(f"{path} cannot be written: {error.strerror}", f"ls -l {path}") from error


def _replace(target: Path, shown: Path, expected_old: bytes, new: bytes) -> None:
    # What is checked and copied is the opened file; the name may come to mean another one.
    with target.open("rb") as current:
        status = os.fstat(current.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise RefusedError(f"{shown} is not a regular file", f"ls -lL {shown}")
        if current.read() != expected_old:
            raise _changed(shown)
        if new == expected_old:
            return
        temporary_name = f".{target.name}.upgrader-"
        for leftover in target.parent.glob(f"{glob.escape(temporary_name)}*"):
            leftover.unlink(missing_ok=True)  # of a process that was killed: it holds secrets
        descriptor, name = tempfile.mkstemp(prefix=temporary_name, dir=target.parent)
        try:
            with os.fdopen(descriptor, "wb") as temporary:
                temporary.write(new)
                temporary.flush()
                _copy_attributes(current.fileno(), temporary.fileno(), status)
                os.fsync(temporary.fileno())
            _check_unchanged(target, shown, status, expected_old)
            os.replace(name, target)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(name)
            raise
    sync_directory(target.parent)


def _changed(shown: Path) -> RefusedError:
    return RefusedError(f"{shown} was changed by someone else meanwhile", "Run again; the new content is then read")


def _check_unchanged(target: Path, shown: Path, status: os.stat_result, expected: bytes) -> None:
    now = target.stat(follow_symlinks=False)
    if (now.st_dev, now.st_ino) != (status.st_dev, status.st_ino) or target.read_bytes() != expected:
        raise _changed(shown)


def _copy_attributes(source: int, destination: int, status: os.stat_result) -> None:
    """Owner first, then mode: until then the file is 0600 and ours, so it is never open to more people than before."""
    if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
        os.fchown(destination, status.st_uid, status.st_gid)
    os.fchmod(destination, stat.S_IMODE(status.st_mode))
    try:
        names = os.listxattr(source)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return
        raise
    already = {name: os.getxattr(destination, name) for name in os.listxattr(destination)}
    for name in names:
        # a security label may be set by the system only, and then it mostly is what it should be
        if (value := os.getxattr(source, name)) != already.get(name):
            os.setxattr(destination, name, value)
