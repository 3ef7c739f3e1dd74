"""Whether release notes name a key."""

import re

_FENCED_OR_HIDDEN = re.compile(
    r"(?P<fenced>^ {0,3}(?P<fence>`{3,}|~{3,}).*?(?:^ {0,3}(?P=fence)|\Z))|<!--.*?(?:-->|\Z)", re.DOTALL | re.MULTILINE
)


class Notes:
    """The text of release notes as its readers see it: code fences count, HTML comments do not."""

    def __init__(self, text: str) -> None:
        shown = _FENCED_OR_HIDDEN.sub(lambda found: found["fenced"] or "", text)
        self._words = set(re.findall(r"[A-Za-z0-9_]+", shown.replace("\\_", "_")))

    def name(self, key: str) -> bool:
        """Whether the whole key stands there, in the case it has."""
        return set(re.split(r"[^A-Za-z0-9_]+", key)) <= self._words
