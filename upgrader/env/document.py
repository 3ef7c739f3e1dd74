"""An env file in Compose's dialect: read without loss, look up, append."""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Self

from upgrader.env.interpolate import InterpolationError, Lookup, interpolate
from upgrader.env.lexer import BOM, Comment, LexError, Quote, Statement, decode, encode, lex
from upgrader.errors import RefusedError

NOTHING: Mapping[str, str] = MappingProxyType({})

_BARE_VALUE = re.compile(r"[A-Za-z0-9_./:@%+,=-]*")
_DISABLED = re.compile(r"[#\s]*(?:export\s+)?(?P<key>[A-Za-z_][A-Za-z0-9_.-]*)=(?P<value>.*)")


class EnvSyntaxError(RefusedError):
    """Compose refuses this env file; `line` and `column` (in characters) count from 1."""

    def __init__(self, reason: str, path: str, line: int, column: int) -> None:
        super().__init__(
            f"{path}:{line}:{column}: {reason}",
            f"${{EDITOR:-vi}} +{line} {path}  # Compose refuses the whole file as it is",
        )
        self.path = path
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Entry:
    """One active line: an assignment, or a bare key that takes its value from the environment (else it stays unset).

    `start` and `end` are byte offsets of the statement, up to its newline, `line` counts from 1. `value` is what
    Compose makes of it, given the lines above and the environment the document was parsed with. `comments` are the
    comment lines directly above, without `#`; a blank line, another entry or a disabled assignment ends them.
    """

    key: str
    value: str | None = field(repr=False)
    quoted: Quote
    line: int
    start: int
    end: int
    comments: tuple[str, ...] = ()
    inline: str = ""

    @property
    def bare(self) -> bool:
        return self.value is None


@dataclass(frozen=True, slots=True)
class Disabled:
    """An assignment behind a `#`. `text` is what stands after `=`, as written."""

    key: str
    text: str = field(repr=False)
    line: int
    start: int
    end: int
    comments: tuple[str, ...] = ()

    @property
    def prose(self) -> bool:
        """A sentence that happens to begin like an assignment: `# AUTH_MODE=local means that …`."""
        text = self.text.partition(" #")[0].strip()
        return " " in text and text[0] not in "\"'{["


@dataclass(frozen=True, slots=True)
class Addition:
    """A line to append: a key, its value before quoting, and the reason that stands above it."""

    key: str
    value: str = field(repr=False)
    comment: str = ""


@dataclass(frozen=True)
class Document:
    """One env file. Nothing here ever changes `data`; `append` returns new bytes that begin with it."""

    data: bytes = field(repr=False)
    path: str
    entries: tuple[Entry, ...]
    disabled: tuple[Disabled, ...]
    environ: Mapping[str, str] = field(repr=False)
    statements: tuple[Statement, ...] = field(repr=False)

    @classmethod
    def parse(cls, data: bytes, path: str = ".env", environ: Mapping[str, str] = NOTHING) -> Self:
        """Read a whole file. `environ` is what Compose's own environment will be: it beats the file's earlier lines
        inside `${…}`, and fills bare keys. Raises EnvSyntaxError for what Compose refuses.
        """
        lines = _Lines(data)
        try:
            pieces = tuple(lex(data))
        except LexError as error:
            raise EnvSyntaxError(error.reason, path, *lines.place(error.offset)) from error
        statements = tuple(piece for piece in pieces if isinstance(piece, Statement))
        values, _ = _resolve(statements, environ, path, lines)
        entries: list[Entry] = []
        disabled: list[Disabled] = []
        comments: list[str] = []
        below = 0  # the line on which the next piece must stand to belong to the comments before it
        resolved = iter(values)
        for piece in pieces:
            line = lines.line(piece.start)
            if line != below:
                comments.clear()
            below = line + 1
            if isinstance(piece, Statement):
                value = next(resolved)
                entries.append(
                    Entry(piece.key, value, piece.quote, line, piece.start, piece.end, tuple(comments), piece.inline)
                )
                comments.clear()
                continue
            found = _disabled(piece, line, tuple(comments))
            if found and not found.prose:
                comments.clear()
            else:
                comments.append(piece.text.strip())
            if found:
                disabled.append(found)
        return cls(data, path, tuple(entries), tuple(disabled), environ, statements)

    def values(self, environ: Mapping[str, str] | None = None) -> dict[str, str]:
        """What Compose hands on, the last line of a key winning. Bare keys without a value and keys that begin with a
        digit are left out, as Compose leaves them out. `environ` replaces the one given to `parse`.
        """
        environ = self.environ if environ is None else environ
        _, final = _resolve(self.statements, environ, self.path, _Lines(self.data))
        return {key: value for key, value in final.items() if not key[0].isdecimal()}

    def get(self, key: str) -> str | None:
        return self._values.get(key)

    def __contains__(self, key: object) -> bool:
        """Whether any active line names the key, bare ones included."""
        return key in self._by_key

    def entry(self, key: str) -> Entry | None:
        """The entry of the key that wins."""
        found = self._by_key.get(key)
        return found[-1] if found else None

    def lines_of(self, key: str) -> tuple[int, ...]:
        return tuple(entry.line for entry in self._by_key.get(key, ()))

    def duplicates(self) -> dict[str, tuple[int, ...]]:
        """Keys with more than one active line, and these lines; the last one wins."""
        return {key: self.lines_of(key) for key, found in self._by_key.items() if len(found) > 1}

    @property
    def newline(self) -> str:
        """The line ending most lines have."""
        crlf = self.data.count(b"\r\n")
        return "\r\n" if crlf * 2 > self.data.count(b"\n") else "\n"

    def append(self, additions: Sequence[Addition], header: str | None = None) -> bytes:
        """New bytes: the old ones unchanged, then a block. Raises RefusedError if the block would not read back as
        given, or would change what an older line means.
        """
        if not additions:
            return self.data
        if taken := [each.key for each in additions if each.key in self]:
            raise RefusedError(f"{self.path} already has {', '.join(taken)}", "Existing lines are never edited")
        new = self.data + self.block(additions, header)
        after = Document.parse(new, self.path, self.environ)
        expected = {**self.values(), **{each.key: each.value for each in additions}}
        if after.values() != expected or after.entries[: len(self.entries)] != self.entries:
            keys = ", ".join(each.key for each in additions)
            raise RefusedError(
                f"{keys} cannot be written to {self.path} so that Compose reads it back", "Add it by hand"
            )
        return new

    def block(self, additions: Sequence[Addition], header: str | None) -> bytes:
        """The bytes that `append` adds, the newline that the file may lack included."""
        body = self.data.removeprefix(BOM)
        lines = [""] if body and not body.endswith((b"\n\n", b"\r\n\r\n")) else []
        lines += _as_comment(header) if header else []
        for each in additions:
            lines += _as_comment(each.comment) if each.comment else []
            lines.append(f"{each.key}={quote(each.value)}")
        start = self.newline if body and not body.endswith(b"\n") else ""
        return encode(start + "".join(line + self.newline for line in lines))

    @cached_property
    def _values(self) -> dict[str, str]:
        return self.values()

    @cached_property
    def _by_key(self) -> dict[str, list[Entry]]:
        by_key: dict[str, list[Entry]] = {}
        for entry in self.entries:
            by_key.setdefault(entry.key, []).append(entry)
        return by_key


def quote(value: str) -> str:
    """The form that Compose reads back as exactly this value, and python-dotenv too wherever one exists."""
    if "\0" in value:
        raise ValueError("an env file cannot hold a NUL byte")
    if _BARE_VALUE.fullmatch(value):
        return value
    if not any(character in value for character in "'\\\r"):
        return f"'{value}'"
    for character, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("$", "\\$")):
        value = value.replace(character, escaped)
    return f'"{value}"'


class _Lines:
    """Byte offsets to line and column, both from 1."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._starts = [len(BOM) if data.startswith(BOM) else 0]
        self._starts += [newline.end() for newline in re.finditer(b"\n", data)]

    def line(self, offset: int) -> int:
        return bisect_right(self._starts, offset)

    def place(self, offset: int) -> tuple[int, int]:
        line = self.line(offset)
        return line, len(decode(self._data[self._starts[line - 1] : offset])) + 1


def _resolve(
    statements: Sequence[Statement], environ: Mapping[str, str], path: str, lines: _Lines
) -> tuple[list[str | None], dict[str, str]]:
    """The value of every statement in order, and the last one of every key."""
    values: list[str | None] = []
    final: dict[str, str] = {}

    def lookup(name: str) -> str | None:
        return environ.get(name, final.get(name))

    for statement in statements:
        try:
            value = _value(statement, environ, lookup)
        except InterpolationError as error:
            raise EnvSyntaxError(str(error), path, *lines.place(statement.start)) from error
        values.append(value)
        if value is not None:
            final[statement.key] = value
    return values, final


def _value(statement: Statement, environ: Mapping[str, str], lookup: Lookup) -> str | None:
    if statement.template is None:
        return environ.get(statement.key)
    return statement.template if statement.quote == "'" else interpolate(statement.template, lookup)


def _disabled(comment: Comment, line: int, comments: tuple[str, ...]) -> Disabled | None:
    found = _DISABLED.fullmatch(comment.text)
    if not found:
        return None
    return Disabled(found["key"], found["value"].strip(), line, comment.start, comment.end, comments)


def _as_comment(text: str) -> list[str]:
    return [f"# {line}".rstrip() for line in text.splitlines()]
