"""The scripts that make a bare machine fit for the demo: what they refuse, and that their images keep the official images' contract."""

import os
import re
import secrets
import shutil
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MACHINE = ROOT / "upgrader/demo/machine"
SCRIPTS = [MACHINE / "engine", MACHINE / "images", MACHINE / "postgres-entrypoint", ROOT / ".ci/run"]
IMAGES = ("postgres:15", "postgres:17", "python:3.13-slim")
PASSWORD = 'it\'s a "password" $HOME %q'

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def run(*argv: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, env={**os.environ, **environment}
    )


def docker(*argv: str) -> str:
    done = run("docker", *argv)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_are_executable_and_parse(script: Path) -> None:
    assert os.access(script, os.X_OK)
    assert run("bash", "-n", script).stderr == ""


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_scripts_are_clean_for_shellcheck() -> None:
    assert run("shellcheck", *SCRIPTS).stdout == ""


@pytest.mark.parametrize("name", ["postgres:14", "postgres", "", "15 postgres:17"])
def test_unknown_image_is_refused(name: str) -> None:
    done = run(MACHINE / "images", "postgres:15", name)
    assert done.returncode == 1
    assert done.stderr == f"images: there is no recipe for '{name}'; there is one for: {' '.join(IMAGES)}\n"


def test_images_without_a_name() -> None:
    done = run(MACHINE / "images")
    assert done.returncode == 1
    assert done.stderr == f"images: usage: images NAME... (of: {' '.join(IMAGES)})\n"


@pytest.fixture
def machine_of_nobody() -> Iterator[Path]:
    """The scripts, where a user without rights can read them."""
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory)
        copy.chmod(0o755)
        shutil.copytree(MACHINE, copy, dirs_exist_ok=True)
        yield copy


@as_root
@pytest.mark.parametrize(
    ("script", "complaint"),
    [("engine", "only root can install or start one; run this as root"), ("images", "no Docker engine answers; run ")],
)
def test_a_user_without_rights_is_told(machine_of_nobody: Path, script: str, complaint: str) -> None:
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    done = run(*nobody, machine_of_nobody / script, *(IMAGES if script == "images" else ()))
    assert done.returncode == 1
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_engine_does_not_replace_a_remote_one() -> None:
    done = run(MACHINE / "engine", DOCKER_HOST="tcp://127.0.0.1:1")
    assert done.returncode == 1
    assert "no engine answers at DOCKER_HOST=tcp://127.0.0.1:1" in done.stderr


@pytest.mark.docker
def test_nothing_to_do_is_quiet_and_quick() -> None:
    assert run(MACHINE / "engine").returncode == run(MACHINE / "images", *IMAGES).returncode == 0
    start = time.monotonic()
    for done in run(MACHINE / "engine"), run(MACHINE / "images", *IMAGES):
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.monotonic() - start < 5


def test_make_offers_four_targets() -> None:
    targets = re.findall(r"^([^\s:=?]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert [target for target in targets if not target.startswith(".")] == ["demo", "test", "bench", "lint"]


def test_lock_pins_every_dependency() -> None:
    lines = (ROOT / ".ci/requirements.lock").read_text().splitlines()
    pinned = {re.sub(r"[-_.]+", "-", name).lower() for name, _ in (line.split("==") for line in lines)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
        *project["build-system"]["requires"],
    ]
    names = {re.split(r"[^\w.-]", requirement)[0].lower() for requirement in wanted}
    assert names - pinned == set()


@dataclass(frozen=True)
class Server:
    name: str

    def exec(self, *argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
        names = [option for name in environment for option in ("--env", name)]
        return run("docker", "exec", *names, self.name, *argv, **environment)

    def query(self, sql: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        argv = ("psql", "-XAtw", "-U", "owner", "-d", "shop", *options, "-c", sql)
        return self.exec(*argv, **environment)

    @property
    def address(self) -> str:
        """Where the password counts: within the container, the socket and the loopback interface are trusted."""
        return self.exec("hostname", "-i").stdout.strip()

    def wait(self) -> None:
        deadline = time.monotonic() + 60
        while self.exec("pg_isready", "-q", "-h", self.address).returncode != 0:
            state = docker("inspect", "--format", "{{.State.Status}}", self.name).strip()
            assert state == "running", docker("logs", self.name)
            assert time.monotonic() < deadline, docker("logs", self.name)


@pytest.fixture(scope="module", params=["postgres:15", "postgres:17"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A fresh server, its first rows made by scripts, its password given in a file."""
    scripts = tmp_path_factory.mktemp("initdb.d")
    scripts.chmod(0o755)
    (scripts / "1.sql").write_text("CREATE TABLE part (name text); INSERT INTO part VALUES ('from sql')")
    (scripts / "2.sh").write_text(
        'psql -U "$POSTGRES_USER" -d "$POSTGRES_DB" -c "INSERT INTO part VALUES (\'from sh\')"\n'
    )
    (scripts / "3.txt").write_text("no script\n")
    password = tmp_path_factory.mktemp("secret") / "password"
    password.write_text(f"{PASSWORD}\n")
    server = Server(f"test-machine-{secrets.token_hex(4)}")
    environment = {"POSTGRES_USER": "owner", "POSTGRES_DB": "shop", "POSTGRES_PASSWORD_FILE": "/run/secrets/password"}
    docker(
        *("run", "--detach", "--name", server.name),
        *(f"--env={name}={value}" for name, value in environment.items()),
        *("--volume", f"{password}:/run/secrets/password:ro", "--volume", f"{scripts}:/docker-entrypoint-initdb.d:ro"),
        request.param,
    )
    try:
        server.wait()
        yield server
    finally:
        docker("rm", "--force", "--volumes", server.name)


@pytest.mark.docker
def test_postgres_runs_the_first_scripts_once(server: Server) -> None:
    assert server.query("SELECT string_agg(name, ', ' ORDER BY name) FROM part").stdout == "from sh, from sql\n"
    docker("restart", server.name)
    server.wait()
    assert server.query("SELECT count(*) FROM part").stdout == "2\n"
    assert "Skipping initialization" in docker("logs", server.name)


@pytest.mark.docker
def test_postgres_wants_the_password_over_tcp(server: Server) -> None:
    assert server.query("SELECT 1", "-h", server.address, PGPASSWORD=PASSWORD).stdout == "1\n"
    refused = server.query("SELECT 1", "-h", server.address, PGPASSWORD="another")
    assert refused.returncode == 2
    assert "password authentication failed" in refused.stderr


@pytest.mark.docker
def test_postgres_is_dumped_and_restored_in_its_container(server: Server) -> None:
    script = "createdb -U owner copy && pg_dump -U owner -Fc shop | pg_restore -U owner -d copy --exit-on-error"
    assert server.exec("bash", "-o", "pipefail", "-c", script).stderr == ""
    assert server.exec("psql", "-XAtU", "owner", "-d", "copy", "-c", "SELECT count(*) FROM part").stdout == "2\n"
    assert server.exec("dropdb", "-U", "owner", "copy").returncode == 0


@pytest.mark.docker
def test_postgres_is_its_own_user_and_stops_fast(server: Server) -> None:
    assert server.exec("stat", "-c", "%u %n", "/proc/1", "/var/lib/postgresql/data").stdout == (
        "999 /proc/1\n999 /var/lib/postgresql/data\n"
    )
    docker("stop", server.name)
    assert docker("inspect", "--format", "{{.State.ExitCode}} {{.Config.StopSignal}}", server.name) == "0 SIGINT\n"
    docker("start", server.name)
    server.wait()


@pytest.mark.docker
@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({}, "superuser password is not specified"),
        ({"POSTGRES_PASSWORD": "a", "POSTGRES_PASSWORD_FILE": "/b"}, "are set (but are exclusive)"),
    ],
)
def test_postgres_refuses_an_unclear_password(environment: dict[str, str], complaint: str) -> None:
    name = f"test-machine-{secrets.token_hex(4)}"
    settings = (f"--env={key}={value}" for key, value in environment.items())
    try:
        done = run("docker", "run", "--name", name, *settings, "postgres:17")
    finally:
        run("docker", "rm", "--force", "--volumes", name)
    assert done.returncode == 1
    assert complaint in done.stderr


@pytest.mark.docker
def test_postgres_refuses_scripts_that_it_cannot_read(tmp_path: Path) -> None:
    name = f"test-machine-{secrets.token_hex(4)}"
    tmp_path.chmod(0o700)
    volume = f"{tmp_path}:/docker-entrypoint-initdb.d:ro"
    try:
        done = run("docker", "run", "--name", name, "--env=POSTGRES_PASSWORD=a", "--volume", volume, "postgres:17")
    finally:
        run("docker", "rm", "--force", "--volumes", name)
    assert done.returncode != 0
    assert "Permission denied" in done.stderr


@pytest.mark.docker
def test_postgres_gives_way_to_another_command() -> None:
    assert docker("run", "--rm", "postgres:17", "pg_dump", "--version").startswith("pg_dump (PostgreSQL) 17.")
    assert docker("run", "--rm", "postgres:17", "--version").startswith("postgres (PostgreSQL) 17.")


@pytest.mark.docker
def test_python_is_whole() -> None:
    script = (
        "python3 -m venv /tmp/venv && /tmp/venv/bin/pip --version && pip --version && python -c 'import ssl, sqlite3'"
    )
    assert docker("run", "--rm", "python:3.13-slim", "sh", "-c", script).count("(python 3.13)") == 2
