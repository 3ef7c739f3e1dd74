"""Overlays: an annotated env file that says of somebody else's example what it does not say itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from upgrader.env.annotations import Annotations, loose_comments, said_in
from upgrader.env.decorators import Decorator, decorators
from upgrader.env.document import Document
from upgrader.env.finding import Finding
from upgrader.env.regex import regex
from upgrader.errors import RefusedError

Default = Literal["evidence", "required", "optional"]

DIRECTIVES: dict[str, str] = {
    "example-file": "@example-file deploy/.env.example",
    "live-file": "@live-file deploy/.env",
    "default": "@default evidence, @default required or @default optional",
    "manual-upgrade": '@manual-upgrade 2.0.0 "what to do by hand"',
}
"""Words for the head of an overlay, each with how it is written."""

_VERSION = regex(r"(?:.*[/@-])?v?(?P<numbers>\d+(?:\.\d+)+)(?:[-+].*)?")
_HINT = "docs/env-annotations.md has the vocabulary on one page"


@dataclass(frozen=True)
class Overlay:
    """What is said of an example's keys; it goes before what the example itself says.

    `document` holds the values: a key's value here stands in for the example's. `example` and `live` are the paths,
    from the app's directory, of the files it speaks of. `default` is what holds for keys that it does not name.
    `manual_upgrades` are versions whose env file a person must change, and what to do.
    """

    path: str
    document: Document = field(repr=False)
    said: Mapping[str, Annotations]
    example: str | None = None
    live: str | None = None
    default: Default = "evidence"
    manual_upgrades: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def speaks_of(self, example: str) -> bool:
        """Whether it was written for the example at this path, as git names it."""
        return self.example in {None, example}

    def by_hand(self, versions: tuple[str, str]) -> str | None:
        """Why a person changes the env file on the way from one version to another, None where nothing says so."""
        old, new = map(_numbers, versions)
        for version, why in self.manual_upgrades.items():
            there = _numbers(version)
            if there and new and (old < there <= new if old else there == new):
                return f"a person changes the env file for {version}" + (f": {why}" if why else "")
        return None

    def value(self, key: str) -> str | None:
        """The value that stands in for the example's, None where the overlay leaves it to the example."""
        return self.document.get(key) or None


def _numbers(version: str) -> tuple[int, ...]:
    """A version's numbers; empty for what is named otherwise, such as a branch or a commit."""
    found = _VERSION.fullmatch(version)
    return tuple(int(part) for part in found["numbers"].split(".")) if found else ()


def parse_overlay(data: bytes, path: str) -> Overlay:
    """Read a whole overlay. Raises RefusedError with all its problems, each as `path:line: message`."""
    document = Document.parse(data, path)
    said, findings = said_in(document)
    problems = [(each.line, each.message, each.hint) for each in findings]
    head = _Head()
    for line, text in loose_comments(document):
        found = decorators(text)
        if document.entries and line > document.entries[0].line:
            problems += [(line, f"@{each.name} belongs to no key", "Put it right above its key") for each in found]
        else:
            problems += [(line, *problem) for each in found if (problem := head.read(each))]
    problems += _misplaced(document, said)
    if problems:
        lines = [f"{path}:{line}: {message}" for line, message, _ in sorted(problems)]
        hint = sorted(problems)[0][2] if len(problems) == 1 else _HINT
        raise RefusedError(lines[0], hint, lines=lines)
    active = {key: annotations for key, annotations in said.items() if key in document}
    return Overlay(path, document, active, head.example, head.live, head.default, dict(head.manual))


def stale(overlay: Overlay, example: Document) -> list[Finding]:
    """What the overlay says of keys that the example does not have, or still has though it says they are gone."""
    known = {entry.key for entry in example.entries} | {disabled.key for disabled in example.disabled}
    return [
        Finding("overlay-stale", "error", message, hint, key, overlay.path, overlay.document.lines_of(key)[-1])
        for key, said in overlay.said.items()
        for message, hint in _stale(key, said, known, example.path)
    ]


def _stale(key: str, said: Annotations, known: set[str], example: str) -> Iterator[tuple[str, str]]:
    if said.removed is not None or said.deprecated is not None:
        if said.removed is not None and key in known:
            yield f"{key} is said to be removed, and {example} still has it", f"Take @removed away from {key}"
        return
    if key not in known:
        yield f"{example} has no {key}", f'Delete it, correct its name, or write # @removed "why" above {key}='
    named = [*said.derived_from, *([said.when.key] if said.when else [])]
    for other in dict.fromkeys(named):
        if other not in known:
            yield f"{key} depends on {other}, which {example} does not have", f"Correct the name of {other}"


def _misplaced(document: Document, said: Mapping[str, Annotations]) -> Iterator[tuple[int, str, str]]:
    """Keys that say nothing, say it twice or say it in vain, and directives that stand above a key."""
    for entry in document.entries:
        lines = document.lines_of(entry.key)
        if entry.key not in said:
            yield entry.line, f"{entry.key} has no annotation", "Say what is so, or leave the key out: @required, …"
        if entry.line != lines[-1]:
            yield entry.line, f"{entry.key} stands here and on line {lines[-1]} as well", "Leave one of them"
    for key, annotations in said.items():
        places = document.lines_of(key) or [each.line for each in document.disabled if each.key == key]
        if key not in document:
            yield places[-1], f"{key} is commented out, so what is said of it is lost", f"Write {key}= without the #"
        for text in annotations.unknown:
            name = decorators(text)[0].name
            if name in DIRECTIVES:
                yield places[-1], f"@{name} speaks of the whole file, not of {key}", "Put a blank line below the head"


class _Head:
    """What the head of the file says of it as a whole."""

    def __init__(self) -> None:
        self.example: str | None = None
        self.live: str | None = None
        self.default: Default = "evidence"
        self.manual: dict[str, str] = {}

    def read(self, decorator: Decorator) -> tuple[str, str] | None:
        """Take a directive in; its problem if it has one."""
        given = decorator.words if decorator.form == "plain" else (decorator.value, *decorator.words)
        match decorator.name, given:
            case "example-file", (path,):
                self.example = path
            case "live-file", (path,):
                self.live = path
            case "default", (("evidence" | "required" | "optional") as default,):
                self.default = default
            case "manual-upgrade", (version, *why):
                self.manual[version] = " ".join(why)
            case name, _ if name in DIRECTIVES:
                return f"@{name} does not take {' '.join(given)!r}", f"Write {DIRECTIVES[name]}"
            case name, _:
                return f"@{name} is no word for the head of an overlay", f"It has {', '.join(DIRECTIVES)}"
        return None
