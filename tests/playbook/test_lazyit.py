"""lazyit's playbook meets env files of each kind."""

from pathlib import Path

import pytest

from upgrader.model.app import App
from upgrader.playbook.load import load
from upgrader.playbook.resolve import resolve_app
from upgrader.steps.kinds import KINDS

OVERLAY = "infra/docker-compose.oidc.yaml"
BUNDLED = {"ZITADEL_MASTERKEY": "x" * 32, "WEB_ORIGIN": "https://it.acme.test"}


def resolved(directory: Path, env: dict[str, str]) -> App:
    (directory / "infra").mkdir(exist_ok=True)
    (directory / OVERLAY).touch()
    return resolve_app(load("lazyit", KINDS), directory, env, directory)


@pytest.mark.parametrize("mode", [{}, {"AUTH_MODE": "oidc"}])
def test_an_identity_provider_adds_a_file_a_profile_and_a_database(tmp_path: Path, mode: dict[str, str]) -> None:
    app = resolved(tmp_path, {**BUNDLED, **mode})
    assert app.stack.project == "lazyit-prod"
    assert app.stack.files == ("compose.yaml", "infra/docker-compose.prod.yaml", OVERLAY)
    assert app.stack.profiles == ("prod", "oidc")
    assert {key: spec.service for key, spec in app.databases.items()} == {"app": "db", "zitadel": "zitadel_db"}
    assert app.health.checks[-1].http == "https://it.acme.test/api/health/ready"
    assert [(each.volume, each.pause) for each in app.volumes] == [("attachments_data", "no")]


def test_accounts_of_its_own_need_none_of_these(tmp_path: Path) -> None:
    app = resolved(tmp_path, {**BUNDLED, "AUTH_MODE": "local", "WEB_ORIGIN": ""})
    assert app.stack.files == ("compose.yaml", "infra/docker-compose.prod.yaml")
    assert app.stack.profiles == ("prod",)
    assert list(app.databases) == ["app"]
    assert app.health.checks[-1].http == "http://localhost:8080/api/health/ready"


def test_a_provider_of_ones_own_has_its_database_elsewhere(tmp_path: Path) -> None:
    app = resolved(tmp_path, {"AUTH_MODE": "oidc", "OIDC_ISSUER": "https://login.acme.test"})
    assert app.stack.profiles == ("prod", "oidc")
    assert list(app.databases) == ["app"]
