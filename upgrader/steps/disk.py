"""How much room dumps, copies and restores need, and where."""

import os
from collections.abc import Iterable
from pathlib import Path

from upgrader.model.app import DatabaseSpec
from upgrader.model.duration import size as told
from upgrader.model.manifest import SavedDatabase
from upgrader.model.plan import DiskNeed
from upgrader.model.verdict import Refused
from upgrader.steps.base import Context
from upgrader.steps.points import Points

MARGIN = 64 << 20
"""Bytes that a file system keeps free whatever we do."""
_SHARE = 0.5
"""Of a database on disk, what a dump of it takes where none was ever made."""
_MORE = 1.2
"""How much larger than the last one a dump may be, for a database of the same size."""
_KNOWS_ZSTD = 16
"""The first major version whose pg_restore may read what zstd has compressed."""


def needs(ctx: Context) -> list[DiskNeed]:
    """Bytes needed and free, one entry per file system."""
    files = sum(look.size for look in ctx.world.store_looks.values())
    # what a server elsewhere has room for is not seen from here
    here = [ctx.world.sizes[spec.id] for spec in ctx.app.databases.values() if spec.service]
    saved = "the dump and the volumes" if ctx.world.stores else "the dump"
    # uploads are compressed already, as a rule
    dumps = DiskNeed(str(ctx.app.home), saved, dumped(ctx) + files + MARGIN, _free(ctx.app.home))
    if ctx.run.kind == "backup":
        return [dumps]
    engine = ctx.world.engine
    free = ctx.world.docker.free_bytes_in_engine(engine)
    if free is None:
        return [dumps]
    copies = sum(here) if ctx.world.migrations.mode == "offline" else 0
    built = sum(_image(ctx, name) for name, service in ctx.world.target_model.services.items() if service.build)
    images = DiskNeed(
        engine.root_dir, "images" + (" and a copy of the database" if copies else ""), copies + built + MARGIN, free
    )
    if engine.local and Path(engine.root_dir).exists() and _device(Path(engine.root_dir)) == _device(ctx.app.home):
        return [DiskNeed(dumps.path, f"{saved}, {images.purpose}", dumps.needed + images.needed - MARGIN, dumps.free)]
    return [dumps, images]


def dumped(ctx: Context) -> int:
    """Bytes that dumps of all databases may take, by what the last ones took.

    Rows that lie there as plain text until they are compressed are not counted: they do so only where there is room
    for all of them, see `postgres_dumps`.
    """
    shares = _shares(ctx)
    return sum(int(size * shares.get(name, _SHARE)) for name, size in ctx.world.sizes.items())


def _shares(ctx: Context) -> dict[str, float]:
    """By database: the size of its newest dump, as a share of what it had on disk."""
    points, _ = Points(ctx.app.home).readable()
    databases = (db for point in points for db in point.databases if db.method == "dump" and db.size)
    return {db.id: share_of(db) for db in databases}


def share_of(saved: SavedDatabase) -> float:
    """What a dump of this database may take now, as a share of what the database has on disk."""
    return _MORE * sum(file.size for file in saved.files) / saved.size


def unfolded(major: int, size: int) -> int:
    """Bytes that a dump of a database of this `size` takes as plain text while a server of that version restores it.

    0 where its pg_restore reads the dump as it is.
    """
    return size if major < _KNOWS_ZSTD else 0


def no_room(ctx: Context, wanted: Iterable[tuple[DatabaseSpec, SavedDatabase]]) -> Refused | None:
    """The refusal to restore these into new databases: they would fill the disk that the live ones write to."""
    here = [(spec, saved) for spec, saved in wanted if spec.service]
    needs = [saved.size + unfolded(ctx.world.server(spec).require().major, saved.size) for spec, saved in here]
    return _too_tight(ctx, sum(needs), "the old data") if needs else None


def no_room_for_copies(ctx: Context, wanted: Iterable[str]) -> Refused | None:
    """The refusal to copy these databases, by id, in their servers: the same."""
    return _too_tight(ctx, sum(ctx.world.sizes[name] for name in wanted), "the copy of the data")


def _too_tight(ctx: Context, needed: int, what: str) -> Refused | None:
    free, where = ctx.world.docker.free_bytes_in_engine(ctx.world.engine), ctx.world.engine.root_dir
    if free is None or needed + MARGIN <= free:
        return None
    return Refused(f"{where} has {told(free)} free, and {what} may take {told(needed)}", f"make room: df -h {where}")


def _image(ctx: Context, service: str) -> int:
    """What building the service's image again may take: as much as it takes now."""
    container = ctx.world.running(service)
    return (ctx.world.docker.image_size(container.image_id) or 0) if container else 0


def _free(path: Path) -> int:
    while not path.exists():
        path = path.parent
    usage = os.statvfs(path)
    return usage.f_bavail * usage.f_frsize


def _device(path: Path) -> int:
    while not path.exists():
        path = path.parent
    return path.stat().st_dev
