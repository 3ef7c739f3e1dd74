"""The page on the gate says exactly what the code does."""

import re
from pathlib import Path

import pytest
import yaml

from upgrader.env.formats import NAMES
from upgrader.env.gate.codes import RULES

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/env-gate.md").read_text(encoding="utf-8")


def test_the_table_has_every_code_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (error|warning|note) \| (.+?) \| (.+?) \| (.+) \|$", PAGE, re.MULTILINE)
    assert rows == [(code, rule.severity, rule.what, rule.why, rule.help) for code, rule in RULES.items()]


def test_every_code_in_the_package_is_on_the_page() -> None:
    """Each literal code of the gate's findings has its rule, and each rule is given out somewhere."""
    modules = [*(ROOT / "upgrader/env/gate").glob("*.py"), *(ROOT / "upgrader/env").glob("*.py")]
    sources = "\n".join(path.read_text(encoding="utf-8") for path in modules if path.name != "codes.py")
    given = set(re.findall(r"(?:Finding|pair\.at)\(\s*\"([a-z-]+)\"", sources))
    assert given == set(RULES)


def test_every_format_is_on_the_page() -> None:
    formats = PAGE.partition("## Formats")[2].partition("## Exit")[0]
    assert set(re.findall(r"^\| `(\w+)`", formats, re.MULTILINE)) - {"--format"} == {"text", *NAMES}


def test_the_snippets_are_yaml_and_name_what_exists() -> None:
    workflow, hooks = (yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
    inputs = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["inputs"]
    assert set(workflow[1]["with"]) <= set(inputs)
    offered = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert {hook["id"] for hook in hooks[0]["hooks"]} <= {hook["id"] for hook in offered}


@pytest.mark.parametrize("name", ["since", "path", "example", "overlay", "format", "sarif-file", "fail-on", "notes"])
def test_every_input_of_the_action_is_on_the_page(name: str) -> None:
    assert f"`{name}" in PAGE or f"{name}:" in PAGE
