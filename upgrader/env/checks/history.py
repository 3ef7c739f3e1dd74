"""The values that an example ever shipped, from its history."""

from collections.abc import Mapping

from upgrader.env.document import Document
from upgrader.env.lexer import LexError, Statement, lex
from upgrader.errors import RefusedError


def shipped_in(patch: str) -> Mapping[str, frozenset[str]]:
    """Key → every value on a line that a patch adds or takes away, commented-out ones included.

    `patch` is what `git log -p` prints of one file. Values of several lines are left out.
    """
    values: dict[str, set[str]] = {}
    seen: set[str] = set()
    for line in patch.splitlines():
        text = line[1:].strip()
        if line[:1] not in ("+", "-") or line.startswith(("+++ ", "--- ")) or "=" not in text or text in seen:
            continue
        seen.add(text)
        for key, value in _assigned(text):
            values.setdefault(key, set()).add(value)
    return {key: frozenset(found - {""}) for key, found in values.items()}


def _assigned(line: str) -> list[tuple[str, str]]:
    data = line.encode("utf-8", "surrogateescape")
    if line.startswith("#"):
        try:
            document = Document.parse(data + b"\n")
        except RefusedError:
            return []
        return [(each.key, each.text.strip("\"'")) for each in document.disabled if not each.prose]
    try:
        return [
            (piece.key, piece.template)
            for piece in lex(data)
            if isinstance(piece, Statement) and piece.template is not None
        ]
    except LexError:
        return []
