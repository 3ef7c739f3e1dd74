"""The JSON object: exactly the promised names, and no value."""

import json

import pytest

from upgrader.env.case import Decision
from upgrader.env.finding import Finding
from upgrader.env.formats import NAMES, render
from upgrader.errors import UsageError

SECRET = "hunter2-hunter2"  # what must never be shown


def test_the_object_has_the_promised_shape() -> None:
    finding = Finding("duplicate-key", "error", "K stands twice", "Delete one", "K", "a.env", 3)
    decision = Decision("S", "generate", "boot", ("annotated @required",), generator="hex:32", line=9)
    assert json.loads(render("json", [finding], [decision])) == {
        "findings": [
            {
                "code": "duplicate-key",
                "severity": "error",
                "key": "K",
                "file": "a.env",
                "line": 3,
                "message": "K stands twice",
                "hint": "Delete one",
            }
        ],
        "decisions": [
            {
                "key": "S",
                "decision": "generate",
                "need": "boot",
                "evidence": ["annotated @required"],
                "generator": "hex:32",
                "from": None,
            }
        ],
    }


@pytest.mark.parametrize("name", NAMES)
def test_no_value_is_in_any_format(name: str) -> None:
    decisions = [
        Decision("A", "carry", "boot", ("why",), SECRET, source="OLD_A"),
        Decision("B", "copy", "boot", ("why",), SECRET),
    ]
    assert SECRET not in render(name, [Finding("x-y", "error", "m")], decisions)


def test_findings_come_worst_first() -> None:
    findings = [Finding("b", "note", "m"), Finding("a", "error", "m"), Finding("a", "error", "m")]
    assert [each["code"] for each in json.loads(render("json", findings, []))["findings"]] == ["a", "b"]


def test_another_format_is_refused_with_a_list() -> None:
    with pytest.raises(UsageError) as refused:
        render("xml", [], [])
    assert all(name in refused.value.hint for name in NAMES)
