"""The walls of the house: a module imports its own layer and those below it; each outside thing has one door."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "upgrader"
LOW = frozenset({"errors", "model"})
SIDE = LOW | {"env", "migrations", "tools"}
EVERYTHING = SIDE | {"steps", "playbook", "engine", "ui", "cli", "demo", "__init__"}
LAYERS: dict[str, frozenset[str]] = {
    "__init__": frozenset(),
    "errors": frozenset(),
    "model": frozenset({"errors"}),
    "env": LOW,
    "migrations": LOW,
    "tools": LOW,
    "ui": LOW,
    "steps": SIDE,
    "playbook": SIDE | {"steps"},
    "engine": SIDE | {"steps", "playbook"},
    # the command line, and the demo that uses it, stand above everything
    "cli": EVERYTHING,
    "demo": EVERYTHING,
    "__main__": EVERYTHING,
}
"""Layer → those that it may import, beside itself. Every module may read the package's version."""

DOORS = {
    "sh": "tools/shell.py",
    "subprocess": "tools/shell.py",
    "rich": "ui/",
    "typer": "cli/",
    "psycopg": "tools/postgres",
}
"""Module from outside → the only place of the package that may import it."""


def modules() -> list[Path]:
    # the demo app's own sources are an app of somebody else's: they run in containers
    return sorted(path for path in PACKAGE.rglob("*.py") if "demo/app/" not in path.as_posix())


def named(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def layer(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """The dotted names that a module imports, wherever it does."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{named(path)}: imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=named)
def test_imports_point_down(path: Path) -> None:
    here = layer(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "upgrader" and len(parts) > 1 and parts[1] != "__version__":
            assert parts[1] in LAYERS[here] | {here}, f"{named(path)} imports {name}"


@pytest.mark.parametrize("path", modules(), ids=named)
def test_each_outside_thing_has_one_door(path: Path) -> None:
    for name in imports(path):
        door = DOORS.get(name.split(".")[0])
        assert door is None or named(path).startswith(door), f"{named(path)} imports {name}, which belongs into {door}"


@pytest.mark.parametrize("here", ["errors", "model"])
def test_lowest_layers_need_the_standard_library_only(here: str) -> None:
    for path in modules():
        if layer(path) == here:
            outside = {name.split(".")[0] for name in imports(path)} - {"upgrader"}
            assert outside <= sys.stdlib_module_names, named(path)


def test_the_engine_knows_no_step() -> None:
    for path in modules():
        if layer(path) == "engine":
            steps = {name for name in imports(path) if name.startswith("upgrader.steps.")}
            assert all(name.startswith("upgrader.steps.base") for name in steps), named(path)


def test_every_module_says_in_one_sentence_what_it_is() -> None:
    for path in modules():
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert text, named(path)
        assert text.rstrip().endswith((".", "…", "`")), f"{named(path)}: {text}"


DEADLY = re.compile(r"""down["',\s]+-v\b|down["',\s]+--volumes|reset["',\s]+--hard|shell\s*=\s*True|os\.system\(""")


def test_words_that_destroy_data_are_nowhere() -> None:
    """`down -v` deletes the operator's volumes, `reset --hard` their edits: as a string or as words of an argv."""
    sources = [path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix in {".py", ".sh", ".yaml", ""}]
    for path in [*sources, *(ROOT / "playbooks").glob("*.yaml")]:
        if "__pycache__" in path.parts:
            continue
        found = DEADLY.search(path.read_text(encoding="utf-8", errors="replace"))
        assert not found, f"{path.relative_to(ROOT)}: {found}"


def test_what_must_never_be_written_is_recognized() -> None:
    for text in ("docker compose down -v", '("compose", "down", "-v")', "git reset --hard", '"reset", "--hard"'):
        assert DEADLY.search(text), text
    assert not DEADLY.search("shut down --version")
