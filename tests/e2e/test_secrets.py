"""No secret leaves the places that are made to hold it, and nobody else can read what upgrader writes."""

import os
import re
import secrets
import stat
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest

from tests.e2e.bad import PATIENCE, Answer
from tests.fixtures.stack import Install
from upgrader.cli.crash import REDACTOR, report
from upgrader.demo.host import Installation
from upgrader.demo.remote import APP, add_release

pytestmark = pytest.mark.docker

MAY_HOLD = re.compile(
    r"[^/]+/restore-points/[^/]+/(files/\.env|files/docker-compose\.override\.yml|model\.json|databases/[^/]+)"
)
"""What may hold secrets, below UPGRADER_HOME: the saved env file and overrides, Compose's model, dumps and roles."""


class Watch(threading.Thread):
    """Reads the command lines of every process on this machine, again and again, and keeps those with a secret."""

    def __init__(self, needles: Iterable[bytes]) -> None:
        super().__init__(daemon=True)
        self.needles = tuple(needles)
        self.found: set[bytes] = set()
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.02):
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    line = process.read_bytes()
                    if any(needle in line for needle in self.needles):
                        self.found.add(line)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.join()


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    path = tmp_path / "tmp"
    path.mkdir()
    return path


def open_to_all(app: Installation, temporary: Path, *args: str, env: Mapping[str, str] | None = None) -> Answer:
    """The command in the laxest environment there is: umask 000."""
    done = subprocess.run(
        [sys.executable, "-m", "upgrader", "-C", str(app.path), *args],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE * 2,
        umask=0,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(temporary), **(env or {})},
        cwd="/",
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def holding(root: Path, needles: Iterable[bytes]) -> Iterator[str]:
    """The files below that have one of these in them, or in their names."""
    for path in root.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        if any(needle in data or needle in str(path).encode() for needle in needles):
            yield path.relative_to(root).as_posix()


def test_secrets_stay_where_they_belong(remote: Path, install: Install, upgrader_home: Path, temporary: Path) -> None:
    """Through an upgrade, one that fails and heals, a refusal, a rollback, and a look at it all."""
    app = install()
    password, mail, token = (f"{word}{secrets.token_hex(12)}" for word in ("pg", "mail", "ghp_"))
    text = re.sub("POSTGRES_PASSWORD=.*", f"POSTGRES_PASSWORD={password}", app.env_file.read_text())
    app.env_file.write_text(f"{text}SMTP_URL=smtp://robot:{mail}@mail.example:25\n")
    override = app.path / "docker-compose.override.yml"
    override.write_text(f"{override.read_text()}      GITHUB_TOKEN: {token}\n      SMTP_URL: ${{SMTP_URL}}\n")
    loud = (APP / "base" / "migrate.py").read_text() + "\nimport os\nprint(dict(os.environ))\nraise SystemExit(3)\n"
    add_release(remote, "v1.5.0", {"migrate.py": loud}, base="v1.1.0")
    app.start()
    app.write(2)

    needles = {word.encode() for word in (password, mail, token)}
    answers: list[Answer] = []
    with Watch(needles) as watch, subprocess.Popen(["sh", "-c", "sleep 2", mail]):
        for code, args in (
            (0, ("plan", "--to", "v1.1.0")),
            (0, ("plan", "--to", "v1.1.0", "--output", "json")),
            (0, ("upgrade", "--to", "v1.1.0", "--yes", "--output", "plain")),
            (5, ("upgrade", "--to", "v1.5.0", "--yes", "--output", "json")),
            (4, ("upgrade", "--to", "v1.0.0", "--yes")),
            (0, ("doctor",)),
            (0, ("rollback", "--to", "v1.0.0", "--yes", "--accept-data-loss")),
            (0, ("history", "--output", "json")),
            (0, ("status",)),
        ):
            answer = open_to_all(app, temporary, *args)
            answers.append(answer)
            assert answer.code == code, (args, answer)
            env = app.env_file.read_text()
            needles |= {found.encode() for found in re.findall("^WORKFLOW_SECRET_KEY=(.+)$", env, re.MULTILINE)}
            watch.needles = tuple(needles)

    assert len(needles) == 4  # the generated one among them
    assert watch.found == {f"sh\0-c\0sleep 2\0{mail}\0".encode()}  # the one that shows that the watch does see
    for answer in answers:
        assert not any(needle.decode() in answer.out + answer.err for needle in needles), answer
    assert not [path for path in holding(upgrader_home, needles) if not MAY_HOLD.fullmatch(path)]
    assert list(holding(upgrader_home, {password.encode()}))  # the search does find what is there
    assert not list(temporary.iterdir())
    assert "***" in "".join(path.read_text() for path in upgrader_home.rglob("logs/*.log"))


def test_nobody_else_can_read_what_is_written(install: Install, upgrader_home: Path, temporary: Path) -> None:
    app = install()
    app.start()
    shut = app.env_file.stat().st_mode
    answer = open_to_all(app, temporary, "upgrade", "--to", "v1.1.0", "--yes")
    assert answer.code == 0, answer
    saved = list(upgrader_home.rglob("*"))
    assert len(saved) > 15
    modes = {path.relative_to(upgrader_home): stat.S_IMODE(path.lstat().st_mode) for path in saved}
    assert {path: oct(mode) for path, mode in modes.items() if mode not in (0o600, 0o700)} == {}
    assert {path for path, mode in modes.items() if mode == 0o600} == {
        p.relative_to(upgrader_home) for p in saved if p.is_file()
    }
    assert app.env_file.stat().st_mode == shut


def test_a_refusal_that_would_show_a_secret(serving: Installation, upgrader_home: Path, temporary: Path) -> None:
    """The password is in a path, and the path in the message."""
    password = re.findall("^POSTGRES_PASSWORD=(.+)$", serving.env_file.read_text(), re.MULTILINE)[0]
    home = upgrader_home / f"of-{password}"
    (home / serving.project / "lock").mkdir(parents=True)
    answer = open_to_all(serving, temporary, "upgrade", "--to", "v1.1.0", "--yes", env={"UPGRADER_HOME": str(home)})
    assert answer.code == 4, answer
    assert "of-***" in answer.message
    assert password not in answer.out + answer.err
    assert serving.version() == "1.0.0"


def test_a_crash_report_has_no_secret() -> None:
    secret = f"hunter{secrets.token_hex(8)}"
    REDACTOR.learn([secret])
    shown = report(ValueError(f"cannot do anything with {secret}"))
    path = Path(shown.hint.rpartition(" ")[2])
    try:
        assert shown.exit_code == 1
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert "ValueError: cannot do anything with ***" in path.read_text()
        assert secret not in shown.message + path.read_text()
    finally:
        path.unlink()
