"""Placeholders, empty values, comments that became values."""

import pytest

from tests.env.checks.scenes import scene, told
from upgrader.env.checks.values import check_comments, check_empty, check_placeholders, check_wrapped


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("SECRET_KEY=CHANGE_ME", "error"),
        ("SECRET_KEY=changeme123", "error"),
        ("SECRET_KEY=<ENCRYPTION_KEY_MUST_BE_32_LONG>", "error"),
        ("SECRET_KEY=CHANGE_ME_EXACTLY_32B_MASTERKEY!", "error"),
        ("ENCRYPTION_KEY='data encryption key with 32 char'", "error"),
        ("ENCRYPTION_KEY=your-32-character-encryption-key", "error"),
        ("SECRET_KEY=CHANGE_ME_OPENSSL_RAND_HEX_32", "error"),
        ("SECRET_KEY='[generate with <openssl rand -hex 32>]'", "error"),
        ("JWT_SECRET=SomeRandomString", "error"),
        ("DATABASE_URL=postgresql://app:CHANGE_ME@db/app", "error"),
        ("ADMIN_USER=ChangeMe", "warning"),
    ],
)
def test_placeholders_are_known_whatever_the_example_says(line: str, severity: str) -> None:
    key = line.partition("=")[0]
    assert told(check_placeholders(scene(f"A=1\n{line}\n"))) == [(severity, "placeholder", key, 2)]


@pytest.mark.parametrize(
    "line",
    [
        "SECRET_KEY=9f1c2c7be2c94a1fb8d10a6a3f6f1c59",
        "UPLOAD_LIMIT=1000000",
        "SITE_NAME='My company and your team'",
        "MAIL_FROM=info@acme.io",
        "CRON='*/5 * * * *'",
        "TITLE='Change mentor'",
        "EXCHANGE_METHOD=stock-exchange-me",
        "SECRET_KEY=",
        "WELCOME='<b>Hello</b>'",
        "PASSWORD_HINT=yours",
        "BACKUP_DOMAIN=example.com.backup.acme.io",
    ],
)
def test_values_of_ones_own_are_none(line: str) -> None:
    assert not list(check_placeholders(scene(f"{line}\n", "SECRET_KEY=CHANGE_ME\n")))


def test_an_example_address_is_one_only_as_the_example_has_it() -> None:
    example = "DOMAIN=example.com\nMAIL_FROM=noreply@example.com\n"
    found = told(check_placeholders(scene("DOMAIN=example.com\nMAIL_FROM=me@example.com\n", example)))
    assert found == [("note", "placeholder", "DOMAIN", 1)]


def test_it_is_grave_where_compose_takes_the_variable_without_a_default() -> None:
    compose = "services:\n  web:\n    image: web\n    environment:\n      HOST: ${DOMAIN}\n"
    found = told(check_placeholders(scene("DOMAIN=example.com\n", "DOMAIN=example.com\n", compose=compose)))
    assert found == [("warning", "placeholder", "DOMAIN", 1)]


def test_a_secret_that_is_not_needed_here_is_no_error() -> None:
    example = "# REQUIRED only when AUTH_MODE=local\nSESSION_SECRET=CHANGE_ME\n"
    assert told(check_placeholders(scene("AUTH_MODE=oidc\nSESSION_SECRET=CHANGE_ME\n", example))) == [
        ("warning", "placeholder", "SESSION_SECRET", 2)
    ]
    assert told(check_placeholders(scene("AUTH_MODE=local\nSESSION_SECRET=CHANGE_ME\n", example))) == [
        ("error", "placeholder", "SESSION_SECRET", 2)
    ]


def test_what_another_system_issues_is_just_not_used() -> None:
    assert told(check_placeholders(scene("STRIPE_SECRET_KEY=your-stripe-key\n"))) == [
        ("note", "placeholder", "STRIPE_SECRET_KEY", 1)
    ]


def test_only_the_line_that_counts_is_looked_at() -> None:
    assert not list(check_placeholders(scene("SECRET_KEY=CHANGE_ME\nSECRET_KEY=9f1c2c7be2c94a1f\n")))


@pytest.mark.parametrize(
    ("example", "compose"),
    [
        ("# @required\nHOST=\n", ""),
        ("# REQUIRED: the public name\nHOST=\n", ""),
        ("# @required when=MODE:prod\nHOST=\n", ""),
        ("", "services:\n  web:\n    image: web\n    environment:\n      HOST: ${HOST:?set it}\n"),
        ("", "services:\n  web:\n    image: web\n    profiles: [x]\n    environment:\n      HOST: ${HOST:?set it}\n"),
    ],
)
def test_empty_is_wrong_where_something_says_that_it_is_required(example: str, compose: str) -> None:
    found = told(check_empty(scene("MODE=prod\nHOST=\n", example, compose=compose)))
    assert found == [("error", "empty-required", "HOST", 2)]


@pytest.mark.parametrize(
    ("example", "compose"),
    [
        ("HOST=\n", ""),
        ("# @optional\nHOST=\n", ""),
        ("# @required when=MODE:dev\nHOST=\n", ""),
        ("# Optional, leave empty to disable\nHOST=\n", ""),
        ("# Required only when you use a proxy\nHOST=\n", ""),
        ("", "services:\n  web:\n    image: web\n    environment:\n      HOST: ${HOST:-x}\n"),
    ],
)
def test_empty_may_be_meant(example: str, compose: str) -> None:
    assert not list(check_empty(scene("MODE=prod\nHOST=\n", example, compose=compose)))


def test_a_comment_behind_nothing_is_the_value() -> None:
    live = "A= # the note\nB=\t# another\nAPI_TOKEN= # secret\n"
    assert told(check_comments(scene(live))) == [
        ("warning", "value-is-comment", "A", 1),
        ("warning", "value-is-comment", "B", 2),
        ("error", "value-is-comment", "API_TOKEN", 3),
    ]


def test_a_colour_and_a_comment_behind_a_value_are_none() -> None:
    assert not list(check_comments(scene("COLOR=#ff0000\nA=1 # note\nB='# text'\nC=\n")))


def test_a_wrapped_secret() -> None:
    first, rest = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4kq83vASNFZ4mrze8BI0Vni", "avN7wEjRWeJq83v"
    found = list(check_wrapped(scene(f"A=1\nSECRET_KEY={first}\n{rest}\n")))
    assert told(found) == [("error", "wrapped-value", "SECRET_KEY", 3)]
    assert rest not in f"{found}"
    assert not list(check_wrapped(scene(f"SECRET_KEY={first}\nPASSED_THROUGH\n")))
    assert not list(check_wrapped(scene(f"SECRET_KEY={first}\n\n{rest}\n")))
    assert not list(check_wrapped(scene(f"SECRET_KEY=short\n{rest}\n")))
