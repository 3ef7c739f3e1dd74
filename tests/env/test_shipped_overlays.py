"""The overlays that ship: each parses, fits an example in the shape of its app's, and says what rules L4 to L7 need."""

from pathlib import Path

import pytest

from upgrader.env.annotations import Annotations, When
from upgrader.env.compose_text import read_references
from upgrader.env.decide import Case, decide
from upgrader.env.document import Document
from upgrader.env.generate import Length, check_generator, generator_fits
from upgrader.env.overlay import Overlay, parse_overlay, stale
from upgrader.env.template import expand, shared
from upgrader.model.secret import looks_secret
from upgrader.playbook.load import load
from upgrader.steps.kinds import KINDS

DIRECTORY = Path(__file__).parents[2] / "env-examples"
SYSTEMS = ("cronicorn", "everruns", "lazyit", "rytask", "rytask-production")

LAZYIT = b"""\
# The database. Make one with: openssl rand -hex 24
POSTGRES_USER=app
POSTGRES_PASSWORD=CHANGE_ME
POSTGRES_DB=app
DATABASE_URL=postgresql://app:CHANGE_ME@db:5432/app?schema=public
PORT=3001
TRUST_PROXY=1
WEB_ORIGIN=https://localhost:8443
# AUTH_TRUST_HOST=true
MAX_IMPORT_SIZE_MB=5
AUTH_MODE=oidc
# SESSION_SIGNING_SECRET=CHANGE_ME
REDIS_URL=redis://valkey:6379
WORKFLOW_SECRET_KEY=CHANGE_ME
LAZYIT_SITE_ADDRESS=localhost
# LAZYIT_TLS_EMAIL=ops@example.com
LAZYIT_HTTP_PORT=8080
LAZYIT_HTTPS_PORT=8443
MEILI_HOST=http://meilisearch:7700
MEILI_MASTER_KEY=CHANGE_ME
MEILI_ENV=production
MEILI_NO_ANALYTICS=true
LAZYIT_DOMAIN=app.example.com
ZITADEL_DB_USER=zitadel
ZITADEL_DB_PASSWORD=CHANGE_ME
ZITADEL_DB_NAME=zitadel
ZITADEL_MASTERKEY=CHANGE_ME_TO_32_CHARACTERS_______
ZITADEL_EXTERNALDOMAIN=auth.app.example.com
ZITADEL_ADMIN_USERNAME=admin
ZITADEL_ADMIN_PASSWORD=CHANGE_ME
ZITADEL_MGMT_SA_KEY_PATH=/zitadel-secrets/sa-key.json
# ZITADEL_MGMT_PROJECT_ID=
OIDC_ISSUER=https://auth.app.example.com
# OIDC_CLIENT_ID=CHANGE_ME
# OIDC_CLIENT_SECRET=CHANGE_ME
OIDC_JWKS_URI=http://zitadel:8080/oauth/v2/keys
AUTH_INTERNAL_ISSUER=http://zitadel:8080
AUTH_ISSUER=https://auth.app.example.com
# AUTH_CLIENT_ID=CHANGE_ME
# AUTH_CLIENT_SECRET=CHANGE_ME
AUTH_SECRET=CHANGE_ME
# BACKUP_CRON=0 3 * * *
# BACKUP_RETENTION_DAYS=14
# BACKUP_OFFSITE_CMD=copy "$1" elsewhere
# BACKUP_ON_FAILURE_CMD=notify "$1"
"""

RYTASK = b"""\
PORT=3001
APP_VERSION=0.0.0
DATABASE_URL=postgres://app:app@localhost:5432/app
REDIS_URL=redis://localhost:6379
JWT_SECRET=insecure-change-me
JWT_ISSUER=app
APP_BASE_URL=http://localhost:3000
# SLACK_CLIENT_ID=
# SLACK_TOKEN_ENC_KEY=
# GITHUB_TOKEN_ENC_KEY=
API_URL=http://localhost:3001
"""

RYTASK_PRODUCTION = b"""\
POSTGRES_USER=app
POSTGRES_PASSWORD=CHANGE-ME
POSTGRES_DB=app
REDIS_PASSWORD=CHANGE-ME
JWT_SECRET=CHANGE-ME
PUBLIC_WEB_URL=https://app.example.com
PUBLIC_API_URL=https://api.example.com
#THROTTLE_MAX_REQUESTS=300
#AUTH_THROTTLE_MAX_REQUESTS=20
#BACKUP_SCHEDULE_HOURS=6
#BACKUP_RETENTION_DAYS=30
#SLACK_CLIENT_ID=
#SLACK_CLIENT_SECRET=
#SLACK_SIGNING_SECRET=
#SLACK_TOKEN_ENC_KEY=
#GITHUB_TOKEN_ENC_KEY=
"""

EVERRUNS = b"""\
DATABASE_URL=postgres://app:app@localhost:5432/app
SECRETS_ENCRYPTION_KEY=kek-v1:cHVibGlzaGVkLCBzbyBubyBzZWNyZXQgYXQgYWxsISE=
# SECRETS_ENCRYPTION_KEY_PREVIOUS=kek-v0:...
GRPC_ADDRESS=127.0.0.1:9001
# AUTH_MODE=admin
# AUTH_JWT_SECRET=published
# AUTH_ADMIN_EMAIL=admin@example.com
# AUTH_ADMIN_PASSWORD=changeme
# AUTH_DISABLE_SIGNUP=false
# AUTH_DISABLE_PASSWORD=false
# AUTH_BASE_URL=http://localhost:9000
# AUTH_GOOGLE_CLIENT_ID=
# AUTH_GOOGLE_CLIENT_SECRET=
# AUTH_GITHUB_CLIENT_ID=
# AUTH_GITHUB_CLIENT_SECRET=
# OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4317
# OTEL_SERVICE_NAME=app
# OTEL_ENVIRONMENT=development
"""

CRONICORN = b"""\
# ADMIN_USER_EMAIL=admin@example.com
# ADMIN_USER_PASSWORD=devpassword
# ADMIN_USER_NAME=Admin User
# GITHUB_CLIENT_ID=
# GITHUB_CLIENT_SECRET=
# BETTER_AUTH_SECRET=dev-secret
# STRIPE_SECRET_KEY=
# STRIPE_PRICE_PRO=
# STRIPE_PRICE_PRO_ANNUAL=
# STRIPE_PRICE_ENTERPRISE=
# STRIPE_WEBHOOK_SECRET=
# OPENAI_API_KEY=
# AI_MODEL=small
# POSTGRES_USER=user
# POSTGRES_PASSWORD=password
# POSTGRES_DB=db
# DATABASE_URL=postgresql://user:password@localhost:5432/db
"""

EXAMPLES = {
    "cronicorn": CRONICORN,
    "everruns": EVERRUNS,
    "lazyit": LAZYIT,
    "rytask": RYTASK,
    "rytask-production": RYTASK_PRODUCTION,
}


def overlay(name: str) -> Overlay:
    path = DIRECTORY / f"{name}.env"
    return parse_overlay(path.read_bytes(), f"env-examples/{name}.env")


def copied(shown: Overlay, key: str) -> str | None:
    """The value that is copied: required, with a value and no other way to it."""
    said = shown.said[key]
    other_way = said.generate or said.derive or said.same_as or said.renamed_from or said.human is not None
    return shown.document.get(key) if said.required and not other_way else None


def needed(said: Annotations, live: dict[str, str]) -> bool:
    return bool(said.required) and (said.when is None or said.when.holds(live.get(said.when.key)))


def test_each_of_the_four_systems_has_one() -> None:
    assert {path.stem for path in DIRECTORY.iterdir()} == set(SYSTEMS)


def test_it_speaks_of_the_files_that_the_playbook_names() -> None:
    env, shown = load("rytask", KINDS).facts.stack.env, overlay("rytask")
    assert (shown.example, shown.live) == (env.example, env.file)


def test_an_env_file_that_no_container_reads_needs_nothing() -> None:
    compose = b"services: {api: {image: app, environment: {JWT_SECRET: ours}}}"
    override = b'services: {api: {environment: {APP_BASE_URL: "${APP_BASE_URL:?}"}}}'
    live, example = Document.parse(b"PORT=3001\n"), Document.parse(RYTASK)
    found = decide(Case(live, example, compose=read_references([("c.yml", compose)]), overlay=overlay("rytask")))
    assert {each.decision for each in found} == {"skip"}
    references = read_references([("c.yml", compose), ("o.yml", override)])
    found = decide(Case(live, example, compose=references, overlay=overlay("rytask")))
    assert [each.key for each in found if each.decision != "skip"] == ["APP_BASE_URL"]


@pytest.mark.parametrize("name", SYSTEMS)
def test_it_fits_an_example_in_the_shape_of_its_apps(name: str) -> None:
    shown = overlay(name)
    assert stale(shown, Document.parse(EXAMPLES[name], shown.example or "")) == []
    assert shown.example
    assert shown.live


@pytest.mark.parametrize("name", SYSTEMS)
def test_it_is_whole(name: str) -> None:
    """Each key says whether it is required; what is required says where the value comes from; no secret is in it."""
    shown = overlay(name)
    for key, said in shown.said.items():
        assert said.required is not None, key
        assert not said.unknown, key
        value = shown.document.get(key)
        if said.required:
            assert value or said.generate or said.derive or said.same_as or said.human, key
        if looks_secret(key) and said.sensitive is not False:
            assert not value, key
        if said.generate and said.exactly:
            assert generator_fits(said.generate, Length(said.exactly)), key


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("REDIS_URL", "redis://valkey:6379"),
        ("AUTH_MODE", "oidc"),
        ("MEILI_HOST", "http://meilisearch:7700"),
        ("MEILI_ENV", "production"),
        ("PORT", "3001"),
        ("TRUST_PROXY", "1"),
        ("MAX_IMPORT_SIZE_MB", "5"),
    ],
)
def test_l4_a_fixed_value_is_copied(key: str, value: str) -> None:
    assert copied(overlay("lazyit"), key) == value


@pytest.mark.parametrize(
    ("name", "key", "generator"),
    [
        ("lazyit", "WORKFLOW_SECRET_KEY", "hex:32"),
        ("lazyit", "SESSION_SIGNING_SECRET", "hex:32"),
        ("lazyit", "AUTH_SECRET", "base64:33"),
        ("lazyit", "ZITADEL_MASTERKEY", "hex:16"),
        ("rytask-production", "JWT_SECRET", "hex:32"),
        ("rytask-production", "REDIS_PASSWORD", "hex:24"),
        ("rytask-production", "SLACK_TOKEN_ENC_KEY", "base64:32"),
        ("everruns", "SECRETS_ENCRYPTION_KEY", "kek-v1:base64:32"),
        ("cronicorn", "BETTER_AUTH_SECRET", "base64:32"),
    ],
)
def test_l4_a_secret_is_generated(name: str, key: str, generator: str) -> None:
    assert overlay(name).said[key].generate == generator
    assert check_generator(generator)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("lazyit", "POSTGRES_PASSWORD"),
        ("lazyit", "POSTGRES_USER"),
        ("lazyit", "LAZYIT_DOMAIN"),
        ("lazyit", "LAZYIT_SITE_ADDRESS"),
        ("lazyit", "WEB_ORIGIN"),
        ("lazyit", "MEILI_MASTER_KEY"),
        ("lazyit", "ZITADEL_DB_PASSWORD"),
        ("lazyit", "ZITADEL_ADMIN_PASSWORD"),
        ("rytask-production", "POSTGRES_PASSWORD"),
        ("rytask-production", "PUBLIC_API_URL"),
        ("everruns", "AUTH_ADMIN_PASSWORD"),
        ("cronicorn", "GITHUB_CLIENT_SECRET"),
    ],
)
def test_l4_what_only_a_person_knows_is_asked_for(name: str, key: str) -> None:
    said = overlay(name).said[key]
    assert said.required
    assert said.human
    assert said.generate is None


def test_l4_the_session_secret_is_for_local_mode_only() -> None:
    said = overlay("lazyit").said["SESSION_SIGNING_SECRET"]
    assert said.when == When("AUTH_MODE", "local")
    assert needed(said, {"AUTH_MODE": "local"})
    assert not needed(said, {"AUTH_MODE": "oidc"})
    assert not needed(said, {})


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        ({"ZITADEL_EXTERNALDOMAIN": "auth.example.org"}, True),  # bundled
        ({"OIDC_CLIENT_ID": "mine"}, False),  # a provider of the operator's own
        ({"AUTH_MODE": "local"}, False),
    ],
)
def test_l4_zitadels_keys_are_for_the_bundled_one_only(live: dict[str, str], *, expected: bool) -> None:
    said = overlay("lazyit").said
    for key in ("ZITADEL_MASTERKEY", "ZITADEL_DB_PASSWORD", "ZITADEL_ADMIN_PASSWORD"):
        assert needed(said[key], live) is expected


@pytest.mark.parametrize(
    ("origin", "issuer"),
    [
        ("https://app.example.org", "https://auth.app.example.org"),
        ("https://app.example.org:8443", "https://auth.app.example.org:8443"),
        ("https://localhost:8443", "https://auth.localhost:8443"),
    ],
)
def test_l4_addresses_follow_from_one_domain(origin: str, issuer: str) -> None:
    said = overlay("lazyit").said
    live = {"LAZYIT_DOMAIN": "app.example.org", "WEB_ORIGIN": origin}
    assert expand(said["ZITADEL_EXTERNALDOMAIN"].derive or "", live.get) == "auth.app.example.org"
    live["OIDC_ISSUER"] = expand(said["OIDC_ISSUER"].derive or "", live.get) or ""
    assert live["OIDC_ISSUER"] == issuer
    assert shared(said["AUTH_ISSUER"].same_as or "", live.get) == issuer


def test_l4_the_issuer_of_a_provider_of_their_own_is_not_derived() -> None:
    assert not needed(overlay("lazyit").said["OIDC_ISSUER"], {"OIDC_CLIENT_ID": "mine"})


def test_l4_the_database_url_is_put_together_from_the_live_credentials() -> None:
    said = overlay("lazyit").said
    live = {"POSTGRES_USER": "app", "POSTGRES_PASSWORD": "a/b c", "POSTGRES_DB": "inventory"}
    url = expand(said["DATABASE_URL"].derive or "", live.get)
    assert url == "postgresql://app:a%2Fb%20c@db:5432/inventory?schema=public"
    assert shared(said["POSTGRES_PASSWORD"].same_as or "", {"DATABASE_URL": url}.get) == "a/b c"


@pytest.mark.parametrize(("key", "characters"), [("WORKFLOW_SECRET_KEY", 64), ("ZITADEL_MASTERKEY", 32)])
def test_l5_the_length_of_a_key_is_known_before_the_app_fails_at_boot(key: str, characters: int) -> None:
    assert overlay("lazyit").said[key].exactly == characters


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("lazyit", {"WORKFLOW_SECRET_KEY", "ZITADEL_MASTERKEY"}),
        ("rytask-production", {"SLACK_TOKEN_ENC_KEY", "GITHUB_TOKEN_ENC_KEY"}),
        ("everruns", {"SECRETS_ENCRYPTION_KEY"}),
        ("cronicorn", set()),
    ],
)
def test_l6_keys_that_stored_data_hangs_on_are_unrotatable(name: str, keys: set[str]) -> None:
    assert {key for key, said in overlay(name).said.items() if said.unrotatable} == keys


def test_l6_a_database_password_is_never_generated() -> None:
    for name in SYSTEMS:
        for key, said in overlay(name).said.items():
            if "POSTGRES" in key or "DB_PASSWORD" in key or key == "DATABASE_URL":
                assert said.generate is None, f"{name}: {key}"


def test_l7_a_key_that_the_release_renames_or_drops_makes_the_overlay_stale() -> None:
    renamed = Document.parse(LAZYIT.replace(b"WORKFLOW_SECRET_KEY", b"ENGINE_SECRET_KEY"), ".env.prod.example")
    assert [(each.key, each.severity) for each in stale(overlay("lazyit"), renamed)] == [
        ("WORKFLOW_SECRET_KEY", "error")
    ]


def test_l7_what_came_after_the_first_release_says_since_when() -> None:
    said = overlay("lazyit").said
    since = {
        key: said[key].since for key in ("REDIS_URL", "WORKFLOW_SECRET_KEY", "AUTH_MODE", "SESSION_SIGNING_SECRET")
    }
    assert since == {
        "REDIS_URL": "1.0.0",
        "WORKFLOW_SECRET_KEY": "1.0.0",
        "AUTH_MODE": "1.3.0",
        "SESSION_SIGNING_SECRET": "1.3.0",
    }
