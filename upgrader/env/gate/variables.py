"""Variables of the Compose files against the example."""

import re
from collections.abc import Iterator

from upgrader.env import evidence
from upgrader.env.compose_text import fatal, stops
from upgrader.env.finding import Finding, Severity
from upgrader.env.gate.comparison import Comparison
from upgrader.env.gate.published import is_public, what_is_published
from upgrader.env.references import Reference

_OF_THE_SHELL = re.compile(r"PWD|HOME|USER|UID|GID|HOSTNAME|TMPDIR|XDG_\w+|COMPOSE_\w+|DOCKER_\w+|BUILDX_\w+|CI")


def find(pair: Comparison) -> Iterator[Finding]:
    by_name: dict[str, list[Reference]] = {}
    for reference in pair.new.references.references:
        by_name.setdefault(reference.name, []).append(reference)
    for name, references in by_name.items():
        yield from _missing(pair, name, references)
        yield from _differs(pair, name, references)
        yield from _gated(pair, references)
        yield from _published(references)


def _missing(pair: Comparison, name: str, references: list[Reference]) -> Iterator[Finding]:
    new = pair.new
    if name in new.entries or name in new.disabled or name in new.all_said or _OF_THE_SHELL.fullmatch(name):
        return
    ranked: list[tuple[Severity, Reference]] = [
        *(("error", each) for each in references if stops(each)),
        *(("warning", each) for each in references if not each.operator),
        *(("note", each) for each in references),
    ]
    severity, worst = ranked[0]
    if _is_read_before(pair, name, severity):
        severity = "warning" if severity == "error" else "note"
    does = fatal(worst) or ("its default counts" if worst.operator else "it is handed on as an empty value")
    text = f"Compose reads {name}, which the example lacks; where it is unset, {does}"
    hint = f"Add {name} to {new.example.path}" + ("" if worst.operator else f", or write ${{{name}:-default}}")
    if severity != "note":
        yield Finding("compose-key-missing", severity, text, hint, name, worst.file, worst.line)


def _is_read_before(pair: Comparison, name: str, severity: Severity) -> bool:
    """Whether the old release had the same gap."""
    if pair.old is None or name in pair.old.entries or name in pair.old.disabled:
        return False
    before = [each for each in pair.old.references.references if each.name == name]
    return any(stops(each) for each in before) if severity == "error" else bool(before)


def _differs(pair: Comparison, name: str, references: list[Reference]) -> Iterator[Finding]:
    new = pair.new
    entry = new.entries.get(name)
    value = entry.value if entry else None
    if not entry or not value or evidence.is_placeholder(value) or "$" in value:
        return
    for each in references:
        if not each.operator.endswith("-") or "$" in each.word or each.word == value or not each.word:
            continue
        known = {(old.name, old.word) for old in pair.old.references.references} if pair.old else set()
        if pair.is_as_before(entry) and (name, each.word) in known:
            continue
        if new.said(name) or re.search(rf"(?<!\w){re.escape(each.word)}(?!\w)", " ".join(entry.comments)):
            continue
        public = is_public(name, each.word) and is_public(name, value)
        shown = f": {each.word!r} here, {value!r} in the example" if public else ""
        text = f"Compose's default for {name} is not the example's{shown}"
        yield Finding(
            "compose-default-differs",
            "warning",
            text,
            "Make both the same, or say in the example's comment why they differ",
            name,
            each.file,
            each.line,
        )
        return


def _gated(pair: Comparison, references: list[Reference]) -> Iterator[Finding]:
    services = pair.new.references.services
    for each in references:
        profiles = services[each.service].profiles if each.service in services else ()
        if not each.operator.endswith("?") or not profiles or _was_there(pair, each):
            continue
        text = (
            f"{each.name} is demanded in {each.service}, which only runs with the profile {' or '.join(profiles)}: "
            "Compose demands it of everyone"
        )
        yield Finding(
            "gated-requirement",
            "warning",
            text,
            f"Write ${{{each.name}:-}} and let the service check it",
            each.name,
            each.file,
            each.line,
        )
        return


def _was_there(pair: Comparison, reference: Reference) -> bool:
    old = pair.old.references.references if pair.old else ()
    return any(
        (each.name, each.operator, each.path) == (reference.name, reference.operator, reference.path) for each in old
    )


def _published(references: list[Reference]) -> Iterator[Finding]:
    for each in references:
        if each.operator.endswith("-") and (what := what_is_published(each.name, each.word)):
            text = f"Compose's default for {each.name} is {what}"
            hint = f"Revoke it if it is real, and write ${{{each.name}:?}}"
            yield Finding("published-secret", "error", text, hint, each.name, each.file, each.line)
