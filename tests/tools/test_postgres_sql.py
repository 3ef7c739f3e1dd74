"""Quoting, names and digests, without a server."""

from hypothesis import given
from hypothesis import strategies as st

from upgrader.tools.postgres_sql import (
    conninfo,
    identifier,
    is_making,
    is_ours,
    literal,
    making,
    name_for,
    schema_sha256,
    setting,
)

RUN = "20260801T120000Z-ab12"


def test_names_read_well() -> None:
    assert name_for("app", "r1", "aside") == "app_upgrader_r1_aside"
    assert name_for("app", RUN, "aside").startswith("app_upgrader_20260801_")


@given(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1),
    st.sampled_from(["new", "aside"]),
)
def test_names_fit_and_stay_ours(database: str, what: str) -> None:
    name = name_for(database, RUN, what)
    for candidate in (name, making(name)):
        assert len(candidate.encode()) <= 63
        assert is_ours(candidate)
    assert is_making(making(name))
    assert not is_making(name)
    assert name == name_for(database, RUN, what)


def test_names_are_unique() -> None:
    long = "x" * 62
    databases = [long + "a", long + "b", "app", "app2"]
    runs = [RUN, RUN[:-1] + "3", RUN.replace("12", "13")]
    names = {name_for(d, r, w) for d in databases for r in runs for w in ("new", "aside")}
    assert len(names) == len(databases) * len(runs) * 2
    assert len({making(name) for name in names}) == len(names)


def test_quoting() -> None:
    assert identifier('a"b') == '"a""b"'
    assert literal("it's") == "'it''s'"
    assert literal("a\\'b") == "E'a\\\\''b'"
    assert conninfo("a='b\\") == "dbname='a=\\'b\\\\'"


def test_settings() -> None:
    assert setting("work_mem", "4MB") == "\"work_mem\" TO '4MB'"
    assert setting("my.own", "a b") == '"my"."own" TO \'a b\''
    assert setting("search_path", '"$user", public, "a""b, c"') == "search_path TO '$user', 'public', 'a\"b, c'"
    assert setting("search_path", '""') == "search_path TO ''"


DUMP = """--
-- PostgreSQL database dump
--
\\restrict abc
-- Dumped from database version {version}
SET statement_timeout = 0;

--
-- Name: {first}; Type: TABLE; Schema: public; Owner: app
--

CREATE TABLE public.{first} (
    a integer{comma}
);


--
-- Name: {second}; Type: TABLE; Schema: public; Owner: app
--

CREATE TABLE public.{second} (
    a integer{comma}
);


\\unrestrict abc
"""


def test_a_digest_does_not_see_order_version_and_token() -> None:
    one = DUMP.format(version=17, first="x", second="y", comma="")
    two = DUMP.format(version=15, first="y", second="x", comma="").replace("abc", "def")
    assert schema_sha256(one) == schema_sha256(two)
    assert schema_sha256(one) != schema_sha256(one.replace("public.y", "public.z"))
    assert schema_sha256(one) != schema_sha256(DUMP.format(version=17, first="x", second="y", comma=" NOT NULL"))


def test_a_digest_does_not_see_casts_that_a_restore_rewrites() -> None:
    before = "((m)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))"
    after = "((m)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text]))"
    one, two = (DUMP.format(version=17, first="x", second="y", comma=f" CHECK {check}") for check in (before, after))
    assert schema_sha256(one) == schema_sha256(two)
