"""The README tells the truth about commands, flags, exit codes and playbooks."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from upgrader.errors import ExitCode
from upgrader.playbook.load import from_text, load
from upgrader.steps.kinds import KINDS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PLAYBOOKS = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
COMMANDS = re.findall(r"^\| `upgrader (.+?)` \|", README, re.MULTILINE)


def usage(command: str) -> str:
    asked = [sys.executable, "-m", "upgrader", *command.split(), "--help"]
    return subprocess.run(asked, capture_output=True, text=True, check=True, env={"COLUMNS": "200"}).stdout


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.split()[0])
def test_commands_and_their_flags_exist(row: str) -> None:
    name = row.split(maxsplit=1)[0].rstrip("`,")
    text = usage(f"{name} show") if name == "history" else usage(name)
    for flag in re.findall(r"--[a-z-]+", row):
        assert flag in text


def test_every_command_is_told() -> None:
    listed = re.findall(r"^  ([a-z-]+)  ", usage("").split("Commands:")[1], re.MULTILINE)
    assert sorted(listed) == sorted({re.split(r"[^\w-]", row)[0] for row in COMMANDS})


@pytest.mark.parametrize("flag", sorted(set(re.findall(r"`(?:[a-z]+ )?(--[a-z-]+)[ `]", README))))
def test_flags_exist(flag: str) -> None:
    commands = ("", "upgrade", "rollback", "plan", "doctor", "playbook show")
    assert any(flag in usage(command) for command in commands)


def test_exit_codes_are_told() -> None:
    told = {int(code) for cell in re.findall(r"^\| ([\d, ]+) \|", README, re.MULTILINE) for code in cell.split(",")}
    assert told == {int(code) for code in ExitCode}


def test_the_shipped_example_is_the_shipped_playbook() -> None:
    told, shipped = from_text(PLAYBOOKS[0], ROOT / "told.yaml", KINDS), load("ledgerly", KINDS)
    assert told.upgrade == shipped.upgrade
    assert told.facts.databases == shipped.facts.databases
    assert told.facts.migrations == shipped.facts.migrations
    assert set(told.facts.health) <= set(shipped.facts.health)


def test_the_example_of_changes_works(tmp_path: Path) -> None:
    path = tmp_path / "upgrader.yaml"
    path.write_text(PLAYBOOKS[1])
    steps = [step.uses for _, step in load(path, KINDS).upgrade]
    assert "compose.pull" not in steps
    assert steps[steps.index("backup") + 1] == "command"


def test_pictures_are_there() -> None:
    pictures = re.findall(r"\]\((\S+\.svg)\)", README)
    assert len(pictures) == 3
    for picture in pictures:
        assert (ROOT / picture).read_text().startswith("<svg")
