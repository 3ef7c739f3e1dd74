"""The env file in an upgrade: asked before anything changes, found again, known by its fingerprint."""

import json
import os
import re
import sys
from pathlib import Path

import pexpect
import pytest

from tests.e2e.scenario import PLAYBOOK, Operator
from tests.fixtures.engine import sh
from upgrader.demo.host import Installation
from upgrader.demo.remote import APP, add_release
from upgrader.env.document import Document

pytestmark = pytest.mark.docker
MAIL = """
# @required
# @human "what your mail relay calls you"
RELAY_TOKEN=
# @required
# @human "where reports go"
REPORT_TO=
"""
TOKEN = "relay-token-of-7c1f9e"
EXAMPLE = (APP / "v1.1.0" / ".env.example").read_text()


def _compose(extra: str) -> str:
    """The Compose file of v1.1.0, with further lines in web's environment."""
    text = (APP / "v1.1.0" / "docker-compose.yml").read_text()
    assert "      WORKFLOW_SECRET_KEY:" in text
    return text.replace("      WORKFLOW_SECRET_KEY:", f"{extra}      WORKFLOW_SECRET_KEY:", 1)


def _terminal(operator: Operator, *words: str) -> pexpect.spawn:
    argv = ["-m", "upgrader", "--playbook", str(operator.playbook), *words]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TERM": "dumb", "NO_COLOR": "1"}
    return pexpect.spawn(sys.executable, argv, cwd=str(operator.app.path), env=env, timeout=240, encoding="utf-8")


def _nowhere(operator: Operator, secret: str) -> bool:
    """Whether no record of ours has it; restore points apart, which are made to hold it."""
    files = [path for path in operator.state.home.rglob("*") if path.is_file() and "/restore-points/" not in str(path)]
    return bool(files) and not any(secret.encode() in path.read_bytes() for path in files)


def test_a_person_is_asked_before_anything_changes(remote: Path, app: Installation) -> None:
    """Without a terminal: the exact lines. At one: asked, shown, done; and the value is in the env file alone."""
    reads = "      RELAY_TOKEN: ${RELAY_TOKEN:?}\n      REPORT_TO: ${REPORT_TO:?}\n"
    changes = {"docker-compose.yml": _compose(reads), ".env.example": EXAMPLE + MAIL}
    add_release(remote, "v1.1.5", changes, base="v1.1.0")
    operator = Operator.at(app)
    first, world = app.write(2), operator.world()

    refused = operator("upgrade", "--to", "v1.1.5", "--yes", "--output", "plain", code=4)
    assert "RELAY_TOKEN, REPORT_TO" in refused.err
    assert "RELAY_TOKEN=\n" in refused.err
    assert "what your mail relay calls you" in refused.err
    assert {**operator.world(), "refs": {}} == {**world, "refs": {}}

    screen = _terminal(operator, "upgrade", "--to", "v1.1.5", "--output", "plain")
    screen.expect("RELAY_TOKEN: ")
    screen.waitnoecho()
    screen.sendline(TOKEN)
    screen.expect("REPORT_TO: ")
    screen.sendline("ops@ledgerly.example")
    screen.expect_exact("to v1.1.5 now?")
    assert TOKEN not in screen.before
    assert re.search(r"RELAY_TOKEN +given.*?read by +web\b", screen.before, re.DOTALL), "the plan names who reads it"
    screen.sendline("y")
    screen.expect(pexpect.EOF)
    screen.close()
    assert screen.exitstatus == 0, screen.before
    assert TOKEN not in screen.before
    assert (operator.env()["RELAY_TOKEN"], operator.env()["REPORT_TO"]) == (TOKEN, "ops@ledgerly.example")
    assert app.notes() == first
    assert sh("docker", "exec", f"{app.project}-web-1", "printenv", "RELAY_TOKEN").strip() == TOKEN
    assert _nowhere(operator, TOKEN)


def test_a_lost_key_is_found_and_a_foreign_one_refused(remote: Path, app: Installation) -> None:
    """A secret that an older restore point has is offered; data never comes back under a key that cannot read it."""
    marked = EXAMPLE.replace("WORKFLOW_SECRET_KEY=", "# @unrotatable\nWORKFLOW_SECRET_KEY=")
    add_release(remote, "v1.1.6", {".env.example": marked, "NOTE": "6\n"}, base="v1.1.0")
    grown = marked + "\n# @required\n# @generate hex:16\nEXTRA_SECRET=\n"
    reads = "      EXTRA_SECRET: ${EXTRA_SECRET:?}\n"
    changes = {
        ".env.example": grown,
        "docker-compose.yml": _compose(reads),
        "migrations/0005_x.sql": "create table x (i int);\n",
    }
    add_release(remote, "v1.1.7", changes, base="v1.1.6")
    operator = Operator.at(app)
    operator.upgrade("v1.1.6")
    app.write(2)
    key = operator.env()["WORKFLOW_SECRET_KEY"]
    operator.upgrade("v1.1.7")
    extra = operator.env()["EXTRA_SECRET"]
    point = operator.point(operator.last())
    assert set(point.fingerprints) == {"WORKFLOW_SECRET_KEY"}
    assert key not in json.dumps(point.to_json())

    mine = app.env_file.read_text().replace(key, "0" * 64)
    app.env_file.write_text(mine)
    refused = operator("rollback", "--data", "restore", "--yes", "--accept-data-loss", "--output", "plain", code=4)
    assert "WORKFLOW_SECRET_KEY in .env is not the one" in refused.err
    assert app.env_file.read_text() == mine
    assert app.version() == "1.1.7"
    app.env_file.write_text(mine.replace("0" * 64, key))
    operator("rollback", "--data", "restore", "--yes", "--accept-data-loss", "--output", "plain")
    assert operator.git("describe", "--tags") == "v1.1.6"

    assert "EXTRA_SECRET" not in operator.env(), "the env file went back as well"
    back = operator.upgrade("v1.1.7")
    assert "EXTRA_SECRET" in back.err
    assert operator.env()["EXTRA_SECRET"] == extra, "what it was once, it is again"

    lines = app.env_file.read_bytes().splitlines(keepends=True)
    app.env_file.write_bytes(b"".join(line for line in lines if not line.startswith(b"WORKFLOW_SECRET_KEY=")))
    told = operator("env-check", "--fix", "--yes", code=None)
    assert "an older restore point" in told.err
    assert key not in told.err
    assert operator.env()["WORKFLOW_SECRET_KEY"] == key
    assert _nowhere(operator, key)


def test_an_overlay_of_the_apps_own_is_read_at_the_target(remote: Path, app: Installation) -> None:
    """It says what the example does not; what comes with the new version counts, not what lies here."""
    overlay = "# @required\n# @generate alnum:20\nCOLOR_SECRET=\n"
    files = {".env.example": EXAMPLE + "\nCOLOR_SECRET=\n", "deploy/overlay.env": overlay}
    add_release(remote, "v1.1.5", files, base="v1.1.0")
    text = PLAYBOOK.replace("example: .env.example", "example: .env.example, overlay: deploy/overlay.env")
    operator = Operator.at(app, text)
    before = app.env_file.read_bytes()
    operator.upgrade("v1.1.5")
    made = app.env_file.read_bytes()
    assert made.startswith(before)
    value = Document.parse(made).get("COLOR_SECRET")
    assert value is not None
    assert len(value) == 20
    assert _nowhere(operator, value)
