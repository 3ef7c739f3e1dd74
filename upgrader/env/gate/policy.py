"""The overlay, and whether it still fits the example that it speaks of."""

from collections.abc import Iterator

from upgrader.env.finding import Finding
from upgrader.env.gate.comparison import Comparison
from upgrader.env.gate.release import place_in
from upgrader.env.overlay import stale


def find(pair: Comparison) -> Iterator[Finding]:
    if broken := pair.new.broken_overlay:
        for message in broken.lines or (broken.message,):
            path, line, reason = place_in(message)
            yield Finding(
                "overlay-refused", "error", f"The overlay cannot be used: {reason}", broken.hint, "", path, line
            )
    elif pair.new.policy:
        yield from stale(pair.new.policy, pair.new.document)
