"""Secrets made natively. Commands in comments are recognised and imitated, never run."""

import base64
import re
import secrets
import string
import uuid
from collections.abc import Callable, Sequence

from upgrader.errors import RefusedError

_ALPHANUMERIC = string.ascii_letters + string.digits
_MOST = 4096

_SIZED: dict[str, Callable[[int], str]] = {
    "hex": secrets.token_hex,
    "base64": lambda size: base64.b64encode(secrets.token_bytes(size)).decode(),
    "urlsafe": secrets.token_urlsafe,
    "alnum": lambda size: "".join(secrets.choice(_ALPHANUMERIC) for _ in range(size)),
}
_SHAPE: dict[str, Callable[[int], str]] = {
    "hex": lambda size: f"{size * 2} hex digits",
    "base64": lambda size: f"{size} bytes in base64",
    "urlsafe": lambda size: f"{size} bytes in URL-safe base64",
    "alnum": lambda size: f"{size} letters and digits",
}
KNOWN = "hex:N, base64:N, urlsafe:N (N random bytes), alnum:N (N characters), uuid4"


class GeneratorError(RefusedError):
    """A generator that does not exist."""

    def __init__(self, spec: str) -> None:
        super().__init__(f"unknown generator {spec!r}", f"Use one of {KNOWN}; N is 1 to {_MOST}")


def generate(spec: str) -> str:
    """A fresh value, on one line, that needs no quoting in shells and env files. Raises GeneratorError."""
    kind, size = _parse(spec)
    return str(uuid.uuid4()) if kind == "uuid4" else _SIZED[kind](size)


def check_generator(spec: str) -> str:
    """What the generator makes, in words: `64 hex digits`. Raises GeneratorError."""
    kind, size = _parse(spec)
    return "a random UUID" if kind == "uuid4" else _SHAPE[kind](size)


def _parse(spec: str) -> tuple[str, int]:
    if spec == "uuid4":
        return spec, 0
    kind, _, size = spec.partition(":")
    if kind not in _SIZED or not re.fullmatch(r"[1-9][0-9]{0,3}", size) or int(size) > _MOST:
        raise GeneratorError(spec)
    return kind, int(size)


_COMMAND = re.compile(
    r"""(?P<openssl>openssl[ ]rand[ ]+-(?P<form>hex|base64)[ ]+(?P<bytes>\d+))
      | (?P<tr>tr[ ]+-c?dc?[ ]+['"]?(?:A-Za-z0-9|a-zA-Z0-9)['"]?[^.;]*?head[ ]+-c[ ]*(?P<characters>\d+))
      | secrets\.token_(?P<token>hex|urlsafe)\((?P<size>\d*)\)
      | (?P<rails>\b(?:rails|rake)[ ]secret\b)
      | (?P<uuid>\buuidgen\b|\buuid4\(\))""",
    re.VERBOSE | re.IGNORECASE,
)
_PIPE = re.compile(r"[ ]*\|[ ]*(?P<program>[^|)`;]*)")
_HARMLESS_PIPE = re.compile(r"tr -d ['\"]?(?:\\n|\n)['\"]?\s*|xargs\s*|pbcopy\s*")
_LETTERS_ONLY = re.compile(r"tr -dc ['\"]?(?:A-Za-z0-9|a-zA-Z0-9)['\"]?\s*", re.IGNORECASE)
_HEAD = re.compile(r"(?:head -c\s*|cut -c\s*1-)(\d+)\s*", re.IGNORECASE)
_DENIED = re.compile(r"\b(?:not|never|don'?t|avoid|instead of|rather than|wrong|unlike)\b[^.;!?]*$", re.IGNORECASE)
_ALTERNATIVE = re.compile(r"\b(?:or|alternatively|alternative)\b[^.;!?]{0,40}$", re.IGNORECASE)


def generator_in(comments: Sequence[str]) -> str | None:
    """The generator that the lines of one comment name for a value, or None where they name none or leave it open.

    A command is taken as it stands, never derived from a sentence about the length. A command named as the wrong
    choice does not count; of alternatives (`… or: …`) the first one does; two different ones are no answer.
    """
    text = re.sub(r"\s+", " ", " ".join(comments))
    found: list[str | None] = []
    for command in _COMMAND.finditer(text):
        before = text[: command.start()]
        if _DENIED.search(before) or (found and _ALTERNATIVE.search(before)):
            continue
        found.append(_spec(command, text[command.end() :]))
    return found[0] if len(set(found)) == 1 else None


def _spec(command: re.Match[str], behind: str) -> str | None:
    spec = _plain_spec(command)
    while pipe := _PIPE.match(behind):
        program, behind = pipe["program"], behind[pipe.end() :]
        if _HARMLESS_PIPE.match(program):
            continue
        head = _HEAD.match(behind.lstrip(" |"))
        if not (_LETTERS_ONLY.match(program) and head):
            return None
        spec, behind = f"alnum:{head[1]}", ""
    try:
        _parse(spec)
    except GeneratorError:
        return None
    return spec


def _plain_spec(command: re.Match[str]) -> str:
    if command["openssl"]:
        return f"{command['form'].lower()}:{command['bytes']}"
    if command["tr"]:
        return f"alnum:{command['characters']}"
    if command["token"]:
        return f"{command['token'].lower()}:{command['size'] or 32}"
    return "hex:64" if command["rails"] else "uuid4"
