"""Values of another form or length than is asked for."""

import re
from collections.abc import Callable, Iterator

from upgrader.env.annotations import Annotations
from upgrader.env.checks.scene import Scene
from upgrader.env.checks.values import is_placeholder_left
from upgrader.env.document import Entry
from upgrader.env.finding import Finding
from upgrader.env.generate import Length, fits, generator_fits
from upgrader.env.regex import regex

_TYPE = regex(r"@type=(?P<type>\w+)(?:\((?P<arguments>.*)\))?", re.DOTALL)
_BOOLEANS = {"true", "false", "t", "f", "yes", "no", "y", "n", "on", "off", "enabled", "disabled", "1", "0"}
_IS: dict[str, tuple[str, Callable[[str], bool]]] = {
    "url": ("a URL", lambda value: re.match(r"[a-z][a-z0-9+.-]*://\S+", value, re.IGNORECASE) is not None),
    "port": ("a port, 1 to 65535", lambda value: value.isascii() and value.isdecimal() and 0 < int(value) < 65536),
    "number": ("a number", lambda value: re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", value) is not None),
    "int": ("a whole number", lambda value: re.fullmatch(r"[+-]?\d+", value) is not None),
    "integer": ("a whole number", lambda value: re.fullmatch(r"[+-]?\d+", value) is not None),
    "boolean": ("true or false", lambda value: value.casefold() in _BOOLEANS),
    "bool": ("true or false", lambda value: value.casefold() in _BOOLEANS),
    "email": ("an e-mail address", lambda value: re.fullmatch(r"\S+@\S+", value) is not None),
    "uuid": (
        "a UUID",
        lambda value: re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value, re.IGNORECASE) is not None,
    ),
}
_FORMS = {
    "laravel-key": (regex(r"base64:[A-Za-z0-9+/]{43}="), "`base64:` and 32 bytes in base64"),
    "fernet": (regex(r"[A-Za-z0-9_-]{43}="), "32 bytes in URL-safe base64"),
    "uuid4": (regex(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"), "a UUID"),
}
_UNITS = ("byte", "char", "digit", "bit", "BYTE", "CHAR", "DIGIT", "BIT")


def check_form(scene: Scene) -> Iterator[Finding]:
    """`wrong-length` and `wrong-form`. An empty value, and a placeholder, is another check's."""
    for entry in scene.settings:
        said, comments = scene.said(entry.key), scene.comments(entry.key)
        if not entry.value or not (comments or said):
            continue
        found = list(_wrong(scene, entry, said, comments))
        if found and not is_placeholder_left(scene, entry):
            yield from found


def _wrong(scene: Scene, entry: Entry, said: Annotations, comments: tuple[str, ...]) -> Iterator[Finding]:
    value = entry.value or ""
    yield from _typed(scene, entry, said.unknown)
    length = Length(said.exactly) if said.exactly else _length(scene, entry, comments)
    if length and not fits(value, length):
        yield scene.finding(
            "wrong-length",
            "error" if said.exactly else "warning",
            entry,
            f"{entry.key} has {_size(value)}, but must have {length}",
            f"give it a value of {length}",
        )
    form = _FORMS.get(said.generate or "")
    if form and not form[0].fullmatch(value):
        yield scene.finding(
            "wrong-form", "warning", entry, f"{entry.key} should be {form[1]}", f"give it the form: {form[1]}"
        )


def _typed(scene: Scene, entry: Entry, words: tuple[str, ...]) -> Iterator[Finding]:
    value = entry.value or ""
    for word in words:
        if not (found := _TYPE.match(word)):
            continue
        name, arguments = found["type"], found["arguments"]
        if name == "enum" and arguments:
            choices = [each.strip().strip("\"'`") for each in arguments.split(",")]
            right, wanted = value in choices, f"one of {', '.join(choices)}"
        elif name in _IS:
            wanted, is_right = _IS[name]
            right = is_right(value)
        else:
            continue
        if not right:
            yield scene.finding("wrong-form", "error", entry, f"{entry.key} is not {wanted}", f"it must be {wanted}")


def _length(scene: Scene, entry: Entry, comments: tuple[str, ...]) -> Length | None:
    """The length that the comment of a secret demands and its value has not; None where all is well."""
    if not any(unit in line for line in comments for unit in _UNITS) or not scene.is_secret(entry.key):
        return None
    from upgrader.env.commands import generator_in, length_said

    value = entry.value or ""
    length = length_said(comments)
    if length is None or fits(value, length):
        return None
    spec = generator_in(comments)  # a generator that is named beside the length may make another one
    return None if spec and generator_fits(spec, Length(len(value))) else length


def _size(value: str) -> str:
    return f"{len(value)} character{'' if len(value) == 1 else 's'}"
