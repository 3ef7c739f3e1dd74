"""Keys that the new version does not know: misspelt, removed, deprecated, or the operator's own."""

import re
from collections.abc import Iterable, Iterator

from upgrader.env.checks.scene import Scene
from upgrader.env.document import Entry
from upgrader.env.finding import Finding

_SHORT = {
    "PASS": "PASSWORD",
    "PASSWD": "PASSWORD",
    "PW": "PASSWORD",
    "PWD": "PASSWORD",
    "DB": "DATABASE",
    "URI": "URL",
    "USERNAME": "USER",
    "HOSTNAME": "HOST",
    "POSTGRESQL": "POSTGRES",
    "PG": "POSTGRES",
}


def check_keys(scene: Scene) -> Iterator[Finding]:
    """`unknown-key`, `removed-key` and `deprecated-key`."""
    carried = {decision.source for decision in scene.decisions if decision.decision == "carry"}
    strangers: list[Entry] = []
    for entry in scene.settings:
        said = scene.said(entry.key)
        if said.removed is not None:
            yield _removed(scene, entry, said.removed)
        elif said.deprecated is not None:
            why = f": {said.deprecated}" if said.deprecated else ""
            yield scene.finding(
                "deprecated-key",
                "note",
                entry,
                f"{entry.key} is deprecated{why}",
                said.deprecated or "plan to leave it",
            )
        elif entry.key not in scene.known and not _is_in_use(scene, entry.key):
            if entry.key in scene.before:
                if entry.key not in carried:
                    yield _removed(scene, entry, "")
            else:
                strangers.append(entry)
    yield from _unknown(scene, strangers)


def _removed(scene: Scene, entry: Entry, why: str) -> Finding:
    return scene.finding(
        "removed-key",
        "note",
        entry,
        f"{entry.key} is gone from the example{f': {why}' if why else ', which had it before'}",
        why or f"delete it once nothing of yours reads {entry.key}",
    )


def _is_in_use(scene: Scene, key: str) -> bool:
    overlay = scene.case.overlay
    told = key in scene.referenced or (overlay is not None and key in overlay.said)
    return told or key.startswith(("COMPOSE_", "DOCKER_", "BUILDKIT_"))


def _unknown(scene: Scene, strangers: list[Entry]) -> Iterator[Finding]:
    if not strangers:
        return
    known = sorted(scene.known | scene.referenced)
    lacking, there = (
        Near(key for key in known if key not in scene.live),
        Near(key for key in known if key in scene.live),
    )
    for entry in strangers:
        if meant := lacking.find(entry.key):
            yield scene.finding(
                "unknown-key",
                "warning",
                entry,
                f"{entry.key} is not known to the example: is {meant} meant, which is not set?",
                f"rename it to {meant}, if that is what it is",
            )
            continue
        other = there.find(entry.key)
        yield scene.finding(
            "unknown-key",
            "note",
            entry,
            f"{entry.key} is not known to the example{f'; {other} is, and is set as well' if other else ''}",
            "keep it if something of yours reads it",
        )


class Near:
    """Finds the key that was meant, in time that does not grow with the number of keys.

    Near is: one letter more, less, other or two exchanged; other words for the same; the same words in another order.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._by_words: dict[tuple[str, ...], str] = {}
        self._by_less: dict[str, str] = {}
        for key in keys:
            self._by_words.setdefault(_words(key), key)
            for less in _one_less(key):
                self._by_less.setdefault(less, key)

    def find(self, key: str) -> str:
        """The near key; empty if there is none. Keys that only differ in a digit are a family, not a mistake."""
        if found := self._by_words.get(_words(key)):
            return found
        for less in _one_less(key):
            found = self._by_less.get(less)
            if found and _letters(found) != _letters(key):
                return found
        return ""


def _one_less(key: str) -> Iterator[str]:
    """The key as compared, and all that it is with one character left out."""
    plain = key.upper()
    yield plain
    if len(plain) >= 6:
        for at in range(len(plain)):
            yield plain[:at] + plain[at + 1 :]


def _words(key: str) -> tuple[str, ...]:
    return tuple(sorted(_SHORT.get(word, word) for word in key.upper().split("_")))


def _letters(key: str) -> str:
    return re.sub(r"\d+", "", key)
