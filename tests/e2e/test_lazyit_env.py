"""lazyit's rules for its env file, in an app of its shape and with the playbook that ships."""

# ruff: noqa: N802 - the rules are called L4 to L7

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.bad import docker
from tests.e2e.lazy_world import ENV, EXAMPLE, Lazyit, build_remote, filled_in, installed
from tests.e2e.scenario import upgrader
from upgrader.demo.remote import git

Install = Callable[..., Lazyit]
HEX_64 = "[0-9a-f]{64}"


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Install]:
    """Installs and starts v1.2.0 with its provider of identities (`oidc`), or v1.3.0 without one (`local`)."""
    with ExitStack() as stack:

        def make(mode: str, settings: Callable[[str], str] = lambda text: text) -> Lazyit:
            tag, profiles = ("v1.2.0", ("prod", "oidc")) if mode == "oidc" else ("v1.3.0", ("prod",))
            return stack.enter_context(installed(tmp_path, tag, settings=settings, profiles=profiles))

        yield make


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """v1.6.0 with an env file of the time of v1.2.0; nothing runs."""
    build_remote(tmp_path / "lazyit", "ut-lazyit-still")
    top = tmp_path / "lazyit"
    git("checkout", "--quiet", "v1.6.0", cwd=top)
    (top / ENV).touch(mode=0o600)
    (top / ENV).write_text(filled_in(git("show", f"v1.2.0:{EXAMPLE}", cwd=top), 8080))
    return top


def without(key: str) -> Callable[[str], str]:
    return lambda text: re.sub(f"^{key}=.*\n", "", text, flags=re.MULTILINE)


def row(plan: str, key: str) -> str:
    """What a plan says of a key, as one line."""
    section = plan.split("Env keys\n", 1)[1].split("\n\n", 1)[0]
    found = re.search(rf"^  {key} .*(?:\n {{10,}}.*)*", section, re.MULTILINE)
    assert found, f"{key} is not in the plan:\n{section}"
    return " ".join(found[0].split())


@pytest.mark.docker
def test_L4_what_a_machine_can_decide_is_appended_once(install: Install) -> None:
    """A fixed value is copied, a secret made once and for all, a mode kept; why stands in the plan; no line is edited."""
    app = install("oidc")
    before = app.env_file.read_bytes()
    started = app.containers()

    plan = app("plan", "--to", "v1.6.0").out
    assert "playbook lazyit" in plan
    assert re.search(
        "copy redis://valkey:6379 annotated @required; Without it the API .*; read by api", row(plan, "REDIS_URL")
    )
    assert re.search(
        "generate <.*64 hex digits> annotated @required; .*; read by api", row(plan, "WORKFLOW_SECRET_KEY")
    )
    assert "copy oidc annotated @required" in row(plan, "AUTH_MODE")
    assert app.env_file.read_bytes() == before

    app.upgrade("v1.6.0")
    after = app.env_file.read_bytes()
    assert after.startswith(before), "existing lines are as they were, to the byte"
    made = {key: value for key, value in app.env().items() if f"\n{key}=".encode() not in before}
    assert made.keys() == {"AUTH_MODE", "REDIS_URL", "WORKFLOW_SECRET_KEY"}, "no SESSION_SIGNING_SECRET in this mode"
    assert (made["AUTH_MODE"], made["REDIS_URL"]) == ("oidc", "redis://valkey:6379")
    assert re.fullmatch(HEX_64, made["WORKFLOW_SECRET_KEY"])
    assert {key: app.inside("api", key) for key in made} == made, "the service that reads them was recreated"
    now = app.containers()
    assert {name for name in ("valkey", "caddy") if now[name] != started[name]} == set()
    # L1: both databases, each by the tools of its own major version, and the env file
    point = app.points()[-1]
    assert {database.id for database in point.databases} == {"app", "zitadel"}
    assert ENV in {file.origin for file in point.files}

    app.upgrade("v1.7.0")
    assert app.env_file.read_bytes() == after, "nothing is made a second time"
    assert app.inside("api", "WORKFLOW_SECRET_KEY") == made["WORKFLOW_SECRET_KEY"]
    assert app.sql("select name from people order by id").split() == ["Ada", "Grace"]


@pytest.mark.docker
def test_L4_what_only_a_person_knows_is_asked_before_anything_changes(install: Install) -> None:
    """Local accounts: no identity provider, and none of its databases; a secret of this mode's own."""
    app = install("local", lambda text: without("MEILI_MASTER_KEY")(text) + "AUTH_MODE=local\n")
    world = app.world()
    refused = app.upgrade("v1.6.0", code=4)
    assert "v1.6.0 needs a value that only you know: MEILI_MASTER_KEY" in refused.err
    assert "the key that your search service runs with" in refused.err
    assert re.search(r"^  │ MEILI_MASTER_KEY=$", refused.err, re.MULTILINE), "the very line to add"
    assert app.world() == world

    with app.env_file.open("a") as file:
        file.write("MEILI_MASTER_KEY=of-this-house-7c1f9e\n")
    before = app.env_file.read_bytes()
    app.upgrade("v1.6.0")
    assert app.env_file.read_bytes().startswith(before)
    found = app.env()
    assert re.fullmatch(HEX_64, found["SESSION_SIGNING_SECRET"])
    assert found["SESSION_SIGNING_SECRET"] != found["WORKFLOW_SECRET_KEY"]
    assert (found["AUTH_MODE"], app.inside("api", "AUTH_MODE")) == ("local", "local")
    assert app.inside("api", "SESSION_SIGNING_SECRET") == found["SESSION_SIGNING_SECRET"]
    # L2: what the mode does not have is neither started nor backed up
    assert not app.containers().keys() & {"zitadel", "zitadel_db"}
    assert [database.id for database in app.points()[-1].databases] == ["app"]


def test_L5_a_wrong_form_is_found_before_the_api_meets_it(checkout: Path) -> None:
    text = (checkout / ENV).read_text().replace("ZITADEL_MASTERKEY=", "ZITADEL_MASTERKEY=x")
    text += f"AUTH_MODE=oidc\nREDIS_URL=redis://valkey:6379\nWORKFLOW_SECRET_KEY={'ab' * 16}\n"
    (checkout / ENV).write_text(text)
    lines = text.splitlines()
    found = upgrader("env-check", cwd=checkout, code=3)
    master = next(number for number, line in enumerate(lines, 1) if line.startswith("ZITADEL_MASTERKEY="))
    assert f"{ENV}:{master}  ZITADEL_MASTERKEY has 33 characters, but must have exactly 32" in found.out
    assert f"{ENV}:{len(lines)}  WORKFLOW_SECRET_KEY has 32 characters, but must have exactly 64" in found.out
    assert "ab" * 16 not in found.out

    (checkout / ENV).write_text(text.replace("ZITADEL_MASTERKEY=x", "ZITADEL_MASTERKEY=").replace("ab" * 16, "ab" * 32))
    upgrader("env-check", cwd=checkout)


def test_L6_where_data_may_exist_a_lost_key_is_asked_for(checkout: Path) -> None:
    before = (checkout / ENV).read_bytes()
    asked = upgrader("env-check", "--fix", "--yes", cwd=checkout, code=3)
    assert re.search(r"^WORKFLOW_SECRET_KEY=$", asked.out + asked.err, re.MULTILINE)
    after = (checkout / ENV).read_bytes()
    assert after.startswith(before)
    assert b"\nREDIS_URL=redis://valkey:6379\n" in after.removeprefix(before)
    assert b"WORKFLOW_SECRET_KEY" not in after.removeprefix(before)


@pytest.mark.docker
@pytest.mark.parametrize("has_it", [False, True])
def test_L6_a_key_that_the_app_never_had_is_made(checkout: Path, request: pytest.FixtureRequest, has_it: bool) -> None:
    """The example has had it for some versions, and nobody added it: there is no data under it."""
    project = f"ut-lazyit-{secrets.token_hex(3)}"
    request.addfinalizer(lambda: docker("rm", "--force", project))
    settings = ["--env-file", str(checkout / ENV), *(["--env", f"WORKFLOW_SECRET_KEY={'ab' * 32}"] if has_it else [])]
    labels = [f"--label=com.docker.compose.{name}" for name in (f"project={project}", "service=api")]
    docker("create", "--name", project, *labels, *settings, "python:3.13-slim")

    found = upgrader("env-check", "--fix", "--yes", "--project", project, cwd=checkout, code=3 if has_it else 0)
    made = re.findall(r"^WORKFLOW_SECRET_KEY=([0-9a-f]{64})$", (checkout / ENV).read_text(), re.MULTILINE)
    assert len(made) == (0 if has_it else 1), found.out + found.err


@pytest.mark.docker
def test_L6_unrotatable_keys_are_kept_and_never_replaced(install: Install) -> None:
    """They are in every restore point, known by fingerprints; lost, they are found there; others stop a restore."""
    app = install("oidc")
    app.upgrade("v1.6.0")
    whole = app.env_file.read_text()
    key, master = app.env()["WORKFLOW_SECRET_KEY"], app.env()["ZITADEL_MASTERKEY"]

    # the upgrade made it, data is under it, and no restore point has it yet
    lost = without("WORKFLOW_SECRET_KEY")(whole)
    app.env_file.write_text(lost)
    asked = app("env-check", "--fix", "--yes", code=3)
    assert "the installed version knows it already" in asked.out + asked.err
    assert app.env_file.read_text() == lost

    app.env_file.write_text(whole)
    app("backup", "--proof", "read", "--output", "plain")
    point = app.points()[-1]
    assert set(point.fingerprints) == {"WORKFLOW_SECRET_KEY", "ZITADEL_MASTERKEY"}
    assert not {key, master} & set(re.findall("[0-9a-f]+", str(point.to_json())))

    app.env_file.write_text(lost)
    told = app("env-check", "--fix", "--yes")
    assert "an older restore point" in told.out + told.err
    assert app.env()["WORKFLOW_SECRET_KEY"] == key
    assert key not in told.out + told.err

    mine = app.env_file.read_text().replace(master, "0" * 32)
    app.env_file.write_text(mine)
    words = ("--in-place", "--yes", "--accept-data-loss", "--output", "plain")
    refused = app("restore", point.id, *words, code=4)
    assert f"ZITADEL_MASTERKEY in {ENV} is not the one" in refused.err
    assert app.env_file.read_text() == mine


def test_L7_a_release_that_does_not_name_its_new_keys_is_stopped(checkout: Path) -> None:
    """In release prep: every key that the release adds, and the section for the notes that calls them out."""
    (checkout / "NOTES.md").write_text("Set AUTH_MODE=oidc and REDIS_URL.\n")
    stopped = upgrader("env-check", "--since", "v1.2.0", "--notes", "NOTES.md", cwd=checkout, code=3)
    assert re.findall(r"need (\w+), and the release notes do not name it", stopped.out) == ["WORKFLOW_SECRET_KEY"]

    section = upgrader("env-check", "--since", "v1.2.0", "--format", "markdown", cwd=checkout).out
    assert re.findall("^### `(.+)`$", section, re.MULTILINE) == ["AUTH_MODE", "REDIS_URL", "WORKFLOW_SECRET_KEY"]
    assert "openssl rand -hex 32" in section
    (checkout / "NOTES.md").write_text(section)
    upgrader("env-check", "--since", "v1.2.0", "--notes", "NOTES.md", cwd=checkout)
