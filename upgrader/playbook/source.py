"""YAML text as a tree in which every value knows its file, line and column."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from upgrader.playbook.problems import Problem

Scalar = str | int | float | bool | None
_DEEPEST = 24

_NULL = re.compile(r"|~|null|Null|NULL")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_DECIMAL = re.compile(r"[-+]?[0-9]{1,400}")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True)
class Mark:
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def problem(self, message: str, hint: str = "") -> Problem:
        return Problem(self.file, self.line, self.column, message, hint)


@dataclass(frozen=True)
class Node:
    """A value with its place; `key` is where its key stands when it belongs to a mapping."""

    value: "Scalar | tuple[Node, ...] | dict[str, Node]"
    mark: Mark
    key: Mark | None = None

    @property
    def entries(self) -> "dict[str, Node]":
        """The entries of a mapping; of anything else, none."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> "tuple[Node, ...]":
        """The items of a list; of anything else, none."""
        return self.value if isinstance(self.value, tuple) else ()

    @property
    def text(self) -> str:
        """The value of a string; of anything else, nothing."""
        return self.value if isinstance(self.value, str) else ""

    def plain(self) -> Any:
        """The value without its places."""
        match self.value:
            case dict():
                return {key: node.plain() for key, node in self.value.items()}
            case tuple():
                return [node.plain() for node in self.value]
            case _:
                return self.value

    def walk(self, path: tuple[str | int, ...] = ()) -> "Iterator[tuple[tuple[str | int, ...], Node]]":
        """This node and all below it, each with its path."""
        yield path, self
        for key, node in self.entries.items():
            yield from node.walk((*path, key))
        for index, node in enumerate(self.items):
            yield from node.walk((*path, index))

    def at(self, path: Sequence[str | int]) -> "tuple[Node, int]":
        """The node at the path or the last one on the way, and how many parts of the path led there."""
        node = self
        for depth, part in enumerate(path):
            if isinstance(part, str) and part in node.entries:
                node = node.entries[part]
            elif isinstance(part, int) and part < len(node.items):
                node = node.items[part]
            else:
                return node, depth
        return node, len(path)


def scalar(text: str) -> Scalar:
    """An unquoted scalar by the core schema of YAML 1.2: `on` and `22:22` are strings, `010` is ten."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    if _DECIMAL.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text) or _HEXADECIMAL.fullmatch(text):
        return int(text[2:], 8 if text[1] == "o" else 16)
    if _FLOAT.fullmatch(text):
        return float(text)
    return float(text.replace(".", "", 1)) if _INFINITE.fullmatch(text) else text


def parse(text: str, file: str, problems: list[Problem]) -> Node | None:
    """The tree of a YAML text, or None where there is none; problems are appended."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    reader = _Reader(file, problems)
    try:
        return reader.stream(yaml.parse(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        what = ", ".join(part for part in (error.context, error.problem) if part)
        problems.append(reader.mark(error.problem_mark or error.context_mark).problem(f"not YAML: {what}"))
    except yaml.YAMLError as error:
        problems.append(reader.mark(None).problem(f"not YAML: {str(error).splitlines()[0]}"))
    return None


class _Reader:
    """Builds the tree from YAML's events: a composed tree no longer shows tags and aliases."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self._file = file
        self._problems = problems
        self._anchored: dict[str, Node] = {}

    def stream(self, events: Iterator[Any]) -> Node | None:
        import yaml

        root: Node | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    self._problem(event, "a second document: a playbook is one document")
                    break
                root = self._node(next(events), events, 0)
        if root is None:
            self._problems.append(self.mark(None).problem("the file is empty"))
        return root

    def mark(self, mark: Any) -> Mark:
        return Mark(self._file, mark.line + 1, mark.column + 1) if mark else Mark(self._file, 1, 1)

    def _problem(self, event: Any, message: str, hint: str = "") -> None:
        self._problems.append(self.mark(event.start_mark).problem(message, hint))

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        import yaml

        mark = self.mark(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            self._problem(
                event, f"*{event.anchor}: aliases are refused", "write the value here: each value has one place"
            )
            known = self._anchored.get(event.anchor or "")
            return replace(known, mark=mark) if known else Node({}, mark)
        if event.tag is not None:
            self._problem(event, f"{_short(event.tag)}: tags are refused", "quote the value to make it text")
        if isinstance(event, yaml.ScalarEvent):
            node = Node(scalar(event.value) if event.implicit[0] else event.value, mark)
        elif depth == _DEEPEST:
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=event.start_mark)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = Node(self._sequence(events, depth + 1), mark)
        else:
            node = Node(self._mapping(events, depth + 1), mark)
        if event.anchor is not None:
            self._problem(event, f"&{event.anchor}: anchors are refused", "each value has one place")
            if isinstance(event, yaml.ScalarEvent):
                self._anchored[event.anchor] = node
        return node

    def _sequence(self, events: Iterator[Any], depth: int) -> tuple[Node, ...]:
        import yaml

        items = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(self._node(event, events, depth))
        return tuple(items)

    def _mapping(self, events: Iterator[Any], depth: int) -> dict[str, Node]:
        import yaml

        entries: dict[str, Node] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self._key(event, events, depth)
            node = self._node(next(events), events, depth)
            if key is None:
                continue
            if key in entries:
                first = entries[key].key
                self._problem(event, f'"{key}" is here twice', f"first in line {first.line}" if first else "")
            entries[key] = replace(node, key=self.mark(event.start_mark))
        return entries

    def _key(self, event: Any, events: Iterator[Any], depth: int) -> str | None:
        """The key as written: whether it looks like a number or not, it is a name."""
        import yaml

        self._node(event, events, depth)
        if not isinstance(event, yaml.ScalarEvent):
            self._problem(event, "a key must be a plain name")
            return None
        if event.value == "<<" and event.implicit[0]:
            self._problem(event, "<<: merge keys are refused", "use extends: to build on another playbook")
            return None
        return str(event.value)


def _short(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")
