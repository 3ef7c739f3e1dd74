"""The YAML text of Compose files as a tree of scalars that know where they stand; nothing is substituted."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from upgrader.errors import RefusedError

if TYPE_CHECKING:
    from yaml.nodes import Node

_MERGE = "tag:yaml.org,2002:merge"
_MOST_SCALARS = 200_000  # a few nested aliases can stand for billions
_DEEPEST = 200


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value as Compose reads it, and `raw`: the text that stands for it in the file, from `line` and `column`."""

    value: str = field(repr=False)
    null: bool
    raw: str = field(repr=False)
    line: int
    column: int

    def place(self, text: str, after: int = 0) -> tuple[int, int, int]:
        """Where `text` begins, looking from offset `after` of `raw`: line, column, and the offset behind it.

        Falls back on the value's own place, where escapes or folding hide the text.
        """
        at = self.raw.find(text, after)
        if at < 0:
            return self.line, self.column, after
        lines = self.raw.count("\n", 0, at)
        column = at - self.raw.rfind("\n", 0, at) if lines else self.column + at
        return self.line + lines, column, at + len(text)


Tree: TypeAlias = Scalar | Mapping[str, "Tree"] | tuple["Tree", ...]


def read_trees(path: str, data: bytes) -> list[Mapping[str, Tree]]:
    """The mappings of all documents in one file. Raises RefusedError with `path:line:column` for what is no YAML."""
    import yaml

    found: list[Mapping[str, Tree]] = []
    try:
        text = data.decode("utf-8-sig")
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        _check_depth(text)
        nodes = list(yaml.compose_all(text, Loader=loader))
        trees = [_Reader(text, path).tree(node) for node in nodes]
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _refused(path, line, 1, "this is no UTF-8 text") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise _refused(path, line, column, error.problem or "this is no YAML") from error
    except yaml.YAMLError as error:
        raise _refused(path, 1, 1, str(error).splitlines()[0]) from error
    except RecursionError as error:
        raise _refused(path, 1, 1, "it is nested too deep, or an alias holds itself") from error
    for tree in trees:
        if isinstance(tree, Mapping):
            found.append(tree)
            continue
        line, column = (tree.line, tree.column) if isinstance(tree, Scalar) else (1, 1)
        raise _refused(path, line, column, "a Compose file is a mapping")
    return found


def scalars(tree: Tree, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Scalar]]:
    """All scalars below, each with the path that leads to it."""
    if isinstance(tree, Scalar):
        yield path, tree
        return
    steps = tree.items() if isinstance(tree, Mapping) else enumerate(tree)
    for step, below in steps:
        yield from scalars(below, (*path, str(step)))


def mapping(tree: Tree | None) -> Mapping[str, Tree]:
    """The tree, if it is a mapping; else nothing."""
    return tree if isinstance(tree, Mapping) else {}


def texts(tree: Tree | None) -> tuple[str, ...]:
    """The plain values of a scalar or a list of scalars."""
    if isinstance(tree, Scalar):
        return () if tree.null else (tree.value,)
    return tuple(each.value for each in tree if isinstance(each, Scalar)) if isinstance(tree, tuple) else ()


def _check_depth(text: str) -> None:
    """Raise RecursionError where libyaml's composer would recurse until the process ends."""
    import yaml

    if text.count("[") + text.count("{") + max(map(len, text.splitlines()), default=0) < 4_000:
        return  # each level takes a bracket or a column
    depth = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise RecursionError


class _Reader:
    def __init__(self, text: str, path: str) -> None:
        self._text = text
        self._path = path
        breaks = re.finditer(r"\r\n|[\n\r\x85\u2028\u2029]", text)
        # what ends with a text that has no last line break may end in the line after it
        self._starts = [0, *(found.end() for found in breaks), len(text)]
        self._left = _MOST_SCALARS

    def tree(self, node: "Node") -> Tree:
        from yaml import MappingNode, SequenceNode

        self._left -= 1
        if self._left < 0:
            line, column = node.start_mark.line + 1, node.start_mark.column + 1
            raise _refused(self._path, line, column, "its aliases stand for too much")
        if isinstance(node, MappingNode):
            return self._mapping(node.value)
        if isinstance(node, SequenceNode):
            return tuple(self.tree(each) for each in node.value)
        start, end = node.start_mark, node.end_mark
        raw = self._text[self._starts[start.line] + start.column : self._starts[end.line] + end.column]
        return Scalar(node.value, node.tag == "tag:yaml.org,2002:null", raw, start.line + 1, start.column + 1)

    def _mapping(self, pairs: list[tuple["Node", "Node"]]) -> dict[str, Tree]:
        inherited: dict[str, Tree] = {}
        own: dict[str, Tree] = {}
        for key, value in pairs:
            if key.tag == _MERGE:
                parents = self.tree(value)
                for parent in parents if isinstance(parents, tuple) else (parents,):
                    inherited = {**mapping(parent), **inherited}  # the first of several wins
            else:
                own[str(key.value)] = self.tree(value)
        return {**inherited, **own}


def _refused(path: str, line: int, column: int, reason: str) -> RefusedError:
    return RefusedError(f"{path}:{line}:{column}: {reason}", f"${{EDITOR:-vi}} +{line} {path}")
