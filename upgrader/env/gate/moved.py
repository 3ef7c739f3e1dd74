"""What a release takes away or turns around: removed keys, moved meanings, another project name."""

import re
from collections.abc import Iterator

from upgrader.env.document import Entry
from upgrader.env.finding import Finding
from upgrader.env.gate.comparison import Comparison
from upgrader.env.gate.release import Release

_PROJECT = "COMPOSE_PROJECT_NAME"
_NAME = re.compile(rb"^name:[ \t]*(?P<name>[^\s#][^\n#]*)", re.MULTILINE)
_TRIVIAL = re.compile(r"|true|false|yes|no|on|off|none|null|\d{1,3}|localhost|latest", re.IGNORECASE)


def find(pair: Comparison) -> Iterator[Finding]:
    if pair.old is None:
        return
    yield from _project(pair, pair.old)
    yield from _moved(pair, pair.old)
    for entry in pair.old.entries.values():
        if entry.key not in pair.new.entries:
            yield from _gone(pair, entry)


def _project(pair: Comparison, old: Release) -> Iterator[Finding]:
    hint = "Leave the name as it was: under another one Compose makes new, empty volumes"
    entry = pair.new.entries.get(_PROJECT)
    if entry and not pair.is_as_before(entry):
        verb = "changes" if _PROJECT in old.entries else "adds"
        yield pair.at("project-name", "error", entry, f"The release {verb} {_PROJECT}", hint)
    before = {source.path: _name(source.data) for source in old.compose}
    for source in pair.new.compose:
        found = _NAME.search(source.data)
        if found and source.path in before and before[source.path] != _name(source.data):
            line = source.data.count(b"\n", 0, found.start()) + 1
            text = "The release gives the Compose project another name"
            yield Finding("project-name", "error", text, hint, "", source.path, line)


def _name(data: bytes) -> bytes:
    found = _NAME.search(data)
    return found["name"].strip().strip(b"\"'") if found else b""


def _moved(pair: Comparison, old: Release) -> Iterator[Finding]:
    changed = [
        (before, after)
        for key, before in old.entries.items()
        if (after := pair.new.entries.get(key)) and before.value != after.value and before.value
    ]
    for entry in pair.added:
        for before, after in changed:
            if entry.value == before.value and _kin(entry.key, before.key, entry.value or ""):
                yield pair.at(
                    "value-moved",
                    "error",
                    after,
                    f"{after.key} has another default, and the new {entry.key} (line {entry.line}) takes the old one: "
                    f"what operators have set for {after.key} means something else now",
                    f"Keep the meaning of {after.key}; or annotate {entry.key} with @renamed-from {after.key}",
                )


def _kin(new: str, old: str, value: str) -> bool:
    """Whether a shared value is no chance: the names belong together, closely if the value is a common one."""
    parts, others = set(new.split("_")), set(old.split("_"))
    return others < parts if _TRIVIAL.fullmatch(value) else bool(parts & others)


def _gone(pair: Comparison, entry: Entry) -> Iterator[Finding]:
    key = entry.key
    if line := pair.new.disabled.get(key):
        text = f"{key} was active and is commented out now"
        hint = "Name it in the release notes if new installations behave differently"
        if not (pair.notes and pair.notes.name(key)):
            yield Finding("demoted-key", "warning", text, hint, key, pair.new.example.path, line)
        return
    if _is_explained(pair, key):
        return
    reads = [each for each in pair.new.references.references if each.name == key]
    if any(not each.operator.endswith(("-", "+")) for each in reads):
        return  # told as a variable that the example lacks
    read = reads[0] if reads else None
    still = f", though {read.file} reads it on line {read.line}" if read else ""
    text = f"{key} is gone from the example{still}; nothing says whether it was renamed, replaced or dropped"
    heir = next((each.key for each in pair.decisions.values() if each.source == key), "its successor")
    hint = f'Write # @renamed-from {key} above {heir}, or # @removed "reason" for it in the overlay'
    place = pair.place_of_removed(key)
    yield Finding("removed-key", "warning" if read else "error", text, hint, key, pair.new.example.path, place)


def _is_explained(pair: Comparison, key: str) -> bool:
    said = pair.new.said(key)
    if said.removed is not None or said.deprecated is not None or (pair.notes and pair.notes.name(key)):
        return True
    if pair.old and pair.old.said(key).deprecated is not None:
        return True
    return any(key == each.renamed_from for each in pair.new.all_said.values())
