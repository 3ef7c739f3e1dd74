"""How much room an upgrade needs, and where."""

import os
from pathlib import Path

from upgrader.model.plan import DiskNeed
from upgrader.steps.base import Context

MARGIN = 64 << 20
"""Bytes that a file system keeps free whatever we do."""


def needs(ctx: Context) -> list[DiskNeed]:
    """Bytes needed and free, one entry per file system."""
    sizes, files = ctx.world.sizes.values(), sum(look.size for look in ctx.world.store_looks.values())
    # what a server elsewhere has room for is not seen from here
    here = [ctx.world.sizes[spec.id] for spec in ctx.app.databases.values() if spec.service]
    saved = "the dump and the volumes" if ctx.world.stores else "the dump"
    # uploads are compressed already, as a rule
    dumps = DiskNeed(str(ctx.app.home), saved, sum(sizes) // 2 + files + MARGIN, _free(ctx.app.home))
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
