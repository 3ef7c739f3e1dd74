"""Questions: at a real terminal, with flags, and with nobody there."""

import io
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pexpect
import pytest

from upgrader.errors import RefusedError
from upgrader.ui.ask import Nobody, Terminal, Yes, asker, understand

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Choice:
    """A question as steps ask it."""

    id: str = "go"
    text: str = "Upgrade shop to v1.1.0?"
    flag: str = "--yes"
    choices: Mapping[str, str] = field(default_factory=lambda: {"y": "yes", "n": "no"})
    default: str = "n"
    phrase: str = ""


KEEP = Choice("edits", "compose.yaml was edited here.", "--keep-local-changes", {"k": "keep mine", "t": "theirs"}, "")


def test_at_a_terminal() -> None:
    """One conversation: a wrong answer, a right one, Enter, a choice of several, a secret, Ctrl-C twice."""
    program = (
        "import signal; from tests.ui.test_ask import Choice, KEEP; from upgrader.errors import RefusedError\n"
        "from upgrader.ui.ask import asker\n"
        "signal.signal(signal.SIGINT, lambda *_: None)  # as a run does: it only takes a note\n"
        "ask = asker(yes=False)\n"
        "print('got', ask(Choice()))\n"
        "print('got', ask(Choice(default='y')))\n"
        "print('got', ask(KEEP))\n"
        "print('got', len(ask.secret('Registry password', '--password-file')))\n"
        "print('got', ask(Choice()))\n"
        "try: ask(KEEP)\n"
        "except RefusedError as error: print('refused:', error.message, '|', error.hint)\n"
    )
    environ = {"PATH": "/usr/bin:/bin", "TERM": "xterm", "LANG": "C.UTF-8"}
    child = pexpect.spawn(sys.executable, ["-c", program], cwd=ROOT, env=environ, encoding="utf-8", timeout=20)
    child.expect_exact("Upgrade shop to v1.1.0? [y/N] ")
    child.sendline("perhaps")
    child.expect_exact("Please answer y or n.")
    child.expect_exact("[y/N] ")
    child.sendline("YES")
    child.expect_exact("got y")
    child.expect_exact("[Y/n] ")
    child.sendline("")
    child.expect_exact("got y")
    child.expect_exact("  k  keep mine")
    child.expect_exact("[k/t] ")
    child.sendline("")
    child.expect_exact("Please answer k or t.")
    child.expect_exact("[k/t] ")
    child.sendline("theirs")
    child.expect_exact("got t")
    child.expect_exact("Registry password: ")
    child.waitnoecho()
    child.sendline("hunter2!")
    child.expect_exact("got 8")
    assert "hunter2" not in str(child.before)
    child.expect_exact("[y/N] ")
    child.sendintr()
    child.expect_exact("got n")
    child.expect_exact("[k/t] ")
    child.sendeof()
    child.expect_exact("refused: compose.yaml was edited here. Nobody decided | pass --keep-local-changes")
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 0


def test_nobody_there_names_the_flag() -> None:
    with pytest.raises(RefusedError, match="needs an answer and there is no terminal") as error:
        Nobody()(Choice())
    assert error.value.message.startswith("“Upgrade shop to v1.1.0?” needs")
    assert error.value.hint == "pass --yes"
    with pytest.raises(RefusedError, match="Registry password") as error:
        Nobody().secret("Registry password", "--password-file")
    assert error.value.hint == "pass --password-file"


def test_yes_answers_only_what_yes_is_meant_for() -> None:
    ask = Yes(Nobody())
    assert ask(Choice()) == "y"
    with pytest.raises(RefusedError) as error:
        ask(KEEP)
    assert error.value.hint == "pass --keep-local-changes"


def test_no_terminal_means_nobody() -> None:
    with pytest.raises(RefusedError):
        asker(yes=False, stdin=io.StringIO("y\n"))(Choice())
    assert asker(yes=True, stdin=io.StringIO())(Choice()) == "y"


def test_the_end_of_input_declines() -> None:
    shown = io.StringIO()
    assert Terminal(io.StringIO(), shown)(Choice(default="y")) == "n"
    assert shown.getvalue() == "Upgrade shop to v1.1.0? [Y/n] \n"


LOSSY = Choice("rollback", "Go back, with 12 rows set aside?", "--accept-data-loss", phrase="shop")


def test_what_must_not_be_agreed_to_by_habit_is_agreed_to_by_its_name() -> None:
    program = (
        "from tests.ui.test_ask import LOSSY; from upgrader.ui.ask import asker\n"
        "ask = asker(yes=True)\n"
        "print('got', ask(LOSSY)); print('got', ask(LOSSY)); print('got', ask(LOSSY))\n"
    )
    environ = {"PATH": "/usr/bin:/bin", "TERM": "xterm", "LANG": "C.UTF-8"}
    child = pexpect.spawn(sys.executable, ["-c", program], cwd=ROOT, env=environ, encoding="utf-8", timeout=20)
    prompt = "Type shop to agree, or just Enter to leave it: "
    child.expect_exact("Go back, with 12 rows set aside?\r\n" + prompt)
    for wrong in ("y", "yes", "Shop", "shops"):
        child.sendline(wrong)
        child.expect_exact("Please answer shop, letter for letter.")
        child.expect_exact(prompt)
    child.sendline(" shop ")
    child.expect_exact("got y")
    child.expect_exact(prompt)
    child.sendline("")
    child.expect_exact("got n")
    child.expect_exact(prompt)
    child.sendline("no")
    child.expect_exact("got n")
    child.expect(pexpect.EOF)
    with pytest.raises(RefusedError) as error:
        Yes(Nobody())(LOSSY)
    assert error.value.hint == "pass --accept-data-loss"


@pytest.mark.parametrize(
    ("typed", "answer"), [("k", "k"), (" K \n", "k"), ("Keep Mine\n", "k"), ("x", ""), ("", ""), ("keep", "")]
)
def test_an_answer_is_a_key_or_its_meaning(typed: str, answer: str) -> None:
    assert understand(typed, KEEP) == answer
