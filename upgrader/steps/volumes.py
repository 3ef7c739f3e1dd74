"""Volumes and directories of the host in a restore point: which they are, how large, and their archives."""

import os
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from upgrader.model.duration import duration, plural, size
from upgrader.model.manifest import SavedFile, SavedVolume
from upgrader.steps.base import Context
from upgrader.steps.points import measure
from upgrader.steps.stores import Chosen
from upgrader.steps.way import Way
from upgrader.tools.docker import Container
from upgrader.tools.docker_pause import paused, stopped
from upgrader.tools.postgres import Pace
from upgrader.tools.volumes import SUFFIX, Look, Store, slug

DIRECTORY = "volumes"
"""Where the archives are in a restore point."""


def told(ctx: Context) -> list[str]:
    """Each in a line, with its size."""
    found = ctx.world.store_looks
    return [f"{one}, {holds(found[one.spec.id])}" for one in ctx.world.stores]


def holds(look: Look) -> str:
    return f"{size(look.size)} in {plural(look.files, 'file')}"


def save_all(ctx: Context, root: Path, pace: Pace) -> tuple[SavedVolume, ...]:
    """Archive each into the restore point that is being made."""
    return tuple(_save(ctx, root, one, pace) for one in ctx.world.stores)


def _save(ctx: Context, root: Path, one: Chosen, pace: Pace) -> SavedVolume:
    volumes, spec, started, moment = ctx.world.volumes, one.spec, time.monotonic(), ctx.now()
    (root / DIRECTORY).mkdir(mode=0o700, exist_ok=True)
    expected = ctx.world.store_looks[spec.id]
    tar = volumes.tar()
    name = f"{DIRECTORY}/{slug(spec.id)}{SUFFIX[tar.packer]}"
    ctx.say(f"archiving {spec.id} ({holds(expected)})")
    if tar.tar == "plain":
        ctx.say("no image of this stack has GNU tar: holes and extended attributes of files are not kept")
    with _resting(ctx, one):
        made = volumes.archive(one.store, root / name, pace, expected=expected.size, say=ctx.say)
        rested = time.monotonic() - started
    count, digest = measure(root / name)
    if spec.pause != "no" and one.services:
        verb = "stood still" if spec.pause == "yes" else "were stopped"
        ctx.say(f"{', '.join(one.services)} {verb} for {duration(rested)}")
    if not made.still:
        ctx.say(f"{spec.id}: files changed while they were read; `pause:` in the playbook can prevent that")
    ctx.say(f"{spec.id}: {size(count)} {tar.packer}, read back in full, {plural(made.look.files, 'file')}")
    return SavedVolume(
        id=spec.id,
        kind=one.store.kind,
        source=one.store.source,
        method="archive",
        file=SavedFile(name, digest, count),
        tar=tar.tar,
        packer=tar.packer,
        listing=made.look.listing,
        files=made.look.files,
        size=made.look.size,
        still=made.still,
        services=one.services,
        seconds=round(time.monotonic() - started, 3),
        taken_at=moment,
    )


def _resting(ctx: Context, one: Chosen) -> AbstractContextManager[None]:
    """Within it those that mount it do not write, if the playbook wants that."""
    ids = [c.id for c in users(ctx, [one.store]) if c.state == "running"]
    if one.spec.pause == "yes":
        return paused(ctx.shell, ids)
    if one.spec.pause == "stop":
        cut_off = ctx.run.before("backup").get("stopping", {}).get(one.spec.id, [])
        there = {c.id for c in ctx.world.containers}
        return stopped(ctx.shell, [*dict.fromkeys([*ids, *(each for each in cut_off if each in there)])])
    return nullcontext()


def stopping(ctx: Context) -> dict[str, list[str]]:
    """By volume: the containers that will be stopped while it is read, so that they are started whatever happens."""
    wanted = [one for one in ctx.world.stores if one.spec.pause == "stop"]
    return {one.spec.id: [c.id for c in users(ctx, [one.store]) if c.state == "running"] for one in wanted}


def users(ctx: Context, stores: Sequence[Store]) -> list[Container]:
    """The project's containers that mount one of them, or a directory above or below."""
    return [
        c
        for c in ctx.world.containers
        if not c.oneoff and any(_touches(store, mount.name or mount.source) for store in stores for mount in c.mounts)
    ]


def _touches(store: Store, source: str) -> bool:
    if store.source == source:
        return True
    if store.kind != "bind" or not source.startswith("/"):
        return False
    return os.path.commonpath([store.source, source]) in (store.source, source)


def note_all(ctx: Context) -> tuple[SavedVolume, ...]:
    """Of a way back: where what is live now will be kept, for each volume of the restore point that it goes to."""
    stores = [(saved, Store(saved.kind, saved.source)) for saved in Way(ctx).point.volumes]
    return tuple(_note(ctx, saved, store) for saved, store in stores if ctx.world.volumes.exists(store))


def _note(ctx: Context, saved: SavedVolume, store: Store) -> SavedVolume:
    return SavedVolume(
        id=saved.id,
        kind=saved.kind,
        source=saved.source,
        method="aside",
        aside=store.beside(ctx.run.id, "aside").source,
        identity=ctx.world.volumes.identities(store)[0],
        services=saved.services,
        taken_at=ctx.now(),
    )
