"""Two releases into findings and decisions: what would break the operators of the new one."""

from upgrader.env.case import Decision
from upgrader.env.finding import Finding, in_order
from upgrader.env.gate import example, moved, policy, required, variables
from upgrader.env.gate.changes import Changes, changes_in
from upgrader.env.gate.comparison import Comparison
from upgrader.env.gate.deciding import decisions_between
from upgrader.env.gate.notes import Notes
from upgrader.env.gate.release import Release

_FAMILIES = (example.find, required.find, moved.find, variables.find, policy.find)


def check_release(old: Release | None, new: Release, notes: str | None = None) -> tuple[list[Finding], list[Decision]]:
    """What would break the operators of `new`, and what upgrader would do for an installation of `old`.

    Each finding names file and line in the new release. Without `old`, only what is wrong in itself is found. `notes`
    is the text of the release notes; None leaves them out of it.
    """
    pair = compare(old, new, notes)
    findings = in_order(finding for family in _FAMILIES for finding in family(pair))
    return findings, list(pair.decisions.values())


def release_changes(old: Release | None, new: Release) -> Changes:
    """What the release notes have to tell, for `formats.render("markdown", …)`."""
    return changes_in(compare(old, new))


def compare(old: Release | None, new: Release, notes: str | None = None) -> Comparison:
    decisions = {each.key: each for each in decisions_between(old, new)} if old else {}
    return Comparison(old, new, None if notes is None else Notes(notes), decisions)
