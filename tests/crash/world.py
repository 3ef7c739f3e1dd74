"""One installation that many killed runs share, what its users wrote, and what must be true of it after each."""

import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from tests.crash.killer import Moment, moments
from tests.fixtures.engine import eventually, sh
from upgrader.demo.host import Installation, request
from upgrader.demo.remote import git
from upgrader.engine import journal, lock
from upgrader.engine.state import State
from upgrader.model.run import Run
from upgrader.tools.postgres_sql import is_making
from upgrader.tools.postgres_throwaway import leftovers
from upgrader.tools.shell import Shell

ROOT = Path(__file__).parents[2]
SERVING = ["db", "web", "worker"]
KILLED = -9
PLAYBOOK = """\
name: {project}
extends: compose-git
stack:
  project: {project}
  files: [docker-compose.yml, docker-compose.override.yml]
  env: {{file: .env, example: .env.example}}
databases:
  db: {{service: db}}
migrations: {{service: migrate, path: migrations}}
health:
  - {{service: db}}
  - {{service: worker}}
  - {{http: "http://127.0.0.1:{port}/health"}}
healthy: {{stable_for: 1s, timeout: 60s}}
"""


@dataclass(frozen=True)
class Ended:
    """How a process ended, and what it said."""

    code: int
    text: str


@dataclass
class World:
    """The installation, its records, and the rows that the app has acknowledged since the beginning."""

    installation: Installation
    home: Path
    written: list[str] = field(default_factory=list)
    old_env: bytes = b""
    kills: int = 0

    @classmethod
    def create(cls, remote: Path, parent: Path, project: str) -> "World":
        installation = Installation.create(remote, parent, project=project)
        (installation.path / "upgrader.yaml").write_text(PLAYBOOK.format(project=project, port=installation.port))
        world = cls(installation, parent / "home", old_env=installation.env_file.read_bytes())
        try:
            installation.start()
            world.written += installation.write(5)
        except BaseException:
            installation.remove()
            raise
        return world

    # --- acting

    def drive(self, command: str, target: str, moment: Moment | None = None, options: str = "{}") -> Ended:
        """Run the driver to its end. Its orphans may live on."""
        argv = ["-m", "tests.crash.driver", str(self.installation.path), command, target]
        return self._run(*argv, moment.to_json() if moment else "", options)

    def upgrader(self, *argv: str) -> Ended:
        return self._run("-m", "upgrader", "-C", str(self.installation.path), *argv)

    def start(self, *argv: str, **options: object) -> "subprocess.Popen[bytes]":
        """A process of upgrader that runs on by itself."""
        command = [sys.executable, "-m", "upgrader", "-C", str(self.installation.path), *argv]
        return subprocess.Popen(command, cwd=ROOT, env=self.environ, **options)  # type: ignore[call-overload, no-any-return]

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "UPGRADER_HOME": str(self.home)}

    def _run(self, *argv: str) -> Ended:
        with tempfile.TemporaryFile() as out:  # no pipe: orphans would keep it open
            code = subprocess.call(
                [sys.executable, *argv],
                cwd=ROOT, env=self.environ, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=300,
            )  # fmt: skip
            out.seek(0)
            return Ended(code, out.read().decode(errors="replace"))

    def chain(
        self, command: str, target: str, points: Sequence[Moment], options: str = "{}", code: int = 0
    ) -> list[Moment]:
        """One run, killed at each of these moments and resumed, then left to end with `code`.

        Returns the moments that it did not come by.
        """
        pending = list(points)
        verb, known = command, {run.id for run in self.state.all()}
        while True:
            moment = pending.pop(0) if pending else None
            ended = self.drive(verb, target, moment, options if verb == command else "{}")
            if ended.code != KILLED:
                assert ended.code == code, f"{ended.code} instead of {code}, killed at {points}:\n{ended.text}"
                return [moment, *pending] if moment else []
            self.kills += 1
            print(f"killed: {moment}")
            if self.state.unfinished():
                verb = "resume"
            elif known != {run.id for run in self.state.all()}:
                return pending  # killed after its very last word

    @contextmanager
    def slow_checkouts(self) -> Iterator[None]:
        """Git takes half a second for each SQL file that it writes."""
        here = self.installation.path
        attributes = here / ".git/info/attributes"
        attributes.parent.mkdir(exist_ok=True)
        attributes.write_text("*.sql filter=slow\n")
        git("config", "filter.slow.smudge", "sleep 0.5; cat", cwd=here)
        try:
            yield
        finally:
            attributes.unlink()
            git("config", "--remove-section", "filter.slow", cwd=here)

    # --- looking

    @property
    def state(self) -> State:
        return State(self.home / self.installation.project)

    def moments(self, run: Run) -> list[Moment]:
        records = journal.read(self.state.directory(run) / "journal.jsonl")
        return moments(run.kind, [record.event for record in records])

    def rows(self, database: str = "ledgerly") -> set[str]:
        """Every note in a database of the app's server, whatever its columns are called."""
        return set(re.findall(r"note [0-9a-f]{16}", self.sql("select to_jsonb(n) from notes n", database)))

    def sql(self, query: str, database: str = "ledgerly") -> str:
        container = f"{self.installation.project}-db-1"
        return sh("docker", "exec", container, "psql", "-X", "-At", "-U", "ledgerly", "-d", database, "-c", query)

    def databases(self) -> list[str]:
        return self.sql("select datname from pg_database where not datistemplate order by oid desc").split()

    @contextmanager
    def writing(self) -> Iterator[list[str]]:
        """Somebody uses the app meanwhile; yields the bodies of the notes that it has acknowledged."""
        acknowledged: list[str] = []
        stop = threading.Event()
        thread = threading.Thread(target=self._write, args=(acknowledged, stop), daemon=True)
        thread.start()
        try:
            yield acknowledged
        finally:
            stop.set()
            thread.join()

    def _write(self, acknowledged: list[str], stop: threading.Event) -> None:
        while not stop.wait(0.25):
            body = f"note {os.urandom(8).hex()}"
            try:
                status, _ = request(self.installation.port, "POST", "/notes", body)
            except (OSError, HTTPException):
                continue
            if status < 300:
                acknowledged.append(body)

    # --- judging

    def assert_good(self, version: str) -> None:
        """All that must be true after any recovery."""
        here = self.installation
        eventually(here.health, 30)
        assert here.version() == version
        assert git("rev-parse", "HEAD", cwd=here.path) == git("rev-parse", f"v{version}^{{commit}}", cwd=here.path)
        assert git("status", "--porcelain", cwd=here.path) == "?? upgrader.yaml\n"
        assert not list((here.path / ".git").rglob("*.lock"))
        assert not git("for-each-ref", "refs/upgrader/checkout", cwd=here.path)
        self._assert_env(version)
        self._assert_containers()
        assert not self.state.unfinished()
        assert not lock.held(self.state.home)
        assert not [name for name in self.databases() if is_making(name)]
        assert not leftovers(Shell(), here.project)
        assert not list(self.state.all()) or self.upgrader("status").code == 0

    def _assert_env(self, version: str) -> None:
        data = self.installation.env_file.read_bytes()
        if version == "1.0.0":
            assert data == self.old_env
        else:
            assert data.startswith(self.old_env)
            for key in (b"WORKFLOW_SECRET_KEY", b"PAGE_SIZE"):
                assert len(re.findall(rb"^%b=." % key, data, re.MULTILINE)) == 1, data.count(key)
        assert sorted(path.name for path in self.installation.path.glob(".env*")) == [".env", ".env.example"]

    def _assert_containers(self) -> None:
        shown = sh(
            "docker", "ps", "--all", "--filter", f"label=com.docker.compose.project={self.installation.project}",
            "--format", '{{.Names}} {{.State}} {{.Label "com.docker.compose.oneoff"}}',
        )  # fmt: skip
        project = self.installation.project
        expected = [f"{project}-migrate-1 exited False", *(f"{project}-{name}-1 running False" for name in SERVING)]
        assert sorted(shown.splitlines()) == sorted(expected)

    def assert_rows(self, rows: set[str], *, aside: bool = False) -> None:
        """They are all in the app's database, or (`aside`) in one that was kept."""
        missing = rows - self.rows()
        if aside:
            for database in self.databases():
                if missing and "_upgrader_" in database:
                    missing -= self.rows(database)
        assert not missing, f"{len(missing)} of {len(rows)} rows are lost"

    def wait_for_step(self, step: str, seconds: float = 180.0) -> None:
        """Until the newest unfinished run has started this step."""

        def started() -> bool:
            found = self.state.unfinished()
            return bool(found) and step in found[-1].steps and found[-1].steps[step].state == "started"

        eventually(started, seconds)
