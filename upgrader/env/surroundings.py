"""The comments that speak of a key: its own, those of its run of lines, the heading of its section."""

from collections.abc import Mapping
from typing import NamedTuple

from upgrader.env.document import Document
from upgrader.env.regex import regex

_HEADING = 2  # lines; what is longer says something of its own
_RULE = regex(r"[-=#*~_+─━═\s]{4,}")
_FENCED = regex(r"#{2,} *[^# ][^#]*#{2,}")
_FRAMED = regex(r"[-=#*~_+─━═\s\[]{2,}(?P<title>[^-=#*~─━═].*?)[-=#*~_+─━═\s\]]{2,}")


class Surroundings(NamedTuple):
    """`own` stands directly above the key or behind it. `run` heads the unbroken run of lines in which the key is a
    later one; `apart` is the comment above it with a blank line between. `section` is the nearest heading's text. Keys
    on lines that follow each other directly have the same `block`.
    """

    own: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    section: tuple[str, ...] = ()
    block: int = 0


def surroundings(document: Document) -> Mapping[str, Surroundings]:
    """By key; of a key with several lines the last active one counts."""
    reader = _Reader()
    places = {each.line: each.key for each in document.disabled if not each.prose}
    active = {each.line: each for each in document.entries}
    skip = 0
    text = document.data.decode("utf-8-sig", "replace")
    for number, line in enumerate(text.split("\n"), start=1):
        if number < skip:
            continue
        if entry := active.get(number):
            skip = number + document.data.count(b"\n", entry.start, entry.end) + 1
            reader.key(entry.key, entry.inline, active=True)
        elif key := places.get(number):
            reader.key(key, "", active=False)
        elif comment := line.strip().removeprefix("#").strip(" #"):
            reader.comment(comment, framed=bool(_FENCED.fullmatch(line.strip())))
        elif line.strip():
            reader.rule()
        else:
            reader.blank()
    return reader.found


class _Reader:
    def __init__(self) -> None:
        self.found: dict[str, Surroundings] = {}
        self._active: set[str] = set()
        self._block: list[str] = []
        self._head: tuple[str, ...] = ()
        self._section: tuple[str, ...] = ()
        self._before = "blank"  # the kind of the line above
        self._last = ""
        self._blocks = 0

    def comment(self, text: str, *, framed: bool) -> None:
        if self._before not in ("comment", "rule"):
            self._block = []
        if _RULE.fullmatch(text):
            self.rule()
            return
        if found := _FRAMED.fullmatch(text):
            self._section = (found["title"],)
        elif self._before == "rule" or framed:
            self._section = (text,)
        self._block.append(text)
        self._before = "comment"

    def rule(self) -> None:
        self._before = "rule"

    def blank(self) -> None:
        if self._before in ("comment", "rule"):
            self._section = tuple(self._block) if len(self._block) <= _HEADING else ()
            self._before = "apart"
        elif self._before != "apart":
            self._before = "blank"
            self._block = []
        else:
            self._before = "apart"

    def key(self, key: str, inline: str, *, active: bool) -> None:
        behind = (inline,) if inline else ()
        self._blocks += self._before != "key"
        own: tuple[str, ...] = ()
        run: tuple[str, ...] = ()
        apart: tuple[str, ...] = ()
        match self._before:
            case "comment" | "rule":
                own = self._head = tuple(self._block)
            case "apart":
                apart = self._head = tuple(self._block)
            case "key" if key == self._last:
                own = self.found[key].own
            case "key":
                run = self._head
            case _:
                self._head = ()
        if active or key not in self._active:
            self.found[key] = Surroundings((*own, *behind), run, apart, self._section, self._blocks)
        if active:
            self._active.add(key)
        self._before, self._last, self._block = "key", key, []
