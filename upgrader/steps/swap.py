"""Which services must be swapped, and why: compared with the containers that run, never with Compose's hashes."""

from collections.abc import Mapping
from pathlib import Path

from upgrader.steps.base import Context
from upgrader.tools.compose_model import Model, changed
from upgrader.tools.docker import Container


def to_swap(ctx: Context, old: Model, new: Model, files: list[str], images: Mapping[str, str | None]) -> dict[str, str]:
    """Service → why its container must be made anew.

    `old` and `new` are the models before and after, `files` the checkout's files that differ between them, `images`
    the image ids that services are to run (services not in it: whatever their image's name means now).
    """
    shots = new.one_shots()
    differences = changed(old, new)
    mounted = mounted_files(ctx.world.git.top, new, files)
    named = ctx.world.docker.image_ids(new.image_of(name) for name in new.services if not images.get(name))
    migrating = ctx.world.migrating_in(new)
    found: dict[str, str] = {}
    for name in new.order():
        if name == migrating:
            continue
        container = ctx.world.running(name)
        if name in shots:
            if name in differences or name not in old.services:
                found[name] = differences.get(name, "new")
        elif container is None:
            found[name] = "new" if name not in old.services else "not running"
        elif name in differences:
            found[name] = differences[name]
        elif name in mounted:
            found[name] = f"{mounted[name]} changed"
        elif why := outdated(container, new, name, images.get(name) or named[new.image_of(name)]):
            found[name] = why
    return found


def serves(container: Container) -> bool:
    """Whether it runs, and nothing says that it is not well."""
    return container.running and not container.oneoff and container.health in ("", "healthy", "starting")


def outdated(container: Container, model: Model, name: str, image: str | None) -> str:
    """What of the running container is not as the model wants it, as far as can be seen; never a value."""
    if image is not None and container.image_id != image:
        return "another image"
    for key, value in model.services[name].environment.items():
        if value is not None and container.env.get(key) != value:
            return f"environment: {key}"
    wanted = model.volume_identity(name)
    for mount in container.mounts:
        if mount.destination in wanted and wanted[mount.destination] != (mount.name or mount.source):
            return f"volume at {mount.destination}"
    return ""


def mounted_files(directory: Path, model: Model, files: list[str]) -> dict[str, str]:
    """Service → a bind-mounted file of the checkout that changed: Compose never notices, and a container keeps the
    old one.
    """
    found: dict[str, str] = {}
    for name in model.services:
        for source in model.volume_identity(name).values():
            if not source.startswith("/"):
                continue
            for path in files:
                changed_path = directory / path
                if changed_path == Path(source) or Path(source) in changed_path.parents:
                    found.setdefault(name, path)
    return found
