"""A playbook derived from a Compose project."""

from pathlib import Path

import pytest

from upgrader.errors import RefusedError
from upgrader.playbook.derive import ComposeFacts, derive
from upgrader.playbook.load import from_text
from upgrader.playbook.resolve import resolve_app
from upgrader.steps.kinds import KINDS

HERE = Path("/srv/ledgerly")
FULL = ComposeFacts(
    project="ledgerly",
    files=("compose.yaml", "infra/prod, eu.yaml"),
    profiles=("prod",),
    env_file="infra/.env",
    example="infra/.env.example",
    databases={"db": "postgres:17", "SSO_DB": "postgres:16-alpine"},
    volumes=("avatars", "uploads"),
    urls=("REPORT_URL",),
    one_shots=("migrate", "create-buckets"),
    health_services=("web",),
    published_http=("http://127.0.0.1:8080/",),
)


def test_it_reads_well() -> None:
    assert (
        derive(FULL, HERE)
        == """\
# Derived from the Compose project ledgerly in /srv/ledgerly.
# Read it, correct it, and keep it beside the Compose file as upgrader.yaml.
name: ledgerly
extends: compose-git

# every Compose call names these, so that it means the same stack each time
stack:
  project: ledgerly
  files: [compose.yaml, "infra/prod, eu.yaml"]
  profiles: [prod]
  env: {file: infra/.env, example: infra/.env.example}

# dumped, proved and restored; the name and the user are read from the container, or the URL
databases:
  db: {service: db}  # postgres:17
  sso_db: {service: SSO_DB}  # postgres:16-alpine
  report_url: {url: REPORT_URL}  # outside of the project

# files in volumes are part of a restore point only if they are named: without the #, these are
# volumes: [avatars, uploads]

# run to its end before new code starts; `path:` names the directory of its files
migrations:
  service: migrate
# also run once and end: create-buckets

# all of these must hold, for a while, or the upgrade is taken back
health:
  - {service: web}
  - {http: "http://127.0.0.1:8080/"}
"""
    )


def test_it_loads_and_says_what_was_found() -> None:
    app = resolve_app(from_text(derive(FULL, HERE), HERE / "upgrader.yaml", KINDS), HERE, {}, Path("/state"))
    assert (app.stack.project, app.stack.files, app.stack.profiles) == (FULL.project, FULL.files, FULL.profiles)
    assert (app.stack.env_file, app.stack.example) == (FULL.env_file, FULL.example)
    assert {spec.where for spec in app.databases.values()} == {"db", "SSO_DB", "REPORT_URL"}
    assert app.migrations.service == "migrate"
    assert [check.service or check.http for check in app.health.checks] == ["web", "http://127.0.0.1:8080/"]


@pytest.mark.parametrize("project", ["app", "123", "weird_-x", "on", "0x1f"])
def test_the_least_loads_as_well(project: str) -> None:
    text = derive(ComposeFacts(project=project), HERE)
    playbook = from_text(text, HERE / "upgrader.yaml", KINDS)
    assert playbook.facts.stack.project == project
    assert "# No Postgres was found" in text
    assert "# No health check was found" in text


def test_a_one_shot_that_does_not_migrate_is_not_taken_for_one() -> None:
    text = derive(ComposeFacts(project="app", one_shots=("create-buckets",)), HERE)
    assert from_text(text, HERE / "upgrader.yaml", KINDS).facts.migrations.service == ""
    assert "# also run once and end: create-buckets" in text


def test_without_git_no_base_fits() -> None:
    with pytest.raises(RefusedError, match="/srv/ledgerly is not a git checkout"):
        derive(ComposeFacts(project="app", git=False), HERE)
