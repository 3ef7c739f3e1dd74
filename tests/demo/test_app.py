"""The demo app does what the tests that are built on it rely on: by its own documented procedure, without upgrader."""

import re
from pathlib import Path

import pytest

from tests.fixtures.stack import Install
from upgrader.demo.host import GREETING, Installation, free_port, request
from upgrader.demo.poller import Downtime, Poller, Sample, downtime
from upgrader.demo.remote import APP, RELEASES, add_release, build_remote, git, publish
from upgrader.errors import StepError, UsageError
from upgrader.tools.shell import Command, CommandFailedError, Shell


def test_remote_has_a_tag_for_each_release(remote: Path) -> None:
    assert git("tag", "--list", cwd=remote).split() == [release.tag for release in RELEASES]
    assert git("cat-file", "-t", "v1.0.0", cwd=remote) == "tag\n"
    assert git("rev-parse", "main", cwd=remote) == git("rev-parse", "v1.4.0^{commit}", cwd=remote)


def test_remote_is_the_same_every_time(remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Somebody\n[tag]\n\tgpgSign = true\n[init]\n\tdefaultBranch = trunk\n"
    )
    monkeypatch.setenv("HOME", str(home))
    build_remote(tmp_path / "again.git", upto="v1.3.0")
    publish(tmp_path / "again.git", "v1.4.0")
    assert git("show-ref", cwd=tmp_path / "again.git") == git("show-ref", cwd=remote)
    assert git("symbolic-ref", "HEAD", cwd=tmp_path / "again.git") == "refs/heads/main\n"


def test_remote_up_to_an_unknown_release(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="v9 is no release"):
        build_remote(tmp_path / "remote.git", upto="v9")


def test_add_release_changes_its_base_and_nothing_else(remote: Path) -> None:
    add_release(remote, "v1.5.0", {"notes/new.txt": "new\n", "README.md": None}, base="v1.1.0")
    changed = git("diff", "--name-status", "v1.1.0", "v1.5.0", cwd=remote).splitlines()
    assert changed == ["D\tREADME.md", "M\tVERSION", "A\tnotes/new.txt"]
    assert git("show", "v1.5.0:VERSION", cwd=remote) == "1.5.0\n"
    assert git("merge-base", "v1.4.0", "main", cwd=remote) == git("rev-parse", "v1.4.0^{commit}", cwd=remote)


@pytest.mark.parametrize("file", [".env.example", "docker-compose.yml"])
def test_v1_1_0_only_adds_lines(file: str) -> None:
    base, changed = ((APP / layer / file).read_text().splitlines() for layer in ("base", "v1.1.0"))
    rest = iter(changed)
    assert all(line in rest for line in base)


@pytest.mark.docker
def test_example_names_every_setting_of_the_compose_file(install: Install) -> None:
    for release in RELEASES:
        installation = install(tag=release.tag)
        for line in installation.env_file.read_text().splitlines():
            if line.endswith("=") and not line.startswith("#"):
                installation.add_setting(line.removesuffix("="), "filled in")
        installation.compose("config", "--quiet")


@pytest.mark.parametrize("project", ["Ledgerly", "-ledgerly", "led gerly", "../ledgerly"])
def test_installation_refuses_a_name_that_compose_would_alter(remote: Path, tmp_path: Path, project: str) -> None:
    with pytest.raises(UsageError, match="is no name of a Compose project"):
        Installation.create(remote, tmp_path, project=project)


def test_installation_leaves_the_checkout_clean(install: Install) -> None:
    detached, on_main = install(), install(branch="main")
    for installation in (detached, on_main):
        assert git("status", "--porcelain", cwd=installation.path) == ""
        assert git("describe", "--tags", cwd=installation.path) == "v1.0.0\n"
        assert installation.env_file.stat().st_mode & 0o777 == 0o600
    assert git("branch", "--show-current", cwd=detached.path) == ""
    assert git("rev-parse", "--abbrev-ref", "@{upstream}", cwd=on_main.path) == "origin/main\n"


@pytest.mark.parametrize(
    ("polls", "expected"),
    [
        ("", Downtime(0, 0)),
        ("+++", Downtime(0, 0)),
        ("+--+", Downtime(2, 2)),
        ("--+-+", Downtime(2, 3)),
        ("+-+---", Downtime(2, 3)),
    ],
)
def test_downtime_is_from_the_first_failure_to_the_next_answer(polls: str, expected: Downtime) -> None:
    assert downtime(Sample(float(time), poll == "+") for time, poll in enumerate(polls)) == expected


def test_nobody_answers_on_a_free_port() -> None:
    with Poller(free_port()) as poller, pytest.raises(ConnectionRefusedError):
        request(free_port(), "GET", "/health")
    assert not any(sample.ok for sample in poller.samples)


@pytest.mark.docker
def test_v1_0_0_serves_and_is_removed_whole(app: Installation, install: Install) -> None:
    other = install()
    other.compose("create", "db")
    assert (app.version(), app.schema(), app.greeting()) == ("1.0.0", 2, GREETING)
    written = app.write(101)  # more than a page
    assert app.notes() == written
    assert "PGPASSWORD" in app.get("/config")
    assert "PAGE_SIZE" not in app.get("/config")
    with pytest.raises(StepError, match="404"):
        app.get("/nothing")

    shell = Shell()
    shell.run(Command(("docker", "tag", "postgres:17", f"upgrader-pin/{app.project}-db:run"), changes=True))
    app.remove()
    for listing in (("ps", "-a"), ("volume", "ls"), ("network", "ls"), ("image", "ls")):
        assert app.project not in shell.run(Command(("docker", *listing))).out
    assert other.project in other.compose("ps", "-a")


@pytest.mark.docker
def test_settings_must_be_there_before_v1_1_0_starts(app: Installation) -> None:
    written = app.write(3)
    app.checkout("v1.1.0")
    with pytest.raises(CommandFailedError) as failure:
        app.start()
    assert re.search("WORKFLOW_SECRET_KEY|PAGE_SIZE", str(failure.value.lines))  # Compose names either one first
    app.add_setting("WORKFLOW_SECRET_KEY", "c0ffee" * 10 + "c0de")
    with pytest.raises(CommandFailedError) as failure:
        app.start()
    assert "PAGE_SIZE" in str(failure.value.lines)

    app.add_setting("PAGE_SIZE", "2")
    with Poller(app.port) as poller:
        app.start()
    assert (app.version(), app.schema(), app.greeting()) == ("1.1.0", 4, GREETING)
    assert poller.downtime().longest > 0
    written += app.write(2)
    assert app.notes() == written
    seals = [note["seal"] for note in app.get("/notes") + app.get("/notes?after=3")]
    assert seals[:2] == [None, None]
    assert all(len(seal) == 64 for seal in seals[2:])
    assert ledger(app) == ["0001", "0002", "0003", "0004"]


@pytest.mark.docker
def test_v1_2_0_changes_the_schema_then_fails(v1_1_0: Installation) -> None:
    v1_1_0.checkout("v1.2.0")
    with pytest.raises(CommandFailedError):
        v1_1_0.start()
    assert "0006_one_author_per_last_name.sql: duplicate key" in v1_1_0.logs()
    assert ledger(v1_1_0)[-1] == "0005"
    assert sql(v1_1_0, "select count(*) from information_schema.columns where table_name = 'author_pages'") == ["0"]
    assert sql(v1_1_0, "select last_name from authors order by id") == ["Lovelace", "Lovelace", "Hopper"]
    assert not v1_1_0.health()


@pytest.mark.docker
def test_v1_3_0_migrates_and_is_never_healthy(v1_1_0: Installation) -> None:
    written = v1_1_0.notes()
    v1_1_0.checkout("v1.3.0")
    with pytest.raises(StepError, match="not healthy after 2 s"):
        v1_1_0.start(seconds=2)
    assert (v1_1_0.version(), v1_1_0.schema()) == ("1.3.0", 7)
    assert v1_1_0.notes() == written
    with pytest.raises(StepError, match="503"):
        v1_1_0.get("/health")
    assert '/health: relation "search_index" does not exist' in v1_1_0.logs()
    with pytest.raises(CommandFailedError):
        sql(v1_1_0, "select body from notes")


@pytest.mark.docker
def test_v1_4_0_is_good_again(v1_1_0: Installation) -> None:
    written = v1_1_0.notes()
    v1_1_0.checkout("v1.4.0")
    v1_1_0.start()
    assert (v1_1_0.version(), v1_1_0.schema()) == ("1.4.0", 8)
    written += v1_1_0.write(1)
    assert v1_1_0.notes() == written


@pytest.fixture
def v1_1_0(install: Install) -> Installation:
    """v1.1.0, serving, with a note."""
    installation = install(tag="v1.1.0")
    installation.add_setting("WORKFLOW_SECRET_KEY", "c0ffee" * 10 + "c0de")
    installation.start()
    installation.write(1)
    return installation


def ledger(installation: Installation) -> list[str]:
    return sql(installation, "select version from schema_migrations order by version")


def sql(installation: Installation, statement: str) -> list[str]:
    psql = ("psql", "--username=ledgerly", "--no-align", "--tuples-only", "--command", statement)
    return installation.compose("exec", "-T", "db", *psql).splitlines()
