"""Scenes for the checks, from the text of their files."""

from collections.abc import Iterable, Mapping, Sequence

from upgrader.env.case import Case, Decision
from upgrader.env.checks import Scene
from upgrader.env.compose_text import read_references
from upgrader.env.document import Document
from upgrader.env.finding import Finding
from upgrader.env.overlay import parse_overlay

LIVE = ".env"


def scene(
    live: str,
    example: str = "",
    *,
    previous: str | None = None,
    compose: str = "",
    overlay: str = "",
    history: Mapping[str, Iterable[str]] | None = None,
    decisions: Sequence[Decision] = (),
) -> Scene:
    case = Case(
        live=Document.parse(live.encode(), LIVE),
        example=Document.parse(example.encode(), ".env.example"),
        previous=None if previous is None else Document.parse(previous.encode(), "old/.env.example"),
        compose=read_references([("compose.yaml", compose.encode())]) if compose else None,
        overlay=parse_overlay(overlay.encode(), "overlay.env") if overlay else None,
    )
    past = {key: frozenset(values) for key, values in (history or {}).items()}
    return Scene(case, decisions, past)


def told(findings: Iterable[Finding]) -> list[tuple[str, str, str, int]]:
    """What tests look at: severity, code, key and line."""
    return [(each.severity, each.code, each.key, each.line) for each in findings]
