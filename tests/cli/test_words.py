"""The command line itself: help, usage errors, completion; no app and no engine needed."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.scenario import upgrader

COMMANDS = [
    "", "upgrade", "rollback", "plan", "resume", "abandon", "status", "history", "history show", "doctor",
    "migrations", "migrations status", "migrations pending",
    "playbook", "playbook list", "playbook show", "playbook check", "playbook schema",
]  # fmt: skip


def test_version(tmp_path: Path) -> None:
    from upgrader import __version__

    for words in (["--version"], ["-V"], ["-C", "/", "--version"]):
        assert upgrader(*words, cwd=tmp_path).out == f"upgrader {__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_an_example(command: str, tmp_path: Path) -> None:
    for flag in ("--help", "-h"):
        text = upgrader(*command.split(), flag, cwd=tmp_path).out
        # Click joins the lines of a paragraph: an example must stay on a line of its own
        examples = re.findall(rf"^ +upgrader (?:.* )?{command.rpartition(' ')[2]}.*$", text, re.MULTILINE)
        assert re.search(r"Examples?:", text), text
        assert examples, text
        assert "\b" not in text


def test_help_lists_every_command(tmp_path: Path) -> None:
    text = upgrader("--help", cwd=tmp_path).out
    assert {command.partition(" ")[0] for command in COMMANDS if command} <= set(text.split())
    nothing = upgrader(cwd=tmp_path, code=None)
    assert "Usage: upgrader" in nothing.out + nothing.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["upgarde"], "upgarde"),
        (["upgrade", "--too", "v1"], "--too"),
        (["upgrade", "--to"], "--to"),
        (["upgrade", "v1.1.0"], "v1.1.0"),
        (["upgrade", "--output", "loud"], "auto, live, plain, json, quiet"),
        (["--output", "loud", "status"], "auto, live, plain, json, quiet"),
        (["upgrade", "--online", "--offline"], "exclude each other"),
        (["rollback", "--to", "v1", "--run", "x"], "exclude each other"),
        (["rollback", "--data", "some"], "auto, restore, keep"),
        (["-C", "/nowhere/at/all", "plan"], "/nowhere/at/all is not a directory"),
        (["plan", "-C", "/nowhere/at/all"], "/nowhere/at/all is not a directory"),
        (["upgrade", "--plan", "/nowhere/plan.json"], "is no plan"),
        (["playbook", "frobnicate"], "frobnicate"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_usage_errors_exit_with_2(words: list[str], told: str, tmp_path: Path) -> None:
    answer = upgrader(*words, cwd=tmp_path, code=2)
    assert told in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""


@pytest.mark.parametrize(
    "command",
    [
        "history show", "backups list", "backups show 1a2b", "backups verify", "backups pin 1a2b", "backups unpin 1a2b",
        "backups prune", "backups export 1a2b app.tar", "migrations status", "migrations pending",
    ],
)  # fmt: skip
def test_the_directory_may_follow_a_command_of_two_words(command: str, tmp_path: Path) -> None:
    answer = upgrader(*command.split(), "-C", "/nowhere/at/all", "--project", "app", cwd=tmp_path, code=2)
    assert "/nowhere/at/all is not a directory" in answer.err


def complete(shell: str, line: str, cwd: Path) -> list[str]:
    """What the shell's completion offers at the end of a line, by the protocol that its script speaks."""
    words = shlex.split(line) + ([""] if line.endswith(" ") else [])
    protocol = {
        "bash": {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }
    done = subprocess.run(
        [Path(sys.executable).parent / "upgrader"],
        env={**os.environ, **protocol[shell], "_UPGRADER_COMPLETE": f"complete_{shell}"},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return re.findall(r'^"?([\w.-]+)', done.stdout.replace("_arguments '*: :((", "").replace("\\:", ":"), re.MULTILINE)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_completes(shell: str, tmp_path: Path) -> None:
    assert {"upgrade", "rollback", "playbook", "status"} <= set(complete(shell, "upgrader ", tmp_path))
    assert complete(shell, "upgrader roll", tmp_path) == ["rollback"]
    assert set(complete(shell, "upgrader upgrade --on", tmp_path)) == {"--online"}
    for command in ("upgrade", "plan", "doctor"):
        assert complete(shell, f"upgrader {command} --tr", tmp_path) == ["--trust-playbook"]
    assert set(complete(shell, "upgrader upgrade --output p", tmp_path)) == {"plain"}
    assert "rytask" in complete(shell, "upgrader plan --playbook ry", tmp_path)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_scripts(shell: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "upgrader"],
        env={**os.environ, "_UPGRADER_COMPLETE": f"source_{shell}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "_UPGRADER_COMPLETE" in done.stdout
    assert f"complete_{shell}" in done.stdout


def test_completion_in_a_real_bash(tmp_path: Path) -> None:
    """The script as a person would load it, and the TAB key as bash acts on it."""
    script = """
        PATH="$1:$PATH"; eval "$(_UPGRADER_COMPLETE=source_bash upgrader)"
        how=$(complete -p upgrader); [[ $how =~ -F\\ ([^ ]+) ]]
        COMP_WORDS=(upgrader roll); COMP_CWORD=1; "${BASH_REMATCH[1]}" upgrader roll upgrader
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "-c", script, "bash", Path(sys.executable).parent],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "rollback\n", done


def test_playbook_commands(tmp_path: Path) -> None:
    listed = upgrader("playbook", "list", cwd=tmp_path).out
    assert {"compose-git", "rytask"} <= {line.split()[0] for line in listed.splitlines()}
    assert upgrader("playbook", "schema", cwd=tmp_path).json["properties"]["extends"]
    shown = upgrader("playbook", "show", "rytask", cwd=tmp_path).out
    assert "extends: compose-git" in shown
    resolved = upgrader("playbook", "show", "rytask", "--resolved", cwd=tmp_path).out
    assert "uses: backup" in resolved
    assert "compose-git" in resolved, "the origin of what it inherits"
    assert upgrader("playbook", "check", "rytask", cwd=tmp_path).out.startswith("✓ rytask")


def test_playbook_check_reports_every_problem_with_its_place(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("name: bad\nextends: compose-git\nhealht: []\nhealthy: {timeout: soon}\n")
    told = upgrader("playbook", "check", str(bad), cwd=tmp_path, code=4).err
    assert f"{bad}:3:1" in told
    assert "health" in told
    assert f"{bad}:4:" in told
