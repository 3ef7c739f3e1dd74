"""Real secrets are told from placeholders; every token here is put together so that no scanner takes it for one."""

import base64
import json

import pytest

from tests.env.gate.releases import found, places, release
from upgrader.env.gate.published import what_is_published

RANDOM_HEX = "9f86d081884c7d65" + "9a2feaa0c55ad015"
RANDOM_BASE64 = "q0Zt5m1XkV8+" + "bR3sYw9LhPf2/uJ7nDcE4gT6aKo="
RANDOM_WORD = "60gp0byfz2dvffa4" + "5cxl20p1scy9xbpf6d8c5y0geejgkyp1b5"


def token(claims: dict[str, str]) -> str:
    def part(said: dict[str, str]) -> str:
        return base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256'})}.{part(claims)}.c2lnbmF0dXJlLXBhcnQtaGVyZQ"


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("AWS_ACCESS_KEY_ID", "AKIA" + "QX4T7B2LZP9WV6NC", "an AWS access key"),
        ("ANYTHING", "gh" + "p_" + "9Qw3Er5Ty7Ui1Op2As4Df6Gh8Jk0Lz3Xc5Vb", "a GitHub token"),
        ("ANYTHING", "github" + "_pat_" + "11ABCDE7Y0" + "q8Zt5m1XkV8bR3sYw9LhPf2uJ7nDcE4gT6aKo", "a GitHub token"),
        ("STRIPE", "sk" + "_live_" + "9Qw3Er5Ty7Ui1Op2As4Df6Gh", "a Stripe key"),
        ("ALERTS", "xox" + "b-" + "2834756102-9Qw3Er5Ty7Ui1Op2", "a Slack token"),
        ("ALERTS", "https://hooks.slack" + ".com/services/T02ABCDEF/B03ABCDEF/9Qw3Er5Ty7Ui1Op2As4Df6Gh", "a Slack webhook"),
        ("PRIVATE_KEY", "-----BEGIN RSA " + "PRIVATE KEY-----\\nMII…", "a private key"),
        ("ANON_KEY", token({"iss": "supabase-demo", "role": "anon"}), "a signed token (JWT)"),
        ("SECRET_KEY", RANDOM_HEX, "a random value"),
        ("SECRET_KEY", RANDOM_BASE64, "a random value"),
        ("SECRET_KEY", RANDOM_WORD, "a random value"),
        ("APP_KEY", "base64:" + RANDOM_BASE64, "a random value"),
        ("DATABASE_URL", f"postgres://app:{RANDOM_HEX}@db/app", "a URL with a random password"),
    ],
)  # fmt: skip
def test_a_real_secret_is_recognised(key: str, value: str, what: str) -> None:
    assert what_is_published(key, value) == what
    findings = found(None, release(f"{key}='{value}'\n"))
    assert places(findings)[0] == f"published-secret {key} deploy/.env.example:1"
    assert value not in repr(findings)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("AWS_ACCESS_KEY_ID", "AKIA" + "IOSFODNN7EXAMPLE"),
        ("GITHUB_TOKEN", "gh" + "p_" + "x" * 36),
        ("STRIPE", "sk" + "_test_" + "X" * 24),
        ("TOKEN", token({"sub": "1234567890", "name": "John Doe"})),
        ("SECRET_KEY", "0123456789abcdef" * 2),
        ("SECRET_KEY", "deadbeef" * 4),
        ("SECRET_KEY", "0" * 64),
        ("SECRET_KEY", "a" * 32),
        ("SECRET_KEY", "CHANGE_ME_EXACTLY_32B_MASTERKEY!"),
        ("SECRET_KEY", "data encryption key with 32 char"),
        ("SECRET_KEY", "your-32-character-encryption-key"),
        ("PASSKEY", "a_random_passkey"),
        ("SECRET_KEY", "my-very-long-key-of-the-2nd-kind"),
        ("SECRET_KEY", ""),
        ("COMMIT", RANDOM_HEX),
        ("PUBLIC_KEY", RANDOM_HEX),
        ("TOKEN_VALIDITY", RANDOM_HEX),
        ("DATABASE_URL", "postgres://app:CHANGE_ME@db/app"),
    ],
)
def test_what_nobody_could_misuse_is_none(key: str, value: str) -> None:
    assert what_is_published(key, value) is None


def test_compose_defaults_and_commented_values_are_looked_at() -> None:
    compose = "services:\n  web:\n    environment:\n      - K=${SECRET_KEY:-" + RANDOM_HEX + "}\n"
    example = "# AWS_KEY=AKIA" + "QX4T7B2LZP9WV6NC\nSECRET_KEY=\n"
    assert places(found(None, release(example, compose))) == [
        "published-secret SECRET_KEY compose.yaml:4",
        "published-secret AWS_KEY deploy/.env.example:1",
    ]
