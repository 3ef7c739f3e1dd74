"""What names and values tell."""

import pytest

from upgrader.env import evidence


@pytest.mark.parametrize(
    "key",
    ["SECRET_KEY", "NEXTAUTH_SECRET", "JWT", "DB_PASS", "VAULT_IV", "APP_KEY", "ADMIN_PASSWORD", "API_TOKEN", "SALT"],
)
def test_secrets(key: str) -> None:
    assert evidence.is_secret(key, "changeme")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("TOKEN_VALIDITY", "3600"),
        ("BCRYPT_SALT_ROUNDS", "12"),
        ("RECAPTCHA_SITE_KEY", ""),
        ("PASSWORD_MIN_LENGTH", "8"),
        ("ALLOW_PASSWORD_LOGIN", "x"),
        ("MAX_TOKENS", "4096"),
        ("KEYCLOAK_REALM", "main"),
        ("JWT_KEY", "/run/secrets/jwt"),
        ("USE_SECRET", "true"),
        ("PAGE_SIZE", "5"),
        ("META_KEYWORDS", "shop, books"),
        ("PASSWORD_RESET_PROXY", "relay:8080"),
    ],
)
def test_no_secrets(key: str, value: str) -> None:
    assert not evidence.is_secret(key, value)


@pytest.mark.parametrize(
    "value",
    [
        "CHANGE_ME",
        "changeme123",
        "<INSERT_PASSWORD>",
        "[generate with <openssl rand -hex 32>]",
        "__MUST_BE_CHANGED__",
        "your-secret-here",
        "replace-me",
        "xxxx",
        "****",
        "SomeRandomString",
        "https://app.example.com",
        "generate_a_new_key",
        "CHANGE_ME_EXACTLY_32B_MASTERKEY!",
        "you@yourdomain.org",
        "selfsigned|acme",
        "local|files.firm.test",
        "low|middle|high",
    ],
)
def test_placeholders(value: str) -> None:
    assert evidence.is_placeholder(value)


@pytest.mark.parametrize(
    "value",
    [
        "production",
        "10000000",
        "redis://cache:6379",
        "info,xxx_trace",
        "#363636",
        "mydb",
        "postgres",
        "5",
        "1|2",
        r"\.jpg$|\.png$",
        "base64|",
    ],
)
def test_no_placeholders(value: str) -> None:
    assert not evidence.is_placeholder(value)


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("redis://valkey:6379", "valkey"),
        ("http://search:7700/path", "search"),
        ("zammad-memcached:11211", "zammad-memcached"),
        ("amqp://rabbitmq", "rabbitmq"),
        ("http://localhost:3000", ""),
        ("https://sub.example.com", ""),
        ("redis://:pw@cache:6379", ""),
        ("production", ""),
    ],
)
def test_addresses_inside_the_network(value: str, host: str) -> None:
    assert evidence.in_network_host(value) == host


@pytest.mark.parametrize(
    "key", ["POSTGRES_PASSWORD", "DB_PASS", "MYSQL_ROOT_PASSWORD", "KEEP_DB_PASSWORD", "REDIS_PASSWORD"]
)
def test_passwords_of_databases(key: str) -> None:
    assert evidence.is_datastore_password(key)
    assert not evidence.is_datastore_password("DB_HOST")


@pytest.mark.parametrize(
    ("one", "other", "likeness"),
    [
        ("DB_PASS", "POSTGRES_PASSWORD", 1),
        ("UPLOAD_MAX_SIZE", "MAX_UPLOAD_SIZE", 1),
        ("WEB_CONCURRENCY", "WEB_SERVER_CONCURRENCY", 2 / 3),
        ("A_B", "C_D", 0),
    ],
)
def test_names_alike(one: str, other: str, likeness: float) -> None:
    assert evidence.name_likeness(one, other) == pytest.approx(likeness)


def test_values_that_are_somebodys_key() -> None:
    assert evidence.is_published_key("8f2a7c1be94d40d6a3f5b7e6d1c09a82f4be7d63")
    assert evidence.is_published_key("Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Cg12")
    assert not evidence.is_published_key("4dffd77c-ec11-4abe-bca7-fd997f79fa36")
    assert not evidence.is_published_key("a-long-name-of-some-service-or-other")
    assert evidence.is_identity("4dffd77c-ec11-4abe-bca7-fd997f79fa36")
