"""Values made of other values."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrader.env.template import expand, host_in, password_in, shared

VALUES = {
    "DOMAIN": "example.org",
    "USER": "app",
    "PASSWORD": "p@ss/word:1",
    "URL": "redis://:s%40cret@host:6379/0",
    "EMPTY": "",
}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("auth.{DOMAIN}", "auth.example.org"),
        ("https://{DOMAIN}/{USER}", "https://example.org/app"),
        ("https://{DOMAIN}/@{PASSWORD}", "https://example.org/@p@ss/word:1"),
        ("postgres://{USER}:{PASSWORD}@db/{USER}", "postgres://app:p%40ss%2Fword%3A1@db/app"),
        ("{URL#password}", "s@cret"),
        ("amqp://x:{URL#password}@mq", "amqp://x:s%40cret@mq"),
        ("{DOMAIN}.{MISSING}", None),
        ("{DOMAIN}{EMPTY}", None),
        ("{DOMAIN#password}", None),
        ("https://auth.{URL#host}", "https://auth.host:6379"),
        ("https://auth.{DOMAIN#host}", None),
    ],
)
def test_expand(template: str, expected: str | None) -> None:
    assert expand(template, VALUES.get) == expected


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_a_password_survives_its_url(password: str) -> None:
    url = expand("postgres://app:{PASSWORD}@db:5432/app", {"PASSWORD": password}.get)
    assert url is not None
    assert urlsplit(url).hostname == "db"
    assert shared("URL#password", {"URL": url}.get) == password


@pytest.mark.parametrize("url", ["", "text", "redis://host", "redis://user@host", "http://[broken", "http://:@host"])
def test_no_password(url: str) -> None:
    assert password_in(url) is None


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://a.org", "a.org"),
        ("https://u:p@a.org:8443/x", "a.org:8443"),
        ("a.org", None),
        ("", None),
        ("http://[x", None),
    ],
)
def test_a_host(url: str, host: str | None) -> None:
    assert host_in(url) == host
