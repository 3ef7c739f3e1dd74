"""Values that look like real secrets, told from placeholders and from examples that everybody knows."""

import base64
import binascii
import json
import math
import re
from collections import Counter

from upgrader.env import evidence

_FORMATS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("a private key", r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
        ("an AWS access key", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
        ("a GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})"),
        ("a GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
        ("a Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{20,}"),
        ("a Slack webhook", r"hooks\.slack\.com/services/T[A-Z0-9]{6,}/B[A-Z0-9]{6,}/[A-Za-z0-9]{16,}"),
        ("a Stripe key", r"\b(?:[sr]k_(?:live|test)|whsec)_[A-Za-z0-9]{20,}"),
        ("a Google API key", r"\bAIza[A-Za-z0-9_-]{35}"),
        ("a Google client secret", r"\bGOCSPX-[A-Za-z0-9_-]{20,}"),
        ("a SendGrid key", r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
        ("an API key", r"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{32,}"),
        ("an npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    )
)
_TOKEN = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.(?P<claims>eyJ[A-Za-z0-9_-]{8,})\.[A-Za-z0-9_-]{16,}")
_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^/@\s:]*:(?P<password>[^/@\s]+)@", re.IGNORECASE)

_FAKE = re.compile(
    r"example|change|placeholder|replace|insert|sample|dummy|fake|secret|passw|your|random|generate|default|token|test[-_]"
    r"|deadbeef|cafebabe|c0ffee|0123456|1234567|7654321|abcdef(?!\d)|qwerty|(.)\1{4,}",
    re.IGNORECASE,
)
_MARKED = re.compile(r"example|placeholder|x{6,}|\*{3,}|<|(.)\1{5,}|1234567890|abcdefghij", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-fA-F]{32,}")
_RANDOM = re.compile(r"[A-Za-z0-9+/_-]{20,}={0,2}")
_LONG_WORD = re.compile(r"[a-z]{10,}|[A-Z]{10,}")
_KNOWN_PREFIX = re.compile(r"(base64:|[a-z0-9-]{1,12}:)")
_BITS_PER_CHARACTER = {"hex": 3.0, "random": 3.7}


def what_is_published(key: str, value: str) -> str | None:
    """What a default looks like that is a real secret, in words that do not hold it; else None."""
    for name, pattern in _FORMATS:
        if (found := pattern.search(value)) and not _MARKED.search(found[0].partition("_")[2] or found[0]):
            return name
    if found := _TOKEN.search(value):
        return None if _is_textbook(found["claims"]) else "a signed token (JWT)"
    if (found := _PASSWORD.match(value)) and _looks_random(found["password"]):
        return "a URL with a random password"
    if evidence.is_secret(key, value) and not evidence.is_placeholder(value):
        if _looks_random(value):
            return "a random value"
        if found := _KNOWN_PREFIX.match(value):
            return "a random value" if _looks_random(value[found.end() :]) else None
    return None


def is_public(key: str, value: str) -> bool:
    """Whether the value may be shown: nothing says that it is a secret, or that it holds one."""
    return not (evidence.is_secret(key, value) or evidence.has_url_password(value) or what_is_published(key, value))


def known_format(text: str) -> str | None:
    """The same for text that belongs to no key: only unmistakable forms count."""
    return what_is_published("", text)


def _looks_random(value: str) -> bool:
    if _FAKE.search(value):
        return False
    if _HEX.fullmatch(value):
        return _entropy(value.lower()) >= _BITS_PER_CHARACTER["hex"]
    return (
        bool(_RANDOM.fullmatch(value))
        and any(each.isdigit() for each in value)
        and any(each.isalpha() for each in value)
        and not _is_phrase(value)
        and _entropy(value) >= _BITS_PER_CHARACTER["random"]
    )


def _is_phrase(value: str) -> bool:
    """`my-very-long-key-of-the-2nd-kind`, or a word longer than chance makes them."""
    pieces = re.split(r"[-_]", value)
    words = len(pieces) > 1 and all(piece.isalpha() or len(piece) <= 4 for piece in pieces)
    return words or bool(_LONG_WORD.search(value))


def _entropy(text: str) -> float:
    """Bits per character."""
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())


def _is_textbook(claims: str) -> bool:
    """The token of jwt.io's front page, known to every library's documentation."""
    try:
        said = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    except (binascii.Error, ValueError):
        return False
    return isinstance(said, dict) and said.get("sub") == "1234567890"
