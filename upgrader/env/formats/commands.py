"""Shell commands for people who make a secret by hand: the equivalents of the native generators, never run here."""

import re
from collections.abc import Callable

_SIZED: dict[str, Callable[[str], str]] = {
    "hex": lambda size: f"openssl rand -hex {size}",
    "base64": lambda size: f"openssl rand -base64 {size} | tr -d '\\n'",
    "urlsafe": lambda size: f"openssl rand -base64 {size} | tr '+/' '-_' | tr -d '=\\n'",
    "alnum": lambda size: f"LC_ALL=C tr -dc A-Za-z0-9 </dev/urandom | head -c {size}",
}
_PLAIN = {
    "uuid4": "python3 -c 'import uuid; print(uuid.uuid4())'",
    "rails": "openssl rand -hex 64",
    "laravel-key": 'echo "base64:$(openssl rand -base64 32)"',
    "fernet": "openssl rand -base64 32 | tr '+/' '-_'",
}


def command_for(generator: str) -> str | None:
    """What prints such a value on one line, in any POSIX shell; None for a generator that is not known."""
    if plain := _PLAIN.get(generator):
        return plain
    kind, _, size = generator.partition(":")
    if kind in _SIZED and size.isdecimal():
        return _SIZED[kind](size)
    inner = command_for(size) if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", kind) and size else None
    return f'echo "{kind}:$({inner})"' if inner else None
