"""What becomes of the env file in an upgrade: everything that is known is gathered, decided, and made a block."""

import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from upgrader.env.case import Case, Decision
from upgrader.env.compose_text import read_references
from upgrader.env.decide import decide
from upgrader.env.document import Document, EnvSyntaxError
from upgrader.env.overlay import Overlay, parse_overlay
from upgrader.env.readers import services_reading
from upgrader.env.reconcile import Reconciliation, reconcile
from upgrader.env.references import References
from upgrader.errors import RefusedError, UpgraderError
from upgrader.model.secret import secrets_in
from upgrader.steps.points import Points, of_env_file

if TYPE_CHECKING:
    from upgrader.steps.world import World
    from upgrader.tools.docker_model import Container


@dataclass(frozen=True)
class EnvPlan:
    """What becomes of the env file, and why."""

    case: Case
    decisions: tuple[Decision, ...]
    result: Reconciliation

    def readers(self, key: str) -> list[str]:
        """The services of the new version that read the key."""
        return services_reading(self.case, [key])


def make_env_plan(world: "World") -> EnvPlan | None:
    """None when there is no example, or no env file and nothing that would read it."""
    if world.example_path is None:
        return None
    shipped = world.git.read(world.target, world.example_path)
    if shipped is None:
        return None
    example = _example(world, shipped)
    references = _references(world, world.target, new=True)
    read = {reference.name for reference in references.references}
    if not world.env_path.exists() and read.isdisjoint(entry.key for entry in example.entries):
        return None  # the example is for other ways to run the app
    live = Document.parse(world.env_bytes, world.app.stack.env_file)
    case = Case(
        live=live,
        example=example,
        previous=_previous(world),
        compose=references,
        previous_compose=_references(world, world.origin, new=False),
        overlay=overlay_for(world),
        data_exists=True,
        found=found_in(Points(world.app.home), live),
        profiles=world.app.stack.profiles or None,
        versions=(world.options.origin.get("name", ""), world.target_name),
        used=used_in(Points(world.app.home), world.containers),
    )
    decisions = tuple(decide(case))
    label = f"{datetime.now(UTC).date().isoformat()} for {world.target_name}"
    answers = world.scratch.answers
    world.shell.redactor.learn(secrets_in(case.found))
    result = reconcile(world.env_bytes, decisions, run_label=label, path=live.path, answers=answers)
    world.shell.redactor.learn(result.secrets)
    return EnvPlan(case, decisions, result)


def _example(world: "World", data: bytes) -> Document:
    path = world.example_path or ""
    try:
        return Document.parse(data, path)
    except EnvSyntaxError as error:
        raise RefusedError(f"{world.target_name} ships {error.message}", world.show(path)) from error


def _previous(world: "World") -> Document | None:
    """The example of the installed version; None where it cannot be read, which nobody can mend any more."""
    path = world.example_path or ""
    data = world.git.read(world.origin, path)
    try:
        return Document.parse(data, path) if data is not None else None
    except EnvSyntaxError:
        return None


def _references(world: "World", commit: str, *, new: bool) -> References:
    """What the Compose files of a commit say of variables; the operator's own files are those that lie there.

    What is wrong with the new version's files is told when Compose reads them.
    """
    kept = world.scratch.references
    if commit in kept:
        return kept[commit]
    texts = [(name, data) for name in world.app.stack.files if (data := _text(world, commit, name)) is not None]
    try:
        kept[commit] = read_references(texts, lambda path: _text(world, commit, path))
    except UpgraderError:
        if new:
            world.demand_readable()  # Compose's own words are better
            raise
        kept[commit] = References()
    return kept[commit]


def _text(world: "World", commit: str, name: str) -> bytes | None:
    """A file of the app's at a commit, by its path from the app's directory."""
    path = posixpath.normpath(name)
    tracked = world.tracked(path)
    if not tracked.startswith("../") and (data := world.git.read(commit, tracked)) is not None:
        return data
    try:
        return (world.app.stack.directory / path).read_bytes()
    except OSError:
        return None


def overlay_for(world: "World") -> Overlay | None:
    """The overlay that ships with upgrader or, by a path from the app's directory, with the app itself."""
    named = world.app.stack.overlay
    if not named:
        return None
    data = Path(named).read_bytes() if os.path.isabs(named) else _text(world, world.target, named)
    if data is None:
        raise RefusedError(f"there is no overlay {named}", "correct stack.env.overlay in the playbook")
    overlay = parse_overlay(data, named)
    beside = os.path.relpath(world.example_path or "", world.tracked("."))
    return overlay if overlay.speaks_of(beside) else None


def found_in(points: Points, live: Document) -> Mapping[str, str]:
    """Values of keys that the live file lacks and an older restore point has; the newest one's. They are secret."""
    found: dict[str, str] = {}
    for data in _env_files(points):
        try:
            values = Document.parse(data, live.path).values()
        except EnvSyntaxError:
            continue
        found.update({key: value for key, value in values.items() if value and key not in live and key not in found})
    return found


def used_in(points: Points, containers: "Iterable[Container]") -> frozenset[str] | None:
    """Variables that the app has had values for: now, or when a restore point was made.

    None without a container, and where a restore point cannot be read: then nobody knows.
    """
    environments = [container.env for container in containers]
    try:
        marked = [point.fingerprints for point in points.all()]
    except UpgraderError:
        return None
    return frozenset(_filled(environments).union(*marked)) if environments else None


def _filled(environments: Iterable[Mapping[str, str]]) -> set[str]:
    return {key for environment in environments for key, value in environment.items() if value}


def _env_files(points: Points) -> Iterator[bytes]:
    """The env files in restore points, newest first; one that cannot be read is no reason to stop."""
    for point_id in reversed(points.ids()):
        try:
            data = of_env_file(points, point_id)
        except (UpgraderError, OSError):
            continue
        if data is not None:
            yield data
