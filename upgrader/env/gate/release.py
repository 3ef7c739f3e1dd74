"""What one release ships for its operators' env files: the example, the Compose files, the overlay."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from upgrader.env.annotations import Annotations, said_in
from upgrader.env.compose_text import read_references
from upgrader.env.document import Document, Entry, EnvSyntaxError
from upgrader.env.finding import Finding
from upgrader.env.overlay import Overlay, parse_overlay
from upgrader.env.references import References
from upgrader.errors import RefusedError

_MOST_PROBLEMS = 50


@dataclass(frozen=True, slots=True)
class Source:
    """A file at a revision; `path` is relative to the repository."""

    path: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Release:
    """One side of the comparison. `label` names it to people: a tag, `HEAD`.

    `read` finds the files that Compose files include, by path. Nothing here raises for a file that cannot be read: what
    is wrong with it is in the problems, and the rest of it counts.
    """

    label: str
    example: Source
    compose: tuple[Source, ...] = ()
    overlay: Source | None = None
    read: Callable[[str], bytes | None] | None = field(default=None, repr=False)

    @property
    def document(self) -> Document:
        return self._document[0]

    @property
    def refusals(self) -> tuple[EnvSyntaxError, ...]:
        """What Compose refuses in the example, line by line."""
        return self._document[1]

    @property
    def references(self) -> References:
        return self._references[0]

    @property
    def broken_compose(self) -> tuple[RefusedError, ...]:
        return self._references[1]

    @property
    def annotation_problems(self) -> tuple[Finding, ...]:
        return tuple(self._said[1])

    @property
    def policy(self) -> Overlay | None:
        return self._policy[0]

    @property
    def broken_overlay(self) -> RefusedError | None:
        return self._policy[1]

    @cached_property
    def entries(self) -> Mapping[str, Entry]:
        """The active line of each key that wins."""
        return {entry.key: entry for entry in self.document.entries}

    @cached_property
    def disabled(self) -> Mapping[str, int]:
        """Commented-out keys and their lines."""
        return {each.key: each.line for each in self.document.disabled if not each.prose}

    def said(self, key: str) -> Annotations:
        """What the vendor says of a key, the overlay before the example."""
        return self.all_said.get(key) or Annotations()

    @cached_property
    def all_said(self) -> Mapping[str, Annotations]:
        here, over = self._said[0], self.policy.said if self.policy else {}
        return {**here, **{key: said.laid_over(here.get(key, Annotations())) for key, said in over.items()}}

    @cached_property
    def _document(self) -> tuple[Document, tuple[EnvSyntaxError, ...]]:
        return read_leniently(self.example)

    @cached_property
    def _said(self) -> tuple[Mapping[str, Annotations], list[Finding]]:
        return said_in(self.document)

    @cached_property
    def _references(self) -> tuple[References, tuple[RefusedError, ...]]:
        """Of all files that can be read."""
        files, broken = [], []
        for each in self.compose:
            try:
                read_references([(each.path, each.data)])
            except RefusedError as error:
                broken.append(error)
            else:
                files.append((each.path, each.data))
        try:
            return read_references(files, self.read), tuple(broken)
        except RefusedError as error:
            return read_references(files), (*broken, error)

    @cached_property
    def _policy(self) -> tuple[Overlay | None, RefusedError | None]:
        if self.overlay is None:
            return None, None
        try:
            return parse_overlay(self.overlay.data, self.overlay.path), None
        except RefusedError as error:
            return None, error


def read_leniently(source: Source) -> tuple[Document, tuple[EnvSyntaxError, ...]]:
    """The file without the lines that Compose refuses, each other line at its place, and the refusals."""
    data = source.data
    refusals: list[EnvSyntaxError] = []
    while len(refusals) < _MOST_PROBLEMS:
        try:
            return Document.parse(data, source.path), tuple(refusals)
        except EnvSyntaxError as error:
            refusals.append(error)
            data = _without(data, error.line)
    return Document.parse(b"", source.path), tuple(refusals)


def place_in(message: str) -> tuple[str, int, str]:
    """File, line and reason of a message that begins with `file:line:column: `."""
    found = re.match(r"(?P<file>.+?):(?P<line>\d+)(?::\d+)?: (?P<reason>.*)", message, re.DOTALL)
    return (found["file"], int(found["line"]), found["reason"]) if found else ("", 0, message)


def _without(data: bytes, line: int) -> bytes:
    lines = data.split(b"\n")
    lines[line - 1] = b"#"
    return b"\n".join(lines)
