"""The page on the checks names every code that there is, with the severities that it can have."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from upgrader.env import checks

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "env-check.md").read_text(encoding="utf-8")
SEVERITIES = {"error", "warning", "note"}


def codes_of(path: Path) -> Iterator[str]:
    """What stands first, or is assigned to `code`, where findings are made."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        made: ast.AST | None = None
        if isinstance(node, ast.Call) and node.args:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            made = node.args[0] if name in ("finding", "Finding") else None
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "code":
            made = node.value
        yield from (
            each.value
            for each in (ast.walk(made) if made else ())
            if isinstance(each, ast.Constant) and isinstance(each.value, str)
        )


def test_every_code_is_on_the_page_and_none_else() -> None:
    package = Path(checks.__file__).parent
    made = {code for path in package.glob("*.py") for code in codes_of(path)}
    told = re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE)
    assert len(made) > 20
    assert sorted(told) == sorted(made | {"syntax"})


def test_severities_are_words_that_exist() -> None:
    for cell in re.findall(r"^\| `[a-z-]+` \| ([^|]+) \|", PAGE, re.MULTILINE):
        assert set(cell.split(", ")) <= SEVERITIES
