"""Files of an app that a playbook wants in restore points: which volumes and directories they are here."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from upgrader.errors import RefusedError
from upgrader.model.app import VolumeSpec
from upgrader.tools.compose_model import Model
from upgrader.tools.volumes import MISSING, Store

if TYPE_CHECKING:
    from upgrader.steps.world import World


@dataclass(frozen=True)
class Chosen:
    """What the playbook names, as this stack has it; `services` mount it."""

    spec: VolumeSpec
    store: Store
    services: tuple[str, ...]

    def __str__(self) -> str:
        kind = "volume" if self.store.kind == "volume" else "directory"
        return f"{self.spec.id}: {kind} {self.store.source} of {', '.join(self.services) or 'no service'}"


def chosen(world: "World") -> list[Chosen]:
    """All that belongs into a restore point. Raises RefusedError where it cannot be saved, or not be brought back."""
    found: dict[Store, Chosen] = {}
    for spec in world.app.volumes:
        store = find(world.model, spec)
        trouble = _named(world.model, spec) if store is None else world.volumes.trouble(store)
        if store is None or trouble == MISSING:
            if spec.optional:
                continue
            where = "say which one it is, or that it is `optional`: volumes in the playbook"
            raise RefusedError(f"there is no {spec.id!r} to save: {trouble}", where)
        services = tuple(_mounting(world.model, store))
        one = found.setdefault(store, Chosen(spec, store, services))
        if trouble := trouble or _unsuited(world, one):
            raise RefusedError(
                f"{spec.id} ({store.source}) cannot be part of a restore point: {trouble}",
                "Save it by other means, and leave it out of `volumes` in the playbook",
            )
    return list(found.values())


def find(model: Model, spec: VolumeSpec) -> Store | None:
    """What the Compose files make of a name; None where it names nothing that keeps files."""
    if spec.volume:
        raw = model.volumes.get(spec.volume)
        return None if raw is None else Store("volume", str(raw.get("name") or spec.volume))
    service = model.services.get(spec.service)
    for mount in service.volumes if service else ():
        source = model.volume_identity(spec.service).get(mount.target, "")
        if mount.target.rstrip("/") == spec.path.rstrip("/") and mount.type in ("volume", "bind") and source:
            return Store(mount.type, source)
    return None


def _named(model: Model, spec: VolumeSpec) -> str:
    """What could have been meant."""
    if spec.volume:
        return f"the Compose files have the volumes {', '.join(sorted(model.volumes)) or '(none)'}"
    service = model.services.get(spec.service)
    if service is None:
        return f"the Compose files have the services {', '.join(model.services)}"
    mounted = [mount.target for mount in service.volumes if mount.type in ("volume", "bind") and mount.source]
    return f"{spec.service} mounts {', '.join(mounted) or 'nothing that has a name'}"


def _mounting(model: Model, store: Store) -> Iterator[str]:
    for name in model.services:
        if store.source in model.volume_identity(name).values():
            yield name


def _unsuited(world: "World", one: Chosen) -> str:
    data = sorted(set(one.services) & world.data_services())
    if data:
        return f"{data[0]} is a database, and copied files of a database that runs are worth nothing: it is dumped"
    if one.store.kind == "bind":
        ours = (str(world.app.stack.directory.resolve()), str(world.app.home.resolve()))
        if held := next((path for path in ours if f"{path}/".startswith(f"{one.store.source.rstrip('/')}/")), ""):
            return f"it holds {held}"
        return ""
    return strangers(world, one.store)


def strangers(world: "World", store: Store) -> str:
    """Who uses a volume and would go on with the old one when it is swapped, in words; empty: nobody."""
    if store.kind == "bind":
        return ""
    every = world.docker.mounting(store.source)
    running = [c.name for c in every if c.running and c.project != world.app.stack.project]
    return f"{running[0]}, which is not of this project, uses it" if running else ""
