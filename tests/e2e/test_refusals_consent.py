"""Nothing happens that nobody agreed to: prompts, plans that are out of date, playbooks that are wrong or not trusted."""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from tests.e2e.bad import picture, refuse, upgrader, written
from upgrader.demo.host import Installation
from upgrader.demo.remote import git

pytestmark = pytest.mark.docker


def test_no_terminal_and_no_consent(serving: Installation) -> None:
    answer = refuse(
        serving,
        *("upgrade", "--to", "v1.1.0"),
        message=f"“Upgrade {serving.project} to v1.1.0 now\\?” needs an answer and there is no terminal",
        hint="pass --yes",
    )
    assert "v1.0.0 → v1.1.0" in answer.err  # the plan was shown first


@pytest.mark.parametrize(
    "typed", ["n\n", "\n", "maybe\nno\n", "\x04", "\x03"], ids=["n", "enter", "words", "eof", "ctrl-c"]
)
def test_declined_at_the_prompt(serving: Installation, typed: str) -> None:
    before = picture(serving)
    terminal = pexpect.spawn(
        sys.executable,
        ["-m", "upgrader", "-C", str(serving.path), "upgrade", "--to", "v1.1.0"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TERM": "xterm"},
        encoding="utf-8",
        timeout=120,
        dimensions=(50, 200),
    )
    try:
        terminal.expect(f"Upgrade {serving.project} to v1\\.1\\.0 now\\? .*y/N")
        for line in re.findall(r".*\n|.+", typed):
            terminal.send(line)
        terminal.expect("declined: nothing was changed")
        terminal.expect(pexpect.EOF)
    finally:
        terminal.close(force=True)
    assert terminal.exitstatus == 4
    assert picture(serving) == before


@pytest.fixture
def plan(serving: Installation, tmp_path: Path) -> Path:
    """A saved plan of the upgrade to v1.1.0."""
    path = tmp_path / "plan.json"
    answer = upgrader(serving.path, "plan", "--to", "v1.1.0", "--save", str(path))
    assert answer.code == 0, answer
    return path


def test_a_plan_that_cannot_be_saved(serving: Installation, tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "plan.json"
    refuse(
        serving,
        *("plan", "--to", "v1.1.0", "--save", str(path)),
        code=2,
        message=f"{path} cannot be written: No such file or directory",
        hint="upgrader plan --save FILE",
    )


def test_a_plan_that_still_holds(serving: Installation, plan: Path) -> None:
    refuse(serving, "upgrade", "--plan", str(plan), message="needs an answer and there is no terminal", hint="--yes")


def test_a_plan_that_the_world_has_left_behind(serving: Installation, plan: Path) -> None:
    call = ("upgrade", "--plan", str(plan), "--yes")
    with written(serving.env_file, serving.env_file.read_bytes() + b"# touched\n"):
        refuse(
            serving,
            *call,
            message="the world moved since the plan was saved",
            hint=f"upgrader plan --to v1.1.0 --save {plan}",
        )


def test_a_plan_of_another_app(serving: Installation, plan: Path, tmp_path: Path) -> None:
    other = tmp_path / "another-app"
    shutil.copytree(serving.path, other)
    answer = upgrader(other, "upgrade", "--plan", str(plan), "--yes")
    assert answer.code == 4
    assert answer.message == f"{plan} is a plan for {serving.project} in {serving.path}, not for another-app in {other}"
    assert answer.hint == f"upgrader -C {serving.path} upgrade --plan {plan}"
    assert git("describe", "--tags", cwd=other) == "v1.0.0\n"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"fingerprint": 1, "to_version": []}', "\0"])
def test_a_plan_that_is_none(serving: Installation, tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    refuse(
        serving,
        "upgrade",
        "--plan",
        str(path),
        "--yes",
        code=2,
        message=f"{path} is no plan",
        hint=f"upgrader plan --save {path}",
    )


def test_a_plan_that_is_not_there(serving: Installation, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    refuse(
        serving, "upgrade", "--plan", str(path), "--yes", code=2, message=f"{path}", hint=f"upgrader plan --save {path}"
    )


BROKEN = """\
name: mine
extends: ledgerly
databses: {app: {service: db}}
healthy: {stable_for: soon}
health:
  - {service: web, http: "ftp://web"}
change:
  upgrade:
    - {remove: comfirm}
"""


def test_a_playbook_with_several_problems(serving: Installation, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(BROKEN)
    answer = refuse(
        serving,
        "upgrade",
        "--playbook",
        str(path),
        "--yes",
        message="4 problems in the playbook",
        hint=f"upgrader playbook check {path}",
    )
    places = set(re.findall(rf"{re.escape(str(path))}:(\d+):\d+: ", answer.err))
    assert places >= {"3", "4", "6", "9"}, answer
    assert "databases" in answer.err  # did you mean
    assert "confirm" in answer.err


def test_a_playbook_that_is_no_yaml(serving: Installation, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: [\n")
    refuse(
        serving,
        "upgrade",
        "--playbook",
        str(path),
        "--yes",
        message=rf"{path}:\d+:\d+: ",
        hint=f"upgrader playbook check {path}",
    )


def test_an_unknown_playbook(serving: Installation) -> None:
    refuse(
        serving,
        "upgrade",
        "--playbook",
        "ledgerley",
        "--yes",
        message="no playbook ledgerley ships.*ledgerly",
        hint="upgrader playbook list",
    )


COMMANDING = """\
name: theirs
extends: ledgerly
change:
  upgrade:
    - after: backup
      add: {id: own, uses: command, title: Mark the day, run: [touch, WITNESS]}
hooks:
  - {when: before prepare, run: [touch, WITNESS]}
"""


@pytest.fixture
def upstream_playbook(serving: Installation, tmp_path: Path) -> Iterator[Path]:
    """A playbook that git tracks in the checkout, and what it would leave behind if it ran."""
    witness = tmp_path / "witness"
    path = serving.path / "upgrader.yaml"
    head = git("rev-parse", "HEAD", cwd=serving.path).strip()
    path.write_text(COMMANDING.replace("WITNESS", str(witness)))
    git("add", "upgrader.yaml", cwd=serving.path)
    who = ("-c", "user.name=a", "-c", "user.email=a@b.example")
    git(*who, "commit", "--quiet", "--message=a playbook", cwd=serving.path)
    try:
        yield witness
    finally:
        git("checkout", "--quiet", "--detach", head, cwd=serving.path)


def test_commands_of_a_playbook_from_upstream(serving: Installation, upstream_playbook: Path) -> None:
    answer = refuse(
        serving,
        *("upgrade", "--to", "v1.1.0", "--yes"),
        message="2 problems in the playbook",
        hint="upgrader upgrade --trust-playbook theirs$",
    )
    said = re.findall(
        r"upgrader\.yaml:\d+:\d+: (.*) in a playbook from the app's own repository is refused", answer.err
    )
    assert said == ["a step that runs a command", "a hook"]
    assert not upstream_playbook.exists()


def test_a_playbook_from_upstream_that_is_trusted(serving: Installation, upstream_playbook: Path) -> None:
    refuse(
        serving,
        *("upgrade", "--to", "main", "--trust-playbook", "theirs"),
        message="needs an answer and there is no terminal|not in its history",
        hint="--yes|--to TAG",
    )
    assert not upstream_playbook.exists()


def test_looking_takes_the_same_word_for_a_playbook_from_upstream(
    serving: Installation, upstream_playbook: Path
) -> None:
    """What would be refused for its commands can be planned with and looked at before anybody upgrades."""
    untold = "in a playbook from the app's own repository is refused"
    for command, seen in (("plan", "Mark the day"), ("doctor", "the remote origin answers")):
        untrusted = upgrader(serving.path, command)
        assert untrusted.code == 4, untrusted
        assert untold in untrusted.err
        looked = upgrader(serving.path, command, "--trust-playbook", "theirs")
        assert untold not in looked.err
        assert seen in looked.out, looked
    assert not upstream_playbook.exists()
