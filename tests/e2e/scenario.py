"""A small vocabulary for stories: type a command as a person would, then look at what is really there."""

import hashlib
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.client import HTTPException
from pathlib import Path
from typing import Any, Self

from tests.fixtures.engine import sh
from upgrader.demo.host import Installation
from upgrader.demo.meanwhile import Meanwhile
from upgrader.demo.remote import git
from upgrader.engine import journal
from upgrader.engine.state import State
from upgrader.errors import UpgraderError
from upgrader.model.manifest import RestorePoint
from upgrader.model.run import Run
from upgrader.steps.points import Points

WHOLE = """\
name: whole
extends: compose-git
stack: {env: {file: .env, example: .env.example}}
databases: {app: {service: db}}
migrations: {service: migrate, path: migrations}
health:
  - {service: web}
  - {http: "http://127.0.0.1:${{ env.WEB_PORT }}/health"}
  - version:
      http: http://127.0.0.1:${{ env.WEB_PORT }}/version
      json: version
      equals: ${{ target.tag }}
healthy: {stable_for: 1s, timeout: 90s}
"""
"""The road as it ships, every step of it."""
UNPROVED = "{replace: proof, with: {uses: proof, how: read}}"
PLAYBOOK = f"change: {{upgrade: [{UNPROVED}]}}\n" + WHOLE.replace("name: whole", "name: quick").replace(
    "path: migrations", "path: migrations, rehearse: false"
)
"""A shorter road: dumps are read, not restored, and migrations fail where they are not rehearsed."""
PATIENCE = 240
"""Seconds that a command may take on a busy machine before the test gives up on it."""


@dataclass(frozen=True)
class Answer:
    """What a command answered: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def __str__(self) -> str:
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


@dataclass(frozen=True)
class Box:
    """A container, by what tells it from another."""

    id: str
    started: str
    image: str
    state: str


def upgrader(*args: str | Path, cwd: Path, code: int | None = 0, **env: str) -> Answer:
    """Type `upgrader ARGS` in a directory. `code` is the exit code that it must have; None: any."""
    done = subprocess.run(
        [sys.executable, "-m", "upgrader", *map(str, args)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    answer = Answer(done.returncode, done.stdout, done.stderr)
    assert code is None or answer.code == code, f"upgrader {' '.join(map(str, args))}: expected {code}, {answer}"
    return answer


@dataclass
class Operator:
    """A person at an installation. `playbook` is the file that they name in each command that takes one."""

    app: Installation
    playbook: Path | None = None
    home: Path = field(default_factory=lambda: Path(os.environ["UPGRADER_HOME"]))

    @classmethod
    def at(cls, app: Installation, text: str = PLAYBOOK) -> Self:
        """One with a playbook of their own beside the checkout, as changed by the test."""
        path = app.path.parent / f"{app.project}.playbook.yaml"
        path.write_text(text)
        return cls(app, path)

    def __call__(self, *args: str | Path, code: int | None = 0, **env: str) -> Answer:
        named = ("--playbook", self.playbook) if self.playbook else ()
        return upgrader(*named, *args, cwd=self.app.path, code=code, **env)

    def upgrade(self, to: str = "", *args: str, code: int = 0) -> Answer:
        return self("upgrade", *(["--to", to] if to else []), "--yes", "--output", "plain", *args, code=code)

    def rollback(self, *args: str, code: int = 0) -> Answer:
        return self("rollback", "--yes", "--accept-data-loss", "--output", "plain", *args, code=code)

    # --- records

    @property
    def state(self) -> State:
        return State(self.home / self.app.project)

    @property
    def points(self) -> Points:
        return Points(self.state.home)

    def runs(self) -> list[Run]:
        return list(self.state.all())

    def last(self, kind: str = "upgrade") -> Run:
        return [run for run in self.runs() if run.kind == kind][-1]

    def point(self, run: Run) -> RestorePoint:
        return self.points.load(run.id)

    def lines(self, run: Run) -> list[str]:
        """The journal's lines."""
        path = self.state.directory(run) / "journal.jsonl"
        assert journal.read(path)
        return path.read_text().splitlines()

    # --- the world

    def boxes(self) -> dict[str, Box]:
        """Service → its container, whatever its state; one-offs left out."""
        label = f"label=com.docker.compose.project={self.app.project}"
        found = {}
        for box in json.loads(sh("docker", "inspect", *sh("docker", "ps", "-aq", "--filter", label).split())):
            labels = box["Config"]["Labels"]
            if labels.get("com.docker.compose.oneoff") != "True":
                state = box["State"]
                service = labels["com.docker.compose.service"]
                found[service] = Box(box["Id"], state["StartedAt"], box["Image"], state["Status"])
        return found

    def serving(self) -> dict[str, Box]:
        """The containers that run."""
        return {service: box for service, box in self.boxes().items() if box.state == "running"}

    def one_offs(self) -> list[str]:
        """Names of containers that an upgrade made for itself and left."""
        label = f"label=com.docker.compose.project={self.app.project}"
        names = sh("docker", "ps", "-a", "--filter", label, "--format", "{{.Names}}").split()
        return [name for name in names if "-upgrader-" in name]

    def sql(self, query: str, database: str = "ledgerly") -> list[str]:
        """The lines that psql prints."""
        words = ("exec", self.boxes()["db"].id, "psql", "-U", "ledgerly", "-d", database, "-XAtc", query)
        return sh("docker", *words).splitlines()

    def databases(self) -> list[str]:
        return self.sql("select datname from pg_database where not datistemplate and datname <> 'postgres' order by 1")

    def schema(self, database: str = "ledgerly") -> str:
        """All DDL, as Postgres itself tells it."""
        text = sh("docker", "exec", self.boxes()["db"].id, "pg_dump", "-sU", "ledgerly", database)
        # newer versions of pg_dump guard their output by a word of chance
        return "\n".join(line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict")))

    def table(self, name: str, database: str = "ledgerly") -> list[str]:
        """The rows, whole, in their order of identity."""
        return self.sql(f"select row_to_json(t) from {name} t order by 1::text", database)

    def git(self, *args: str) -> str:
        return git(*args, cwd=self.app.path).strip()

    def env(self) -> dict[str, str]:
        """What stands in the env file."""
        lines = [line for line in self.app.env_file.read_text().splitlines() if line and not line.startswith("#")]
        return dict(line.split("=", 1) for line in lines)

    def files(self) -> dict[str, str]:
        """Every file of the installation that git does not own → its digest and mode."""
        return {
            str(path.relative_to(self.app.path)): f"{path.stat().st_mode:o} {_digest(path)}"
            for path in self.app.path.rglob("*")
            if path.is_file() and ".git" not in path.parts
        }

    def world(self) -> dict[str, object]:
        """Everything that a command which changes nothing must leave as it was."""
        return {
            "files": self.files(),
            "head": self.git("rev-parse", "HEAD"),
            "branch": self.git("branch", "--show-current"),
            "refs": [ref for ref in self.git("for-each-ref").splitlines() if "refs/upgrader/" not in ref],
            "status": self.git("status", "--porcelain"),
            "boxes": self.boxes(),
            "one-offs": self.one_offs(),
            "images": self.images(),
            "databases": self.databases(),
            "schema": self.schema(),
            "notes": self.table("notes"),
        }

    def images(self) -> list[str]:
        """Tags of the project's images, and ours of them, with the ids that they name."""
        listed = sh("docker", "image", "ls", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}").splitlines()
        return sorted(line for line in listed if self.app.project in line)


class Client(Meanwhile):
    """Somebody who writes notes all the time, and remembers which of them the app acknowledged."""

    def __init__(self, app: Installation, interval: float = 0.05) -> None:
        super().__init__(interval)
        self.acknowledged: list[str] = []
        self.refused = 0
        self._app = app

    def _once(self) -> None:
        try:
            self.acknowledged += self._app.write(1)
        except (OSError, HTTPException, UpgraderError):
            self.refused += 1


def edited(text: str, old: str, new: str) -> str:
    """The text with one thing changed; fails where there is nothing to change."""
    assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
    return text.replace(old, new)


def changed_app(app: Installation, old: str, new: str, file: str = "docker-compose.yml", at: str = "v1.0.0") -> str:
    """A tracked file of a release with one thing changed, for a release of the test's own."""
    return edited(git("show", f"{at}:{file}", cwd=app.path), old, new)


def listening(port: int, seconds: float = 10) -> bool:
    """Whether anybody answers on the port within the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(OSError, HTTPException, UpgraderError):
            Installation(Path("/"), port).get("/version")
            return True
        time.sleep(0.05)
    return False


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


__all__ = [
    "PLAYBOOK",
    "WHOLE",
    "Answer",
    "Box",
    "Client",
    "Operator",
    "changed_app",
    "edited",
    "listening",
    "replace",
    "upgrader",
]
