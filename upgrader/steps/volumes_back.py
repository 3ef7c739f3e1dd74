"""The way back of volumes: filled beside the live ones while the app serves, then swapped for them by renaming."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from upgrader.errors import RefusedError, StepError
from upgrader.model.duration import plural, size
from upgrader.model.events import Facts
from upgrader.model.manifest import RestorePoint, SavedVolume
from upgrader.model.plan import Loss
from upgrader.model.verdict import Needed, Refused, Satisfied, Verdict
from upgrader.steps.base import Context, StepModel
from upgrader.steps.database import way_back as of_database
from upgrader.steps.points import Points
from upgrader.steps.stores import strangers
from upgrader.steps.volumes import users
from upgrader.steps.way import Way
from upgrader.tools.volumes import MISSING, Look, Store, Volumes, slug

WAYS = {
    "untouched": "as it was, stays as it is",
    "stays": "stays as it is, with what was written since",
    "archive": "restored from its archive",
    "aside": "back to the files kept aside",
}
_SWAPPED = ("archive", "aside")


def store_of(saved: SavedVolume) -> Store:
    return Store(saved.kind, saved.source)


def tool(ctx: Context, point: RestorePoint) -> Volumes:
    """Through the images that run, and those that ran: one of these made the archives."""
    volumes = ctx.world.volumes
    there = ctx.world.docker.image_ids(pin.image_id for pin in point.pins)
    return replace(volumes, images=(*volumes.images, *(image for image in there.values() if image)))


class VolumesStage(StepModel):
    """Decide how each volume goes back, and fill new ones from the archives while the app still serves."""

    uses: Literal["volumes.stage"]

    def describe(self) -> str:
        return "Bring the old files up beside the new"

    def check(self, ctx: Context) -> Verdict:
        ways: dict[str, str] = dict(ctx.run.before(self.id).get("ways", {}))
        saved = Way(ctx).point.volumes
        for each in saved:
            if each.id not in ways:
                way = way_back(ctx, each)
                if isinstance(way, Refused):
                    return way
                ways[each.id] = way
        words = "; ".join(f"{name}: {WAYS[way]}" for name, way in ways.items())
        filled = [each for each in saved if ways[each.id] == "archive"]
        if not filled:
            return Satisfied(words or "the restore point has no volume", {"ways": ways})
        if not ctx.run.touched(self.id) and (refused := _too_large(ctx, filled)):
            return refused
        return Needed(words, {"ways": ways})

    def apply(self, ctx: Context) -> Facts:
        way, ways = Way(ctx), dict(ctx.run.before(self.id)["ways"])
        for saved in way.point.volumes:
            if ways[saved.id] == "archive":
                fill(ctx, way.point, saved, store_of(saved).beside(ctx.run.id, "restored"))
                ctx.say(f"{saved.id}: restored beside the live one, {plural(saved.files, 'file')}")
        return {"ways": ways}


def fill(ctx: Context, point: RestorePoint, saved: SavedVolume, into: Store) -> None:
    """Restore the archive into a store of ours, and compare; one that is whole already stays as it is."""
    assert saved.file is not None  # noqa: S101 - an archive has one
    volumes, path = tool(ctx, point), Points(ctx.app.home).path(point.id) / saved.file.path
    if saved.still and volumes.exists(into) and volumes.look(into).listing == saved.listing:
        return
    found = volumes.extract(path, into, saved.tar, saved.packer)
    if saved.still and found.listing != saved.listing:
        raise StepError(
            f"{saved.id} does not come back from its archive: {plural(found.files, 'file')} of {saved.files}, "
            "or other modes, owners or times",
            f"look at {into.source}; the live one was not touched",
        )


def _too_large(ctx: Context, filled: Sequence[SavedVolume]) -> Refused | None:
    free = ctx.world.docker.free_bytes_in_engine(ctx.world.engine)
    needed = sum(saved.size for saved in filled if saved.kind == "volume")
    if free is None or needed <= free:
        return None
    root = ctx.world.engine.root_dir
    return Refused(
        f"{root} has {size(free)} free, and {size(needed)} are needed for the volumes", f"make room: df -h {root}"
    )


def way_back(ctx: Context, saved: SavedVolume) -> "str | Refused":
    """How this volume goes back; the least that is lost, first."""
    if saved.method == "archive" and not goes_back(ctx):
        return "stays"
    volumes, store = tool(ctx, Way(ctx).point), store_of(saved)
    if trouble := volumes.trouble(store) or strangers(ctx.world, store):
        hint = "make it by starting the app: docker compose up -d" if trouble == MISSING else _look(store)
        return Refused(f"{saved.id} ({saved.source}) cannot be swapped: {trouble}", hint)
    if saved.method == "aside":
        if volumes.identities(store) == (saved.identity,):
            return "untouched"
        if volumes.exists(Store(saved.kind, saved.aside)):
            return "aside"
        return Refused(f"{saved.aside}, which was kept aside, is gone", "from an archive: upgrader backups list")
    if saved.still and volumes.look(store).listing == saved.listing:
        return "untouched"
    return "archive"


def _look(store: Store) -> str:
    return f"docker volume inspect {store.source}" if store.kind == "volume" else f"ls -lad {store.source}"


def goes_back(ctx: Context) -> bool:
    """Whether files that have changed go back to the restore point's.

    They belong to the rows: where the databases keep all that was written since, files stay as well.
    """
    way = Way(ctx)
    if ctx.options.data != "auto":
        return ctx.options.data == "restore"
    if ctx.app.databases:
        told = ctx.run.facts("database.stage") or ctx.run.before("database.stage")
        ways = told.get("ways") or {spec.id: of_database(ctx, spec) for spec in ctx.app.databases.values()}
        return "dump" in ways.values()
    return not way.healing or way.parent_touched("migrate", "compose.up")


def moving(ctx: Context) -> list[SavedVolume]:
    """The volumes that this way back swaps."""
    told = ctx.run.facts("volumes.stage") or ctx.run.before("volumes.stage")
    ways = told.get("ways", {})
    return [saved for saved in Way(ctx).point.volumes if ways.get(saved.id) in _SWAPPED] if ways else []


class VolumesSwap(StepModel):
    """Swap volumes for their old state by renaming; what was live is kept aside, under a name that is told.

    A volume keeps its name, which Compose wants: it is the directories behind the names that are swapped.
    """

    uses: Literal["volumes.swap"]

    def describe(self) -> str:
        return "Swap the volumes"

    def check(self, ctx: Context) -> Verdict:
        swapped = moving(ctx)
        if not swapped:
            return Satisfied("the files stay as they are", {"aside": {}})
        aside = {saved.id: _aside(ctx, saved).source for saved in swapped}
        names = ", ".join(saved.source for saved in swapped)
        if ctx.planning:
            return Needed(names, {"aside": aside})
        # by what they were when the swap began, a second process tells what lies where
        noted: dict[str, list[int]] = ctx.run.before(self.id).get("identities", {})
        if noted and all(_is_swapped(ctx, saved, noted[saved.id]) for saved in swapped):
            return Satisfied("swapped already", {"aside": aside})
        pairs = {saved.id: (store_of(saved), _source(ctx, saved)) for saved in swapped}
        found = noted or {name: list(ctx.world.volumes.identities(*pair)) for name, pair in pairs.items()}
        return Needed(names, {"aside": aside, "identities": found})

    def apply(self, ctx: Context) -> Facts:
        before = ctx.run.before(self.id)
        for saved in moving(ctx):
            if busy := next((c.name for c in users(ctx, [store_of(saved)]) if c.state in _LIVE), ""):
                raise StepError(f"{busy} uses {saved.source}: it cannot be swapped", f"docker stop {busy}")
            old, new = before["identities"][saved.id]
            keep = _aside(ctx, saved)
            ctx.world.volumes.swap(store_of(saved), _source(ctx, saved), keep, (old, new))
            ctx.say(f"{saved.id}: swapped; what was live is kept as {keep.source}")
        return {"aside": dict(before["aside"])}


def _is_swapped(ctx: Context, saved: SavedVolume, identities: Sequence[int]) -> bool:
    """Whether the swap that began with these came to its end."""
    old, new = identities
    return ctx.world.volumes.swapped(store_of(saved), _source(ctx, saved), _aside(ctx, saved), (old, new))


_LIVE = ("running", "restarting", "paused")


def _source(ctx: Context, saved: SavedVolume) -> Store:
    """What takes the place of the live one."""
    if saved.method == "aside":
        return Store(saved.kind, saved.aside)
    return store_of(saved).beside(ctx.run.id, "restored")


def _aside(ctx: Context, saved: SavedVolume) -> Store:
    return store_of(saved).beside(ctx.run.id, "aside")


def told_back(ctx: Context) -> Iterator[tuple[str, Loss | None]]:
    """How each volume goes back, in words, and what is written since."""
    point = Way(ctx).point
    for saved in point.volumes:
        how = way_back(ctx, saved)
        if isinstance(how, Refused):
            continue
        loss = _loss(ctx, point, saved) if how in _SWAPPED else None
        kept = "; what is there now is kept aside" if how in _SWAPPED else ""
        yield f"{saved.id}: {WAYS[how]}{kept}", loss


def _loss(ctx: Context, point: RestorePoint, saved: SavedVolume) -> Loss | None:
    since = datetime.fromisoformat(saved.taken_at or point.created_at).timestamp()
    look: Look = tool(ctx, point).look(store_of(saved), since)
    if not look.newer:
        return None
    return Loss(
        saved.id,
        "files",
        look.files - look.newer,
        look.files,
        exact=False,
        what="file",
        inserted=look.newer,
        how="times",
    )


def beside(ctx: Context, name: str) -> Iterator[tuple[SavedVolume, Store]]:
    """Where the volumes of the point would be restored beside the live ones. Raises RefusedError."""
    point = Way(ctx).point
    for saved in point.volumes:
        into = Store("volume", f"{ctx.app.stack.project}_upgrader_{slug(name)}_{slug(saved.id)}")
        if saved.method != "archive":
            raise RefusedError(
                f"{point.id} has no archive of {saved.id}: it is kept as {saved.aside}",
                "upgrader rollback --undo returns to it",
            )
        volumes = tool(ctx, point)
        if volumes.exists(into) and not (saved.still and volumes.look(into).listing == saved.listing):
            raise RefusedError(
                f"a volume {into.source} exists already, and holds something else: nothing is restored over it",
                f"by another name, upgrader restore {point.id} --into-new NAME; or: docker volume rm {into.source}",
            )
        yield saved, into
