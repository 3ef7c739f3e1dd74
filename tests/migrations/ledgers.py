"""Trees and ledgers for tests of migrators."""

import hashlib
from collections.abc import Mapping, Sequence

from upgrader.migrations.compare import compare
from upgrader.migrations.files import Tree
from upgrader.migrations.migrators import MIGRATORS
from upgrader.model.migration import Migration


def tree(files: Mapping[str, str | bytes]) -> Tree:
    data = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
    return Tree(tuple(sorted(data)), lambda paths: {path: data[path] for path in paths if path in data})


def migrations(
    migrator: str,
    files: Mapping[str, str | bytes],
    rows: Sequence[Mapping[str, object]],
    *,
    below: str = "m",
    installed: Sequence[str] = (),
) -> tuple[Migration, ...]:
    known = MIGRATORS[migrator]
    return compare(migrator, known.files(tree(files), below), known.entries(rows), installed)


def states(
    migrator: str,
    files: Mapping[str, str | bytes],
    rows: Sequence[Mapping[str, object]],
    *,
    below: str = "m",
    installed: Sequence[str] = (),
) -> list[tuple[str, str, bool]]:
    """(name, state, whether it would run) of each migration."""
    found = migrations(migrator, files, rows, below=below, installed=installed)
    return [(each.name, each.state.value, each.runs) for each in found]


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def sha384(text: str) -> str:
    return "\\x" + hashlib.sha384(text.encode()).hexdigest()
