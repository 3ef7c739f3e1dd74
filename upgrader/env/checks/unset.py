"""Variables that Compose files name and nobody sets: Compose puts nothing in their place."""

from collections.abc import Iterator

from upgrader.env.checks.scene import Scene
from upgrader.env.compose_text import fatal, stops
from upgrader.env.finding import Finding, Severity
from upgrader.env.references import Reference

_COMPOSE_SETS = "COMPOSE_PROJECT_NAME"
"""Compose gives it a value of its own wherever nobody does."""

_MILD = frozenset({"build", "labels"})
"""Where something missing is mostly an option left at its default."""


def check_unset(scene: Scene) -> Iterator[Finding]:
    """`unset-variable`, each variable once, at the gravest of its places."""
    decided = {decision.key for decision in scene.decisions if decision.need in {"boot", "security"}}
    worst: dict[str, tuple[int, Reference]] = {}
    for each in scene.references.references:
        if each.name == _COMPOSE_SETS or not all(scene.live.get(name) for name in each.given):
            continue
        empty = not scene.live.get(each.name)
        unset = each.name not in scene.live or (empty and each.operator == ":?") or scene.live.get(each.name) is None
        if not unset or each.name in decided or each.operator in ("-", ":-", "+", ":+"):
            continue
        # Compose reads all services, those that are off included, before it looks at profiles
        if not stops(each) and not scene.runs(each.service):
            continue
        rank = 0 if stops(each) else 1 if fatal(each) and each.section not in _MILD else 2
        if each.name not in worst or rank < worst[each.name][0]:
            worst[each.name] = (rank, each)
    for name, (rank, place) in worst.items():
        if name not in scene.live or rank == 0:
            yield _finding(scene, name, rank, place)


def _finding(scene: Scene, name: str, rank: int, place: Reference) -> Finding:
    severities: tuple[Severity, ...] = ("error", "warning", "note")
    what = fatal(place) or "the app gets an empty value"
    where = f" of {place.service}" if place.service else ""
    return Finding(
        "unset-variable",
        severities[rank],
        f"{name} is not set, and {place.section or 'the file'}{where} needs it: {what}"
        if rank < 2
        else f"{name} is not set: {what} in {place.section or 'the file'}{where}",
        f"add a line {name}=… to {scene.live.path}",
        name,
        place.file,
        place.line,
    )
