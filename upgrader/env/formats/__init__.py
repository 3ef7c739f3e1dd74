"""Formats for machines, and the section for release notes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from upgrader.env.case import Decision
from upgrader.env.finding import Finding, in_order
from upgrader.errors import UsageError

if TYPE_CHECKING:
    from upgrader.env.gate.changes import Changes

NAMES = ("json", "github", "sarif", "markdown")


def render(
    name: str, findings: Sequence[Finding], decisions: Sequence[Decision], changes: "Changes | None" = None
) -> str:
    """The text of one format, newline included. `changes` is what `markdown` tells of; without it there is nothing
    to tell. Raises UsageError for another name.
    """
    findings = in_order(findings)
    match name:
        case "json":
            from upgrader.env.formats import json

            return json.render(findings, decisions)
        case "github":
            from upgrader.env.formats import github

            return github.render(findings)
        case "sarif":
            from upgrader.env.formats import sarif
            from upgrader.env.gate.codes import RULES

            return sarif.render(findings, RULES)
        case "markdown":
            from upgrader.env.formats import markdown
            from upgrader.env.gate.changes import Changes

            return markdown.render(changes or Changes())
        case _:
            raise UsageError(f"unknown format {name!r}", f"Use one of {', '.join(NAMES)}")
