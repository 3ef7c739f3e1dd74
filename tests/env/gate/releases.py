"""Releases made of a few lines."""

from upgrader.env.finding import Finding
from upgrader.env.gate import Release, Source, check_release

EXAMPLE = "deploy/.env.example"
COMPOSE = "compose.yaml"
OVERLAY = "deploy/overlay.env"


def release(example: str | bytes, compose: str = "", overlay: str = "", label: str = "v2") -> Release:
    data = example if isinstance(example, bytes) else example.encode()
    return Release(
        label,
        Source(EXAMPLE, data),
        (Source(COMPOSE, compose.encode()),) if compose else (),
        Source(OVERLAY, overlay.encode()) if overlay else None,
    )


def found(old: Release | None, new: Release, notes: str | None = None) -> list[Finding]:
    return check_release(old, new, notes)[0]


def places(findings: list[Finding], severities: tuple[str, ...] = ("error", "warning")) -> list[str]:
    """`code key file:line`, of what makes a release fail."""
    return [
        f"{each.code} {each.key} {each.file}:{each.line}".replace("  ", " ")
        for each in findings
        if each.severity in severities
    ]
