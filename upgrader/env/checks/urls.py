"""URLs in values: the password inside them."""

import re

from upgrader.env.regex import regex

_URL = regex(
    r"^(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*)://(?P<user>[^:/?#@\s]*):(?P<password>[^/?#\s]*)@(?P<host>[^/?#@\s:]+|\[[^\]]*\])"
)
_ENCODED = regex(r"%([0-9A-Fa-f]{2})")
RESERVED = regex(r"[/?#@:\[\]\s]|%(?![0-9A-Fa-f]{2})")
"""What breaks a URL inside its password, unless it is percent-encoded."""
BROKEN = regex(r"^[a-zA-Z][a-zA-Z0-9+.-]*://[^:/?#@\s]*:(?!\d*[/?#])[^/?#@]*[/?#][^\s]*@[^\s@]")
"""A URL whose authority ends inside the password."""


def parts(value: str) -> re.Match[str] | None:
    """Scheme, user, password (both as written) and host of a URL that has a password."""
    return _URL.match(value)


def password_in(value: str) -> str:
    """The password inside a URL, decoded; empty where there is none."""
    if "://" not in value or "@" not in value:
        return ""
    found = _URL.match(value)
    return decoded(found["password"]) if found else ""


def decoded(text: str) -> str:
    if "%" not in text:
        return text
    return (
        _ENCODED.sub(lambda found: chr(int(found[1], 16)), text).encode("latin-1", "replace").decode("utf-8", "replace")
    )
