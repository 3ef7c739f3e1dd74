"""Export: one tar file of a restore point that restores on a bare machine with standard tools, as its README says."""

import hashlib
import io
import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

from upgrader.errors import RefusedError
from upgrader.model.manifest import RestorePoint, SavedFile
from upgrader.steps.export_readme import readme
from upgrader.steps.points import Points, every_file
from upgrader.steps.world import SCRATCH
from upgrader.tools.files import look_for_room, sync_directory
from upgrader.tools.shell import Command, Shell


def export(points: Points, point: RestorePoint, file: Path, shell: Shell, *, recipient: str = "") -> None:
    """Write the tar to `file`, whole and durable or not at all; with a `recipient`, encrypted by age for it.

    Every member is compared with the manifest while it is copied. Raises RefusedError.
    """
    if not point.dumped:
        raise RefusedError(
            f"{point.id} has no dumps: its databases are kept in their servers", "upgrader backup makes a whole one"
        )
    if file.exists():
        raise RefusedError(f"{file} exists already", "name another file")
    if recipient:
        _try_age(shell, recipient)
    with _writing(file) as part:
        if not recipient:
            _tar(points, point, part)
            return
        # no plain text where the encrypted file goes: that may be another machine's disk
        with _scratch(points.home) as scratch:
            plain = scratch / "plain.tar"
            with _telling(plain):
                _tar(points, point, plain)
            shell.run(Command(("age", "-r", recipient, "-o", str(part), str(plain)), changes=True, label="age"))
            part.chmod(0o600)


def _try_age(shell: Shell, recipient: str) -> None:
    result = shell.attempt(Command(("age", "-r", recipient, "-o", "/dev/null"), stdin=b"", changes=True, label="age"))
    if result.code == 127:
        raise RefusedError("age is not installed, and it is what encrypts", "apt install age")
    if not result.ok:
        lines = [line for line in result.tail if "report unexpected" not in line]
        raise RefusedError(f"age takes no {recipient!r}", "make a key: age-keygen -o key.txt", lines=lines)


@contextmanager
def _writing(file: Path) -> Iterator[Path]:
    """A name to write under; it becomes `file` at the end, or is gone."""
    part = file.with_name(f"{file.name}.part")
    with _telling(file):
        try:
            yield part
            with part.open("rb") as written:
                os.fsync(written.fileno())
            part.rename(file)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        sync_directory(file.absolute().parent)


@contextmanager
def _telling(file: Path) -> Iterator[None]:
    """Within it, a file that cannot be written raises RefusedError."""
    try:
        yield
    except OSError as error:
        hint = look_for_room(file.absolute().parent)
        raise RefusedError(f"{file} cannot be written: {error.strerror or error}", hint) from error


@contextmanager
def _scratch(home: Path) -> Iterator[Path]:
    """A directory of this process, which is gone afterwards; should it be killed, the next one clears it."""
    with _telling(home), tempfile.TemporaryDirectory(prefix=f"{SCRATCH}{os.getpid()}-", dir=home) as directory:
        yield Path(directory)


def _tar(points: Points, point: RestorePoint, into: Path) -> None:
    root, saved = points.path(point.id), list(every_file(point))
    top = f"{point.project}-{point.id}"
    made = datetime.fromisoformat(point.created_at).timestamp()
    sums = "".join(f"{each.sha256}  {each.path}\n" for each in saved)
    descriptor = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out, tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for name, text in (("README.md", readme(point)), ("SHA256SUMS", sums)):
            data = text.encode()
            tar.addfile(_member(f"{top}/{name}", len(data), made), io.BytesIO(data))
        manifest = (root / "manifest.json").read_bytes()
        tar.addfile(_member(f"{top}/manifest.json", len(manifest), made), io.BytesIO(manifest))
        for each in saved:
            with _checked(root / each.path, each) as source:
                tar.addfile(_member(f"{top}/{each.path}", each.size, made), source)


def _member(name: str, size: int, made: float) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, made, 0o600
    return member


class _Hashing(io.RawIOBase):
    """A file that is hashed while it is read."""

    def __init__(self, file: IO[bytes], damaged: RefusedError) -> None:
        super().__init__()
        self.file, self.digest, self.damaged = file, hashlib.sha256(), damaged

    def read(self, size: int = -1) -> bytes:
        try:
            data = self.file.read(size)
        except OSError as error:  # it is not the tar that is at fault
            raise self.damaged from error
        self.digest.update(data)
        return data


@contextmanager
def _checked(path: Path, saved: SavedFile) -> Iterator[IO[bytes]]:
    """The file to be read once; raises RefusedError where it is not what was saved."""
    damaged = RefusedError(f"{path} is damaged: it cannot be exported", "upgrader backups verify")
    if not path.is_file() or path.stat().st_size != saved.size:
        raise damaged
    with path.open("rb") as file:
        source = _Hashing(file, damaged)
        yield source  # type: ignore[misc]
        if source.digest.hexdigest() != saved.sha256:
            raise damaged
