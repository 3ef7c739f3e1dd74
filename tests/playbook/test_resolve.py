"""The app that a playbook describes on a host."""

from pathlib import Path
from typing import Any

import pytest

from tests.playbook.kinds import KINDS, Fetch
from upgrader.errors import RefusedError
from upgrader.model.app import App, DatabaseSpec, HealthCheck, Hook, VolumeSpec
from upgrader.playbook.load import from_text
from upgrader.playbook.resolve import bind, default_project, resolve_app

BASE = Path(__file__).parent / "cases" / "bases" / "base.yaml"
TEXT = f"""name: app
extends: {BASE}
stack:
  project: app-prod
  files:
    - compose.yaml
    - {{file: oidc.yaml, when: "env.AUTH_MODE == 'oidc'"}}
    - {{file: override.yaml, optional: true}}
  profiles: [prod, {{profile: oidc, when: "env.AUTH_MODE == 'oidc'"}}]
  keep: ["*.pem"]
databases:
  app: {{user: "${{{{ env.DB_USER or 'app' }}}}"}}
  sso: {{service: sso_db, when: "env.AUTH_MODE == 'oidc' and env_has('SSO_MASTERKEY')"}}
volumes:
  - uploads
  - {{service: "${{{{ env.API or 'api' }}}}", path: /data, pause: stop, optional: true}}
  - {{volume: sso_files, pause: yes, when: "env.AUTH_MODE == 'oidc'"}}
migrations: {{service: migrate, online: never, timeout: 90}}
health:
  - {{service: api}}
  - {{http: "https://localhost:${{{{ env.PORT }}}}/health", status: 204, insecure: true}}
  - {{version: {{http: "http://localhost/version", json: app.version, equals: "${{{{target.tag}}}}"}}}}
healthy: {{stable_for: 2s, timeout: 1m}}
writers: [api]
releases: {{tags: "v*", signed: true}}
hooks: [{{when: after finish, run: "notify ${{{{ app.project }}}} ${{{{ target.tag }}}}", timeout: 10s}}]
"""


def resolved(directory: Path, env: dict[str, str], **options: Any) -> App:
    playbook = from_text(TEXT, directory / "upgrader.yaml", KINDS)
    return resolve_app(playbook, directory, env, Path("/state"), **options)


def test_conditions_are_decided_by_the_env_file(tmp_path: Path) -> None:
    local = resolved(tmp_path, {"PORT": "1"})
    assert (local.stack.present, local.stack.profiles, list(local.databases)) == (("compose.yaml",), ("prod",), ["app"])
    oidc = resolved(tmp_path, {"PORT": "1", "AUTH_MODE": "oidc", "SSO_MASTERKEY": "x" * 32})
    assert oidc.stack.present == ("compose.yaml", "oidc.yaml")
    assert oidc.stack.profiles == ("prod", "oidc")
    assert oidc.databases["sso"] == DatabaseSpec("sso", "sso_db")


def test_volumes_are_named_by_themselves_or_by_where_they_are_mounted(tmp_path: Path) -> None:
    app = resolved(tmp_path, {"PORT": "1", "AUTH_MODE": "oidc"})
    assert app.volumes == (
        VolumeSpec("uploads", volume="uploads"),
        VolumeSpec("api:/data", service="api", path="/data", pause="stop", optional=True),
        VolumeSpec("sso_files", volume="sso_files", pause="yes"),
    )
    assert len(resolved(tmp_path, {"PORT": "1"}).volumes) == 2


def test_an_optional_file_counts_when_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "override.yaml").touch()
    stack = resolved(tmp_path, {"PORT": "1"}).stack
    assert stack.present == ("compose.yaml", "override.yaml")
    (tmp_path / "override.yaml").unlink()
    assert "override.yaml" not in stack.present, "another version may not have it"


def test_everything_reaches_the_app(tmp_path: Path) -> None:
    app = resolved(tmp_path, {"PORT": "8443", "DB_USER": "jo"})
    assert (app.name, app.home, app.stack.project, app.stack.keep) == (
        "app",
        Path("/state/app-prod"),
        "app-prod",
        ("*.pem",),
    )
    assert (app.stack.env_file, app.stack.example) == (".env", ".env.example")
    assert app.databases["app"] == DatabaseSpec("app", "db", user="jo")
    assert (app.migrations.service, app.migrations.online, app.migrations.timeout) == ("migrate", "never", 90.0)
    assert app.health.checks == (
        HealthCheck(service="api"),
        HealthCheck(http="https://localhost:8443/health", status=204, insecure=True),
        HealthCheck(http="http://localhost/version", json="app.version", equals="${{ target.tag }}"),
    )
    assert (app.health.stable_for, app.health.timeout) == (2.0, 60.0)
    assert app.hooks == (Hook("after finish", ("notify", "app-prod", "${{ target.tag }}"), 10.0),)
    assert (app.writers, app.release_tags, app.signed_tags) == (("api",), "v*", True)


def test_a_database_by_url_has_the_value_of_its_key(tmp_path: Path) -> None:
    text = TEXT.replace("  app: {user:", "  far: {url: FAR_URL, image: 'postgres:${{ env.MAJOR }}'}\n  app: {user:")
    playbook = from_text(text, tmp_path / "upgrader.yaml", KINDS)
    env = {"PORT": "1", "MAJOR": "17", "FAR_URL": "postgresql://app:secret@far/app"}
    far = resolve_app(playbook, tmp_path, env, Path("/state")).databases["far"]
    assert far == DatabaseSpec("far", key="FAR_URL", url=env["FAR_URL"], image="postgres:17")
    assert "secret" not in repr(far) + repr(playbook.facts)
    unset = resolve_app(playbook, tmp_path, {"PORT": "1", "MAJOR": "17"}, Path("/state")).databases["far"]
    assert (unset.key, unset.url) == ("FAR_URL", "")


def test_the_target_is_filled_in_once_it_is_known(tmp_path: Path) -> None:
    app = resolved(tmp_path, {"PORT": "1"}, target={"tag": "v1.1.0", "commit": "abc"})
    assert app.health.checks[2].equals == "v1.1.0"
    assert app.hooks[0].run == ("notify", "app-prod", "v1.1.0")


def test_a_value_that_the_env_file_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="PORT has no value"):
        resolved(tmp_path, {"PORT": ""})


@pytest.mark.parametrize(
    ("directory", "env", "project"),
    [
        ("/srv/My.App", {}, "myapp"),
        ("/srv/_app-1_", {}, "app-1_"),
        ("/srv/app", {"COMPOSE_PROJECT_NAME": "Other"}, "other"),
    ],
)
def test_without_a_project_compose_s_own_default_counts(directory: str, env: dict[str, str], project: str) -> None:
    assert default_project(Path(directory), env) == project


def test_a_step_is_bound_to_what_is_known() -> None:
    step = Fetch(id="back", uses="fetch", commit="${{ run.git.checkout.before.commit }}")
    bound = bind(step, {"run": {"git.checkout": {"before": {"commit": "abc"}}}})
    assert bound == Fetch(id="back", uses="fetch", commit="abc")


def test_a_project_that_compose_would_not_take_is_refused(tmp_path: Path) -> None:
    playbook = from_text(TEXT.replace("app-prod", '"${{ env.NAME }}"'), tmp_path / "upgrader.yaml", KINDS)
    with pytest.raises(RefusedError, match=r"'\.\./other' is not a name that Compose takes"):
        resolve_app(playbook, tmp_path, {"PORT": "1", "NAME": "../other"}, Path("/state"))
