"""`upgrader env-check` on named files: a real process, its answers and its exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from upgrader.cli.env_loose import Files, parse

ROOT = Path(__file__).parents[2]
SECRETS = (
    "hunter2-database",
    "hunter3-encryption",
    "hunter4-in-url",
    "hunter5-dollar",
    "hunter6-old",
    "hunter7-dup",
    "hunter8",
)
LIVE = f"""\
# the operator's file
POSTGRES_USER=app
POSTGRES_PASSWORD={SECRETS[0]}
DATABASE_URL=postgresql://app:{SECRETS[2]}@db:5432/app
ENCRYPTION_KEY={SECRETS[1]}
ADMIN_PASSWORD={SECRETS[3]}${SECRETS[6]}
OLD_TOKEN={SECRETS[5]}
OLD_TOKEN={SECRETS[4]}
OLD_SETTING=1
JWT_SECRET=insecure-default
NOTE= # a comment
APP_VERSION=1.2.0
SESION_TIMEOUT=5
"""
EXAMPLE = """\
POSTGRES_USER=app
POSTGRES_PASSWORD=CHANGE_ME
DATABASE_URL=postgresql://app:CHANGE_ME@db:5432/app
# @exactly 32
ENCRYPTION_KEY=
ADMIN_PASSWORD=
JWT_SECRET=insecure-default
API_TOKEN=hunter0-example
NOTE=
APP_VERSION=1.3.0
SESSION_TIMEOUT=5
# REQUIRED. Generate one with: openssl rand -hex 32
WORKFLOW_SECRET_KEY=CHANGE_ME
# REQUIRED: existing installations MUST add REDIS_URL=redis://redis:6379
REDIS_URL=redis://redis:6379
# @required
# @human "your mail relay"
SMTP_HOST=
"""
PREVIOUS = EXAMPLE.partition("# REQUIRED. Gen")[0].replace("1.3.0", "1.2.0") + "OLD_SETTING=\n"
COMPOSE = """\
services:
  web:
    image: web:${APP_TAG}
    environment:
      API_TOKEN: ${API_TOKEN:-hunter9-compose}
    env_file: [.env]
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, text in {".env": LIVE, ".env.example": EXAMPLE, "old": PREVIOUS, "compose.yaml": COMPOSE}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / ".env").chmod(0o600)
    return tmp_path


def upgrader(where: Path, *argv: str, code: int, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "upgrader", "env-check", *argv],
        cwd=where,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


TWO = ("--env", ".env", "--example", ".env.example")
ALL = (*TWO, "--previous-example", "old", "--compose", "compose.yaml")


def test_json_is_one_object_of_the_agreed_form(files: Path) -> None:
    answer = json.loads(upgrader(files, *ALL, "--format", "json", code=3).stdout)
    assert set(answer) == {"findings", "decisions"}
    for finding in answer["findings"]:
        assert list(finding) == ["code", "severity", "key", "file", "line", "message", "hint"]
    found = {(each["code"], each["key"], each["line"]) for each in answer["findings"]}
    assert {
        ("password-mismatch", "DATABASE_URL", 4),
        ("wrong-length", "ENCRYPTION_KEY", 5),
        ("unresolved-reference", "ADMIN_PASSWORD", 6),
        ("duplicate", "OLD_TOKEN", 7),
        ("removed-key", "OLD_SETTING", 9),
        ("published-default", "JWT_SECRET", 10),
        ("value-is-comment", "NOTE", 11),
        ("stale-pin", "APP_VERSION", 12),
        ("unknown-key", "SESION_TIMEOUT", 13),
        ("unset-variable", "APP_TAG", 3),
        ("missing-required", "WORKFLOW_SECRET_KEY", 0),
    } <= found
    decided = {each["key"]: (each["decision"], each["generator"]) for each in answer["decisions"]}
    assert decided["WORKFLOW_SECRET_KEY"] == ("generate", "hex:32")
    assert decided["REDIS_URL"] == ("copy", None)
    assert decided["SMTP_HOST"] == ("ask", None)
    for each in answer["decisions"]:
        assert list(each) == ["key", "decision", "need", "evidence", "generator", "from"]


@pytest.mark.parametrize("format_name", ["text", "json", "github", "sarif"])
def test_no_secret_of_the_files_is_ever_told(files: Path, format_name: str) -> None:
    done = upgrader(files, *ALL, "--format", format_name, code=3)
    assert done.stdout.strip()
    for secret in (*SECRETS, "insecure-default", "hunter9-compose", "hunter0-example"):
        assert secret not in done.stdout + done.stderr
        assert secret[:7] not in done.stdout + done.stderr


def test_the_screen_begins_lines_with_their_place_and_ends_with_a_command(files: Path) -> None:
    lines = upgrader(files, *ALL, code=3).stdout.splitlines()
    assert lines[0].startswith(".env, compared with .env.example: ")
    assert any(line.startswith(".env:10  JWT_SECRET ") for line in lines)
    assert lines.index("Errors") < lines.index("Warnings") < lines.index("Notes") < lines.index("New in the example")
    assert any(line.split()[:3] == ["WORKFLOW_SECRET_KEY", "generate", "hex:32"] for line in lines)
    named = "--env .env --example .env.example --previous-example old --compose compose.yaml"
    assert lines[-1] == f"→ upgrader env-check --fix {named}"


def test_nothing_found_is_zero_and_so_are_notes(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=8080\nMINE=1\n")
    (tmp_path / ".env.example").write_text("PORT=80\n")
    assert "1 note" in upgrader(tmp_path, *TWO, code=0).stdout
    (tmp_path / ".env").write_text("PORT=8080\n")
    assert "nothing found" in upgrader(tmp_path, *TWO, code=0).stdout


def test_without_a_live_file_the_old_example_stands_for_it(files: Path) -> None:
    words = ("--example", ".env.example", "--previous-example", "old", "--format", "json")
    answer = json.loads(upgrader(files, *words, code=3).stdout)
    assert {each["code"] for each in answer["findings"]} == {"missing-required"}
    assert {each["key"] for each in answer["decisions"]} == {"WORKFLOW_SECRET_KEY", "REDIS_URL", "SMTP_HOST"}


@pytest.mark.parametrize("fast", [True, False])
def test_what_compose_refuses_is_refused_with_its_place(files: Path, *, fast: bool) -> None:
    (files / ".env").write_text("A=1\nthis is garbage\n")
    more = () if fast else ("--yes",)
    done = upgrader(files, *TWO, *more, code=4)
    assert ".env:2:" in done.stderr
    assert not done.stdout
    answer = json.loads(upgrader(files, *TWO, *more, "--format", "json", code=4).stdout)
    assert [(each["code"], each["file"], each["line"]) for each in answer["findings"]] == [("syntax", ".env", 2)]
    assert answer["decisions"] == []


def test_a_compose_file_that_is_no_yaml_is_refused_with_its_place(files: Path) -> None:
    (files / "compose.yaml").write_text("services:\n  web: [\n")
    assert "compose.yaml:" in upgrader(files, *TWO, "--compose", "compose.yaml", code=4).stderr


@pytest.mark.parametrize(
    "argv",
    [
        ("--env", ".env"),
        ("--env", "absent", "--example", ".env.example"),
        ("--example", ".env.example"),
        (*TWO, "--format", "yaml"),
        (*TWO, "--format", "markdown"),
        (*TWO, "--what"),
        (*TWO, "--fix", "--format", "json"),
        (*TWO, "--notes", "CHANGES.md"),
    ],
)
def test_wrong_usage_is_two(files: Path, argv: tuple[str, ...]) -> None:
    assert upgrader(files, *argv, code=2).stderr


def test_an_overlay_says_what_the_example_does_not(files: Path) -> None:
    (files / "overlay").write_text("# @required\n# @same-as POSTGRES_PASSWORD\nADMIN_PASSWORD=\n")
    answer = json.loads(upgrader(files, *TWO, "--overlay", "overlay", "--format", "json", code=3).stdout)
    assert ("same-as-conflict", "ADMIN_PASSWORD") in {(each["code"], each["key"]) for each in answer["findings"]}


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("--example E", Files(example="E")),
        ("--env=L --example=E", Files(env="L", example="E")),
        ("--example E --compose A B --format json", Files(example="E", compose=("A", "B"), format="json")),
        ("--compose A --example E --compose B", Files(example="E", compose=("A", "B"))),
        ("--example E --previous-compose A --overlay O", Files(example="E", previous_compose=("A",), overlay="O")),
        ("--example E --assume-generators", Files(example="E", assume_generators=True)),
        ("", None),
        ("--example", None),
        ("--example E F", None),
        ("--example E --fix", None),
        ("--example E --help", None),
        ("--example E --since v1", None),
        ("--example E --previous_example F", None),
        ("--example E --format xml", None),
    ],
)
def test_plain_forms_are_read_at_once(words: str, wanted: Files | None) -> None:
    assert parse(["env-check", *words.split()]) == wanted


def test_both_ways_to_the_answer_say_the_same(files: Path) -> None:
    at_once = upgrader(files, *ALL, "--format", "json", code=3).stdout
    through_all = upgrader(files, *ALL, "--format", "json", "--yes", code=3).stdout
    assert at_once == through_all


def test_named_files_need_no_heavy_library(files: Path) -> None:
    (files / ".env").write_text("POSTGRES_USER=app\n")
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "upgrader", "env-check", *TWO, "--format", "json"],
        cwd=files,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 3
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not modules & {
        "typer",
        "click",
        "rich",
        "pydantic",
        "yaml",
        "sh",
        "pathlib",
        "secrets",
        "subprocess",
        "logging",
    }


def test_a_wide_and_a_narrow_character_set_can_say_it(files: Path) -> None:
    (files / ".env.example").write_text(
        '# @required\n# @human "Schl\u00fcssel \u2192 caf\u00e9"\nKEY_\u00c4=\n', encoding="utf-8"
    )
    done = upgrader(files, *TWO, code=3, env={"PYTHONIOENCODING": "ascii"})
    assert "KEY_?" in done.stdout


def test_a_reader_that_has_seen_enough_is_no_trouble(files: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "upgrader", "env-check", *ALL],
        cwd=files,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_ten_thousand_keys_take_less_than_a_second(tmp_path: Path) -> None:
    def text(secret: str, setting: str) -> str:
        rows = (
            f"# what setting {number} is good for\nSERVICE_{number % 97}_{'SECRET' if number % 5 == 0 else 'SETTING'}_"
            f"{number}={secret if number % 5 == 0 else setting}{number}\n"
            for number in range(10_000)
        )
        return "".join(rows)

    (tmp_path / ".env").write_text(text("9f1c2c7be2c94a1f", "http://web:"))
    (tmp_path / ".env.example").write_text(text("CHANGE_ME_", "http://web:"))
    (tmp_path / ".env").chmod(0o600)
    took = min(_seconds(tmp_path, code=0) for _ in range(3))
    assert took < 1, f"{took:.2f} s of processor time"


def test_sixty_keys_start_to_finish(tmp_path: Path) -> None:
    """Printed for the bench; the bound is loose, because tests run beside other things."""
    keys = "".join(f"# setting {number}, default: 1\nSETTING_{number}=value-{number}\n" for number in range(60))
    (tmp_path / ".env").write_text(keys)
    (tmp_path / ".env.example").write_text(keys)
    ours = min(_seconds(tmp_path, code=0) for _ in range(10))
    bare = min(_processor(tmp_path, [sys.executable, "-c", "pass"])[0] for _ in range(10))
    print(f"env-check of 60 keys takes {ours / bare:.1f} times as long as `python -c pass`")
    assert ours < 10 * bare


def _seconds(where: Path, *, code: int) -> float:
    seconds, ended = _processor(where, [sys.executable, "-m", "upgrader", "env-check", *TWO])
    assert ended == code
    return seconds


def _processor(where: Path, argv: list[str]) -> tuple[float, int]:
    """Seconds of processor time, which other processes do not lengthen, and the exit code."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(where / "compiled")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled: after the first run this one is too
    with subprocess.Popen(argv, cwd=where, stdout=subprocess.DEVNULL, env=env) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime, process.returncode
