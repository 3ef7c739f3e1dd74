"""Playbooks on top of playbooks: finding the base, and laying a child over it."""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import upgrader
from upgrader.playbook.problems import PlaybookError, Problem, suggest
from upgrader.playbook.source import Node, parse

SUFFIXES = (".yaml", ".yml")
_OWN = ("name", "detect", "extends", "change")
"""Sections that speak of one file only and are not inherited."""
_CONSTRAINT = re.compile(r"(>=|<=|==|>|<)\s*v?(\d+(?:\.\d+)*)")


@cache
def shipped(kind: str) -> Path:
    """The directory of what ships with upgrader: `playbooks` or `env-examples`."""
    package = Path(upgrader.__file__).parent
    inside = package / "shipped" / kind
    return inside if inside.is_dir() else package.parent / kind


def is_shipped(file: str | Path) -> bool:
    return Path(file).resolve().parent == shipped("playbooks").resolve()


def names() -> list[str]:
    """The names of the shipped playbooks."""
    return sorted(path.stem for path in shipped("playbooks").glob("*.yaml"))


def looks_like_path(text: str) -> bool:
    return "/" in text or text.endswith(SUFFIXES)


def read(path: Path, problems: list[Problem]) -> Node | None:
    """The file's tree, or None where it is not a mapping; problems are appended.

    Raises PlaybookError when the file cannot be read, or wants another version of upgrader: its other problems may be
    features that we do not know yet.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise PlaybookError(
            [Problem(str(path), 1, 1, f"cannot be read: {reason}")], "upgrader playbook list"
        ) from error
    except UnicodeDecodeError as error:
        raise PlaybookError([Problem(str(path), 1, 1, f"is not UTF-8: {error.reason}")]) from error
    return parse_playbook(text, str(path), problems)


def parse_playbook(text: str, file: str, problems: list[Problem]) -> Node | None:
    """As `read`, for a text that was read already."""
    tree = parse(text, file, problems)
    if tree is None:
        return None
    if not isinstance(tree.value, dict):
        problems.append(tree.mark.problem("a playbook is a mapping: name: …, stack: …"))
        return None
    _check_version(tree, problems)
    return tree


def layers(path: Path, problems: list[Problem]) -> list[Node]:
    """The file's tree and those of its bases, the file itself first; problems are appended."""
    return _chain(read(path, problems), path, problems)


def layers_of(text: str, path: Path, problems: list[Problem]) -> list[Node]:
    """As `layers`, for the text of a file that need not exist."""
    return _chain(parse_playbook(text, str(path), problems), path, problems)


def _chain(tree: Node | None, path: Path, problems: list[Problem]) -> list[Node]:
    found: list[Node] = []
    seen: list[Path] = []
    while tree is not None:
        found.append(tree)
        seen.append(path.resolve())
        extends = tree.entries.get("extends")
        if extends is None or extends.value is None:
            break
        base = _base(extends, path, problems)
        if base is None:
            break
        if base.resolve() in seen:
            circle = " → ".join(p.stem for p in [*seen[seen.index(base.resolve()) :], base])
            problems.append(extends.mark.problem(f"extends itself: {circle}"))
            break
        path = base
        tree = read(path, problems)
    return found


def lay_over(base: Node, child: Node) -> Node:
    """The base's facts with the child's on top.

    Mappings are joined key by key, lists and values replaced; a key that the child leaves empty is taken away.
    """
    inherited = {key: node for key, node in base.entries.items() if key not in _OWN}
    return _joined(replace(base, value=inherited), child)


def pruned(node: Node) -> Node:
    """The tree without its empty keys: empty means not written."""
    if isinstance(node.value, dict):
        kept = {key: pruned(inner) for key, inner in node.value.items() if inner.value is not None}
        return replace(node, value=kept)
    if isinstance(node.value, tuple):
        return replace(node, value=tuple(pruned(inner) for inner in node.value))
    return node


def _joined(base: Node, child: Node) -> Node:
    entries = dict(base.entries)
    for key, node in child.entries.items():
        if node.value is None:
            entries.pop(key, None)
        elif key in entries and isinstance(node.value, dict) and isinstance(entries[key].value, dict):
            entries[key] = _joined(entries[key], node)
        else:
            entries[key] = node
    return replace(child, value=entries)


def _base(extends: Node, path: Path, problems: list[Problem]) -> Path | None:
    name = extends.text
    if looks_like_path(name):
        base = path.parent / name
        if base.is_file():
            return base
        problems.append(extends.mark.problem(f"extends {name}, and there is no such file"))
    elif name in names():
        return shipped("playbooks") / f"{name}.yaml"
    else:
        problems.append(
            extends.mark.problem(f"extends {extends.plain()!r}, and no such playbook ships", suggest(name, names()))
        )
    return None


def _check_version(tree: Node, problems: list[Problem]) -> None:
    requires = tree.entries.get("requires")
    if requires is None or requires.value is None:
        return
    parts = [_CONSTRAINT.fullmatch(part.strip()) for part in requires.text.split(",")]
    ours = _version(upgrader.__version__)
    for part in parts:
        if part is None:
            problems.append(
                requires.mark.problem(f'requires: {requires.value!r} is not a version range, write ">=1.0"')
            )
        elif not _holds(ours, part[1], _version(part[2])):
            wanted = f"needs upgrader {requires.text}, and this is {upgrader.__version__}"
            raise PlaybookError([requires.mark.problem(wanted)], "Install that version of upgrader, then run again")


def _version(text: str) -> tuple[int, ...]:
    numbers = [int(part) for part in re.findall(r"\d+", re.split(r"[^\d.]", text)[0])]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _holds(ours: tuple[int, ...], relation: str, other: tuple[int, ...]) -> bool:
    match relation:
        case ">=":
            return ours >= other
        case "<=":
            return ours <= other
        case ">":
            return ours > other
        case "<":
            return ours < other
        case _:
            return ours == other
