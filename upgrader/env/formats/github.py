"""Findings as workflow commands, which GitHub shows as annotations on the lines of a pull request."""

from collections.abc import Sequence

from upgrader.env.finding import Finding, Severity

_COMMAND: dict[Severity, str] = {"error": "error", "warning": "warning", "note": "notice"}


def render(findings: Sequence[Finding]) -> str:
    return "".join(_command(each) + "\n" for each in findings)


def _command(finding: Finding) -> str:
    properties = {"file": finding.file, "line": str(finding.line or ""), "title": finding.code}
    named = ",".join(f"{name}={_in_property(value)}" for name, value in properties.items() if value)
    text = f"{finding.message}\n{finding.hint}" if finding.hint else finding.message
    return f"::{_COMMAND[finding.severity]} {named}::{_in_message(text)}"


def _in_message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _in_property(text: str) -> str:
    return _in_message(text).replace(":", "%3A").replace(",", "%2C")
