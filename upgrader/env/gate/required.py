"""What the release newly demands of existing installations, and whether they can know how to meet it."""

from collections.abc import Iterator

from upgrader.env import evidence
from upgrader.env.document import Entry
from upgrader.env.finding import Finding
from upgrader.env.gate.comparison import Comparison, is_sourced

_NEEDED = frozenset({"boot", "security"})
_PROJECT = "COMPOSE_PROJECT_NAME"


def find(pair: Comparison) -> Iterator[Finding]:
    for entry in pair.demandable:
        if entry.key == _PROJECT:
            continue
        unsourced = is_required(pair, entry) and not _has_source(pair, entry)
        if unsourced:
            yield _unsourced(pair, entry)
        elif _is_weak_secret(pair, entry):
            yield _weak_secret(pair, entry)
        if pair.notes and is_required(pair, entry) and not pair.notes.name(entry.key):
            yield pair.at(
                "not-in-notes",
                "error",
                entry,
                f"Existing installations need {entry.key}, and the release notes do not name it",
                "Paste what --format markdown prints into the notes",
            )


def is_required(pair: Comparison, entry: Entry) -> bool:
    """Whether installations of the old release need the key to start, or to be safe, after the upgrade."""
    if not pair.is_new(entry.key):
        return False
    said = pair.new.said(entry.key)
    if said.required is not None:
        return said.required
    decided = pair.decisions.get(entry.key)
    return decided is not None and decided.need in _NEEDED


def _has_source(pair: Comparison, entry: Entry) -> bool:
    decided = pair.decisions.get(entry.key)
    return (
        is_sourced(pair.new.said(entry.key))
        or (decided is not None and decided.decision in {"copy", "generate", "carry"})
        or (decided is not None and decided.decision == "skip" and _fits_everyone(entry))
    )


def _fits_everyone(entry: Entry) -> bool:
    value = entry.value or ""
    secret = evidence.is_secret(entry.key, value)
    return bool(value) and not secret and not evidence.is_placeholder(value) and not evidence.has_url_password(value)


def _unsourced(pair: Comparison, entry: Entry) -> Finding:
    decided = pair.decisions.get(entry.key)
    why = f" ({'; '.join(decided.evidence)})" if decided else ""
    if decided and decided.source:
        hint = f"Say what it is: # @renamed-from {decided.source}, or # @generate hex:32"
    elif evidence.is_secret(entry.key, entry.value or ""):
        hint = 'Write above it: # @generate hex:32, or # @human "where to get it"'
    else:
        hint = 'Write above it: # @human "where to get it"; or give it a default that fits everyone'
    text = f"{entry.key} is new and required, and nothing says where operators get its value{why}"
    return pair.at("required-without-source", "error", entry, text, hint)


def _is_weak_secret(pair: Comparison, entry: Entry) -> bool:
    """A secret with a value that many will leave as it is."""
    value = entry.value or ""
    if not value or value.startswith("#") or not evidence.is_secret(entry.key, value):
        return False
    said = pair.new.said(entry.key)
    if is_sourced(said) or said.sensitive is False or pair.generator(entry):
        return False
    from upgrader.env.gate.published import what_is_published

    return (
        "$" not in value
        and not evidence.is_external(entry.key, generator=False)
        and not what_is_published(entry.key, value)
    )


def _weak_secret(pair: Comparison, entry: Entry) -> Finding:
    kind = "a placeholder" if evidence.is_placeholder(entry.value or "") else "a value that everybody can read"
    return pair.at(
        "secret-without-generator",
        "note" if pair.is_as_before(entry) or pair.old is None else "error",
        entry,
        f"The secret {entry.key} has {kind}, and nothing says how to make a real one",
        "Write above it: # @generate hex:32, and leave its value empty",
    )
