"""Keys that come in pairs, or as a document of their own form: a random string is none."""

import re
from collections.abc import Container

from upgrader.env.regex import regex

_HALF = regex(r"(PUBLIC|PRIVATE)_?(KEY|JWK|PEM)$", re.IGNORECASE)
_DOCUMENT = regex(r"-----BEGIN |eyJ|\{\s*\"")


def is_half(key: str) -> bool:
    """Whether a key is named for one half of a pair."""
    return bool(_HALF.search(key))


def is_key_document(value: str) -> bool:
    """Whether a value has the form of a key file, a JWK or a signed token."""
    return bool(_DOCUMENT.match(value))


def is_of_pair(key: str, value: str, others: Container[str]) -> bool:
    """Whether a random string is no value for the key: its other half is one of the `others`, or its form says so."""
    return is_key_document(value) or (is_half(key) and _other_half(key) in others)


def _other_half(key: str) -> str:
    return key.replace("PRIVATE", "PUBLIC") if "PRIVATE" in key else key.replace("PUBLIC", "PRIVATE")
