"""Commands in comments that make a secret: recognised by fixed patterns and imitated, never run."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import zip_longest
from types import MappingProxyType
from typing import NamedTuple

from upgrader.env.document import Document
from upgrader.env.generate import Length, Unit, is_generator
from upgrader.env.lexer import Comment, lex
from upgrader.env.regex import regex

_ALNUM = r"['\"]?(?:A-Za-z0-9|a-zA-Z0-9|\[:alnum:\])['\"]?"
_BYTES = r"(?:dd if=|head -c ?\d+ )/dev/u?random\b[^|`;]*\| ?"
_COMMANDS: tuple[tuple[str, str], ...] = (
    (r"openssl rand -hex (?P<n>\d+)", "hex:{n}"),
    (r"openssl rand -base64 (?P<n>\d+)", "base64:{n}"),
    (r"openssl rand (?P<n>\d+) ?\| ?base64", "base64:{n}"),
    (r"head -c ?(?P<n>\d+) /dev/u?random ?\| ?base64", "base64:{n}"),
    (r"head -c ?(?P<n>\d+) /dev/u?random ?\| ?xxd -p", "hex:{n}"),
    (r"dd if=/dev/u?random bs=(?P<n>\d+) count=1[^|]*\| ?base64", "base64:{n}"),
    (rf"{_BYTES}md5sum", "hex:16"),
    (rf"{_BYTES}sha1sum", "hex:20"),
    (rf"{_BYTES}sha256sum", "hex:32"),
    (rf"tr -(?:dc|cd) ?{_ALNUM} ?[^.;]{{0,80}}?(?:head -c|fold -w) ?(?P<n>\d+)", "alnum:{n}"),
    (r"pwgen (?:-[sn1]+ )+(?P<n>\d+)", "alnum:{n}"),
    (r"secrets\.token_hex\((?P<n>\d*)\)", "hex:{n}"),
    (r"secrets\.token_urlsafe\((?P<n>\d*)\)", "urlsafe:{n}"),
    (
        r"(?:base64\.)?(?:urlsafe_|standard_)?b64encode\((?:os\.urandom|secrets\.token_bytes)\((?P<n>\d+)\)\)",
        "base64:{n}",
    ),
    (r"randomBytes\((?P<n>\d+)\)\.toString\(['\"]hex['\"]\)", "hex:{n}"),
    (r"randomBytes\((?P<n>\d+)\)\.toString\(['\"]base64['\"]\)", "base64:{n}"),
    (r"randomBytes\((?P<n>\d+)\)\.toString\(['\"]base64url['\"]\)", "urlsafe:{n}"),
    (r"\b(?:rails|rake) secret\b", "hex:64"),
    (r"\bartisan key:generate\b", "laravel-key"),
    (r"\bFernet\.generate_key\(\)", "fernet"),
    (r"\buuidgen\b|\buuid4\(\)|\brandomUUID\(\)|/proc/sys/kernel/random/uuid", "uuid4"),
)
_PYTHON_SIZE = "32"  # what secrets.token_… makes when it is given no size

# What may follow in the pipe, and what it makes of the generator.
_PIPE = regex(r" ?\| ?(?P<program>[^|)`;]*[^|)`; ])")
_HARMLESS = regex(
    r"tr -d ['\"]?(?:\\n|\\r\\n|\n)['\"]?|xargs|pbcopy|head -n ?1|head -1|tr ['\"]?\+/['\"]? ['\"]?-_['\"]?"
    r"|cut -d ?['\"] ['\"] -f ?1|awk ['\"]\{ ?print \$1 ?\}['\"]"
)
_STRIPPED = regex(r"tr -d ['\"](?=[=+/\\n]*=)[=+/\\n]+['\"]")
_LETTERS = regex(rf"tr -(?:dc|cd) {_ALNUM}")
_CUT = regex(r"(?:head -c ?|cut -c ?1-|fold -w ?)(?P<n>\d+)(?: ?\| ?head -n? ?1)?")

_PREFIX = regex(
    r"""(?:(?P<quote>['"])(?P<added>[^'"]*)(?P=quote) ?\+ ?|f['"](?P<f>[^'"{]*)\{|(?P<shell>[^\s='"`(]+)\$\()$"""
)
_KEY_RING = regex(r"(?P<name>[A-Za-z][A-Za-z0-9_.-]*):")

_DENIAL = regex(
    r"\b(?:not|never|don'?t|avoid|instead of|rather than|wrong|unlike)\b(?P<gap>[^.;!?:—\u2013]*)$", re.IGNORECASE
)
_USE = regex(r"\b(?:generate|create|make|produce|run|use|with)\b", re.IGNORECASE)
_WRONG = regex(
    r"^[^.;!?]{0,60}?\b(?:breaks?|terminates?|corrupts?"
    r"|(?:is|are) (?:the |a )?(?:wrong|unsafe|too short|not (?:URL-)?safe))\b",
    re.IGNORECASE,
)
_ALTERNATIVE = regex(r"(?:\b(?:or|alternatively|alternative)\b[^.;!?]{0,60}|[`)] ?/ ?`?)$", re.IGNORECASE)
_ABBREVIATION = regex(r"\b(e\.g|i\.e|etc|resp|vs)\.", re.IGNORECASE)

_ROW = regex(
    r"(?:[-*•] )?[`'\"]?(?!(?:REQUIRED|MANDATORY|OPTIONAL|IMPORTANT|NOTE|TODO|WARNING|TIP|EXAMPLE)\b)"
    r"(?P<key>[A-Z][A-Z0-9_]*)[`'\"]?"
    r"(?:\s*(?:[:=]|[-=]+>|→|—|\u2013|\|)\s*|\s{2,}|\t\s*)(?P<rest>\S.*)"
)
_ASSIGNED = regex(r"\b(?P<key>[A-Z][A-Z0-9_]*)=['\"]?(?P<command>[\w.-]*:?\$\([^)]*\)|`[^`]*`)")
_IN_VALUE = regex(r"openssl[\W_]*rand[\W_]*(?P<form>hex|base64)[\W_]*(?P<n>\d+)", re.IGNORECASE)


class _Command(NamedTuple):
    start: int
    end: int
    spec: str


def generator_in(comments: Sequence[str]) -> str | None:
    """The generator that the lines of one comment name for a value, or None where they name none or leave it open.

    A command is taken as it stands, never derived from a sentence about the length. A command named as the wrong
    choice does not count; of alternatives (`… or: …`) the first one does; two different ones are no answer.
    """
    text = re.sub(r"\s+", " ", _ABBREVIATION.sub(r"\1", " ".join(comments)))
    found: list[str | None] = []
    commands = list(_commands(text))
    for command, following in zip_longest(commands, commands[1:]):
        before, behind = text[: command.start], text[command.end :]
        remark = text[command.end : following.start if following else None]
        if _is_denied(before) or _WRONG.search(remark) or (found and _ALTERNATIVE.search(before)):
            continue
        spec = _prefixed(before, _piped(command.spec, behind))
        found.append(spec if spec and is_generator(spec) else None)
    return found[0] if len(set(found)) == 1 else None


def generator_for(key: str, comments: Sequence[str], table: Mapping[str, str] = MappingProxyType({})) -> str | None:
    """The generator of one key: from a row of its own comment that names it, else from the comment's other lines,
    else from the file's `table`. Rows that name other keys are theirs.
    """
    rows = _rows(comments)
    if key in rows:
        return rows[key]
    plain = [line for line in comments if not (_row(line) or _ASSIGNED.search(line))]
    return generator_in(plain) or table.get(key)


def generator_in_value(value: str) -> str | None:
    """The generator that a placeholder names: `CHANGE_ME_OPENSSL_RAND_HEX_32`, `[<openssl rand -hex 32>]`."""
    if found := _IN_VALUE.search(value):
        spec = f"{found['form'].lower()}:{found['n']}"
        return spec if is_generator(spec) else None
    return generator_in([value])


def generators_by_key(document: Document) -> dict[str, str]:
    """What the comments of a file say in rows that name the key: a header's table `JWT_SECRET   openssl rand -hex 32`,
    `KEY=$(openssl rand -hex 32)` in an example command. Two different answers for a key are none.
    """
    return _rows([piece.text.strip() for piece in lex(document.data) if isinstance(piece, Comment)])


def _rows(comments: Sequence[str]) -> dict[str, str]:
    said: dict[str, set[str | None]] = {}
    for line in comments:
        if row := _row(line):
            said.setdefault(row[0], set()).add(row[1])
        for found in _ASSIGNED.finditer(line):
            if spec := generator_in([found["command"]]):
                said.setdefault(found["key"], set()).add(spec)
    return {key: spec for key, specs in said.items() if len(specs) == 1 and (spec := next(iter(specs)))}


def _row(line: str) -> tuple[str, str] | None:
    """The key and the generator of a table's row."""
    found = _ROW.fullmatch(line)
    spec = generator_in([found["rest"]]) if found else None
    return (found["key"], spec) if found and spec else None


def _commands(text: str) -> Iterator[_Command]:
    """The commands in the order in which they stand; of two at one place, the longer one."""
    found = [
        _Command(match.start(), match.end(), spec.format(n=match.groupdict().get("n") or _PYTHON_SIZE))
        for pattern, spec in _patterns()
        for match in pattern.finditer(text)
    ]
    end = 0
    for command in sorted(found, key=lambda each: (each.start, -each.end)):
        if command.start >= end:
            # a `tr … | head` that belongs to the pipe of the command before it is read with that one
            end = command.end + _pipe_length(text[command.end :])
            yield command


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Compiled when the first comment is read: most commands read none."""
    return tuple((regex(pattern, re.IGNORECASE), spec) for pattern, spec in _COMMANDS)


def _pipe_length(behind: str) -> int:
    length = 0
    while pipe := _PIPE.match(behind, length):
        length = pipe.end()
    return length


def _piped(spec: str, behind: str) -> str | None:
    """The generator with what follows it in its pipe; None where that makes something else of it."""
    if behind.startswith("["):
        return None
    at, letters = 0, spec.startswith("alnum:")
    while pipe := _PIPE.match(behind, at):
        program, at = pipe["program"], pipe.end()
        kind, _, size = spec.partition(":")
        if _HARMLESS.fullmatch(program):
            continue
        if cut := _CUT.fullmatch(program):
            if not letters:
                return None
            spec = f"alnum:{cut['n']}"
        elif _STRIPPED.fullmatch(program) and kind == "base64":
            spec, letters = f"urlsafe:{size}", True
        elif _LETTERS.fullmatch(program):
            spec, letters = (f"urlsafe:{size}" if kind == "base64" else spec), True
        else:
            return None
    return spec


def _prefixed(before: str, spec: str | None) -> str | None:
    """The generator with the key ring's name that the command puts before the value; None for any other addition."""
    found = _PREFIX.search(before)
    if spec is None or not found:
        return spec
    added = found["added"] or found["f"] or found["shell"] or ""
    if not added:
        return spec
    name = _KEY_RING.fullmatch(added)
    ring = f"{name['name']}:{spec}" if name else None
    return "laravel-key" if ring == "base64:base64:32" else ring


def _is_denied(before: str) -> bool:
    """Whether the command is one not to use: `do not use …`, but not `never commit it, generate it with …`."""
    found = _DENIAL.search(before)
    if not found:
        return False
    use = _USE.search(found["gap"])
    return use is None or len(found["gap"][: use.start()].split()) <= 1


_UNITS: dict[str, Unit] = {"byte": "bytes", "char": "characters", "character": "characters", "digit": "characters"}
_LENGTH = regex(
    r"""(?P<bound>\bexactly|\bat[ ]least|\bmin(?:imum)?(?:[ ]length)?(?:[ ]of)?[ ]?[:=]?|>=|≥
        |\bno[ ]shorter[ ]than|\bat[ ]most|\bmax(?:imum)?(?:[ ]length)?(?:[ ]of)?[ ]?[:=]?|\bmust[ ]be|\bhas[ ]to[ ]be)?
        [ ]?(?<![\w.-])(?P<count>[1-9]\d{0,4})(?:[ -](?:random|hex(?:adecimal)?|alphanumeric|ASCII))?[ -]
        (?P<unit>bytes?|chars?|characters?|digits?|bits?)\b""",
    re.VERBOSE | re.IGNORECASE,
)


def length_said(comments: Sequence[str]) -> Length | None:
    """The length that a comment demands of its key's value; None where it demands none, or several that differ.

    To verify a value or a generator with, never to choose one by. Ask only for secrets: above other keys the sentence
    may speak of something else. `32 characters` without more is a lower bound; of several demands `exactly` counts.
    """
    text = re.sub(r"\s+", " ", " ".join(comments))
    found = [_length(match) for match in _LENGTH.finditer(text) if not re.search(r"\bnot\W*$", text[: match.start()])]
    bound = [length for length, strict in found if strict]
    exact = [length for length in bound if length.bound == "exactly"]
    chosen = exact or bound or [length for length, _ in found]
    return chosen[0] if len({length.count for length in chosen}) == 1 else None


def _length(match: re.Match[str]) -> tuple[Length, bool]:
    """The length, and whether it is demanded rather than mentioned."""
    word = (match["bound"] or "").casefold()
    unit, count = match["unit"].casefold().removesuffix("s"), int(match["count"])
    if unit == "bit":
        return Length(count // 8, "bytes", "exactly" if word == "exactly" else "at least"), bool(word)
    if word.startswith(("exactly", "must", "has")):
        return Length(count, _UNITS[unit]), True
    return Length(count, _UNITS[unit], "at most" if "max" in word or "most" in word else "at least"), bool(word)
