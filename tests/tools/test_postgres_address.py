"""Where database URLs lead: odd characters, sockets, encryption, and what is never told of them."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrader.errors import RefusedError
from upgrader.tools.postgres_address import Address, cause

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(user=TEXT, password=TEXT, database=TEXT)
def test_whatever_is_percent_encoded_comes_back(user: str, password: str, database: str) -> None:
    encoded = [quote(part, safe="") for part in (user, password, database)]
    there = Address.of("postgresql://{}:{}@db.example.com:6432/{}".format(*encoded))
    assert (there.user, there.password, there.database) == (user, password, database)
    assert there.place == "db.example.com:6432"
    assert there.env == {"PGHOST": "db.example.com", "PGPORT": "6432"}


@given(password=st.text("ab1 @/:?#%&=+", min_size=6, max_size=12))
def test_a_password_is_read_or_refused_and_never_told(password: str) -> None:
    """What is not encoded may end the password early, and must not turn up as a host or a database."""
    try:
        there = Address.of(f"postgresql://app:{password}@db.example.com/shop")
    except RefusedError as error:
        assert password not in f"{error.message} {error.hint}"  # noqa: PT017 - either will do
    else:
        assert (there.host, there.database, there.user) == ("db.example.com", "shop", "app")
        assert password not in repr(there)


@pytest.mark.parametrize(
    ("url", "host", "place", "database"),
    [
        ("postgres://app@h/shop", "h", "h:5432", "shop"),
        ("postgresql+asyncpg://app:pw@h:1/shop?pool_timeout=3&schema=x", "h", "h:1", "shop"),
        ("postgresql://app@h", "h", "h:5432", "app"),
        ("postgresql://app@/shop", "localhost", "localhost:5432", "shop"),
        ("postgresql://app@[::1]:5433/shop", "::1", "[::1]:5433", "shop"),
        (
            "postgresql:///shop?host=/run/postgresql&user=app",
            "/run/postgresql",
            "the socket in /run/postgresql",
            "shop",
        ),
        ("postgresql://app@%2Frun%2Fpostgresql/shop", "/run/postgresql", "the socket in /run/postgresql", "shop"),
        ("postgresql://app@one:1,two:2/shop", "one,two", "one,two:1,2", "shop"),
        ("postgresql://h/shop?user=app%40tenant", "h", "h:5432", "shop"),
    ],
)
def test_forms_of_urls(url: str, host: str, place: str, database: str) -> None:
    there = Address.of(url)
    assert (there.host, there.place, there.database) == (host, place, database)
    assert there.socket == (host if host.startswith("/") else "")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://app:pw@h/shop", "does not begin with postgresql://"),
        ("", "does not begin with postgresql://"),
        ("postgresql://h/shop", "names no user"),
        ("postgresql://app:p@ss@h/shop", "cannot be read"),
        ("postgresql://app:p/ss@h/shop", "cannot be read"),
        ("postgresql://app:12/ss@h/shop", "cannot be read"),
        ("postgresql://app:12?ss@h", "cannot be read"),
        ("postgresql://app:p%zz@h/shop", "cannot be read"),
        ("postgresql://app:pw@h:port/shop", "cannot be read"),
        ("postgresql://app:pw@h:99999/shop", "cannot be read"),
        ("postgresql://app@h/shop?sslmode=yes", "an unknown sslmode, yes"),
    ],
)
def test_urls_that_lead_nowhere(url: str, message: str) -> None:
    with pytest.raises(RefusedError, match=message) as refused:
        Address.of(url)
    assert refused.value.hint
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("query", "env"),
    [
        ("sslmode=verify-full&sslrootcert=system", {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": "system"}),
        ("ssl=true", {"PGSSLMODE": "require"}),
        ("sslmode=no-verify", {"PGSSLMODE": "require"}),
        ("target_session_attrs=read-write", {"PGTARGETSESSIONATTRS": "read-write"}),
        ("application_name=app&connect_timeout=99&service=other&client_encoding=latin1&passfile=/x", {}),
        ("connection_limit=5&pgbouncer=true&sslaccept=strict", {}),
    ],
)
def test_what_the_programs_are_told(query: str, env: dict[str, str]) -> None:
    there = Address.of(f"postgresql://app:pw@h/shop?{query}")
    assert there.env == {"PGHOST": "h", "PGPORT": "5432", **env}


def test_options_of_the_url_are_kept_apart() -> None:
    """Ours come after them; managed servers choose the database by them."""
    there = Address.of("postgresql://app@h/shop?options=endpoint%3Dep-1%20-c%20search_path%3Dx")
    assert there.options == "endpoint=ep-1 -c search_path=x"
    assert "PGOPTIONS" not in there.env


def test_certificates_have_to_be_carried_along() -> None:
    there = Address.of("postgresql://app@h/shop?sslmode=verify-ca&sslrootcert=/etc/ca.pem&sslcert=/etc/me.pem")
    assert there.files == ("/etc/ca.pem", "/etc/me.pem")


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("postgresql://a@localhost/x", True),
        ("postgresql://a@127.0.0.1/x", True),
        ("postgresql://a@[::1]/x", True),
        ("postgresql:///x?host=/run&user=a", True),
        ("postgresql://a@127.0.0.1.example.com/x", False),
        ("postgresql://a@host.docker.internal/x", False),
        ("postgresql://a@localhost,db/x", False),
    ],
)
def test_whose_loopback_it_is(url: str, loopback: bool) -> None:
    assert Address.of(url).loopback is loopback


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ('connection to server at "h", port 1 failed: Connection refused', "reach", "Nothing listens on h:1"),
        ("could not translate host name", "resolve", "The host of h:1 is not known here"),
        ('FATAL:  password authentication failed for user "app"', "login", "h:1 refuses the password of role app"),
        ('FATAL:  database "shop" does not exist', "login", "h:1 has no database shop"),
        ('FATAL:  role "app" does not exist', "login", "h:1 has no role app"),
        ("timeout expired", "reach", "h:1 did not answer within 10 s"),
        ("server does not support SSL, but SSL was required", "edit", "do not agree on encryption"),
        ('FATAL:  no pg_hba.conf entry for host "1.2.3.4"', "edit", "h:1 does not let role app in"),
        ("FATAL:  unsupported startup parameter: options", "edit", "is a pooler"),
        ("FATAL:  the database system is starting up", "wait", "still starting up"),
        ("something new", "other", "Connecting to h:1 as app failed"),
    ],
)
def test_each_failure_has_its_own_words(said: str, kind: str, words: str) -> None:
    found = cause(said, "h:1", "app", "shop", 10)
    assert found.kind == kind
    assert words in found.message
    assert found.advice
