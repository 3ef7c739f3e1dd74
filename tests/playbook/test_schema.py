"""Durations, and the JSON Schema for editors."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.playbook.kinds import KINDS
from upgrader.playbook.editor import schema
from upgrader.playbook.inherit import shipped
from upgrader.playbook.schema import seconds
from upgrader.steps.kinds import KINDS as REAL

CASES = Path(__file__).parent / "cases"


@pytest.mark.parametrize(
    ("written", "value"), [("5s", 5), ("2m", 120), ("1h30m", 5400), ("1h0m1.5s", 3601.5), (7, 7), (0.5, 0.5), ("0s", 0)]
)
def test_durations(written: object, value: float) -> None:
    assert seconds(written) == value


@pytest.mark.parametrize("written", ["", "5", "5 s", "m", "1m1h", "-1s", -1, True, None, float("inf"), "22:22"])
def test_what_is_no_duration(written: object) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        seconds(written)


TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def fits(value: Any, rule: dict[str, Any], root: dict[str, Any]) -> bool:
    """Whether the value is valid by the part of JSON Schema that our schema uses."""
    if "$ref" in rule:
        return fits(value, root["$defs"][rule["$ref"].removeprefix("#/$defs/")], root)
    if "anyOf" in rule and not any(fits(value, one, root) for one in rule["anyOf"]):
        return False
    if "const" in rule and value != rule["const"]:
        return False
    if "enum" in rule and value not in rule["enum"]:
        return False
    if "type" in rule and not isinstance(value, TYPES[rule["type"]]):
        return False
    if isinstance(value, str):
        return re.search(rule.get("pattern", ""), value) is not None
    if isinstance(value, list):
        return all(fits(item, rule.get("items", {}), root) for item in value)
    if isinstance(value, dict):
        known, rest = rule.get("properties", {}), rule.get("additionalProperties", True)
        if set(rule.get("required", ())) - set(value) or (rest is False and set(value) - set(known)):
            return False
        other = rest if isinstance(rest, dict) else {}
        return all(fits(inner, known.get(key, other), root) for key, inner in value.items())
    return True


@pytest.mark.parametrize("path", sorted(shipped("playbooks").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_playbooks_fit_the_schema(path: Path) -> None:
    rules = schema(REAL)
    assert fits(yaml.safe_load(path.read_text(encoding="utf-8")), rules, rules)


def test_every_reference_of_the_schema_leads_somewhere() -> None:
    rules = schema(REAL)
    references = set(re.findall(r"'\$ref': '#/\$defs/([^']+)'", repr(rules)))
    assert {f"step {name}" for name in REAL} <= references <= set(rules["$defs"])


@pytest.mark.parametrize("case", ["unknown_keys", "changes", "steps", "hooks", "wrong_values"])
def test_broken_playbooks_do_not_fit_the_schema(case: str) -> None:
    rules = schema(KINDS)
    assert not fits(yaml.safe_load((CASES / f"{case}.yaml").read_text(encoding="utf-8")), rules, rules)


def test_a_base_fits_the_schema_of_its_kinds_only() -> None:
    playbook = yaml.safe_load((CASES / "bases" / "base.yaml").read_text(encoding="utf-8"))
    rules = schema(KINDS)
    assert fits(playbook, rules, rules)
    fewer = schema({"fetch": KINDS["fetch"]})
    assert not fits(playbook, fewer, fewer)
