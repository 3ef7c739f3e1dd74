"""`upgrader env-check` in an app's directory, and `--fix`: real git, real files, a real terminal."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from upgrader.engine import lock
from upgrader.engine.journal import Journal
from upgrader.engine.state import State
from upgrader.model.events import RunFinished, RunStarted

ROOT = Path(__file__).parents[2]
COMPOSE = """\
services:
  web:
    image: web:1
    environment:
      WORKFLOW_SECRET_KEY: ${WORKFLOW_SECRET_KEY:?}
      SMTP_HOST: ${SMTP_HOST}
  worker:
    image: web:1
    env_file: [.env]
  quiet:
    image: quiet:1
"""
OLD = "JWT_SECRET=published-once\nDB_PASSWORD=CHANGE_ME\n"
NEW = """\
JWT_SECRET=
DB_PASSWORD=CHANGE_ME
# REQUIRED. Generate one with: openssl rand -hex 32
WORKFLOW_SECRET_KEY=CHANGE_ME
# @required
# @human "the name of your mail relay"
SMTP_HOST=
# @required
# @exactly 8
# @human "from your provider"
RELAY_TOKEN=
"""
LIVE = b"# mine\r\nJWT_SECRET=published-once\r\nDB_PASSWORD=hunter2-database"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A checkout of an app whose example shipped a secret once, with a live env file."""
    top = tmp_path / "shop"
    top.mkdir()
    (top / "compose.yaml").write_text(COMPOSE)
    (top / ".gitignore").write_text(".env\n")
    _git(top, "init", "-q")
    for text in (OLD, NEW):
        (top / ".env.example").write_text(text)
        _git(top, "add", "-A")
        _git(top, "commit", "-q", "-m", "release")
    (top / ".env").write_bytes(LIVE)
    (top / ".env").chmod(0o640)
    return top


def _git(directory: Path, *words: str) -> None:
    named = ("-c", "user.name=t", "-c", "user.email=t@example.test", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *named, *words], cwd=directory, check=True, capture_output=True)


def upgrader(app: Path, *words: str, code: int, path: str | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "upgrader", *words],
        cwd=app,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT), **({"PATH": path} if path else {})},
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def found(app: Path, *words: str, code: int = 3) -> dict[tuple[str, str], dict[str, object]]:
    answer = json.loads(upgrader(app, "env-check", *words, "--format", "json", code=code).stdout)
    return {(each["code"], each["key"]): each for each in answer["findings"]}


def test_the_app_in_the_directory_is_found_with_all_that_belongs_to_it(app: Path) -> None:
    (app / ".env").chmod(0o644)
    told = found(app)
    assert {
        ("published-default", "JWT_SECRET"),
        ("missing-required", "WORKFLOW_SECRET_KEY"),
        ("missing-required", "SMTP_HOST"),
        ("missing-required", "RELAY_TOKEN"),
        ("readable-by-others", ""),
    } == {place for place, each in told.items() if each["severity"] != "note"}
    assert told["published-default", "JWT_SECRET"]["line"] == 2
    assert told["published-default", "JWT_SECRET"]["file"] == ".env"
    assert told["missing-required", "WORKFLOW_SECRET_KEY"]["hint"] == "upgrader env-check --fix  # generates it"


def test_what_was_published_is_known_from_history_alone_and_remembered(app: Path, upgrader_home: Path) -> None:
    State(upgrader_home / "shop").make()
    for _ in range(2):
        assert ("published-default", "JWT_SECRET") in found(app)
    kept = upgrader_home / "shop" / "shipped.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "hunter2" not in kept.read_text()
    kept.write_text("torn")
    assert ("published-default", "JWT_SECRET") in found(app)


def test_the_example_is_the_one_that_is_checked_out_not_an_edited_one(app: Path) -> None:
    (app / ".env.example").write_text(NEW + "# @required\nEDITED=\n")
    assert ("missing-required", "EDITED") not in found(app)


def test_neither_docker_nor_git_is_needed(app: Path, tmp_path: Path) -> None:
    empty = tmp_path / "bin"
    empty.mkdir()
    done = upgrader(app, "env-check", "--format", "json", code=3, path=str(empty))
    assert "WORKFLOW_SECRET_KEY" in done.stdout


def test_from_elsewhere_paths_lead_there(app: Path, tmp_path: Path) -> None:
    done = upgrader(tmp_path, "-C", str(app), "env-check", code=3)
    assert "\nshop/.env:2  JWT_SECRET" in done.stdout
    assert done.stdout.rstrip().endswith("→ upgrader -C shop env-check --fix")


def test_without_an_env_file_or_an_example_it_says_what_to_do(app: Path) -> None:
    (app / ".env").rename(app / "kept")
    assert "there is no env file" in upgrader(app, "env-check", code=4).stderr
    (app / "kept").rename(app / ".env")
    _git(app, "rm", "-q", ".env.example")
    _git(app, "commit", "-q", "-m", "gone")
    assert "no example" in upgrader(app, "env-check", code=4).stderr


def test_without_a_terminal_it_gives_the_exact_lines_and_touches_nothing(app: Path) -> None:
    done = upgrader(app, "env-check", "--fix", code=3)
    assert re.search(r"^SMTP_HOST=$", done.stdout, re.MULTILINE)
    assert re.search(r"^RELAY_TOKEN=$", done.stdout, re.MULTILINE)
    assert "the name of your mail relay" in done.stdout
    assert "WORKFLOW_SECRET_KEY=<generated: 64 hex digits>" in done.stderr
    assert (app / ".env").read_bytes() == LIVE


def test_with_yes_it_appends_what_can_be_decided_and_says_what_is_left(app: Path) -> None:
    done = upgrader(app, "env-check", "--fix", "--yes", code=3)
    data = (app / ".env").read_bytes()
    assert data.startswith(LIVE)
    value = re.search(rb"\r\nWORKFLOW_SECRET_KEY=([0-9a-f]{64})\r\n", data)
    assert value
    assert b"SMTP_HOST" not in data
    assert (app / ".env").stat().st_mode & 0o777 == 0o640
    assert re.search(r"^SMTP_HOST=$", done.stdout, re.MULTILINE)
    assert "Affected: web, worker" in done.stderr
    assert "docker compose -p shop -f compose.yaml up -d web worker" in done.stderr
    assert value[1].decode() not in done.stdout + done.stderr
    again = upgrader(app, "env-check", "--fix", "--yes", code=3)
    assert "To be appended" not in again.stderr
    assert (app / ".env").read_bytes() == data


def test_named_files_can_be_mended_too(app: Path) -> None:
    (app / "loose").write_bytes(b"DB_PASSWORD=a\nSMTP_HOST=a\nRELAY_TOKEN=12345678\n")
    words = ("env-check", "--fix", "--yes", "--env", "loose", "--example", ".env.example")
    upgrader(app, *words, code=0)
    assert b"\nWORKFLOW_SECRET_KEY=" in (app / "loose").read_bytes()


@pytest.fixture
def terminal(app: Path) -> Iterator[pexpect.spawn]:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "upgrader", "env-check", "--fix"],
        cwd=str(app),
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        encoding="utf-8",
        timeout=60,
        dimensions=(50, 150),
    )
    yield child
    child.close(force=True)


def test_at_a_terminal_it_shows_asks_and_appends(app: Path, terminal: pexpect.spawn) -> None:
    terminal.expect_exact("WORKFLOW_SECRET_KEY=<generated: 64 hex digits>")
    terminal.expect_exact("the name of your mail relay")
    terminal.expect("SMTP_HOST: ?")
    terminal.sendline("")
    terminal.expect("SMTP_HOST: ?")
    terminal.sendline("mail.acme.test")
    terminal.expect_exact("from your provider")
    terminal.expect_exact("RELAY_TOKEN: ")
    terminal.sendline("short")
    terminal.expect_exact("exactly 8 characters")
    terminal.expect_exact("RELAY_TOKEN: ")
    terminal.sendline("s3cr3t!8")
    terminal.expect_exact("[y/N]")
    before = terminal.before
    assert before is not None
    assert (app / ".env").read_bytes() == LIVE
    terminal.sendline("y")
    terminal.expect_exact("Affected: web, worker")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    assert "s3cr3t!8" not in before + str(terminal.before)
    data = (app / ".env").read_bytes()
    assert data.startswith(LIVE)
    assert b"\r\nSMTP_HOST=mail.acme.test\r\n" in data
    assert b"\r\nRELAY_TOKEN='s3cr3t!8'\r\n" in data
    assert found(app).keys().isdisjoint({("missing-required", "SMTP_HOST"), ("missing-required", "RELAY_TOKEN")})


@pytest.mark.parametrize("way", ["no", "interrupt", "end"])
def test_declining_changes_nothing(app: Path, terminal: pexpect.spawn, way: str) -> None:
    terminal.expect("SMTP_HOST: ?")
    if way == "no":
        terminal.sendline("mail.acme.test")
        terminal.expect_exact("RELAY_TOKEN: ")
        terminal.sendline("s3cr3t!8")
        terminal.expect_exact("[y/N]")
        terminal.sendline("n")
    elif way == "interrupt":
        terminal.sendintr()
    else:
        terminal.sendeof()
    terminal.expect_exact("nothing was changed")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 4
    assert (app / ".env").read_bytes() == LIVE


def test_not_while_somebody_else_works_there(app: Path, upgrader_home: Path) -> None:
    state = State(upgrader_home / "shop")
    state.make()
    with lock.hold(state.home):
        upgrader(app, "env-check", "--fix", "--yes", code=7)
    assert (app / ".env").read_bytes() == LIVE
    upgrader(app, "env-check", code=3)


def test_not_before_an_unfinished_run_is_resumed(app: Path, upgrader_home: Path) -> None:
    state = State(upgrader_home / "shop")
    state.make()
    directory = state.new_run()
    journal = Journal.create(directory / "journal.jsonl")
    journal(RunStarted(directory.name, "upgrade", "shop", str(app), "0", "p", "d", "Upgrade to v2", []))
    assert "upgrader resume" in upgrader(app, "env-check", "--fix", "--yes", code=8).stderr
    assert (app / ".env").read_bytes() == LIVE


def test_a_key_that_the_installed_version_has_lived_with_is_not_made_anew(app: Path, upgrader_home: Path) -> None:
    """Its line is gone, but data under its value may be there: a person is asked."""
    first, second = _commit(app, "HEAD~1"), _commit(app, "HEAD")
    state = State(upgrader_home / "shop")
    state.make()
    directory = state.new_run()
    journal = Journal.create(directory / "journal.jsonl")
    arguments = {"origin": {"commit": first, "name": "v1"}, "target": {"commit": second, "name": "v2"}}
    names = (directory.name, "upgrade", "shop", str(app), "0", "p", "d", "Upgrade to v2")
    journal(RunStarted(*names, [], arguments=arguments))
    journal(RunFinished("done", 0, "Upgrade to v2", 1.0))
    done = upgrader(app, "env-check", "--fix", "--yes", code=3)
    assert re.search(r"^WORKFLOW_SECRET_KEY=$", done.stdout, re.MULTILINE)
    assert (app / ".env").read_bytes() == LIVE


def _commit(app: Path, name: str) -> str:
    argv = ["git", "rev-parse", name]
    return subprocess.run(argv, cwd=app, check=True, capture_output=True, text=True).stdout.strip()


def test_an_env_file_further_down_is_pointed_to(app: Path) -> None:
    below = app / "deploy"
    below.mkdir()
    (app / ".env").rename(below / ".env.prod")
    (below / ".env.prod.example").write_text(NEW)
    hint = upgrader(app, "env-check", code=4).stderr
    assert "→ upgrader env-check --env deploy/.env.prod --example deploy/.env.prod.example" in hint
    (below / ".env.prod").rename(below / ".env")
    (below / ".env.example").write_text(NEW)
    assert "→ upgrader -C deploy env-check" in upgrader(app, "env-check", code=4).stderr


def test_compose_files_with_a_name_of_their_own_are_read_when_they_are_named(app: Path) -> None:
    (app / "compose.yaml").rename(app / "production.yml")
    assert "production.yml" not in upgrader(app, "env-check", code=3).stdout
    done = upgrader(app, "env-check", "--compose", "production.yml", code=3)
    assert "production.yml" in done.stdout
    assert "env-check --fix --compose production.yml" in done.stdout
    assert "there is no Compose file other.yml" in upgrader(app, "env-check", "--compose", "other.yml", code=2).stderr
    assert "--env" in upgrader(app, "env-check", "--previous-example", ".env.example", code=2).stderr
