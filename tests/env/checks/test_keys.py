"""Keys that the example does not know."""

import time

import pytest

from tests.env.checks.scenes import scene, told
from upgrader.env.checks.keys import Near, check_keys


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("BATLLENET_ISSUER", "BATTLENET_ISSUER"),
        ("SESION_SECRET", "SESSION_SECRET"),
        ("SESSION_SCERET", "SESSION_SECRET"),
        ("SESSIONSECRET", "SESSION_SECRET"),
        ("session_secret", "SESSION_SECRET"),
        ("POSTGRES_PASS", "POSTGRES_PASSWORD"),
        ("DB_URI", "DATABASE_URL"),
        ("URL_REDIS", "REDIS_URL"),
    ],
)
def test_a_near_miss(typed: str, meant: str) -> None:
    found = list(check_keys(scene(f"{typed}=1\n", f"{meant}=\n")))
    assert told(found) == [("warning", "unknown-key", typed, 1)]
    assert meant in found[0].message


@pytest.mark.parametrize(
    ("live", "example"),
    [
        ("S3_BUCKET_2=x\n", "S3_BUCKET_1=\n"),
        ("MAIL_HOST=x\n", "MAIL_PORT=\n"),
        ("A1=x\n", "A2=\n"),
        ("SMTP_HOSTS=x\nSMTP_HOST=y\n", "SMTP_HOST=\n"),
        ("MY_OWN=x\n", "OTHER=\n"),
    ],
)
def test_keys_of_ones_own_are_only_noted(live: str, example: str) -> None:
    assert [each[:2] for each in told(check_keys(scene(live, example)))] == [("note", "unknown-key")]


@pytest.mark.parametrize(
    ("live", "example", "compose"),
    [
        ("A=1\n", "# A=2\n", ""),
        ("COMPOSE_FILE=a.yaml\nDOCKER_HOST=x\n", "A=\n", ""),
        ("TAG=1\n", "", "services:\n  web:\n    image: web:${TAG}\n"),
        ("BARE\n", "", ""),
    ],
)
def test_known_keys(live: str, example: str, compose: str) -> None:
    assert not list(check_keys(scene(live, example, compose=compose)))


def test_a_near_miss_of_a_key_that_is_set_is_named() -> None:
    found = list(check_keys(scene("POSTGRES_PASWORD=x\nPOSTGRES_PASSWORD=y\n", "POSTGRES_PASSWORD=\n")))
    assert told(found) == [("note", "unknown-key", "POSTGRES_PASWORD", 1)]
    assert "POSTGRES_PASSWORD is, and is set" in found[0].message


def test_removed_and_deprecated_keys() -> None:
    assert told(check_keys(scene("OLD=1\n", "", previous="OLD=\n"))) == [("note", "removed-key", "OLD", 1)]
    assert told(check_keys(scene("OLD=1\n", "", history={"OLD": ["1"]}))) == [("note", "removed-key", "OLD", 1)]
    found = list(check_keys(scene("OLD=1\n", '# @deprecated "use NEW"\nOLD=\n')))
    assert told(found) == [("note", "deprecated-key", "OLD", 1)]
    assert "use NEW" in found[0].message
    found = list(check_keys(scene("OLD=1\n", "NEW=\n", overlay='# @removed "replaced by NEW"\nOLD=\n')))
    assert told(found) == [("note", "removed-key", "OLD", 1)]
    assert "replaced by NEW" in found[0].message


def test_ten_thousand_strangers_are_no_quadratic_matter() -> None:
    known = [f"SERVICE_{a}_SETTING_{b}" for a in "ABCDEFGHIJ" for b in range(1000)]
    started = time.perf_counter()
    near = Near(known)
    assert not any(near.find(f"OTHER_{number}_THING") for number in range(10_000))
    assert time.perf_counter() - started < 5
