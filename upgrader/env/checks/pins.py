"""Values that were the default once: what a new version changed, and the live file still has."""

import re
from collections.abc import Iterator

from upgrader.env import evidence
from upgrader.env.checks.scene import Scene
from upgrader.env.document import Entry
from upgrader.env.finding import Finding
from upgrader.env.regex import regex

_PIN_NAME = regex(r"(^|_)(VERSION|TAG|IMAGE|RELEASE|DIGEST)(_|$)", re.IGNORECASE)
_PIN_VALUE = regex(r"v?\d+\.\d+(\.\d+)?([-+.][\w.-]+)?|[\w./-]+(:\d+)?/?[\w./-]*:v?\d[\w.-]*|[\w./-]+@sha256:[0-9a-f]+")
_DATABASE = regex(
    r"(^|_)(POSTGRES\w*|PG|MYSQL|MARIADB|MONGO\w*|ELASTIC\w*|OPENSEARCH|CLICKHOUSE|DB|DATABASE)_", re.IGNORECASE
)
_TRIVIAL = {"true", "false", "yes", "no", "on", "off", "0", "1", ""}


def check_pins(scene: Scene) -> Iterator[Finding]:
    """`stale-pin`: an old default that is another one now; `custom-pin`: a version of the operator's own choice;
    `moved-meaning`: a new key has taken the old default.
    """
    taken = _taken(scene)
    for entry in scene.settings:
        new = scene.example.entry(entry.key)
        value = entry.value or ""
        if new is None or new.value is None or new.value == value or evidence.is_placeholder(new.value):
            continue
        if scene.is_secret(entry.key) or evidence.has_url_password(value) or evidence.has_url_password(new.value):
            continue
        olds = _olds(scene, entry.key) - {new.value}
        pin = _is_pin(entry.key, new.value)
        if value in olds and not evidence.is_placeholder(value):
            yield from _stale(scene, entry, new.value, pin=pin)
            if mover := taken.get((entry.key, value)):
                yield scene.finding(
                    "moved-meaning",
                    "warning",
                    entry,
                    f"{mover} is new and has the default that {entry.key} had: {entry.key} may mean something else now",
                    f"read what {scene.example.path} says of {entry.key} (line {new.line}) and of {mover}",
                )
        elif pin and olds and value and _is_pin(entry.key, value):
            yield scene.finding(
                "custom-pin",
                "note",
                entry,
                f"{entry.key} is pinned to a version of your own; the example moved on to {_shown(new.value)}",
                f"{_advice(entry.key, new.value)}, unless you mean to stay",
            )


def _stale(scene: Scene, entry: Entry, new: str, *, pin: bool) -> Iterator[Finding]:
    if not entry.value:  # an empty value may well be meant
        return
    yield scene.finding(
        "stale-pin",
        "warning" if pin else "note",
        entry,
        f"{entry.key} still has an earlier default; the example has {_shown(new)} now",
        _advice(entry.key, new),
    )


def _advice(key: str, new: str) -> str:
    if _DATABASE.search(key):
        return f"read how the data comes along before you write {key}={_shown(new)}"
    return f"{key}={_shown(new)}" if new else f"empty it: {key}="


def _olds(scene: Scene, key: str) -> frozenset[str]:
    """The defaults that the key had before: the previous example's, or all that history knows."""
    if scene.previous is None:
        return scene.history.get(key, frozenset())
    old = scene.previous.entry(key)
    return frozenset() if old is None or old.value is None else frozenset({old.value})


def _taken(scene: Scene) -> dict[tuple[str, str], str]:
    """Key and old default → the new key that has this default now."""
    if scene.previous is None:
        return {}
    new = {
        entry.value: entry.key
        for entry in scene.example.entries
        if entry.value and entry.value.casefold() not in _TRIVIAL and entry.key not in scene.before
    }
    return {
        (old.key, old.value): new[old.value]
        for old in scene.previous.entries
        if old.value in new and scene.example.get(old.key) not in (None, old.value)
    }


def _is_pin(key: str, value: str) -> bool:
    return bool(_PIN_NAME.search(key)) or _PIN_VALUE.fullmatch(value) is not None


def _shown(value: str) -> str:
    """A default of the example: published, and on one line."""
    return value if value and "\n" not in value and len(value) < 80 else "another value" if value else "nothing"
