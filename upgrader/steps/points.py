"""Restore points on disk: written under a temporary name, synced, renamed; checked on every use."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from upgrader.errors import RefusedError
from upgrader.model.manifest import FORMAT, RestorePoint, SavedFile
from upgrader.tools.files import sync_directory

PARTIAL = ".partial"
PINNED = "pinned"
"""The marker beside a manifest, which has a checksum, of a restore point that is to stay."""
_CHUNK = 1 << 20


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
        import shutil

        partial = self.directory / f"{point_id}{PARTIAL}"
        shutil.rmtree(partial, ignore_errors=True)
        for made in (partial, partial / "files", partial / "databases"):
            made.mkdir(mode=0o700)
            made.chmod(0o700)
        return partial

    def complete(self, point: RestorePoint) -> Path:
        """Make a filled directory a restore point: durable before it has its name."""
        partial, final = self.directory / f"{point.id}{PARTIAL}", self.path(point.id)
        write_synced(partial / "manifest.json", _sealed(point))
        for directory in (*(path for path in partial.rglob("*") if path.is_dir()), partial):
            sync_directory(directory)
        partial.rename(final)
        sync_directory(self.directory)
        return final

    def amend(self, point: RestorePoint) -> None:
        """Put another manifest in the place of the one that is there: the old one or the new one, whatever happens."""
        root = self.path(point.id)
        write_synced(root / "manifest.json.new", _sealed(point))
        (root / "manifest.json.new").rename(root / "manifest.json")
        sync_directory(root)

    def exists(self, point_id: str) -> bool:
        return (self.path(point_id) / "manifest.json").exists()

    def load(self, point_id: str) -> RestorePoint:
        """The manifest; raises RefusedError when it is missing, damaged, edited or from a newer upgrader."""
        path = self.path(point_id) / "manifest.json"
        again = f"choose another one: ls {self.directory}"
        if not path.exists():
            raise RefusedError(f"there is no restore point {point_id}", again)
        try:
            body = json.loads(path.read_text(encoding="utf-8"))
            manifest = body["manifest"]
            text = json.dumps(manifest, indent=1, sort_keys=True)
            if hashlib.sha256(text.encode()).hexdigest() != body["sha256"]:
                raise RefusedError(f"{path} was changed after it was written", again)
            if manifest["format"] > FORMAT:
                raise RefusedError(
                    f"{path} was written by a newer upgrader (format {manifest['format']})", "pip install -U upgrader"
                )
            if manifest["id"] != point_id:
                raise RefusedError(f"{path} is that of another restore point, {manifest['id']}", again)
            return RestorePoint.from_json(manifest)
        except (ValueError, KeyError, TypeError) as error:
            raise RefusedError(f"{path} is damaged: {error}", again) from error

    def find(self, wanted: str) -> str:
        """The id of the one restore point that is meant by it, or by its beginning or end; raises RefusedError."""
        ids = self.ids()
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

    def all(self) -> Iterator[RestorePoint]:
        """Every restore point that can be read, oldest first."""
        for point_id in self.ids():
            yield self.load(point_id)

    def verify(self, point: RestorePoint) -> None:
        """Read every byte and compare with the manifest; raises RefusedError naming the first file that differs."""
        root = self.path(point.id)
        for saved in every_file(point):
            path = root / saved.path
            if not path.exists():
                raise RefusedError(f"{path} is missing from restore point {point.id}", f"ls {root}")
            size, digest = measure(path)
            if size != saved.size or digest != saved.sha256:
                what = f"{size} bytes instead of {saved.size}" if size != saved.size else "other bytes than were saved"
                raise RefusedError(
                    f"{path} is damaged: it has {what}", "choose another restore point: upgrader history"
                )
        if added := _added(root, point):
            raise RefusedError(f"{added[0]} was put into restore point {point.id} later", f"rm {added[0]}")


def _added(root: Path, point: RestorePoint) -> list[Path]:
    """Files in its archives that nobody dumped: pg_restore prefers a plain member to the compressed one beside it."""
    known = {root / saved.path for saved in every_file(point)}
    archives = [root / database.archive for database in point.databases if database.archive]
    return sorted(path for archive in archives for path in archive.rglob("*") if path not in known)


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
    body = {"sha256": hashlib.sha256(text.encode()).hexdigest(), "manifest": json.loads(text)}
    return json.dumps(body, indent=1, sort_keys=True).encode()


def every_file(point: RestorePoint) -> Iterator[SavedFile]:
    for database in point.databases:
        yield from database.files
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
