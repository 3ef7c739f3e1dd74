"""Databases by their URL, before anybody connects: whose server it is, and what is wrong with the env file's line."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.steps.test_swap import WEB, model
from upgrader.errors import RefusedError
from upgrader.model.app import App, DatabaseSpec, Stack
from upgrader.steps.outside import address, extra_hosts, names, settled, urls_outside

ENV = Path("/srv/app/.env")
DB = replace(WEB, id="c2", name="pg", service="db")


def by_url(url: str) -> DatabaseSpec:
    return DatabaseSpec("app", key="DATABASE_URL", url=url)


def app(*specs: DatabaseSpec) -> App:
    return App("app", Stack(Path("/srv/app"), "app"), Path("/state/app"), {spec.id: spec for spec in specs})


@pytest.mark.parametrize("host", ["db", "pg"])
def test_a_url_that_leads_to_a_service_of_the_stack_is_that_service(host: str) -> None:
    """By its service's name, or its container's: it is reached there, as what its own container says."""
    spec = by_url(f"postgresql://rw:pw@{host}:5432/shop")
    found = settled(app(spec), [WEB, DB])
    assert found.databases == {"app": replace(spec, service="db", name="shop")}
    assert found.databases["app"].where == "db"


@pytest.mark.parametrize(
    "url",
    ["postgresql://rw:pw@db.example.com/shop", "postgresql://rw:p@w@db/shop", "postgresql:///x?host=/run&user=a", ""],
)
def test_any_other_url_stays_what_it_is(url: str) -> None:
    found = settled(app(by_url(url)), [WEB, DB])
    assert found.databases == {"app": by_url(url)}
    assert found.databases["app"].where == "DATABASE_URL"


def test_a_url_that_only_the_compose_file_has_is_read_from_the_containers() -> None:
    inline = "postgresql://rw:pw@db:5432/shop"
    web = replace(WEB, env={"DATABASE_URL": inline})
    assert settled(app(by_url("")), [web, DB]).databases["app"] == replace(by_url(inline), service="db", name="shop")
    other = replace(WEB, service="worker", env={"DATABASE_URL": "postgresql://rw:pw@elsewhere/shop"})
    assert settled(app(by_url("")), [web, other, DB]).databases["app"] == by_url(""), "which one, nobody knows"
    assert settled(app(by_url("")), [replace(web, state="exited"), DB]).databases["app"] == by_url("")


def test_a_one_off_of_that_name_is_no_server() -> None:
    spec = by_url("postgresql://rw:pw@db/shop")
    assert settled(app(spec), [replace(DB, oneoff=True)]).databases == {"app": spec}


def test_services_are_left_alone() -> None:
    plain = DatabaseSpec("sso", "sso_db", "sso", "sso")
    assert settled(app(plain), [DB]).databases == {"sso": plain}


def test_a_url_is_never_shown() -> None:
    spec = by_url("postgresql://rw:hunter22@db/shop")
    assert "hunter22" not in repr(app(spec))


def test_names_are_public_and_passwords_are_not() -> None:
    specs = [by_url("postgresql://rw:hunter22@db.example.com/shop"), DatabaseSpec("sso", "sso_db")]
    assert set(names(app(*specs))) == {"rw", "shop", "db.example.com"}


def test_e7_a_missing_secret_is_told_with_the_line_to_add() -> None:
    with pytest.raises(RefusedError, match=r"DATABASE_URL has no value in /srv/app/.env") as refused:
        address(by_url(""), ENV)
    assert refused.value.hint == "echo 'DATABASE_URL=postgresql://USER:PASSWORD@HOST:5432/NAME' >> /srv/app/.env"


def test_e7_an_invalid_url_is_told_with_its_key_and_file() -> None:
    with pytest.raises(RefusedError, match=r"^DATABASE_URL in /srv/app/.env cannot be read$") as refused:
        address(by_url("postgresql://rw:p@ss@db.example.com/shop"), ENV)
    assert refused.value.hint.startswith("${EDITOR:-vi} /srv/app/.env  # Percent-encode")


def test_urls_that_lead_out_of_a_project_are_found_once_for_each_database() -> None:
    far = "postgresql://rw:hunter22@db.example.com/shop"
    env = {
        "DATABASE_URL": far,
        "DIRECT_URL": f"{far}?pgbouncer=true",
        "REPORT_URL": "postgresql://rw:hunter22@db.example.com/report",
        "OWN_URL": "postgresql://rw:hunter22@db/shop",
        "NAMED_URL": "postgresql://rw:hunter22@pg/shop",
        "TEST_URL": "postgresql://rw:hunter22@elsewhere/test",
        "REDIS_URL": "redis://cache",
        "ODD_URL": "postgresql://rw:p@ss@db.example.com/shop",
    }
    used = {key: value for key, value in env.items() if key != "TEST_URL"}
    found = urls_outside(env, model(web={"image": "w", "environment": used}, db={"image": "postgres:17"}), ["pg"])
    assert found == ("DATABASE_URL", "REPORT_URL")


@pytest.mark.parametrize(
    ("said", "hosts"),
    [
        ({}, []),
        ({"extra_hosts": None}, []),
        (
            {"extra_hosts": ["db=10.0.0.1", "host.docker.internal=host-gateway"]},
            ["db:10.0.0.1", "host.docker.internal:host-gateway"],
        ),
        ({"extra_hosts": ["db:10.0.0.1"]}, ["db:10.0.0.1"]),
        ({"extra_hosts": ["db=fd00::1"]}, ["db:fd00::1"]),
        ({"extra_hosts": {"db": "10.0.0.1"}}, ["db:10.0.0.1"]),
        ({"extra_hosts": {"db": ["10.0.0.1", "10.0.0.2"]}}, ["db:10.0.0.1", "db:10.0.0.2"]),
    ],
)
def test_hosts_that_a_service_was_given(said: dict[str, object], hosts: list[str]) -> None:
    assert extra_hosts(said) == hosts
