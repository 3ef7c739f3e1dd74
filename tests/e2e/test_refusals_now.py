"""What is installed is not as it must be: its env file, Compose files, containers, databases, and runs that are under way."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from tests.e2e.bad import docker, picture, refuse, upgrader, written
from tests.fixtures.stack import Install
from upgrader.demo.host import Installation

pytestmark = pytest.mark.docker


def eventually(true: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s"
        time.sleep(0.05)


def without(key: str, text: str) -> str:
    return re.sub(rf"^{key}=.*\n", "", text, flags=re.MULTILINE)


def test_an_env_file_that_compose_rejects(serving: Installation) -> None:
    text = serving.env_file.read_text()
    line = text.count("\n") + 1
    with written(serving.env_file, text + "SOME KEY=hunter2hunter2\n"):
        answer = refuse(
            serving,
            *("upgrade", "--yes"),
            message=rf"{serving.env_file}(, line |:){line}",
            hint=rf"\${{EDITOR:-vi}} \+{line} {serving.env_file}",
        )
    assert "hunter2" not in answer.out + answer.err


def test_an_env_file_with_an_open_quote(serving: Installation) -> None:
    text = serving.env_file.read_text()
    line = text.count("\n") + 1
    with written(serving.env_file, text + 'SOME_PASSWORD="hunter2hunter2\n'):
        answer = refuse(
            serving,
            *("upgrade", "--yes"),
            message=rf"{serving.env_file}(, line |:){line}.*quote",
            hint=rf"\${{EDITOR:-vi}} \+{line} {serving.env_file}",
        )
    assert "hunter2" not in answer.out + answer.err


def test_a_compose_file_that_is_broken(serving: Installation) -> None:
    override = serving.path / "docker-compose.override.yml"
    with written(override, "services:\n  web:\n    environment: [\n"):
        refuse(
            serving,
            "upgrade",
            "--yes",
            message=rf"Compose rejects .*{override}.*line \d+",
            hint="docker compose .*config --quiet",
        )


def test_a_variable_that_is_missing_now(serving: Installation) -> None:
    with written(serving.env_file, without("POSTGRES_PASSWORD", serving.env_file.read_text())):
        refuse(
            serving,
            *("upgrade", "--yes"),
            message=rf"{serving.path}/docker-compose.yml requires POSTGRES_PASSWORD, which {serving.env_file} does not set",
            hint=f"POSTGRES_PASSWORD=.* {serving.env_file}",
        )


def test_a_password_that_is_not_the_databases(serving: Installation) -> None:
    text = without("POSTGRES_PASSWORD", serving.env_file.read_text()) + "POSTGRES_PASSWORD=hunter2hunter2\n"
    with written(serving.env_file, text):
        answer = refuse(
            serving,
            *("upgrade", "--to", "v1.1.0", "--yes"),
            message="(web|worker|migrate) cannot use its PGPASSWORD: .*refuses the password of role ledgerly",
            hint=rf"\${{EDITOR:-vi}} {serving.env_file}",
        )
    assert "hunter2" not in answer.out + answer.err


def test_a_role_that_the_database_does_not_have(serving: Installation) -> None:
    override = serving.path / "docker-compose.override.yml"
    url = "postgresql://nobody:hunter2hunter2@db/ledgerly"
    with written(override, override.read_text() + f"      DATABASE_URL: {url}\n"):
        answer = refuse(
            serving,
            *("upgrade", "--to", "v1.1.0", "--yes"),
            message="web cannot use its DATABASE_URL: .*(refuses the password of|has no) role nobody",
            hint=rf"\${{EDITOR:-vi}} {serving.env_file}",
        )
    assert "hunter2" not in answer.out + answer.err


def test_a_database_that_is_not_there(serving: Installation, tmp_path: Path) -> None:
    playbook = tmp_path / "mine.yaml"
    playbook.write_text("name: mine\nextends: ledgerly\ndatabases: {ledgerly: {service: db, name: ledger}}\n")
    refuse(
        serving,
        *("upgrade", "--playbook", str(playbook), "--to", "v1.1.0", "--yes"),
        message="there is no database 'ledger' in service 'db'; .*ledgerly",
        hint=r"databases\.ledgerly\.name",
    )


def test_a_database_service_that_is_not_there(serving: Installation, tmp_path: Path) -> None:
    playbook = tmp_path / "mine.yaml"
    playbook.write_text("name: mine\nextends: ledgerly\ndatabases: {ledgerly: {service: postgres}}\n")
    refuse(
        serving,
        *("upgrade", "--playbook", str(playbook), "--to", "v1.1.0", "--yes"),
        message="no service 'postgres'.*db",
        hint=r"databases\.ledgerly\.service",
    )


def test_a_database_that_is_stopped(serving: Installation) -> None:
    docker("stop", f"{serving.project}-db-1")
    try:
        refuse(
            serving,
            *("upgrade", "--to", "v1.1.0", "--yes"),
            message=f"the database service 'db' does not run: {serving.project}-db-1 is exited",
            hint=f"docker start {serving.project}-db-1",
        )
    finally:
        docker("start", f"{serving.project}-db-1")
        serving.wait_healthy()


def test_a_database_that_is_paused(serving: Installation) -> None:
    docker("pause", f"{serving.project}-db-1")
    try:
        answer = upgrader(serving.path, "upgrade", "--to", "v1.1.0", "--yes")
    finally:
        docker("unpause", f"{serving.project}-db-1")
    assert answer.code == 4
    assert answer.message == f"the database service 'db' does not run: {serving.project}-db-1 is paused"
    assert answer.hint == f"docker unpause {serving.project}-db-1"


def test_a_database_that_does_not_answer(serving: Installation) -> None:
    before = picture(serving)
    docker("kill", "--signal=STOP", f"{serving.project}-db-1")
    try:
        answer = upgrader(serving.path, "upgrade", "--to", "v1.1.0", "--yes")
    finally:
        docker("kill", "--signal=CONT", f"{serving.project}-db-1")
    assert answer.code == 4
    assert re.search(f"Postgres in {serving.project}-db-1 does not answer", answer.message), answer
    assert f"docker logs --tail 50 {serving.project}-db-1" in answer.hint
    serving.wait_healthy()
    assert picture(serving) == before


def test_an_upgrade_while_another_one_asks(serving: Installation) -> None:
    first = pexpect.spawn(
        sys.executable,
        ["-m", "upgrader", "-C", str(serving.path), "--output", "plain", "upgrade", "--to", "v1.1.0"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        encoding="utf-8",
        timeout=120,
        dimensions=(40, 200),
    )
    try:
        first.expect("now\\?")
        refuse(
            serving,
            *("upgrade", "--to", "v1.1.0", "--yes"),
            code=7,
            message=f"another upgrader is at work on this app: process {first.pid} .* since",
            hint="upgrader status",
        )
        said = upgrader(serving.path, "status")
        assert f"process {first.pid}" in said.out
        first.sendline("n")
        first.expect("declined: nothing was changed")
        first.expect(pexpect.EOF)
    finally:
        first.close(force=True)
    assert first.exitstatus == 4


@contextmanager
def cut_off(installation: Installation, sign: str) -> Iterator[str]:
    """An upgrade that was killed as soon as its output had this in it; yields the run's id."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "upgrader",
            "-C",
            str(installation.path),
            "-o",
            "json",
            "upgrade",
            "--to",
            "v1.1.0",
            "--yes",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd="/",
    )
    assert process.stdout
    try:
        assert any(sign in line for line in process.stdout)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    runs = list(Path(os.environ["UPGRADER_HOME"], installation.project, "runs").iterdir())
    yield runs[0].name


def test_an_upgrade_while_a_run_is_unfinished(serving: Installation) -> None:
    with cut_off(serving, '"StepStarted"') as run:
        refuse(
            serving,
            *("upgrade", "--yes"),
            code=8,
            message=f"run {run} .*was cut off in prepare",
            hint="upgrader resume.*upgrader rollback.*upgrader abandon",
        )
        answer = upgrader(serving.path, "abandon")
        assert answer.code == 4
        assert "--yes" in answer.hint
        assert upgrader(serving.path, "abandon", "--yes").code == 0
    refuse(serving, "upgrade", "--to", "v1.1.0", message="needs an answer and there is no terminal", hint="--yes")


def test_half_replaced_containers(install: Install) -> None:
    """Somebody's `docker compose up` is killed while it replaces `web`; `doctor --fix` mends it."""
    installation = install()
    installation.start()
    written_rows = installation.write(2)
    override = installation.path / "docker-compose.override.yml"
    override.write_text(override.read_text().replace("Hello", "Good day"))
    up = subprocess.Popen(
        ["docker", "compose", "up", "-d"],
        cwd=installation.path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    names = (
        "ps",
        "-a",
        "--format",
        "{{.Names}}",
        "--filter",
        f"label=com.docker.compose.project={installation.project}",
    )
    half = re.compile(rf"^[0-9a-f]{{12}}_{installation.project}-(web|worker)-1$", re.MULTILINE)
    try:
        eventually(lambda: half.search(docker(*names)))
    finally:
        os.killpg(up.pid, signal.SIGKILL)
        up.wait()
    eventually(lambda: "running" not in _states(installation, "web"))  # the engine ends the stop that Compose began

    refuse(
        installation,
        *("upgrade", "--to", "v1.1.0", "--yes"),
        message=r"[0-9a-f]{12}_\S+-web-1 is half-replaced: somebody's `docker compose up` was cut off",
        hint=f"upgrader -C {installation.path} doctor --fix",
    )
    looked = upgrader(installation.path, "doctor")
    assert looked.code == 3
    assert "half-replaced" in looked.out

    fixed = upgrader(installation.path, "doctor", "--fix")
    assert not half.search(docker(*names)), fixed
    assert "✓ removed " in fixed.out, fixed
    assert fixed.code == 0, fixed
    installation.wait_healthy()
    assert installation.notes() == written_rows


def _states(installation: Installation, service: str) -> str:
    label = f"label=com.docker.compose.service={service}"
    return docker(
        "ps",
        "-a",
        "--format",
        "{{.State}}",
        "--filter",
        f"label=com.docker.compose.project={installation.project}",
        "--filter",
        label,
    )
