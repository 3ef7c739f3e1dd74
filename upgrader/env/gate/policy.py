"""The overlay against the example that it speaks of."""

from collections.abc import Iterator

from upgrader.env.document import Disabled, Entry
from upgrader.env.finding import Finding
from upgrader.env.gate.comparison import Comparison
from upgrader.env.gate.release import place_in


def find(pair: Comparison) -> Iterator[Finding]:
    document = pair.new.overlay_document
    if document is None:
        return
    for error in pair.new.overlay_refusals:
        text = f"The overlay cannot be read: {place_in(error)[2]}"
        hint = "An overlay is an env file as Compose reads it: mend the line"
        yield Finding("overlay-refused", "error", text, hint, "", error.path, error.line)
    keyed: tuple[Entry | Disabled, ...] = (*document.entries, *document.disabled)
    for each in keyed:
        key, said = each.key, pair.new.said(each.key)
        gone = said.removed is not None or said.deprecated is not None
        prose = isinstance(each, Disabled) and each.prose
        if gone or prose or key in pair.new.entries or key in pair.new.disabled:
            continue
        text = f"The overlay speaks of {key}, which {pair.new.example.path} does not have"
        hint = f'Delete it, rename it, or write # @removed "reason" above {key}='
        yield Finding("overlay-stale", "error", text, hint, key, document.path, each.line)
