"""Restore points: what one run saved before it changed anything, as one manifest."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

FORMAT = 3


@dataclass(frozen=True)
class SavedFile:
    """A file of the restore point: its path inside it, and the checksum and size that every use verifies."""

    path: str
    sha256: str
    size: int
    origin: str = ""
    """Where it came from, relative to the app's directory; empty for dumps."""
    mode: int = 0o600


@dataclass(frozen=True)
class Proved:
    """What is known of a dump's worth, and since when.

    `how`: `read` (every byte was read), `data` (restored without indexes into a throw-away server, the schema beside
    it), or `full` (restored as a way back would); rows and schema were compared. `failed`: it did not come back as it
    was dumped. `why`: why it was no more than this.
    """

    how: str
    at: str
    seconds: float = 0.0
    why: str = ""


@dataclass(frozen=True)
class SavedDatabase:
    """A database as it was: dumped into `files`, or kept in the server as `aside` (renamed)."""

    id: str
    service: str
    """That it is in; of one outside of the stack, the env key of its URL."""
    name: str
    user: str
    server_version: str
    method: str
    """`dump` (the `archive`), or `aside` (the database itself, under the name in `aside`)."""
    files: tuple[SavedFile, ...] = ()
    archive: str = ""
    """What pg_restore reads, in the restore point: a directory of `files`, or one of them."""
    aside: str = ""
    oid: int = 0
    schema_sha256: str = ""
    ledger_sha256: str = ""
    rows: Mapping[str, int] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Bytes on disk of each table, without indexes."""
    size: int = 0
    seconds: float = 0.0
    taken_at: str = ""
    """The moment that it shows, by the server's clock."""
    moment: Mapping[str, Any] = field(default_factory=dict)
    """The same by its transactions, as `postgres_moments.Moment` has it: by it, what is written later can be told."""
    proved: Proved | None = None

    @property
    def major(self) -> int:
        """The server's major version: 17 of `17.2` and of `17beta1`."""
        found = re.match(r"\d+", self.server_version)
        return int(found[0]) if found else 0


@dataclass(frozen=True)
class SavedVolume:
    """Files of the app as they were: archived into `file`, or kept beside as `aside` (renamed)."""

    id: str
    kind: str
    """`volume`, or `bind`: a directory of the engine's machine."""
    source: str
    """The volume's real name, or the directory's path."""
    method: str
    """`archive` (the `file`), or `aside` (the files themselves, under the name in `aside`)."""
    file: SavedFile | None = None
    tar: str = ""
    """What made the archive: `gnu` tar, or a `plain` one, which keeps no holes and no extended attributes."""
    packer: str = ""
    """`zstd` or `gzip`."""
    aside: str = ""
    identity: int = 0
    """The inode of the directory, if it is kept aside: by it one knows whether it is the live one again."""
    listing: str = ""
    """A digest of all names, sizes, times, modes and owners."""
    files: int = 0
    size: int = 0
    """Bytes on disk."""
    still: bool = True
    """Whether nothing changed in it while it was read: then `listing` is that of the archive."""
    services: tuple[str, ...] = ()
    """Those that mount it."""
    seconds: float = 0.0
    taken_at: str = ""
    """When it began to be read."""


@dataclass(frozen=True)
class Pin:
    """An image kept by a tag of ours: the image id that the service's container ran, and the name it went by."""

    service: str
    image_id: str
    image: str
    tag: str
    digests: tuple[str, ...] = ()


@dataclass(frozen=True)
class RestorePoint:
    """Everything a way back needs."""

    id: str
    run: str
    project: str
    directory: str
    created_at: str
    tool: str
    commit: str
    branch: str | None
    version: str
    """The release tag at `commit`, or its abbreviated hash."""
    databases: tuple[SavedDatabase, ...] = ()
    volumes: tuple[SavedVolume, ...] = ()
    files: tuple[SavedFile, ...] = ()
    patch: SavedFile | None = None
    pins: tuple[Pin, ...] = ()
    model: SavedFile | None = None
    env_file: str = ""
    running: tuple[str, ...] = ()
    """The services that ran when it was taken and were not unwell: health is expected of them again."""
    started: tuple[str, ...] = ()
    """All that ran, unwell ones too: going back starts them again."""
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    """By key: a salted digest of each value in the env file that its data cannot be read without."""
    apart: float = 0.0
    """Seconds between the moments of the first and the last of its databases."""
    consistent: bool = False
    """Whether the writers stood still meanwhile: then its databases fit each other, however far apart."""
    kind: str = ""
    """The kind of run that made it; empty in old ones."""
    label: str = ""
    """What somebody called it."""
    copied_to: str = ""
    """Where a whole copy of it is, off this host."""
    format: int = FORMAT

    @property
    def dumped(self) -> bool:
        """Whether its data can be brought back from it alone; otherwise it needs what is kept beside the live one."""
        methods = [database.method for database in self.databases] + [volume.method for volume in self.volumes]
        return "aside" not in methods

    @property
    def proved(self) -> str:
        """How well all of its dumps are proved, as in `Proved.how`; `read` for archives alone; empty without data."""
        if not self.dumped or not (self.databases or self.volumes):
            return ""
        if not self.databases:
            return "read"
        ways = {database.proved.how if database.proved else "read" for database in self.databases}
        return next(way for way in ("failed", "read", "data", "full") if way in ways)

    @property
    def usable(self) -> bool:
        """Whether its data can be brought back from it alone, as far as is known."""
        return self.dumped and self.proved != "failed"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "RestorePoint":
        """Raises KeyError or TypeError for a manifest that is not one of ours."""
        values = dict(data)
        values["databases"] = tuple(_database(item) for item in data["databases"])
        values["volumes"] = tuple(_volume(item) for item in data.get("volumes", ()))
        values["files"] = tuple(SavedFile(**item) for item in data["files"])
        values["pins"] = tuple(Pin(**{**item, "digests": tuple(item["digests"])}) for item in data["pins"])
        for name in ("patch", "model"):
            values[name] = SavedFile(**data[name]) if data[name] else None
        values["running"] = tuple(data["running"])
        values["started"] = tuple(data.get("started", data["running"]))
        return RestorePoint(**values)


def _volume(item: Mapping[str, Any]) -> SavedVolume:
    file = SavedFile(**item["file"]) if item["file"] else None
    return SavedVolume(**{**item, "file": file, "services": tuple(item["services"])})


def _database(item: Mapping[str, Any]) -> SavedDatabase:
    proved = Proved(**item["proved"]) if item.get("proved") else None
    files = tuple(SavedFile(**file) for file in item["files"])
    # format 1: one file, and it came first
    archive = item.get("archive", files[0].path if item["method"] == "dump" and files else "")
    return SavedDatabase(**{**item, "files": files, "proved": proved, "archive": archive})
