"""SARIF as the standard's schema and GitHub's code scanning demand it."""

import json
import re
from typing import Any

import pytest

from upgrader.env.finding import Finding
from upgrader.env.formats import render
from upgrader.env.gate.codes import RULES

FINDINGS = [
    Finding("duplicate-key", "error", "K stands twice", "Delete one", "K", "deploy/my env.example", 12),
    Finding("duplicate-key", "warning", "L stands twice", "Delete one", "L", "deploy/my env.example", 14),
    Finding("removed-key", "note", "M is gone", "", "M", "deploy/my env.example", 0),
    Finding("made-up-code", "warning", "of the host"),
]


def sarif(findings: list[Finding]) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(render("sarif", findings, []))
    return said


def run_of(findings: list[Finding]) -> dict[str, Any]:
    (run,) = sarif(findings)["runs"]
    assert isinstance(run, dict)
    return run


def test_the_log_is_what_the_schema_demands() -> None:
    log = sarif(FINDINGS)
    assert log["version"] == "2.1.0"
    assert log["$schema"].startswith("https://")
    assert log.keys() == {"$schema", "version", "runs"}
    run = run_of(FINDINGS)
    assert run.keys() <= {"tool", "columnKind", "originalUriBaseIds", "results"}
    assert run["columnKind"] in {"utf16CodeUnits", "unicodeCodePoints"}
    driver = run["tool"]["driver"]
    assert driver["name"] == "upgrader"
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", driver["semanticVersion"])


def test_rules_are_unique_and_say_how_to_mend() -> None:
    rules = run_of(FINDINGS)["tool"]["driver"]["rules"]
    assert len({json.dumps(rule) for rule in rules}) == len(rules) == 3
    for rule in rules:
        assert re.fullmatch(r"[a-z-]+", rule["id"])
        assert re.fullmatch(r"[A-Z][A-Za-z]+", rule["name"])
        for words in ("shortDescription", "fullDescription", "help"):
            assert rule[words]["text"]
        assert rule["defaultConfiguration"]["level"] in {"none", "note", "warning", "error"}
    assert rules[0]["help"]["text"] == RULES["duplicate-key"].help


def test_results_point_at_their_rule_and_place() -> None:
    run = run_of(FINDINGS)
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"none", "note", "warning", "error"}
        assert result["message"]["text"]
        assert result["partialFingerprints"]
        for location in result.get("locations", []):
            place = location["physicalLocation"]
            assert re.fullmatch(r"[A-Za-z0-9/._~%-]+", place["artifactLocation"]["uri"])
            assert not place["artifactLocation"]["uri"].startswith("/")
            assert place["artifactLocation"]["uriBaseId"] in run["originalUriBaseIds"]
            assert place.get("region", {"startLine": 1})["startLine"] >= 1
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "deploy/my%20env.example"


def fingerprints(findings: list[Finding]) -> list[str]:
    return [next(iter(result["partialFingerprints"].values())) for result in run_of(findings)["results"]]


def test_a_fingerprint_outlives_moved_lines_and_other_words() -> None:
    moved = Finding("duplicate-key", "error", "K is there two times", "", "K", "deploy/my env.example", 99)
    assert fingerprints([FINDINGS[0]]) == fingerprints([moved])


@pytest.mark.parametrize("other", [{"key": "Z"}, {"file": "b"}, {"code": "removed-key"}])
def test_different_findings_have_different_fingerprints(other: dict[str, str]) -> None:
    said = {"code": "duplicate-key", "key": "K", "file": "a", **other}
    first = Finding("duplicate-key", "error", "x", "", "K", "a", 1)
    second = Finding(said["code"], "error", "x", "", said["key"], said["file"], 1)
    assert len(set(fingerprints([first, second]))) == 2


def test_the_same_thing_twice_in_a_file_is_two_things() -> None:
    twice = [Finding("example-refused", "error", "no", "", "", "a", line) for line in (3, 9)]
    assert len(set(fingerprints(twice))) == 2


def test_nothing_found_is_a_result_too() -> None:
    assert run_of([])["results"] == []
