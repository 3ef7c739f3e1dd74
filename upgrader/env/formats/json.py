"""Findings and decisions as one JSON object, without any value."""

import json
from collections.abc import Sequence

from upgrader.env.case import Decision
from upgrader.env.finding import Finding


def render(findings: Sequence[Finding], decisions: Sequence[Decision]) -> str:
    found = {"findings": [_finding(each) for each in findings], "decisions": [_decision(each) for each in decisions]}
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _finding(finding: Finding) -> dict[str, object]:
    names = ("code", "severity", "key", "file", "line", "message", "hint")
    return {name: getattr(finding, name) for name in names}


def _decision(decision: Decision) -> dict[str, object]:
    return {
        "key": decision.key,
        "decision": decision.decision,
        "need": decision.need,
        "evidence": list(decision.evidence),
        "generator": decision.generator,
        "from": decision.source,
    }
