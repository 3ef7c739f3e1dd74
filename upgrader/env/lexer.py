"""The bytes of an env file as statements and comments, split exactly where Compose splits them."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Literal, NamedTuple

BOM = b"\xef\xbb\xbf"

# What Compose takes for blanks, in UTF-8: inside a line, and everywhere.
_BLANK = rb"(?:[\t\v\f\r ]|\xc2[\x85\xa0])"
_SPACE = rb"(?:[\t\n\v\f\r ]|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80)"
_BLANKS = re.compile(_BLANK + rb"*")
_SPACES = re.compile(_SPACE + rb"*")
_EXPORT = re.compile(rb"export(?=[\t\n\f\r ])" + _BLANK + rb"*")
_PLAIN_KEY = re.compile(rb"([A-Za-z_][A-Za-z0-9_]*)(=|\r?\n)")
_SIMPLE = re.compile(rb"([A-Za-z_][A-Za-z0-9_]*)=([A-Za-z0-9_./:@,+%*=-]*)(?=\n)")
"""Most lines: nothing in the value that means anything."""
_SPACE_CHARACTERS = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_QUOTED_PIECE = {b'"': re.compile(rb'[^"\\]+'), b"'": re.compile(rb"[^'\\]+")}

_ESCAPE = re.compile(r'\\(?:[abcfnrtv$"\\]|0[0-9]{0,3})')
_ESCAPED = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    '"': '"',
    "$": "$$",
}

Quote = Literal["", "'", '"']


class LexError(Exception):
    """What Compose refuses, and the byte offset of it."""

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset


class Statement(NamedTuple):
    """One assignment or bare key. `template` is still to be interpolated unless the quote is single.

    `start` and `end` are byte offsets; the line ending is not part of it.
    """

    key: str
    template: str | None
    quote: Quote
    start: int
    end: int
    inline: str


class Comment(NamedTuple):
    """A line that is only a comment: the text after `#`, untrimmed."""

    text: str
    start: int
    end: int


def decode(data: bytes) -> str:
    """Bytes that are not UTF-8 become surrogates, so that encoding with `encode` gives the same bytes back."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def lex(data: bytes) -> Iterator[Statement | Comment]:
    at = len(BOM) if data.startswith(BOM) else 0
    while True:
        at = _skip(_SPACES, data, at)
        if at == len(data):
            return
        if data[at : at + 1] == b"#":
            end = _line_end(data, at)
            text = data[at:end].rstrip(b"\r")
            yield Comment(decode(text[1:]), at, at + len(text))
            at = end
            continue
        statement, at = _statement(data, at)
        if statement.key:
            yield statement


def _statement(data: bytes, start: int) -> tuple[Statement, int]:
    if simple := _SIMPLE.match(data, start):
        end = simple.end()
        return Statement(simple[1].decode(), simple[2].decode(), "", start, end, ""), end
    key, bare, at = _key(data, start)
    if bare:
        return Statement(key, None, "", start, start + len(data[start:at].rstrip(b"\r\n")), ""), at
    if key == "":
        raise LexError("an assignment without a variable name", start)
    at = _skip(_BLANKS, data, at)
    quote = data[at : at + 1]
    if quote in (b'"', b"'"):
        raw, end = _quoted(data, at, quote)
        template = expand_escapes(decode(raw)) if quote == b'"' else decode(raw)
        # Compose reads on behind the closing quote: a comment, or more statements on the same line.
        inline = decode(data[end : _line_end(data, end)]).strip()
        statement = Statement(
            key,
            template,
            '"' if quote == b'"' else "'",
            start,
            end,
            inline[1:].strip() if inline.startswith("#") else "",
        )
    else:
        end = _line_end(data, at)
        raw, _, note = data[at:end].partition(b" #")
        shown = start + len(data[start:end].rstrip(b"\r"))
        statement = Statement(key, decode(raw).rstrip(_SPACE_CHARACTERS), "", start, shown, decode(note).strip())
    if "\0" in key or "\0" in (statement.template or ""):
        raise LexError("a NUL byte", start)
    return statement, end


def _key(data: bytes, start: int) -> tuple[str, bool, int]:
    """The key, whether it is bare (no value at all), and where the rest begins."""
    if export := _EXPORT.match(data, start):
        start = export.end()
    if plain := _PLAIN_KEY.match(data, start):
        return plain[1].decode(), plain[2] != b"=", plain.end()
    line_end = _line_end(data, start)
    line = decode(data[start : line_end + 1])
    for index, character in enumerate(line):
        if character in "=:\n":
            return _checked_key(line[:index], start), character == "\n", start + len(encode(line[: index + 1]))
        if character not in "_.-[]\t\v\f\r \x85\xa0" and unicodedata.category(character)[0] not in "LN":
            raise LexError(f"unexpected character {character!r} in a variable name", start + len(encode(line[:index])))
    raise LexError("a bare variable name that the file ends with, without a newline", start)


def _checked_key(raw: str, start: int) -> str:
    key = raw.rstrip(_SPACE_CHARACTERS)
    if " " in key:
        raise LexError("a variable name cannot contain a space", start + len(encode(key[: key.index(" ")])))
    return key


def _quoted(data: bytes, start: int, quote: bytes) -> tuple[bytes, int]:
    """What stands between the quotes, with only the quote itself unescaped, and the offset behind the closing one."""
    piece = _QUOTED_PIECE[quote]
    pieces, at = [], start + 1
    while at < len(data):
        if match := piece.match(data, at):
            pieces.append(match[0])
            at = match.end()
        elif data[at : at + 1] == quote:
            return b"".join(pieces), at + 1
        elif data[at + 1 : at + 2] == quote:
            pieces.append(quote)
            at += 2
        else:
            pieces.append(data[at : at + 2])
            at += 2
    raise LexError("a quoted value without its closing quote", start)


def expand_escapes(text: str) -> str:
    """The escapes of a double-quoted value; an escaped dollar stays escaped for the interpolation that follows."""
    return _ESCAPE.sub(_escaped, text) if "\\" in text else text


def _escaped(match: re.Match[str]) -> str:
    letters = match[0][1:]
    if not letters.startswith("0"):
        return _ESCAPED.get(letters, match[0])
    # Compose drops the zero and then wants three octal digits that fit into one byte.
    digits = letters[1:]
    if len(digits) == 3 and all(digit in "01234567" for digit in digits) and int(digits, 8) < 256:
        return chr(int(digits, 8))
    return "\\" + digits


def _skip(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    match = pattern.match(data, at)
    return match.end() if match else at


def _line_end(data: bytes, at: int) -> int:
    """Where the line ends: the offset of its newline, or of the end of the file."""
    end = data.find(b"\n", at)
    return len(data) if end < 0 else end
