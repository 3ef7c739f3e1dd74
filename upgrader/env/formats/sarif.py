"""Findings as SARIF 2.1.0, which code scanning reads."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from upgrader import __version__
from upgrader.env.finding import Finding, Severity
from upgrader.env.gate.codes import Rule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "upgraderFinding/v1"

_LEVEL: dict[Severity, str] = {"error": "error", "warning": "warning", "note": "note"}


def render(findings: Sequence[Finding], rules: Mapping[str, Rule]) -> str:
    """`rules` says what a code means; one that it lacks is described by its first finding."""
    codes = sorted({each.code for each in findings})
    driver = {
        "name": "upgrader",
        "semanticVersion": __version__,
        "rules": [_rule(code, rules.get(code) or _made_up(code, findings)) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The root of the repository."}}},
        "results": list(_results(findings, codes)),
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _rule(code: str, rule: Rule) -> dict[str, object]:
    return {
        "id": code,
        "name": "".join(word.capitalize() for word in code.split("-")),
        "shortDescription": {"text": rule.what},
        "fullDescription": {"text": f"{rule.what} {rule.why}".strip()},
        "help": {"text": rule.help, "markdown": rule.help},
        "defaultConfiguration": {"level": _LEVEL[rule.severity]},
        "properties": {"tags": ["env-file"]},
    }


def _made_up(code: str, findings: Sequence[Finding]) -> Rule:
    first = next(each for each in findings if each.code == code)
    what = code.replace("-", " ").capitalize() + "."
    return Rule(first.severity, what, "", "Each result says what to do.")


def _results(findings: Sequence[Finding], codes: Sequence[str]) -> Iterator[dict[str, object]]:
    seen: Counter[tuple[str, str, str]] = Counter()
    for each in findings:
        identity = (each.code, each.file, each.key)
        seen[identity] += 1
        result: dict[str, object] = {
            "ruleId": each.code,
            "ruleIndex": codes.index(each.code),
            "level": _LEVEL[each.severity],
            "message": {"text": f"{each.message}\n{each.hint}" if each.hint else each.message},
            "partialFingerprints": {FINGERPRINT: _fingerprint(*identity, str(seen[identity]))},
        }
        if each.file:
            result["locations"] = [{"physicalLocation": _place(each)}]
        yield result


def _place(finding: Finding) -> dict[str, object]:
    place: dict[str, object] = {"artifactLocation": {"uri": quote(finding.file), "uriBaseId": "SRCROOT"}}
    if finding.line:
        place["region"] = {"startLine": finding.line}
    return place


def _fingerprint(*identity: str) -> str:
    """The same finding keeps it when lines move and words change."""
    return hashlib.sha256("\0".join(identity).encode("utf-8", "surrogateescape")).hexdigest()[:32]
