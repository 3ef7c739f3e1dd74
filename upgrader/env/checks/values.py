"""Values that nobody meant: left empty, left as the example has them, or a comment."""

import re
from collections.abc import Iterator

from upgrader.env import evidence
from upgrader.env.checks.scene import Scene
from upgrader.env.document import Entry
from upgrader.env.finding import Finding
from upgrader.env.regex import regex

# In any value, whether the example is known or not: words that no real value has.
_UNMISTAKABLE = regex(
    r"(?<![a-z])change[-_ ]?(me|this|it)(?![a-z])|(?<![a-z])changeme|(?<![a-z])replace[-_ ]?(me|this|with)(?![a-z])"
    r"|must[-_ ]?be[-_ ]?changed|openssl[-_ ]rand|(?<![a-z])some[-_ ]?random|(?<![a-z])insert[-_ ](your|here)"
    r"|(?<![a-z])generate[-_ ](a|an|me|with|one|random|secure|new|your|using)(?![a-z])"
    r"|^<[a-z][a-z0-9 _-]{2,}>$|^\[(generate|insert|your|replace|change)[^\]]*\]$",
    re.IGNORECASE,
)
_WORDS = ("change", "replace", "must", "openssl", "random", "insert", "generate", "<", "[")
# In a secret's value, or in a URL: there nobody writes a sentence about you or me.
_IN_SECRETS = regex(
    r"(?<![a-z])your[-_ ]?(?!s\b)[a-z0-9]|(?<![a-z])my[-_ ]?(secret|password|super|api)|placeholder"
    r"|^x{3,}$|(?<![a-z0-9])x{4,}(?![a-z0-9])|^\*{3,}$|encryption key with|^(todo|fixme|tbd)$|<[a-z][a-z0-9 _-]{2,}>",
    re.IGNORECASE,
)
_SECRET_WORDS = ("your", "my", "placeholder", "xxx", "***", "key with", "todo", "fixme", "tbd", "<")
_WRAPPED = regex(r"[A-Za-z0-9+/]{40,}")
_REST = regex(r"[A-Za-z][A-Za-z0-9]+")
_URL = regex(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def check_placeholders(scene: Scene) -> Iterator[Finding]:
    """`placeholder`: a value that the example only has to be replaced."""
    for entry in scene.settings:
        if not is_placeholder_left(scene, entry):
            continue
        secret = _is_grave(scene, entry) and not scene.is_issued(entry.key)
        grave = (secret or bool(scene.required(entry.key))) and not scene.is_unneeded(entry.key)
        likely = _is_unmistakable(entry.value or "") or entry.key in scene.wanted
        likely = likely and not scene.is_issued(entry.key)
        yield scene.finding(
            "placeholder",
            "error" if grave else "warning" if likely else "note",
            entry,
            f"{entry.key} still has a placeholder for its value",
            f"give {entry.key} a value of your own",
        )


def check_empty(scene: Scene) -> Iterator[Finding]:
    """`empty-required`: nothing stands where the app, or Compose, must have a value."""
    for entry in scene.settings:
        if entry.value == "" and (why := scene.required(entry.key)):
            yield scene.finding(
                "empty-required", "error", entry, f"{entry.key} is empty: {why}", f"give {entry.key} a value"
            )


def check_comments(scene: Scene) -> Iterator[Finding]:
    """`value-is-comment`: behind `KEY= ` Compose takes a comment for the value."""
    for entry in scene.settings:
        if is_comment(scene, entry):
            yield scene.finding(
                "value-is-comment",
                "error" if scene.required(entry.key) or scene.is_secret(entry.key) else "warning",
                entry,
                f"the comment behind {entry.key}= is its value: Compose takes it so where no value stands before it",
                "move the comment to a line of its own above",
            )


def check_wrapped(scene: Scene) -> Iterator[Finding]:
    """`wrapped-value`: a second line of base64, which Compose takes for a variable's name."""
    before: Entry | None = None
    for entry in scene.live.entries:
        if entry.bare and before and before.value and not before.quoted and entry.line == before.line + 1:
            wrapped = _WRAPPED.fullmatch(before.value) and _REST.fullmatch(entry.key)
            if wrapped and entry.key not in scene.known and not entry.key.isupper():
                yield Finding(
                    "wrapped-value",
                    "error",
                    f"{before.key} seems to go on here: Compose takes this line for the name of a variable",
                    scene.edit(before.line, f"write {before.key} on one line, without a break"),
                    before.key,
                    scene.live.path,
                    entry.line,
                )
        before = entry


def is_comment(scene: Scene, entry: Entry) -> bool:
    """Whether the line reads `KEY= # …`. A `#` right behind the `=`, a colour perhaps, is meant."""
    if entry.quoted or not (entry.value or "").startswith("#"):
        return False
    return scene.live.data[entry.start : entry.end].partition(b"=")[2][:1] in (b" ", b"\t")


def is_placeholder_left(scene: Scene, entry: Entry) -> bool:
    """Whether the line's value is one that the example only has to be replaced."""
    value = entry.value or ""
    if not value or is_comment(scene, entry):
        return False
    return _is_left(scene, entry, value, secret=_is_grave(scene, entry))


def _is_grave(scene: Scene, entry: Entry) -> bool:
    return scene.is_secret(entry.key) or evidence.has_url_password(entry.value or "")


def _is_left(scene: Scene, entry: Entry, value: str, *, secret: bool) -> bool:
    if _is_unmistakable(value):
        return True
    if (secret or _URL.match(value)) and _says(value, _SECRET_WORDS) and _IN_SECRETS.search(value):
        return True
    return value in scene.shipped.get(entry.key, ()) and evidence.is_placeholder(value)


def _is_unmistakable(value: str) -> bool:
    return _says(value, _WORDS) and _UNMISTAKABLE.search(value) is not None


def _says(value: str, words: tuple[str, ...]) -> bool:
    """Whether one of the words occurs: a cheap question before a dear one."""
    plain = value.lower()
    return any(word in plain for word in words)
