"""Secrets that stand in two places."""

import pytest

from tests.env.checks.scenes import scene, told
from upgrader.env.checks.passwords import check_passwords


@pytest.mark.parametrize(
    "live",
    [
        "POSTGRES_USER=app\nPOSTGRES_PASSWORD=one1234\nDATABASE_URL=postgresql://app:two5678@db:5432/app\n",
        "DB_USER=app\nDB_PASSWORD=one1234\nDATABASE_URL=mysql://app:two5678@db/app\n",
        "A=1\nREDIS_PASSWORD=one1234\nREDIS_URL=redis://:two5678@redis:6379\n",
        "RABBITMQ_DEFAULT_USER=app\nRABBITMQ_DEFAULT_PASS=one1234\nBROKER_URL=amqp://app:two5678@mq//\n",
        "POSTGRES_USER=app\nPOSTGRES_PASSWORD=p%40ss\nDATABASE_URL=postgresql+asyncpg://app:p%41ss@db/app\n",
    ],
)
def test_a_password_that_differs_from_the_one_in_the_url(live: str) -> None:
    key = live.splitlines()[2].partition("=")[0]
    assert told(check_passwords(scene(live))) == [("error", "password-mismatch", key, 3)]


@pytest.mark.parametrize(
    "live",
    [
        "POSTGRES_USER=app\nPOSTGRES_PASSWORD=one1234\nDATABASE_URL=postgresql://app:one1234@db/app\n",
        "POSTGRES_USER=app\nPOSTGRES_PASSWORD='p@ss/w'\nDATABASE_URL=postgresql://app:p%40ss%2Fw@db/app\n",
        # another user, another server, no user at all
        "POSTGRES_USER=root\nPOSTGRES_PASSWORD=one1234\nDATABASE_URL=postgresql://app:two5678@db/app\n",
        "POSTGRES_USER=app\nPOSTGRES_PASSWORD=one1234\nDATABASE_URL=postgresql://app:two5678@db.acme.io/app\n",
        "POSTGRES_PASSWORD=\nDATABASE_URL=postgresql://app:two5678@db/app\n",
        "POSTGRES_USER=app\nPOSTGRES_PASSWORD=one1234\nDATABASE_URL=postgresql://app@db/app\n",
        "REDIS_PASSWORD=one1234\nMAIL_URL=smtp://app:two5678@mail:25\n",
        "POSTGRES_USER=app\nPOSTGRES_PASSWORD=one1234\nDATABASE_URL=postgresql://app:${POSTGRES_PASSWORD}@db/app\n",
    ],
)
def test_passwords_that_agree_or_have_nothing_to_do_with_each_other(live: str) -> None:
    assert not list(check_passwords(scene(live)))


def test_the_example_shows_which_password_a_url_repeats() -> None:
    example = "ZITADEL_DB_PASSWORD=CHANGE_ME_Z\nAUTH_DSN=postgresql://zitadel:CHANGE_ME_Z@zdb/zitadel\n"
    live = "ZITADEL_DB_PASSWORD=one1234\nAUTH_DSN=postgresql://zitadel:two5678@zdb/zitadel\n"
    assert told(check_passwords(scene(live, example))) == [("error", "password-mismatch", "AUTH_DSN", 2)]


@pytest.mark.parametrize(
    "live",
    [
        "DATABASE_URL=postgresql://app:pa/ss@db:5432/app\n",
        "DATABASE_URL=postgresql://app:pa#ss@db:5432/app\n",
        "DATABASE_URL=postgresql://app:pa?ss@db/app\n",
        "DATABASE_URL=postgresql://app:100%@db/app\n",
    ],
)
def test_a_password_that_breaks_its_url(live: str) -> None:
    assert told(check_passwords(scene(live))) == [("error", "password-breaks-url", "DATABASE_URL", 1)]


@pytest.mark.parametrize(
    "live",
    [
        "URL=http://web:3000/path@2x.png\n",
        "URL=https://acme.io/#/user@home\n",
        "URL=postgresql://app:p%2Fss@db:5432/app?x=a@b\n",
        "URL=redis://redis:6379/0\n",
        "URL=https://acme.io:8443/?next=a:b@c\n",
    ],
)
def test_urls_that_are_whole(live: str) -> None:
    assert not list(check_passwords(scene(live)))


def test_a_password_that_compose_or_the_file_puts_into_a_url() -> None:
    compose = (
        "services:\n  web:\n    image: web\n    environment:\n"
        "      DATABASE_URL: postgres://app:${DB_PASSWORD}@db/app\n      PLAIN: ${OTHER_PASSWORD}\n"
    )
    live = "DB_PASSWORD=pa/ss\nOTHER_PASSWORD=pa/ss\n"
    assert told(check_passwords(scene(live, compose=compose))) == [("error", "password-breaks-url", "DB_PASSWORD", 1)]
    own = "DB_PASSWORD=pa/ss\nDATABASE_URL=postgres://app:${DB_PASSWORD}@db/app\n"
    keys = {each.key for each in check_passwords(scene(own))}
    assert "DB_PASSWORD" in keys
    assert not list(check_passwords(scene("DB_PASSWORD=pass-_.~\n", compose=compose)))


@pytest.mark.parametrize(
    ("example", "live", "wanted"),
    [
        ("# @same-as OTHER\nKEY=\n", "OTHER=a\nKEY=b\n", [("error", "same-as-conflict", "KEY", 2)]),
        ("# @same-as OTHER\nKEY=\n", "OTHER=a\nKEY=a\n", []),
        ("# @same-as OTHER\nKEY=\n", "OTHER=\nKEY=b\n", []),
        ("# @same-as OTHER\nKEY=\n", "KEY=b\n", []),
        (
            "# @same-as DATABASE_URL#password\nPW=\n",
            "DATABASE_URL=postgresql://a:x@db/a\nPW=y\n",
            [("error", "password-mismatch", "PW", 2)],
        ),
        ("# @same-as DATABASE_URL#password\nPW=\n", "DATABASE_URL=postgresql://a:%79@db/a\nPW=y\n", []),
        (
            "# must match API_TOKEN of the server\nKEY=\n",
            "API_TOKEN=a\nKEY=b\n",
            [("warning", "same-as-conflict", "KEY", 2)],
        ),
        ("# not the same thing as a token\nKEY=\n", "API_TOKEN=a\nKEY=b\n", []),
    ],
)
def test_keys_that_must_be_the_same(example: str, live: str, wanted: list[tuple[str, str, str, int]]) -> None:
    assert told(check_passwords(scene(live, example))) == wanted
