"""Secrets that everybody can read in the app's repository."""

import re
from collections.abc import Iterator

from upgrader.env import evidence
from upgrader.env.checks.scene import Scene
from upgrader.env.checks.urls import password_in
from upgrader.env.checks.values import is_comment, is_placeholder_left
from upgrader.env.document import Entry
from upgrader.env.finding import Finding
from upgrader.env.regex import regex

# The end of a name says what a value is: PASSWORD_MIN_SCORE is no password.
_HOLDS = regex(
    r"(PASS(WORD|WD|PHRASE)?|PW|PWD|SECRET|TOKEN|SALT|PEPPER|CREDENTIALS?|JWT|DSN|_?KEY|KEY_BASE|MASTERKEY)S?(_?\d+)?$",
    re.IGNORECASE,
)
_HOLDS_NONE = regex(r"(^|_)(PREFIX|NAMESPACE|CACHE|INDEX|SORT|PARTITION)_KEY$", re.IGNORECASE)
_NO_VALUE = regex(
    r"true|false|yes|no|on|off|null|none|auto|default|\d{1,4}|\{\}|\[\]|[./~]*/.*|[a-z]+://[^@]*", re.IGNORECASE
)


def check_published(scene: Scene) -> Iterator[Finding]:
    """`published-default`: a secret whose value the example, or a Compose file, has or once had. Never shown."""
    told: set[str] = set()
    for entry in scene.settings:
        value = entry.value or ""
        if value and _is_published(scene, entry, value):
            if is_placeholder_left(scene, entry) or is_comment(scene, entry):
                continue
            told.add(value)
            yield scene.finding(
                "published-default",
                "note" if scene.is_issued(entry.key) else "error",
                entry,
                f"{entry.key} has a value that the app's repository publishes: everybody knows it",
                _instead(scene, entry.key),
            )
    for entry in scene.settings:
        password = password_in(entry.value or "")
        if password and password not in told and password in _published_passwords(scene, entry.key):
            if is_placeholder_left(scene, entry) or evidence.is_placeholder(password):
                continue
            yield scene.finding(
                "published-default",
                "error",
                entry,
                f"the password inside {entry.key} is published in the app's repository: everybody knows it",
                "change it here and where it was set: in the database, the queue, …",
            )
    yield from _fallbacks(scene)


def _is_published(scene: Scene, entry: Entry, value: str) -> bool:
    if value not in scene.shipped.get(entry.key, ()) or not scene.is_secret(entry.key):
        return False
    return bool(scene.said(entry.key).sensitive) or _holds(entry.key, value)


def _holds(key: str, value: str) -> bool:
    """Whether it is a secret itself, by the end of its name and by its value, and not a word about secrets."""
    if not _HOLDS.search(key) or _HOLDS_NONE.search(key):
        return False
    return not (_NO_VALUE.fullmatch(value) or (key.upper().endswith("DSN") and not password_in(value)))


def _published_passwords(scene: Scene, key: str) -> set[str]:
    return {
        password for value in scene.shipped.get(key, ()) if (password := password_in(value)) and "$" not in password
    }


def _fallbacks(scene: Scene) -> Iterator[Finding]:
    """Secrets that the live file leaves out, so that Compose takes the default in its files."""
    decided = {decision.key for decision in scene.decisions if decision.decision != "skip"}
    told: set[str] = set()
    for each in scene.active_references:
        if each.operator not in ("-", ":-") or each.name in told or each.name in decided:
            continue
        unset = scene.live.get(each.name) is None or (each.operator == ":-" and not scene.live.get(each.name))
        if not unset or "$" in each.word or not each.word:
            continue
        if evidence.is_secret(each.name, each.word) and _holds(each.name, each.word):
            told.add(each.name)
            yield Finding(
                "published-default",
                "warning" if evidence.is_datastore_password(each.name) else "error",
                f"{each.name} is not set: {each.service or 'Compose'} runs with the default that {each.file} publishes",
                f"add a line {each.name}=… to {scene.live.path}; {_instead(scene, each.name)}",
                each.name,
                each.file,
                each.line,
            )


def _instead(scene: Scene, key: str) -> str:
    if scene.said(key).unrotatable:
        return "ask the vendor how to replace it: data is encrypted with it"
    if evidence.is_datastore_password(key):
        return "choose another one, and set it inside the database as well"
    return "choose a value of your own"
