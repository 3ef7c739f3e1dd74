"""Secrets that stand in two places, and those that break the URL they stand in."""

import re
from collections.abc import Iterator, Mapping

from upgrader.env.checks.scene import Scene
from upgrader.env.checks.urls import BROKEN, RESERVED, decoded, parts, password_in
from upgrader.env.document import Entry
from upgrader.env.finding import Finding
from upgrader.env.regex import regex

# The scheme of a URL, and how the keys of such a server's own settings begin.
_FAMILIES = {
    "postgres": ("POSTGRES", "POSTGRESQL", "PG", "DB", "DATABASE"),
    "mysql": ("MYSQL", "MARIADB", "DB", "DATABASE"),
    "mariadb": ("MARIADB", "MYSQL", "DB", "DATABASE"),
    "mongodb": ("MONGO", "MONGODB", "MONGO_INITDB_ROOT", "DB", "DATABASE"),
    "redis": ("REDIS", "VALKEY"),
    "rediss": ("REDIS", "VALKEY"),
    "valkey": ("VALKEY", "REDIS"),
    "amqp": ("RABBITMQ", "RABBITMQ_DEFAULT", "AMQP"),
}
_PASSWORDS = ("_PASSWORD", "_PASS", "_PASSWD", "_PW", "PASSWORD")
_USERS = ("_USER", "_USERNAME", "USER")
_LIKE = regex(
    r"\b(?:must|has to|needs to) (?:match|equal|be (?:the same as|identical to|equal to))(?: the)? "
    r"[`'\"]?(?P<a>[A-Z][A-Z0-9]*_[A-Z0-9_]+)"
    r"|\bsame (?:value )?as [`'\"]?(?P<b>[A-Z][A-Z0-9]*_[A-Z0-9_]+)"
)
_BUILT = r"://[^:/\s]*:\$\{?NAME\b[^@/]*@"


def check_passwords(scene: Scene) -> Iterator[Finding]:
    """`password-mismatch`, `password-breaks-url` and `same-as-conflict`."""
    told: set[str] = set()
    for found in _same(scene):
        told.add(found.key)
        yield found
    for entry in scene.settings:
        value = entry.value or ""
        if "://" not in value:
            continue
        if BROKEN.match(value):
            yield _breaks(scene, entry, f"the password inside {entry.key} ends the URL before its host")
        elif url := parts(value):
            if "%" in url["password"] and decoded(url["password"]) == url["password"]:
                yield _breaks(scene, entry, f"the password inside {entry.key} has a % that encodes nothing")
            elif entry.key not in told:
                yield from _mismatch(scene, entry, url)
    yield from _embedded(scene)


def _same(scene: Scene) -> Iterator[Finding]:
    for entry in scene.settings:
        said = scene.said(entry.key).same_as
        loose = "" if said else _like(scene.comments(entry.key))
        other, _, part = (said or loose).partition("#")
        there = scene.live.entry(other) if other else None
        if there is None or not entry.value or not there.value:
            continue
        wanted = password_in(there.value) if part == "password" else there.value
        if part == "password" and not wanted:
            continue
        if wanted not in (entry.value, password_in(entry.value)):
            inside = f"the password inside {other}" if part else other
            code = "password-mismatch" if part else "same-as-conflict"
            yield scene.finding(
                code,
                "error" if said else "warning",
                entry,
                f"{entry.key} must be the same as {inside} (line {there.line}), and is not",
                f"make it the same as {inside}, line {there.line}",
            )


def _like(comments: tuple[str, ...]) -> str:
    if not any("match" in line or "same" in line or "equal" in line or "identical" in line for line in comments):
        return ""
    found = _LIKE.search(" ".join(comments))
    return (found["a"] or found["b"]) if found else ""


def _mismatch(scene: Scene, entry: Entry, url: re.Match[str]) -> Iterator[Finding]:
    """A password of the same server that is another one. The server is the stack's own, the user the same."""
    host, user, password = url["host"], decoded(url["user"]), decoded(url["password"])
    if not password or "." in host or host.startswith("["):
        return
    other = _partner(scene, entry.key, url["scheme"].lower().partition("+")[0], user)
    if other is None or not other.value or other.value == password or other.value == url["password"]:
        return
    yield scene.finding(
        "password-mismatch",
        "error",
        entry,
        f"the password inside {entry.key} is not the one of {other.key} (line {other.line})",
        "make both the same; inside the URL, percent-encode what is not a letter or digit",
    )


def _partner(scene: Scene, key: str, scheme: str, user: str) -> Entry | None:
    """The key with the password that the URL repeats: the one that is the same in the example, else by its name."""
    values = scene.values
    password = password_in(scene.example.get(key) or "")
    same = scene.example_passwords.get(password, ()) if len(password) > 3 else ()
    same = [each for each in same if each in values and each.upper().endswith(_PASSWORDS)]
    if len(same) == 1 and _users_agree(values, same[0], user):
        return scene.live.entry(same[0])
    for prefix in _FAMILIES.get("postgres" if scheme == "postgresql" else scheme, ()):
        for suffix in _PASSWORDS:
            name = prefix + suffix
            if values.get(name) and _users_agree(values, name, user, certain=scheme in ("redis", "rediss", "valkey")):
                return scene.live.entry(name)
    return None


def _users_agree(values: Mapping[str, str], password_key: str, user: str, *, certain: bool = True) -> bool:
    """Whether the user that belongs to the password is the URL's; `certain` is the answer where none is named."""
    stem = next((password_key[: -len(end)] for end in _PASSWORDS if password_key.upper().endswith(end)), password_key)
    named = [values[stem + end] for end in _USERS if values.get(stem + end)]
    return user in named if named else certain


def _embedded(scene: Scene) -> Iterator[Finding]:
    """Passwords that Compose, or this file, puts into a URL as they are."""
    built = [each.value for each in scene.references.references if "://" in each.value]
    lines = [scene.live.data[e.start : e.end].decode(errors="replace") for e in scene.live.entries if e.quoted != "'"]
    built += [line for line in lines if "://" in line and "$" in line]
    if not built:
        return
    text = "\n".join(dict.fromkeys(built))
    for entry in scene.settings:
        value = entry.value or ""
        if not RESERVED.search(value) or entry.key not in text or "://" in value:
            continue
        if re.search(_BUILT.replace("NAME", re.escape(entry.key)), text):
            yield _breaks(scene, entry, f"{entry.key} is put into a URL as it is, and has characters that break one")


def _breaks(scene: Scene, entry: Entry, message: str) -> Finding:
    return scene.finding(
        "password-breaks-url",
        "error",
        entry,
        message,
        "percent-encode it there, or use a password of letters and digits",
    )
