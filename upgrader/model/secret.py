"""Secrets: which keys hold them, and how they are kept out of what people and files see."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

REDACTED = "***"
UNMISTAKABLE = 16
"""A secret of this length does not turn up in a name by chance."""
SHORTEST = 6
"""Values shorter than this are not redacted: `true` or `5432` would black out half the text."""

_SECRET_NAME = re.compile(
    r"(PASS(WORD|WD|PHRASE)?|SECRET|TOKEN|CREDENTIAL|PRIVATE|SALT|PEPPER|MASTERKEY|API_?KEY|_KEY|^KEY|DSN|JWT|AUTH_?KEY)",
    re.IGNORECASE,
)
_URL_PASSWORD = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]*://(?P<user>[^/@\s:]*):(?P<password>[^/@\s]+)@")


def looks_secret(key: str) -> bool:
    """Whether an env key's name says that its value is a secret."""
    return _SECRET_NAME.search(key) is not None


def secrets_in(values: Mapping[str, str]) -> set[str]:
    """The values of secret-named keys, and the passwords inside URLs.

    A password that is also the value of an open key (`rytask` as user, database and password) is no secret: to black it
    out would black out the names of things.
    """
    found = {value for key, value in values.items() if looks_secret(key) and len(value) >= SHORTEST}
    named = {value for key, value in values.items() if not looks_secret(key)}
    for value in values.values():
        if match := _URL_PASSWORD.match(value):
            named.add(match["user"])
            if len(match["password"]) >= SHORTEST:
                found.add(match["password"])
    return found - named


class Redactor:
    """Replaces known secret values by `***` in text and in JSON values."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        self._public: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.learn(secrets)

    def publish(self, names: Iterable[str]) -> None:
        """These are names of things: never replaced, whoever took one for a password."""
        self._public |= set(names)
        self.learn(())

    def learn(self, secrets: Iterable[str]) -> None:
        """From now on these values are replaced as well."""
        self._secrets |= {secret for secret in secrets if len(secret) >= SHORTEST}
        self._secrets -= self._public
        # a secret with line breaks reaches us line by line
        parts = {line for secret in self._secrets for line in secret.splitlines() if len(line) >= SHORTEST}
        every = sorted(self._secrets | parts, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, every))) if every else None

    def holds(self, value: Any) -> bool:
        """Whether a JSON value is, or has in it, a secret: as a whole string, or a long one anywhere in a string."""
        match value:
            case str():
                return value in self._secrets or any(s in value for s in self._secrets if len(s) >= UNMISTAKABLE)
            case Mapping():
                return any(self.holds(inner) for inner in value.values())
            case list() | tuple():
                return any(self.holds(inner) for inner in value)
            case _:
                return False

    def text(self, text: str) -> str:
        return self._pattern.sub(REDACTED, text) if self._pattern else text

    def value(self, value: Any) -> Any:
        """The JSON value with every string in it redacted."""
        match value:
            case str():
                return self.text(value)
            case Mapping():
                return {key: self.value(inner) for key, inner in value.items()}
            case list() | tuple():
                return [self.value(inner) for inner in value]
            case _:
                return value
