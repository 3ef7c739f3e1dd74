"""Decisions as the block that an env file gets at its end, and nothing else of it changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from upgrader.env.case import WRITES
from upgrader.env.decide import Decision
from upgrader.env.document import NOTHING, Addition, Document
from upgrader.env.generate import generate


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What to write, and what only a person can answer. The bytes hold secrets: they go to the file, nowhere else.

    `secrets` are the generated and carried values, for the redactor to learn before anything is shown.
    """

    new_bytes: bytes = field(repr=False)
    appended: tuple[str, ...]
    asked: tuple[Decision, ...]
    block: bytes = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def blocking(self) -> tuple[Decision, ...]:
        """The asked ones without which the upgrade must not start."""
        return tuple(decision for decision in self.asked if decision.blocks)


def reconcile(
    live_bytes: bytes,
    decisions: Sequence[Decision],
    *,
    run_label: str,
    path: str = ".env",
    answers: Mapping[str, str] = NOTHING,
) -> Reconciliation:
    """Append what is decided, and the `answers` a person gave to asked keys.

    `run_label` ends the block's header: `2026-11-20 for v1.1.0`. Secrets are generated here, once: call it again only
    with the bytes of a file that has not got the block. Raises RefusedError if the block would not read back.
    """
    live = Document.parse(live_bytes, path)
    additions, secrets = [], []
    for decision in decisions:
        value = answers.get(decision.key) if decision.decision == "ask" else _value(decision)
        if value is None:
            continue
        additions.append(Addition(decision.key, value, _reason(decision)))
        if decision.decision != "copy":
            secrets.append(value)
    new_bytes = live.append(additions, _header(run_label))
    appended = tuple(addition.key for addition in additions)
    asked = tuple(each for each in decisions if each.decision == "ask" and each.key not in appended)
    return Reconciliation(new_bytes, appended, asked, new_bytes[len(live_bytes) :], tuple(secrets))


def block_redacted(decisions: Sequence[Decision], *, run_label: str) -> str:
    """The block as it may be shown: generated and carried values by their form only."""
    written = [decision for decision in decisions if decision.decision in WRITES]
    if not written:
        return ""
    lines = [f"# {_header(run_label)}"]
    for decision in written:
        lines += [f"# {_reason(decision)}", f"{decision.key}={decision.shown}"]
    return "\n".join(lines) + "\n"


def lines_to_add(asked: Sequence[Decision]) -> list[str]:
    """The lines a person has to complete. The reason stands above: behind an empty value it would be the value."""
    return [line for decision in asked for line in (f"# {'; '.join(decision.evidence)}", f"{decision.key}=")]


def _value(decision: Decision) -> str | None:
    if decision.decision == "generate":
        return generate(decision.generator or "")
    return decision.value if decision.decision in WRITES else None


def _header(run_label: str) -> str:
    return f"added by upgrader {run_label}"


def _reason(decision: Decision) -> str:
    origin = {
        "copy": "from the example",
        "generate": f"generated ({decision.generator})",
        "carry": f"the value of {decision.source}",
        "ask": "given by a person",
    }[decision.decision]
    return f"{origin}: {'; '.join(decision.evidence)}"
