"""An app whose database is none of its services: known by DATABASE_URL alone, as everruns' documentation has it (E3, E5, E7)."""

import os
import secrets
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.e2e.scenario import Answer, upgrader
from tests.fixtures.engine import Project, sh
from upgrader.demo.host import free_port
from upgrader.demo.remote import git
from upgrader.engine.state import State
from upgrader.steps.points import Points
from upgrader.tools.postgres import Server
from upgrader.tools.shell import Shell

pytestmark = pytest.mark.docker
PASSWORD = "s3cret/w@rd:%"
COMPOSE = """\
services:
  migrate:
    image: {image}
    restart: "no"
    entrypoint: [sh, /migrations/run.sh]
    environment: {{DATABASE_URL: "${{DATABASE_URL}}"}}
    extra_hosts: ["host.docker.internal:host-gateway"]
    volumes: ["./migrations:/migrations:ro"]
  web:
    image: {image}
    entrypoint: [sh, -c, 'trap "exit 0" TERM; while :; do sleep 1 & wait $$!; done']
    environment: {{DATABASE_URL: "${{DATABASE_URL}}", RELEASE: "{tag}"}}
    extra_hosts: ["host.docker.internal:host-gateway"]
    depends_on: {{migrate: {{condition: service_completed_successfully}}}}
"""
RUN = """\
set -e
say() { psql "$DATABASE_URL" -XAtq -v ON_ERROR_STOP=1 "$@"; }
say -c 'CREATE TABLE IF NOT EXISTS schema_migrations (version text PRIMARY KEY)'
for file in /migrations/*.sql; do
    version=$(basename "$file" .sql)
    [ -z "$(say -c "SELECT 1 FROM schema_migrations WHERE version = '$version'")" ] || continue
    say -f "$file"
    say -c "INSERT INTO schema_migrations VALUES ('$version')"
done
"""
MIGRATIONS = {
    "v1.0.0": "CREATE TABLE notes (id serial PRIMARY KEY, body text NOT NULL);\n",
    "v1.1.0": "ALTER TABLE notes RENAME COLUMN body TO words;\n",
    # half of it works, and no transaction holds it together
    "v1.2.0": "DELETE FROM notes WHERE id = 1;\nALTER TABLE notes ADD COLUMN at timestamptz;\nSELECT 1 / 0;\n",
}
PLAYBOOK = """\
name: far
extends: migrate-first
stack: {env: {file: .env, example: .env.example}}
databases: {app: {url: DATABASE_URL}}
migrations: {service: migrate, path: migrations}
health: [{service: web}]
healthy: {stable_for: 1s, timeout: 60s}
"""


@dataclass(frozen=True)
class Far:
    """The app's directory, and the container of a server that no Compose project knows."""

    path: Path
    project: str
    server: str

    def __call__(self, *args: str, code: int = 0) -> Answer:
        playbook = self.path.parent / "far.yaml"
        return upgrader("--playbook", playbook, *args, "--project", self.project, cwd=self.path, code=code)

    def upgrade(self, to: str, code: int = 0) -> Answer:
        return self("upgrade", "--to", to, "--yes", "--output", "plain", code=code)

    def sql(self, text: str, database: str = "far") -> list[str]:
        """As the server's administrator."""
        return sh("docker", "exec", self.server, "psql", "-XAtqU", "postgres", "-d", database, "-c", text).splitlines()

    def databases(self) -> list[str]:
        return self.sql("SELECT datname FROM pg_database WHERE datname LIKE 'far%' ORDER BY 1")

    def world(self) -> dict[str, object]:
        label = f"label=com.docker.compose.project={self.project}"
        return {
            "containers": sh("docker", "ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.State}}", "--filter", label),
            "head": git("rev-parse", "HEAD", cwd=self.path),
            "env": (self.path / ".env").read_bytes(),
            "databases": self.databases(),
            "notes": self.sql("SELECT * FROM notes ORDER BY id"),
        }

    @property
    def state(self) -> State:
        return State(Path(os.environ["UPGRADER_HOME"]) / self.project)


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Far]:
    """v1.0.0, with two rows, and a role that may do what a managed server lets its customers do."""
    project = f"ut-far-{secrets.token_hex(3)}"
    image, port = f"{project}:1", free_port()
    link = f"postgresql://far:{quote(PASSWORD, safe='')}@host.docker.internal:{port}/far"
    _releases(tmp_path / "far.git", image)
    git("clone", "--quiet", str(tmp_path / "far.git"), "far", cwd=tmp_path)
    git("checkout", "--quiet", "--detach", "v1.0.0", cwd=tmp_path / "far")
    (tmp_path / "far.yaml").write_text(PLAYBOOK)
    (tmp_path / "far" / ".env").write_text(f"DATABASE_URL={link}\n")
    app = Far(tmp_path / "far", project, f"{project}-server")
    # not called Postgres: nothing but the URL tells that there is a database
    sh("docker", "tag", "postgres:17", image)
    with _serving(app.server, port):
        try:
            app.sql(f"CREATE ROLE far LOGIN CREATEDB PASSWORD '{PASSWORD}'", "postgres")
            app.sql("CREATE DATABASE far OWNER far", "postgres")
            sh("docker", "compose", "-p", project, "up", "-d", cwd=app.path)
            app.sql("INSERT INTO notes (body) VALUES ('one'), ('two')")
            yield app
        finally:
            if not os.environ.get("UPGRADER_KEEP"):
                Project(app.path, project).remove()
                sh("docker", "rmi", image)


def _releases(path: Path, image: str) -> None:
    git("init", "--quiet", "--initial-branch=main", str(path), cwd=path.parent)
    (path / "migrations").mkdir()
    (path / "migrations" / "run.sh").write_text(RUN)
    (path / ".env.example").write_text("DATABASE_URL=\n")
    (path / ".gitignore").write_text(".env\n")
    for number, (tag, text) in enumerate(MIGRATIONS.items(), 1):
        (path / "migrations" / f"{number:04}.sql").write_text(text)
        (path / "compose.yaml").write_text(COMPOSE.format(image=image, tag=tag))
        git("add", "--all", cwd=path)
        git("-c", "user.name=r", "-c", "user.email=r@far.example", "commit", "--quiet", "-m", tag, cwd=path)
        git("tag", tag, cwd=path)


@contextmanager
def _serving(name: str, port: int) -> Iterator[None]:
    storage = ("--tmpfs", "/var/lib/postgresql/data", "-e", f"POSTGRES_PASSWORD={secrets.token_hex(8)}")
    sh("docker", "run", "-d", "--name", name, "-p", f"{port}:5432", *storage, "postgres:17", "-c", "fsync=off")
    try:
        Server(Shell(), name, "postgres", "test").require(60)
        yield
    finally:
        sh("docker", "rm", "-fv", name)


def test_E5_up_and_back_with_a_database_that_only_a_url_knows(far: Far, tmp_path: Path) -> None:  # noqa: N802
    """Backup, export, restore, an upgrade, the way back, one that fails half way: no row is lost, no password told."""
    before = far.world()
    planned = far("plan", "--to", "v1.1.0").out
    assert "DATABASE_URL: database far" in planned
    assert "at host.docker.internal:" in planned
    assert "0002/pending: 0002.sql (NEW)" in planned
    assert far.world() == before

    said = far("backup", "--output", "plain").err
    assert "restored in full elsewhere" in said
    (point,) = Points(far.state.home).ids()
    far("backups", "export", point, str(tmp_path / "far.tar"))
    with tarfile.open(tmp_path / "far.tar") as tar:
        assert any("/databases/app.dump" in name for name in tar.getnames())
    far("restore", point, "--into-new", "far_yesterday")
    assert far.sql("SELECT body FROM notes ORDER BY id", "far_yesterday") == ["one", "two"]
    far.sql("DROP DATABASE far_yesterday", "postgres")
    assert far.world() == before, "none of this is a change of the app"

    far.upgrade("v1.1.0")
    assert far.sql("SELECT words FROM notes ORDER BY id") == ["one", "two"]
    far.sql("INSERT INTO notes (words) VALUES ('three')")

    upgraded = far.sql("SELECT * FROM notes ORDER BY id")
    failed = far.upgrade("v1.2.0", code=5)
    assert "division by zero" in failed.err
    assert far.sql("SELECT * FROM notes ORDER BY id") == upgraded, "the row that half a migration deleted is there"
    assert git("describe", "--tags", cwd=far.path).strip() == "v1.1.0"

    far("rollback", "--to", "v1.0.0", "--yes", "--accept-data-loss", "--output", "plain")
    assert far.sql("SELECT body FROM notes ORDER BY id") == ["one", "two"]
    assert [name for name in far.databases() if name.endswith("_aside")]

    records = [path for path in far.state.home.rglob("*") if path.is_file() and "files" not in path.parts]
    for path in records:
        data = path.read_bytes()
        assert PASSWORD.encode() not in data, path
        assert quote(PASSWORD, safe="").encode() not in data or path.name == "model.json", path


def test_E3_a_migrator_that_says_it_worked_and_did_not(far: Far, tmp_path: Path) -> None:  # noqa: N802
    """Its ledger tells: the new code never starts."""
    (tmp_path / "far.git" / "migrations" / "run.sh").write_text("exit 0\n")
    git("-c", "user.name=r", "-c", "user.email=r@far.example", "commit", "-qam", "v1.3.0", cwd=tmp_path / "far.git")
    git("tag", "v1.3.0", cwd=tmp_path / "far.git")
    before = far.sql("SELECT * FROM notes ORDER BY id")
    failed = far("upgrade", "--to", "v1.3.0", "--yes", "--output", "plain", "--proof", "read", code=5)
    assert "2 migrations did not come to be installed: 0002/pending: 0002.sql (NEW)" in failed.err
    assert far.sql("SELECT * FROM notes ORDER BY id") == before
    assert git("describe", "--tags", cwd=far.path).strip() == "v1.0.0"
    release = sh("docker", "exec", f"{far.project}-web-1", "printenv", "RELEASE")
    assert release == "v1.0.0", "what serves is the old version"


def test_E7_what_is_wrong_with_the_database_is_told_before_anything_changes(far: Far) -> None:  # noqa: N802
    """And a role that could not go back. More of it, by its words alone: tests/steps/test_outside.py."""
    env, whole = far.path / ".env", (far.path / ".env").read_text()
    before = far.world()

    def refused(text: str) -> str:
        env.write_text(text)
        answer = far.upgrade("v1.1.0", code=4)
        env.write_text(whole)
        assert far.world() == before
        assert quote(PASSWORD, safe="") not in answer.out + answer.err
        return answer.err

    assert "that it would not be given again by" in refused("")
    assert "cannot be read" in refused(whole.replace("@host", "@@host"))
    assert "refuses the password of role far" in refused(whole.replace("s3cret", "s4cret"))
    assert "runs with another DATABASE_URL" in refused(
        whole + "# the same, in other words\n" + whole.replace("/far\n", "/far?x=1\n")
    )

    far.sql("ALTER ROLE far NOCREATEDB", "postgres")
    said = refused(whole)
    assert "role far may not create databases" in said
    assert 'ALTER ROLE "far" CREATEDB;' in said
    assert "restored in full elsewhere" in far("backup", "--output", "plain").err, "it can be dumped all the same"
    far.sql("ALTER ROLE far CREATEDB", "postgres")

    sh("docker", "stop", "-t", "1", far.server)
    env.write_text(whole)
    answer = far.upgrade("v1.1.0", code=4)
    assert "Nothing listens on host.docker.internal" in answer.err
    assert "pg_isready -h host.docker.internal" in answer.err
    assert [run.kind for run in far.state.all() if run.kind == "upgrade"] == []
