"""What upgrader would decide for an installation that follows the old example."""

from upgrader.env.case import Case, Decision
from upgrader.env.decide import decide, live_from
from upgrader.env.gate.release import Release


def decisions_between(old: Release, new: Release) -> list[Decision]:
    return decide(
        Case(
            live=live_from(old.document),
            example=new.document,
            previous=old.document,
            compose=new.references,
            previous_compose=old.references,
            overlay=new.policy,
            data_exists=True,
            versions=(old.label, new.label),
        )
    )
