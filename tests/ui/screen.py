"""A terminal small enough to read: what a person sees after these bytes, scrollback included."""

import re

_TOKEN = re.compile(r"\x1b\[\??([\d;]*)([A-Za-z])|\r|\n|[^\x1b\r\n]+")


class Screen:
    """Understands what rich's live display sends: text, line ends, cursor up, erase line, cursor shown or hidden."""

    def __init__(self, width: int = 80) -> None:
        self.width = width
        self.rows: list[list[str]] = [[]]
        self.row = self.column = 0
        self.cursor_shown = True

    def feed(self, text: str) -> "Screen":
        end = 0
        for token in _TOKEN.finditer(text):
            assert token.start() == end, f"not understood: {text[end : end + 20]!r}"
            end = token.end()
            self._take(token)
        return self

    def _take(self, token: re.Match[str]) -> None:
        match token[0], token[2]:
            case "\r", _:
                self.column = 0
            case "\n", _:
                self.row, self.column = self.row + 1, 0
                if self.row == len(self.rows):
                    self.rows.append([])
            case _, "A":
                self.row -= int(token[1] or 1)
                assert self.row >= 0, "the cursor left the screen"
            case _, "K":
                assert token[1] == "2"
                self.rows[self.row] = []
            case _, "h" | "l" if token[1] == "25":
                self.cursor_shown = token[2] == "h"
            case _, "m":
                pass
            case text, None:
                self._write(text)
            case other:
                raise AssertionError(f"not understood: {other}")

    def _write(self, text: str) -> None:
        row = self.rows[self.row]
        row.extend(" " * (self.column - len(row)))
        row[self.column : self.column + len(text)] = text
        self.column += len(text)
        assert self.column <= self.width, f"wraps at {self.width}: {''.join(row)!r}"

    @property
    def text(self) -> str:
        return "\n".join("".join(row).rstrip() for row in self.rows).rstrip()
