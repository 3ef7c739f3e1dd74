"""Restore points on disk: written under a temporary name, synced, renamed; checked on every use."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from upgrader.errors import RefusedError
from upgrader.model.manifest import FORMAT, RestorePoint, SavedFile
from upgrader.tools.files import sync_directory

PARTIAL = ".partial"
MANIFEST = "manifest.json"
PINNED = "pinned"
"""The marker beside a manifest, which has a checksum, of a restore point that is to stay."""
_CHUNK = 1 << 20
_ID = re.compile(r"\d{8}T\d{6}-[0-9a-f]{4}")
_AGAIN = "choose another restore point: upgrader backups list"


@dataclass(frozen=True)
class Points:
    """The restore points of one app."""

    home: Path

    @property
    def directory(self) -> Path:
        return self.home / "restore-points"

    def path(self, point_id: str) -> Path:
        return self.directory / point_id

    def begin(self, point_id: str) -> Path:
        """An empty directory to fill; what a cut-off attempt left in it is thrown away."""
        partial = self.directory / f"{point_id}{PARTIAL}"
        self.clear(point_id)
        for made in (partial, partial / "files", partial / "databases"):
            made.mkdir(mode=0o700)
            made.chmod(0o700)
        return partial

    def clear(self, point_id: str) -> None:
        """Remove what there is of one that is not whole."""
        import shutil

        shutil.rmtree(self.directory / f"{point_id}{PARTIAL}", ignore_errors=True)

    def complete(self, point: RestorePoint) -> Path:
        """Make a filled directory a restore point: durable, and read back, before it has its name.

        Raises RefusedError where the disk does not give back what was written.
        """
        partial, final = self.directory / f"{point.id}{PARTIAL}", self.path(point.id)
        write_synced(partial / MANIFEST, _sealed(point))
        for directory in (*(path for path in partial.rglob("*") if path.is_dir()), partial):
            sync_directory(directory)
        _verify(partial, point)
        partial.rename(final)
        sync_directory(self.directory)
        return final

    def amend(self, point: RestorePoint) -> None:
        """Put another manifest in the place of the one that is there: the old one or the new one, whatever happens."""
        root = self.path(point.id)
        write_synced(root / f"{MANIFEST}.new", _sealed(point))
        (root / f"{MANIFEST}.new").rename(root / MANIFEST)
        sync_directory(root)

    def exists(self, point_id: str) -> bool:
        return (self.path(point_id) / MANIFEST).exists()

    def load(self, point_id: str) -> RestorePoint:
        """The manifest; raises RefusedError when it is missing, damaged, edited or from a newer upgrader."""
        path = self.path(point_id) / MANIFEST
        if not path.exists():
            gone = f"{path} is missing" if self.path(point_id).is_dir() else f"there is no restore point {point_id}"
            raise RefusedError(gone, _AGAIN)
        try:
            return _opened(path, path.read_bytes(), point_id)
        except OSError as error:
            raise _unreadable(path, error) from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise RefusedError(f"{path} is damaged: {error}", _AGAIN) from error

    def find(self, wanted: str) -> str:
        """The id of the one restore point that is meant by it, or by its beginning or end; raises RefusedError."""
        ids = self.names()
        found = [wanted] if wanted in ids else [one for one in ids if one.startswith(wanted) or one.endswith(wanted)]
        if len(found) == 1:
            return found[0]
        what = "no restore point" if not found else f"{len(found)} restore points"
        raise RefusedError(f"{what} of this app can be meant by {wanted!r}", "upgrader backups list")

    def pinned(self, point_id: str) -> bool:
        """Whether somebody wants it to stay."""
        return (self.path(point_id) / PINNED).exists()

    def pin(self, point_id: str) -> None:
        write_synced(self.path(point_id) / PINNED, b"")
        sync_directory(self.path(point_id))

    def unpin(self, point_id: str) -> None:
        (self.path(point_id) / PINNED).unlink(missing_ok=True)
        sync_directory(self.path(point_id))

    def discard(self, point_id: str) -> None:
        """Delete it; cut off midway, it is no restore point any more, and what is left is cleared like a half-made one.

        Its image pins are not touched.
        """
        import shutil

        doomed = self.directory / f"{point_id}{PARTIAL}"
        shutil.rmtree(doomed, ignore_errors=True)
        self.path(point_id).rename(doomed)
        sync_directory(self.directory)
        shutil.rmtree(doomed)

    def size(self, point_id: str) -> int:
        """Bytes on disk, whatever the manifest says."""
        return sum(path.lstat().st_size for path in self.path(point_id).rglob("*") if path.is_file())

    def ids(self) -> list[str]:
        """The ids of the whole ones, oldest first."""
        if not self.directory.is_dir():
            return []
        names = (path.name for path in self.directory.iterdir() if not path.name.endswith(PARTIAL))
        return sorted(name for name in names if self.exists(name))

    def names(self) -> list[str]:
        """The ids of all that ever were whole, oldest first: those as well whose manifest has gone since."""
        if not self.directory.is_dir():
            return []
        headless = {path.name for path in self.directory.iterdir() if _ID.fullmatch(path.name) and path.is_dir()}
        return sorted(headless.union(self.ids()))

    def all(self) -> Iterator[RestorePoint]:
        """Every restore point, oldest first; raises RefusedError at the first whose manifest cannot be believed."""
        for point_id in self.names():
            yield self.load(point_id)

    def readable(self) -> tuple[list[RestorePoint], list[str]]:
        """Those whose manifests can be believed, and the ids of the others, oldest first."""
        found, others = [], []
        for point_id in self.names():
            try:
                found.append(self.load(point_id))
            except RefusedError:
                others.append(point_id)
        return found, others

    def verify(self, point: RestorePoint) -> None:
        """Read every byte and compare with the manifest; raises RefusedError naming the first file that differs."""
        _verify(self.path(point.id), point)

    def verify_for(self, project: str, point: RestorePoint) -> None:
        """The same before its data is used: raises RefusedError as well where it is another app's."""
        if point.project != project:
            raise RefusedError(f"{point.id} is a restore point of {point.project}, another app", _AGAIN)
        self.verify(point)

    def trouble(self, point_id: str) -> str:
        """What is wrong with it once every byte was read, or did not come back when it was proved; empty: nothing."""
        try:
            point = self.load(point_id)
            self.verify(point)
        except RefusedError as error:
            return error.message
        failed = (db.proved.why for db in point.databases if db.proved and db.proved.how == "failed")
        return next(failed, "")


def _opened(path: Path, data: bytes, point_id: str) -> RestorePoint:
    """The restore point of a manifest, if these are the very bytes that were written."""
    body = json.loads(data)
    manifest = body["manifest"]
    text = json.dumps(manifest, indent=1, sort_keys=True)
    changed = RefusedError(f"{path} was changed after it was written", _AGAIN)
    if hashlib.sha256(text.encode()).hexdigest() != body["sha256"]:
        raise changed
    if manifest["format"] > FORMAT:
        raise RefusedError(
            f"{path} was written by a newer upgrader (format {manifest['format']})", "pip install -U upgrader"
        )
    if data != _written(body):  # it may well say the same: but somebody, or the disk, was at work here
        raise changed
    if manifest["id"] != point_id:
        raise RefusedError(f"{path} is that of another restore point, {manifest['id']}", _AGAIN)
    return RestorePoint.from_json(manifest)


def _verify(root: Path, point: RestorePoint) -> None:
    for saved in every_file(point):
        _compare(root / saved.path, saved, point)
    if added := _added(root, point):
        raise RefusedError(f"{added[0]} was put into restore point {point.id} later", f"rm {added[0]}")


def _compare(path: Path, saved: SavedFile, point: RestorePoint) -> None:
    try:
        if not path.is_file() or path.is_symlink():
            what = "is no file any more" if os.path.lexists(path) else "is missing"
            raise RefusedError(f"{path} {what}: restore point {point.id} needs it", _AGAIN)
        size, digest = measure(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    if size != saved.size or digest != saved.sha256:
        what = f"{size} bytes instead of {saved.size}" if size != saved.size else "other bytes than were saved"
        raise RefusedError(f"{path} is damaged: it has {what}", _AGAIN)


def _unreadable(path: Path, error: OSError) -> RefusedError:
    return RefusedError(f"{path} cannot be read: {error.strerror or error}", _AGAIN)


def _added(root: Path, point: RestorePoint) -> list[Path]:
    """Files beside its dumps that nobody saved: pg_restore prefers a plain member to the compressed one beside it."""
    known = {root / saved.path for saved in every_file(point)}
    directories = {(root / saved.path).parent for saved in every_file(point)} | {root / "databases"}
    found = (path for path in (root / "databases").rglob("*") if path not in known | directories)
    return sorted(found)


def of_env_file(points: Points, point_id: str) -> bytes | None:
    """The env file in a restore point; None where there is no such point or it has none."""
    if not points.exists(point_id):
        return None
    point = points.load(point_id)
    saved = next((file for file in point.files if file.origin == point.env_file), None)
    return (points.path(point_id) / saved.path).read_bytes() if saved else None


def _sealed(point: RestorePoint) -> bytes:
    """The manifest as it is written: with a checksum over itself."""
    text = json.dumps(point.to_json(), indent=1, sort_keys=True)
    return _written({"sha256": hashlib.sha256(text.encode()).hexdigest(), "manifest": json.loads(text)})


def _written(body: object) -> bytes:
    return json.dumps(body, indent=1, sort_keys=True).encode()


def every_file(point: RestorePoint) -> Iterator[SavedFile]:
    for database in point.databases:
        yield from database.files
    yield from (volume.file for volume in point.volumes if volume.file)
    yield from point.files
    yield from (file for file in (point.patch, point.model) if file)


def save(root: Path, name: str, data: bytes, *, origin: str = "", mode: int = 0o600) -> SavedFile:
    """Write bytes into a restore point that is being made."""
    path = root / name
    for parent in reversed(path.relative_to(root).parents[:-1]):
        (root / parent).mkdir(mode=0o700, exist_ok=True)  # `parents=True` would leave those between to the umask
    write_synced(path, data)
    return SavedFile(name, hashlib.sha256(data).hexdigest(), len(data), origin, mode)


def measure(path: Path) -> tuple[int, str]:
    """Size and SHA-256 of a file."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()


def write_synced(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
