"""Defaults that moved on."""

import pytest

from tests.env.checks.scenes import scene, told
from upgrader.env.checks.pins import check_pins


@pytest.mark.parametrize(
    ("key", "old", "new", "severity"),
    [
        ("APP_VERSION", "1.2.0", "1.3.0", "warning"),
        ("IMAGE", "ghcr.io/acme/app:1.2", "ghcr.io/acme/app:1.3", "warning"),
        ("REDIS", "redis:7.0", "redis:7.2", "warning"),
        ("NGINX_TAG", "1.25-alpine", "1.27-alpine", "warning"),
        ("LOG_LEVEL", "info", "warn", "note"),
        ("MAX_SIZE", "10", "20", "note"),
    ],
)
def test_a_stale_default(key: str, old: str, new: str, severity: str) -> None:
    found = list(check_pins(scene(f"{key}={old}\n", f"{key}={new}\n", previous=f"{key}={old}\n")))
    assert told(found) == [(severity, "stale-pin", key, 1)]
    assert f"{key}={new}" in found[0].hint


def test_nobody_is_told_to_put_a_new_database_on_old_data() -> None:
    found = list(check_pins(scene("POSTGRES_VERSION=15\n", "POSTGRES_VERSION=18\n", previous="POSTGRES_VERSION=15\n")))
    assert "how the data comes along" in found[0].hint


def test_without_the_previous_example_history_tells_what_was_a_default() -> None:
    history = {"APP_VERSION": ["1.1.0", "1.2.0", "1.3.0"]}
    assert told(check_pins(scene("APP_VERSION=1.1.0\n", "APP_VERSION=1.3.0\n", history=history))) == [
        ("warning", "stale-pin", "APP_VERSION", 1)
    ]
    assert not list(check_pins(scene("APP_VERSION=1.3.0\n", "APP_VERSION=1.3.0\n", history=history)))


def test_a_pin_of_ones_own_is_noted() -> None:
    found = check_pins(scene("APP_VERSION=1.2.5\n", "APP_VERSION=1.3.0\n", previous="APP_VERSION=1.2.0\n"))
    assert told(found) == [("note", "custom-pin", "APP_VERSION", 1)]


@pytest.mark.parametrize(
    ("live", "new", "old"),
    [
        ("LOG_LEVEL=debug\n", "LOG_LEVEL=warn\n", "LOG_LEVEL=info\n"),
        ("APP_VERSION=1.2.0\n", "APP_VERSION=1.2.0\n", "APP_VERSION=1.2.0\n"),
        ("SMTP_HOST=\n", "SMTP_HOST=mail.acme.io\n", "SMTP_HOST=\n"),
        ("SECRET_KEY=abc\n", "SECRET_KEY=def\n", "SECRET_KEY=abc\n"),
        ("URL=postgres://a:b@c/d\n", "URL=postgres://a:x@c/d\n", "URL=postgres://a:b@c/d\n"),
        ("DOMAIN=localhost\n", "DOMAIN=example.com\n", "DOMAIN=localhost\n"),
        ("GONE=1\n", "", "GONE=1\n"),
    ],
)
def test_values_of_the_operators_choice_are_none(live: str, new: str, old: str) -> None:
    assert not list(check_pins(scene(live, new, previous=old)))


def test_a_key_whose_meaning_moved_to_another_one() -> None:
    found = check_pins(
        scene(
            "MYSQL_PORT=5455\n",
            "MYSQL_PORT=3306\nEXPOSE_MYSQL_PORT=5455\n",
            previous="MYSQL_PORT=5455\n",
        )
    )
    assert told(found) == [("note", "stale-pin", "MYSQL_PORT", 1), ("warning", "moved-meaning", "MYSQL_PORT", 1)]
