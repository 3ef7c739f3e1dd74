"""Secrets made natively, in forms that a URL, a shell and Compose all take without quoting."""

import binascii
import math
import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from upgrader.env.regex import regex
from upgrader.errors import RefusedError

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ALPHANUMERIC = _LETTERS + _LETTERS.upper() + "0123456789"
_MOST = 4096
_SPEC = regex(r"(?:(?P<prefix>[A-Za-z][A-Za-z0-9_.-]*):)?(?P<kind>hex|base64|urlsafe|alnum):(?P<size>[1-9][0-9]{0,3})")

FIXED: dict[str, str] = {"rails": "hex:64", "laravel-key": "base64:base64:32", "fernet": "base64:32"}
"""Generators that other ones make up: Rails' secret, Laravel's key and Fernet's."""
SIZED = ("hex", "base64", "urlsafe", "alnum")
KINDS = (*(f"{kind}:N" for kind in SIZED), "uuid4", *FIXED, "PREFIX:base64:N", "PREFIX:hex:N")
KNOWN = "hex:N, base64:N, urlsafe:N (N random bytes), alnum:N (N characters), uuid4, rails, laravel-key, fernet"

Unit = Literal["bytes", "characters"]
Bound = Literal["exactly", "at least", "at most"]


class GeneratorError(RefusedError):
    """A generator that does not exist."""

    def __init__(self, spec: str) -> None:
        super().__init__(
            f"unknown generator {spec!r}",
            f"Use one of {KNOWN}, or a key ring's PREFIX:base64:N; N is 1 to {_MOST}",
        )


@dataclass(frozen=True, slots=True)
class Length:
    """How long a value must be."""

    count: int
    unit: Unit = "characters"
    bound: Bound = "exactly"

    def allows(self, length: int) -> bool:
        match self.bound:
            case "exactly":
                return length == self.count
            case "at least":
                return length >= self.count
            case "at most":
                return length <= self.count

    def __str__(self) -> str:
        return f"{self.bound} {self.count} {self.unit}"


class _Form(NamedTuple):
    """A generator, taken apart. `size` is in bytes, for `alnum` in characters."""

    prefix: str
    kind: str
    size: int

    @property
    def characters(self) -> int:
        return (
            len(self.prefix)
            + {
                "hex": self.size * 2,
                "base64": math.ceil(self.size / 3) * 4,
                "urlsafe": math.ceil(self.size * 4 / 3),
                "alnum": self.size,
                "uuid4": 36,
            }[self.kind]
        )

    @property
    def words(self) -> str:
        words = {
            "hex": f"{self.size * 2} hex digits",
            "base64": f"{self.size} bytes in base64",
            "urlsafe": f"{self.size} bytes in URL-safe base64",
            "alnum": f"{self.size} letters and digits",
            "uuid4": "a random UUID",
        }[self.kind]
        return f"{self.prefix} and {words}" if self.prefix else words


def generate(spec: str) -> str:
    """A fresh value on one line: letters and digits, a UUID's dashes, base64's padding, a prefix as it is given.

    Raises GeneratorError.
    """
    form = _parse(spec)
    match form.kind:
        case "hex":
            import secrets

            made = secrets.token_hex(form.size)
        case "uuid4":
            import uuid

            made = str(uuid.uuid4())
        case "alnum":
            made = _random_letters(form.size)
        case _:
            made = _base64(form.size)
            made = made.rstrip("=") if form.kind == "urlsafe" else made
    return form.prefix + made


def check_generator(spec: str) -> str:
    """What the generator makes, in words: `64 hex digits`. Raises GeneratorError."""
    return _parse(spec).words


def is_generator(spec: str) -> bool:
    try:
        _parse(spec)
    except GeneratorError:
        return False
    return True


def generator_fits(spec: str, length: Length) -> bool:
    """Whether the generator's values have the length: as text, or, where bytes are asked for, decoded.

    False where the generator is unknown.
    """
    if not is_generator(spec):
        return False
    form = _parse(spec)
    as_bytes = length.unit == "bytes" and form.kind in {"hex", "base64", "urlsafe"}
    return length.allows(form.characters) or (as_bytes and length.allows(form.size))


def fits(value: str, length: Length) -> bool:
    """Whether a value has the length: as text, or, where bytes are asked for, decoded from hex or base64.

    A key ring's value is also judged without its prefix.
    """
    texts = {value, value.rpartition(":")[2]}
    lengths = {len(value.encode()) if length.unit == "bytes" else len(value)}
    if length.unit == "bytes":
        lengths |= {len(decoded) for text in texts for decoded in _decoded(text)}
    return any(length.allows(each) for each in lengths)


def _parse(spec: str) -> _Form:
    if spec == "uuid4":
        return _Form("", "uuid4", 16)
    found = _SPEC.fullmatch(FIXED.get(spec, spec))
    if not found or int(found["size"]) > _MOST or (found["prefix"] in {*SIZED, *FIXED} and spec not in FIXED):
        raise GeneratorError(spec)
    return _Form(f"{found['prefix']}:" if found["prefix"] else "", found["kind"], int(found["size"]))


def _random_letters(count: int, alphabet: str = _ALPHANUMERIC) -> str:
    import secrets

    return "".join(secrets.choice(alphabet) for _ in range(count))


# What may stand before the padding: characters whose last four, or two, bits are zero.
_LAST = {0: _ALPHANUMERIC, 1: "AQgw", 2: "AEIMQUYcgkosw048"}


def _base64(size: int) -> str:
    """Base64 of `size` bytes without its two special characters: it decodes in either alphabet and breaks no URL.

    That leaves 62 of 64 characters, which costs less than a hundredth of the bits.
    """
    groups, rest = divmod(size, 3)
    text = _random_letters(groups * 4)
    if rest:
        text += _random_letters(rest) + _random_letters(1, _LAST[rest]) + "=" * (3 - rest)
    return text


def _decoded(text: str) -> list[bytes]:
    """What a text may stand for: the bytes of its hex digits, those of its base64."""
    found = []
    if re.fullmatch(r"(?:[0-9A-Fa-f]{2})+", text):
        found.append(bytes.fromhex(text))
    if re.fullmatch(r"[A-Za-z0-9+/_-]+={0,2}", text):
        try:
            padded = text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)
            found.append(binascii.a2b_base64(padded))
        except binascii.Error:
            return found
    return found
