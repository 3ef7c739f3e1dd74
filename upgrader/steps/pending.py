"""Pending migrations: which files are new at the target, and whether the old version can serve while they run."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from upgrader.migrations.review import review

if TYPE_CHECKING:
    from upgrader.steps.world import World

_NOTES = (".json", ".toml", ".md", ".txt", ".keep", ".gitkeep")
"""What lies beside migrations and does not run; Drizzle's journal changes with each of its releases."""


@dataclass(frozen=True)
class Migrations:
    """Which migration files are new, and how they may run: `mode` is none, online or offline."""

    mode: str
    why: str
    files: tuple[str, ...] = ()


def judge(world: "World") -> Migrations:
    """Online only where every new file is known to do nothing but add, or where a person said so."""
    if not world.migrate_service:
        return Migrations("none", "the app has no migration service")
    wanted = world.options.online or world.app.migrations.online
    files = new_files(world)
    if wanted == "never":
        return Migrations("offline", "writers are stopped first, as asked", files)
    if wanted == "always":
        return Migrations("online", "as asked", files)
    if not directory(world):
        return Migrations(
            "offline", "the migration files are not known (migrations.path), so writers are stopped first"
        )
    changed = [path for path in files if world.git.read(world.origin, path) is not None]
    if changed:
        return Migrations("offline", f"{changed[0]} was changed after its release", files)
    for path in files:
        if not path.endswith(".sql"):
            return Migrations("offline", f"{path} is not SQL and was not judged", files)
        judged = review(path, world.git.read(world.target, path) or b"")
        if not judged.additive:
            return Migrations("offline", f"{path}: {judged.why}", files)
    return Migrations("online", "only additions: the old version keeps serving" if files else "no new files", files)


def new_files(world: "World") -> tuple[str, ...]:
    """Migrations that the target adds or changes; paths from the checkout's top."""
    where = directory(world)
    if not where:
        return ()
    paths = world.git.changed_files(world.origin, world.target)
    return tuple(sorted(path for path in paths if path.startswith(f"{where}/") and not path.endswith(_NOTES)))


def directory(world: "World") -> str:
    """The directory of migration files at the target, guessed when the playbook does not say; empty: not known."""
    if world.app.migrations.path:
        return world.tracked(world.app.migrations.path.rstrip("/"))
    folders: dict[str, int] = {}
    for path in world.git.list_files(world.target):
        folder, _, name = path.rpartition("/")
        if name.endswith(".sql") and "migration" in folder.lower():
            folders[folder] = folders.get(folder, 0) + 1
    return max(folders, key=lambda folder: (folders[folder], -len(folder)), default="")
