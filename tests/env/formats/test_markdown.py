"""The section for the release notes."""

import subprocess
from pathlib import Path

from tests.env.gate.releases import release
from upgrader.env.formats import render
from upgrader.env.gate import check_release, release_changes

OLD = "APP_URL=https://app.example.com\nDB_PASS=\nPAGE=50\nOLD_KEY=1\nADMIN_PASSWORD=one\n"
NEW = """\
APP_URL=https://app.example.com
PAGE=100
# openssl rand -hex 8
ADMIN_PASSWORD=two
# ---- Sessions ----
# Signs the sessions; a *new* one logs everyone out.
# @required when=AUTH_MODE:local
# @generate hex:32
SESSION_SECRET=
# REQUIRED since v2: the broker inside the stack.
REDIS_URL=redis://valkey:6379
# @required @human "the key of your plan, from the customer portal"
LICENCE_KEY=
# @required @renamed-from DB_PASS
DATABASE_PASSWORD=
# optional
EXTRA=
"""


def section(old: str = OLD, new: str = NEW) -> str:
    before, after = release(old, label="v1"), release(new, label="v2.0.0")
    return render("markdown", *check_release(before, after), release_changes(before, after))


def test_the_section_names_each_required_key_and_how_to_get_its_value() -> None:
    text = section()
    assert text.startswith("## New required settings\n\nExisting installations add these to `deploy/.env` before")
    assert "they start v2.0.0" in text
    for line in (
        "### `SESSION_SECRET`",
        "Signs the sessions; a \\*new\\* one logs everyone out.",
        "- **Only where** `AUTH_MODE=local`.",
        "- **Value:** a fresh secret, 64 hex digits. Make it once and keep it.",
        """printf 'SESSION_SECRET=%s\\n' "$(openssl rand -hex 32)" >> deploy/.env""",
        "REDIS_URL=redis://valkey:6379",
        "- **Value:** the key of your plan, from the customer portal.",
        "LICENCE_KEY=",
        "| `DB_PASS` | `DATABASE_PASSWORD` |",
        "- `OLD_KEY`",
        "| `PAGE` | `50` | `100` |",
        "| `ADMIN_PASSWORD` | (a secret) | (a secret) |",
    ):
        assert line in text.splitlines(), line
    assert "EXTRA" not in text
    assert "not the case here" not in text
    assert "Sessions ----" not in text


def test_notes_with_the_section_in_them_pass_the_gate() -> None:
    findings, _ = check_release(release(OLD), release(NEW), section())
    assert not [each for each in findings if each.severity != "note"]


def test_the_shown_command_adds_the_line(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    command = next(line for line in section().splitlines() if line.startswith("printf"))
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True)
    key, _, value = (tmp_path / "deploy/.env").read_text().partition("=")
    assert (key, len(value.strip())) == ("SESSION_SECRET", 64)


def test_nothing_to_say_is_said() -> None:
    assert section(OLD, OLD) == "Existing installations need no new settings.\n"


def test_sections_are_parted_by_one_blank_line() -> None:
    text = section()
    assert "\n\n\n" not in text
    assert text.count("\n\n## ") == 3
