"""What a check found: where, how bad, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]

_RANK: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. No text of it ever holds a secret's value.

    `code` is a stable kebab-case name, the same in every format; `line` counts from 1, 0 when there is no line.
    `message` says in one line what is so, `hint` what to type or write.
    """

    code: str
    severity: Severity
    message: str
    hint: str = ""
    key: str = ""
    file: str = ""
    line: int = 0


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Worst first, then by place; the same findings always in the same order, each once."""
    return sorted(
        dict.fromkeys(findings), key=lambda each: (_RANK[each.severity], each.file, each.line, each.key, each.code)
    )
