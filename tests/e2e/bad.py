"""Provokes refusals on a real installation, and proves that they changed nothing."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from upgrader.demo.host import Installation
from upgrader.tools.shell import Command, Shell

PATIENCE = 180
"""Seconds after which a command that should refuse counts as hanging."""


@dataclass(frozen=True)
class Answer:
    """What one command said."""

    code: int
    out: str
    err: str

    @property
    def message(self) -> str:
        """What happened: the line of the cross."""
        return _marked(self.err, "✗ ")

    @property
    def hint(self) -> str:
        """What to type next: the line of the arrow."""
        return _marked(self.err, "→ ")

    def __str__(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.out}--- stderr\n{self.err}"


def _marked(text: str, mark: str) -> str:
    lines = [line.removeprefix(mark) for line in text.splitlines() if line.startswith(mark)]
    return lines[-1] if lines else ""


def upgrader(directory: Path, *args: str, env: Mapping[str, str] | None = None) -> Answer:
    """Run `upgrader -C directory …`, without a terminal; `env` is added to the environment."""
    done = subprocess.run(
        [sys.executable, "-m", "upgrader", "-C", str(directory), *args],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **(env or {})},
        cwd="/",
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def refuse(
    installation: Installation,
    *args: str,
    message: str,
    hint: str,
    code: int = 4,
    env: Mapping[str, str] | None = None,
) -> Answer:
    """Expect the command to refuse with a message and a hint (regular expressions), and the app to be as it was."""
    before = picture(installation)
    answer = upgrader(installation.path, *args, env=env)
    assert answer.code == code, answer
    assert re.search(message, answer.message), answer
    assert re.search(hint, answer.hint), answer
    assert "Traceback" not in answer.err, answer
    changed = before.changed(picture(installation))
    assert not changed, f"{changed}\n{answer}"
    return answer


@dataclass(frozen=True)
class Picture:
    """Everything of an installation that a refusal must leave alone."""

    checkout: tuple[str, ...]
    files: Mapping[str, bytes]
    containers: tuple[str, ...]
    data: tuple[str, ...]
    pins: tuple[str, ...]
    points: tuple[str, ...]

    def changed(self, after: "Picture") -> dict[str, tuple[object, object]]:
        """What differs afterwards: by field, before and after."""
        both = ((f.name, getattr(self, f.name), getattr(after, f.name)) for f in fields(self))
        return {name: (old, new) for name, old, new in both if old != new}


def picture(installation: Installation) -> Picture:
    shell = Shell()

    def ask(*argv: str) -> tuple[str, ...]:
        return tuple(shell.attempt(Command(argv, cwd=installation.path)).out.splitlines())

    def sql(*statements: str) -> tuple[str, ...]:
        psql = ("psql", "-XAtU", "ledgerly", "-d", "ledgerly", *(word for line in statements for word in ("-c", line)))
        return ask("docker", "exec", f"{installation.project}-db-1", "timeout", "10", *psql)

    ids = ask("docker", "ps", "-aq", "--filter", f"label=com.docker.compose.project={installation.project}")
    form = "{{.Id}} {{.Name}} {{.State.Status}} {{.State.StartedAt}} {{.Image}}"
    running = f"{installation.project}-db-1" in ask(
        "docker", "ps", "--format", "{{.Names}}", "--filter", "status=running"
    )
    data = sql("select datname from pg_database order by 1", "select * from notes order by id") if running else ()
    assert bool(data) == running
    home = Path(os.environ["UPGRADER_HOME"]) / installation.project
    return Picture(
        checkout=(
            *ask("git", "status", "--porcelain=v2", "--branch", "--ignored"),
            *ask("git", "show-ref", "--heads", "--tags"),
        ),
        files={path.name: path.read_bytes() for path in installation.path.iterdir() if path.is_file()},
        containers=tuple(sorted(ask("docker", "inspect", "--format", form, *ids))) if ids else (),
        data=data,
        pins=tuple(
            sorted(ask("docker", "image", "ls", "-q", "--filter", f"reference=upgrader-pin/{installation.project}-*"))
        ),
        points=tuple(sorted(path.name for path in home.glob("restore-points/*"))),
    )


@contextmanager
def written(path: Path, text: str | bytes) -> Iterator[None]:
    """The file with this content for a while; then as it was, or gone again."""
    before = path.read_bytes() if path.exists() else None
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    try:
        yield
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_bytes(before)


def docker(*argv: str) -> str:
    return Shell().run(Command(("docker", *argv), changes=True)).out
