"""A playbook as text: the resolved tree as YAML, with the origin of each value."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from upgrader.playbook.inherit import is_shipped
from upgrader.playbook.source import Mark, Node, scalar
from upgrader.playbook.validate import dotted

if TYPE_CHECKING:
    from upgrader.playbook.load import Playbook

_PLAIN = re.compile(r"[A-Za-z0-9_./][\w./@+-]*( [\w./@+-]+)*", re.ASCII)
_UNPRINTABLE = re.compile(r"[\x7f-\x9f\ufeff\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_COLUMN = 56


def show(playbook: "Playbook", *, resolved: bool = True, origins: bool = True) -> str:
    """The resolved playbook, by default with the origin of each value; or else its file as it is written."""
    if not resolved and playbook.path:
        return playbook.path.read_text(encoding="utf-8")
    return emit(playbook.tree, origins=origins)


def origins(tree: Node) -> Mapping[str, str]:
    """The path of each value and where it is written."""
    return {dotted(path): origin(node.mark) for path, node in tree.walk() if path and not _nested(node)}


def origin(mark: Mark) -> str:
    """`compose-git:12` for what ships, else the file and the line."""
    return f"{Path(mark.file).stem if is_shipped(mark.file) else mark.file}:{mark.line}"


def emit(tree: Node, *, origins: bool = True) -> str:
    """The tree as YAML in block style, which every YAML reader takes for the same values."""
    lines = []
    for text, mark in _lines(tree, 0):
        comment = f"{text:<{_COLUMN}}  # {origin(mark)}" if origins and mark else text
        lines.append(comment + "\n")
    return "".join(lines)


Line = tuple[str, Mark | None]


def _lines(node: Node, depth: int) -> Iterator[Line]:
    indent = "  " * depth
    for key, inner in node.entries.items():
        if _nested(inner):
            yield f"{indent}{written(key)}:", None
            yield from _lines(inner, depth + 1)
        else:
            yield f"{indent}{written(key)}: {_leaf(inner)}", inner.mark
    for inner in node.items:
        if _nested(inner):
            (first, mark), *rest = _lines(inner, depth + 1)
            yield f"{indent}- {first[len(indent) + 2 :]}", mark
            yield from rest
        else:
            yield f"{indent}- {_leaf(inner)}", inner.mark


def _nested(node: Node) -> bool:
    return bool(node.entries or node.items)


def _leaf(node: Node) -> str:
    if isinstance(node.value, dict | tuple):
        return "{}" if isinstance(node.value, dict) else "[]"
    return written(node.value)


def written(value: object) -> str:
    """A scalar as YAML: without quotes where no reader could take it for something else."""
    if isinstance(value, float):
        return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(str(value), str(value))
    if isinstance(value, str) and _PLAIN.fullmatch(value) and isinstance(scalar(value), str) and not _old(value):
        return value
    text = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _old(text: str) -> bool:
    """Whether YAML 1.1, which other readers still speak, takes the text for something else than text."""
    return text.lower() in ("y", "n", "yes", "no", "on", "off") or text[0] in "0123456789.+-"
