"""Secrets: which keys hold them, and how they are kept out of what people and files see."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

REDACTED = "***"
SHORTEST = 6
"""Values shorter than this are not redacted: `true` or `5432` would black out half the text."""

_SECRET_NAME = re.compile(
    r"(PASS(WORD|WD|PHRASE)?|SECRET|TOKEN|CREDENTIAL|PRIVATE|SALT|PEPPER|MASTERKEY|API_?KEY|_KEY|^KEY|DSN|JWT|AUTH_?KEY)",
    re.IGNORECASE,
)
_URL_PASSWORD = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]*://[^/@\s:]*:([^/@\s]+)@")


def looks_secret(key: str) -> bool:
    """Whether an env key's name says that its value is a secret."""
    return _SECRET_NAME.search(key) is not None


def secrets_in(values: Mapping[str, str]) -> set[str]:
    """The values of secret-named keys, and the passwords inside URLs."""
    found = {value for key, value in values.items() if looks_secret(key) and len(value) >= SHORTEST}
    for value in values.values():
        if (match := _URL_PASSWORD.match(value)) and len(match[1]) >= SHORTEST:
            found.add(match[1])
    return found


class Redactor:
    """Replaces known secret values by `***` in text and in JSON values."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """From now on these values are replaced as well."""
        self._secrets |= {secret for secret in secrets if len(secret) >= SHORTEST}
        # a secret with line breaks reaches us line by line
        parts = {line for secret in self._secrets for line in secret.splitlines() if len(line) >= SHORTEST}
        every = sorted(self._secrets | parts, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, every))) if every else None

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
