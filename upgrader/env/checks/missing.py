"""What the live file lacks, as it was decided."""

from collections.abc import Iterator

from upgrader.env.case import Decision
from upgrader.env.checks.scene import Scene
from upgrader.env.finding import Finding, Severity

_DOES = {"copy": "adds the example's value", "generate": "generates it", "carry": "copies it"}


def check_missing(scene: Scene) -> Iterator[Finding]:
    """Keys that the app needs: `missing-required`; those that only a feature needs: `missing-feature`."""
    for decision in scene.decisions:
        if decision.decision == "skip":
            continue
        grave = decision.need in {"boot", "security"}
        severity: Severity = "error" if grave else "note"
        why = "; ".join(decision.evidence)
        yield Finding(
            "missing-required" if grave else "missing-feature",
            severity,
            f"{decision.key} is missing{f': {why}' if why else ''}",
            _hint(scene, decision),
            decision.key,
            scene.live.path,
            0,
        )


def _hint(scene: Scene, decision: Decision) -> str:
    if decision.decision == "ask":
        return f"add a line {decision.key}=… to {scene.live.path}; see {scene.example.path}:{decision.line}"
    return f"{scene.fix}  # {_DOES[decision.decision]}"
