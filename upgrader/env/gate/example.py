"""What is wrong with the new example in itself."""

import re
from collections.abc import Iterator

from upgrader.env.document import Disabled, Entry
from upgrader.env.finding import Finding, Severity
from upgrader.env.gate.comparison import Comparison
from upgrader.env.gate.published import known_format, what_is_published
from upgrader.env.gate.release import Source, place_in

_MARKER = re.compile(rb"^(?:<{7}|\|{7}|>{7})(?: [^\n]*)?\r?$|^={7}\r?$", re.MULTILINE)
_SENTENCE = re.compile(
    r"\s(?:—|\u2013|<?-+>?|→|=)\s|\s\(.+\)|\b(?:means?|enables?|disables?|defaults?|is|are|if|when|uses?|set|turns)\b"
)
_BEGINS, _ENDS = b"<<<<<<<", b">>>>>>>"


def find(pair: Comparison) -> Iterator[Finding]:
    yield from _conflicts(pair)
    yield from _refusals(pair)
    yield from pair.new.annotation_problems
    for key, lines in pair.new.document.duplicates().items():
        yield _duplicate(pair, key, lines)
    for entry in pair.new.document.entries:
        if _comment_is_value(pair, entry):
            yield pair.at(
                "comment-as-value",
                "error",
                entry,
                f"{entry.key} gets the comment behind it as its value",
                f'Put the comment on the line above, or write {entry.key}="" before it',
            )
        elif what := what_is_published(entry.key, entry.value or ""):
            yield pair.at(
                "published-secret",
                "error",
                entry,
                f"The default of {entry.key} is {what}",
                "Revoke it if it is real; leave the value empty and name a generator: # @generate hex:32",
            )
    for each in pair.new.document.disabled:
        yield from _of_disabled(pair, each)


def _of_disabled(pair: Comparison, each: Disabled) -> Iterator[Finding]:
    """What a line would do to whoever takes its `#` away."""
    place = (each.key, pair.new.example.path, each.line)
    before = pair.old is not None and any(each.text == old.text for old in pair.old.document.disabled if old.prose)
    worst: Severity = "note" if before else "warning"
    if each.text.startswith("# "):
        text = f"Once it is enabled, {each.key} gets the comment behind it as its value"
        yield Finding("comment-as-value", worst, text, "Put the comment on the line above", *place)
    elif each.prose and _SENTENCE.search(each.text):
        text = f"A sentence in a comment reads like the disabled key {each.key}"
        yield Finding("prose-as-key", worst, text, f"Word it so that the line does not begin with {each.key}=", *place)
    elif what := known_format(each.text):
        text = f"The commented-out value of {each.key} is {what}"
        yield Finding("published-secret", "error", text, "Revoke it if it is real, and write a placeholder", *place)


def _refusals(pair: Comparison) -> Iterator[Finding]:
    """Compose's own refusals; those at conflict markers have been told."""
    marked = {(source.path, line) for source in _sources(pair) for line in _marked(source)}
    conflicts = {path for path, _ in marked}
    for error in pair.new.refusals:
        if (error.path, error.line) not in marked:
            text = f"Compose refuses the example: {place_in(error.message)[2]}"
            hint = "Comment the line out, or mend it; Compose refuses the whole file as it is"
            yield Finding("example-refused", "error", text, hint, "", error.path, error.line)
    for broken in pair.new.broken_compose:
        path, line, reason = place_in(broken.message)
        if path not in conflicts:
            text = f"This Compose file cannot be read: {reason}"
            yield Finding("compose-refused", "error", text, "Try: docker compose config --quiet", "", path, line)


def _conflicts(pair: Comparison) -> Iterator[Finding]:
    for source in _sources(pair):
        for line in _marked(source)[:1]:
            text = "A merge conflict was committed: its markers stand in the file"
            hint = "Choose a side and delete the lines that begin with <<<<<<<, ======= and >>>>>>>"
            yield Finding("conflict-marker", "error", text, hint, "", source.path, line)


def _sources(pair: Comparison) -> tuple[Source, ...]:
    overlay = (pair.new.overlay,) if pair.new.overlay else ()
    return (pair.new.example, *pair.new.compose, *overlay)


def _marked(source: Source) -> list[int]:
    """The lines with conflict markers. A line of `=======` alone is no sign of one."""
    found = [(mark[0][:7], source.data.count(b"\n", 0, mark.start()) + 1) for mark in _MARKER.finditer(source.data)]
    return [line for _, line in found] if any(mark in {_BEGINS, _ENDS} for mark, _ in found) else []


def _duplicate(pair: Comparison, key: str, lines: tuple[int, ...]) -> Finding:
    entries = [entry for entry in pair.new.document.entries if entry.key == key]
    differ = len({entry.value for entry in entries}) > 1
    listed = ", ".join(map(str, lines[:-1]))
    return pair.at(
        "duplicate-key",
        "error" if differ else "warning",
        entries[-1],
        f"{key} stands on line {listed} already; Compose takes this one"
        + (", with another value" if differ else ", with the same value"),
        "Delete one of them; comment an alternative out",
    )


def _comment_is_value(pair: Comparison, entry: Entry) -> bool:
    """`KEY= # note`, but not `COLOUR=#fff`."""
    if entry.quoted or not (entry.value or "").startswith("#"):
        return False
    written = pair.new.document.data[entry.start : entry.end]
    return bool(re.search(rb"[=:]\s+#", written)) or bool(re.match(r"#+\s|#\S*\s", entry.value or ""))
