"""Findings and decisions as one JSON object, without any value."""

import json
from collections.abc import Sequence

from upgrader.env.case import Decision
from upgrader.env.finding import Finding


def render(findings: Sequence[Finding], decisions: Sequence[Decision]) -> str:
    """One object, with a line for each finding and decision: it is read by people too, and compared."""
    found = _lines([_finding(each) for each in findings])
    decided = _lines([_decision(each) for each in decisions])
    return f'{{\n  "findings": [{found}],\n  "decisions": [{decided}]\n}}\n'


def _lines(objects: Sequence[dict[str, object]]) -> str:
    lines = [f"\n    {json.dumps(each, ensure_ascii=False)}" for each in objects]
    return ",".join(lines) + ("\n  " if lines else "")


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
