"""What upgrader would decide for an installation that follows the old example."""

from upgrader.env.decide import ComposeEvidence, Decision, decide
from upgrader.env.gate.release import Release


def decisions_between(old: Release, new: Release) -> list[Decision]:
    references = new.references.references
    compose = ComposeEvidence(
        frozenset(each.name for each in references if each.operator.endswith("?")),
        frozenset(each.name for each in references),
        {each.name: each.word for each in references if each.operator.endswith("-")},
    )
    return decide(old.document, new.document, old.document, compose)
