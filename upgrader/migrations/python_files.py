"""Migrations that are Python: read as text, never run."""

import ast
import re
from collections.abc import Iterator

from upgrader.migrations.files import File, Tree


def alembic(tree: Tree, directory: str) -> list[File]:
    """Revisions by their ids, parents first; `down_revision` and `depends_on` are what one comes after.

    https://github.com/sqlalchemy/alembic, alembic/script/base.py and revision.py.
    """
    paths = [path for path in tree.below(directory) if path.endswith(".py") and not path.endswith("__init__.py")]
    contents = tree.read(paths)
    found: dict[str, File] = {}
    for path in paths:
        values = _assigned(contents[path])
        for name in _names(values.get("revision")):
            after = (*_names(values.get("down_revision")), *_names(values.get("depends_on")))
            found[name] = File(name, path, after=after)
    return list(_parents_first(found))


def django(tree: Tree, directory: str) -> list[File]:
    """`APP/migrations/NAME.py` as `app.name`, where the app is its directory or the `label` in its `apps.py`.

    https://github.com/django/django, django/db/migrations/loader.py and recorder.py.
    """
    rule = re.compile(r"(?:.*/)?([^/]+)/migrations/([^/_.~][^/]*)\.py")
    matched = {path: found for path in tree.below(directory) if (found := rule.fullmatch(path))}
    configs = {path: f"{path.rsplit('/', 2)[0]}/apps.py" for path in matched}
    known = set(tree.names)
    contents = tree.read([*matched, *sorted(set(configs.values()) & known)])
    files: list[File] = []
    for path, found in matched.items():
        if b"Migration" in contents[path]:
            app = _label(contents.get(configs[path], b"")) or found[1]
            values = _assigned(contents[path], "Migration")
            pairs = [_pairs(values.get(name)) for name in ("dependencies", "replaces")]
            files.append(File(f"{app}.{found[2]}", path, (app, found[2]), after=pairs[0], replaces=pairs[1]))
    return sorted(files, key=lambda file: file.order)


def _assigned(data: bytes, inside: str = "") -> dict[str, object]:
    """Names that a module, or one of its classes, gives a constant value; parts that are computed become None."""
    try:
        body: list[ast.stmt] = ast.parse(data).body
    except (SyntaxError, ValueError):
        return {}
    if inside:
        body = next((node.body for node in body if isinstance(node, ast.ClassDef) and node.name == inside), [])
    values: dict[str, object] = {}
    for node in body:
        if isinstance(node, ast.Assign):
            values |= {target.id: _constant(node.value) for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and node.value is not None and isinstance(node.target, ast.Name):
            values[node.target.id] = _constant(node.value)
    return values


def _constant(node: ast.expr) -> object:
    if isinstance(node, ast.List | ast.Tuple):
        return [_constant(item) for item in node.elts]
    return node.value if isinstance(node, ast.Constant) else None


def _names(value: object) -> tuple[str, ...]:
    """A text, or the texts of a list."""
    found = value if isinstance(value, list) else [value]
    return tuple(each for each in found if isinstance(each, str))


def _pairs(value: object) -> tuple[str, ...]:
    """`[("app", "name"), …]` as `app.name`; a dependency that is computed is left out."""
    items = value if isinstance(value, list) else []
    return tuple(".".join(pair) for item in items if len(pair := _names(item)) == 2)


def _label(config: bytes) -> str:
    found = re.search(rb"^\s+label\s*=\s*[\"']([\w.]+)[\"']", config, re.MULTILINE)
    return found[1].decode() if found else ""


def _parents_first(files: dict[str, File]) -> Iterator[File]:
    done: set[str] = set()
    for first in sorted(files):
        stack = [first]
        while stack:
            name = stack[-1]
            waiting = [parent for parent in files[name].after if parent in files and parent not in {*done, *stack}]
            if waiting:
                stack.append(waiting[0])
                continue
            stack.pop()
            if name not in done:
                done.add(name)
                yield files[name]
