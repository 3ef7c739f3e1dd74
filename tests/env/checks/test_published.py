"""Secrets that the app's repository publishes."""

import pytest

from tests.env.checks.scenes import scene, told
from upgrader.env.checks.history import shipped_in
from upgrader.env.checks.published import check_published

COMPOSE = """\
services:
  mail:
    image: mail
    environment:
      SOGO_SECRET: ${SOGO_SECRET:-SOGoSuperSecret0}
  extra:
    image: extra
    profiles: [extra]
    environment:
      EXTRA_SECRET: ${EXTRA_SECRET:-published-too}
"""


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("JWT_SECRET", "123456"),
        ("SECRET_KEY_BASE", "insecure_dev_key_1234567890"),
        ("ENCRYPTION_KEY", "popcorn"),
        ("REDIS_PASSWORD", "password"),
        ("MINIO_ROOT_PASSWORD", "minioadmin"),
    ],
)
def test_a_value_of_the_example_of_an_earlier_one_and_of_history(key: str, value: str) -> None:
    line = f"{key}={value}\n"
    wanted = [("error", "published-default", key, 1)]
    assert told(check_published(scene(line, line))) == wanted
    assert told(check_published(scene(line, f"{key}=\n", previous=line))) == wanted
    assert told(check_published(scene(line, f"{key}=\n", history={key: [value]}))) == wanted
    assert told(check_published(scene(line, f"# {key}={value}\n"))) == wanted
    assert not list(check_published(scene(f"{key}=9f1c2c7be2c94a1f\n", line, history={key: [value]})))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("POSTGRES_USER", "postgres"),
        ("JWT_ALGORITHM", "HS256"),
        ("ACCESS_TOKEN_VALIDITY", "86400"),
        ("SALT_ROUNDS", "12"),
        ("REDIS_PREFIX_KEY", "app"),
        ("RECAPTCHA_SITE_KEY", "6Lcabcdef"),
        ("PUBLIC_KEY", "abcdef"),
        ("LOCK_DSN", "flock://default"),
        ("TLS_KEY", "/certs/tls.key"),
        ("USE_SECRET", "true"),
        ("GOOGLE_CREDENTIALS", "{}"),
        ("SECRET_KEY", ""),
    ],
)
def test_other_values_may_be_as_the_example_has_them(key: str, value: str) -> None:
    line = f"{key}={value}\n"
    assert not list(check_published(scene(line, line)))


def test_a_vendor_can_say_what_is_secret_and_what_is_not() -> None:
    assert told(check_published(scene("SEED=abc\n", "# @sensitive\nSEED=abc\n"))) == [
        ("error", "published-default", "SEED", 1)
    ]
    assert not list(check_published(scene("APP_SECRET=abc\n", "# @sensitive=false\nAPP_SECRET=abc\n")))


def test_the_password_inside_a_url_counts_unless_it_is_told_already() -> None:
    url = "DATABASE_URL=postgresql://app:hunter2x@db/app\n"
    assert told(check_published(scene(url, url))) == [("error", "published-default", "DATABASE_URL", 1)]
    both = f"DB_PASSWORD=hunter2x\n{url}"
    assert told(check_published(scene(both, both))) == [("error", "published-default", "DB_PASSWORD", 1)]
    assert not list(check_published(scene("DATABASE_URL=postgresql://app:mine4567@db/app\n", url)))
    built = "DATABASE_URL=postgresql://app:${DB_PASSWORD}@db/app\n"
    assert not list(check_published(scene(f"DB_PASSWORD=mine4567\n{built}", built)))


def test_composes_default_counts_where_its_service_runs() -> None:
    assert told(check_published(scene("A=1\n", compose=COMPOSE))) == [("error", "published-default", "SOGO_SECRET", 5)]
    on = "COMPOSE_PROFILES=extra\nSOGO_SECRET=9f1c2c7be2c94a1f\n"
    assert told(check_published(scene(on, compose=COMPOSE))) == [("error", "published-default", "EXTRA_SECRET", 10)]
    copied = "SOGO_SECRET=SOGoSuperSecret0\n"
    assert told(check_published(scene(copied, compose=COMPOSE))) == [("error", "published-default", "SOGO_SECRET", 1)]


def test_the_credentials_of_other_systems_are_just_not_used() -> None:
    line = "SMTP_PASSWORD=secret123\n"
    assert told(check_published(scene(line, line))) == [("note", "published-default", "SMTP_PASSWORD", 1)]


def test_history_is_read_from_patches() -> None:
    patch = """\
--- a/.env.example
+++ b/.env.example
@@ -1 +1 @@
-JWT_SECRET=123456
+JWT_SECRET='a b' # quoted
+# OTHER_SECRET=disabled-one
+# AUTH_MODE=local means that nobody asks
+BROKEN="never closed
+export TOKEN=t0ken
+EMPTY=
 CONTEXT=kept
"""
    assert shipped_in(patch) == {
        "JWT_SECRET": {"123456", "a b"},
        "OTHER_SECRET": {"disabled-one"},
        "TOKEN": {"t0ken"},
        "EMPTY": set(),
    }


def test_a_comment_that_became_the_value_is_told_as_that_only() -> None:
    line = "API_TOKEN= # from your account page\n"
    assert not list(check_published(scene(line, line)))
