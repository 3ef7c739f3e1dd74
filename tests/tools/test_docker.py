"""The Docker CLI against the real engine."""

import json
import os
import stat
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fixtures.engine import IMAGE, SERVE, Project, eventually, sh
from upgrader.errors import RefusedError, StepError
from upgrader.model.secret import Redactor
from upgrader.tools.conversation import CancelledError
from upgrader.tools.docker import Docker, NotOursError
from upgrader.tools.shell import CommandFailedError, Shell

pytestmark = pytest.mark.docker

SECRET = "correct-horse-battery"


def _compose_file(**services: Mapping[str, object]) -> str:
    filled = {name: {"image": IMAGE, "command": SERVE, **service} for name, service in services.items()}
    return json.dumps({"services": filled, "volumes": {"data": {}}})


@pytest.fixture
def app(project: Project) -> Project:
    """One running service with a volume and a secret in its environment."""
    project.write("conf/a.txt", "a")
    service = {"environment": {"TOKEN": SECRET}, "volumes": ["data:/data", "./conf:/conf"]}
    project.write("compose.yaml", _compose_file(web=service))
    project.compose.up(["web"])
    return project


@pytest.fixture
def one_off(project: Project) -> Iterator[str]:
    """The name of a container that a test may make."""
    name = f"{project.name}-upgrader-test"
    yield name
    Docker(Shell()).remove(name)


def test_an_engine_says_what_it_is() -> None:
    engine = Docker(Shell()).require()
    assert engine.version == sh("docker", "version", "--format", "{{.Server.Version}}")
    assert engine.local
    assert engine.storage


def test_an_engine_that_does_not_answer_is_refused_by_its_address() -> None:
    shell = Shell(environ={**os.environ, "DOCKER_HOST": "unix:///nowhere.sock"})
    with pytest.raises(RefusedError, match=r"does not answer at unix:///nowhere\.sock") as caught:
        Docker(shell).require()
    assert caught.value.hint == "systemctl start docker"


def test_a_missing_command_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RefusedError, match="docker command is not installed"):
        Docker(Shell()).require()


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_a_user_who_may_not_talk_to_the_engine_is_told_so(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:  # the real thing, without a program of ours that another user would have to be able to read
        os.setgroups([])
        os.setuid(65534)
        try:
            Docker(Shell(environ={"PATH": os.environ["PATH"], "HOME": "/"})).require()
        except RefusedError as error:
            os.write(write_end, f"{error.message}|{error.hint}".encode())
        os._exit(0)
    os.close(write_end)
    os.waitpid(child, 0)
    message, _, hint = os.read(read_end, 1000).decode().partition("|")
    os.close(read_end)
    assert message == "this user may not talk to the Docker engine"
    assert "usermod -aG docker" in hint


def test_containers_are_read_whole(app: Project) -> None:
    (web,) = app.docker.containers(app.name)
    assert (web.name, web.service, web.number, web.oneoff) == (f"{app.name}-web-1", "web", 1, False)
    assert (web.state, web.running, web.restarting, web.health, web.restart_count) == ("running", True, False, "", 0)
    assert web.image_id == app.docker.image_id(IMAGE)
    assert web.image_ref == IMAGE
    assert web.env["TOKEN"] == SECRET
    assert {(m.type, m.name, m.destination) for m in web.mounts} == {
        ("volume", f"{app.name}_data", "/data"),
        ("bind", "", "/conf"),
    }
    assert app.docker.container(web.name) == app.docker.container(web.id) == web


def test_a_container_does_not_show_its_environment(app: Project) -> None:
    (web,) = app.docker.containers(app.name)
    assert SECRET not in repr(web)


def test_stopped_containers_are_listed_unless_only_running_ones_are_wanted(app: Project) -> None:
    (web,) = app.docker.containers(app.name)
    app.docker.stop([web.id], timeout=5)
    assert [c.state for c in app.docker.containers(app.name)] == ["exited"]
    assert app.docker.containers(app.name, all=False) == []
    app.docker.start([web.id])
    assert [c.state for c in app.docker.containers(app.name)] == ["running"]


def test_what_is_not_there_is_none(busybox: str) -> None:
    docker = Docker(Shell())
    assert docker.container("ut-dock-nothing") is None
    assert docker.image_id("upgrader-test/nothing:1") is None
    assert docker.image_size("upgrader-test/nothing:1") is None
    assert docker.image_digests(["upgrader-test/nothing:1"]) == {}
    assert docker.image_ids([]) == {}
    assert docker.volume_size("ut-dock-nothing") is None
    assert docker.containers("ut-dock-nothing") == []
    assert docker.volumes("ut-dock-nothing") == []


def test_a_pin_keeps_the_image_that_the_container_runs(project: Project) -> None:
    project.write("Dockerfile", f"FROM {IMAGE}\nLABEL v=1\n")
    project.write("compose.yaml", json.dumps({"services": {"web": {"build": ".", "command": SERVE}}}))
    project.compose.build(["web"])
    project.compose.up(["web"])
    project.write("Dockerfile", f"FROM {IMAGE}\nLABEL v=2\n")
    project.compose.build(["web"])
    (web,) = project.docker.containers(project.name)

    pin = project.docker.pin(web, "20261120t1200-ab12")

    assert pin.tag == f"upgrader-pin/{project.name}-web:20261120t1200-ab12"
    assert pin.image == f"{project.name}-web"
    assert project.docker.image_id(pin.tag) == pin.image_id == web.image_id
    assert project.docker.image_id(pin.image) not in (None, web.image_id)
    assert not project.docker.untag(pin.tag), "its container still runs on it"
    project.docker.tag(pin.image_id, pin.image)
    project.compose.up(["web"])
    (web,) = project.docker.containers(project.name)
    assert web.image_id == pin.image_id
    assert project.docker.untag(pin.tag)
    assert project.docker.untag(pin.tag), "a second time it is gone already"
    assert project.docker.image_id(pin.tag) is None


def test_nothing_but_our_own_is_ever_removed(app: Project) -> None:
    with pytest.raises(NotOursError):
        app.docker.untag(IMAGE)
    with pytest.raises(NotOursError):
        app.docker.remove(f"{app.name}-web-1")
    assert app.docker.image_id(IMAGE)
    assert app.docker.container(f"{app.name}-web-1")


def test_waiting_ends_with_the_exit_status(project: Project, one_off: str) -> None:
    sh("docker", "run", "-d", "--name", one_off, IMAGE, "sh", "-c", "sleep 1; exit 7")
    assert project.docker.wait(one_off) == 7
    assert project.docker.wait(one_off) == 7


def test_waiting_ticks(project: Project, one_off: str) -> None:
    sh("docker", "run", "-d", "--name", one_off, IMAGE, "sleep", "1")
    ticks = 0

    def tick() -> bool:
        nonlocal ticks
        ticks += 1
        return False

    Docker(replace(project.shell, tick=tick)).wait(one_off)
    assert ticks > 3


def test_a_container_that_never_started_has_no_exit_status(project: Project, one_off: str) -> None:
    sh("docker", "create", "--name", one_off, IMAGE, "true")
    with pytest.raises(StepError, match="never started") as caught:
        project.docker.wait(one_off)
    assert caught.value.hint == f"docker start {one_off}"


def test_a_container_that_is_gone_has_no_exit_status(project: Project, one_off: str) -> None:
    with pytest.raises(StepError, match="is gone"):
        project.docker.wait(one_off)


def test_following_says_each_line_and_ends_with_the_exit_status(project: Project, one_off: str) -> None:
    sh("docker", "run", "-d", "--name", one_off, IMAGE, "sh", "-c", "echo one; sleep 0.5; echo two >&2; exit 3")
    said: list[str] = []
    assert project.docker.follow_logs(one_off, said.append) == 3
    assert said == ["one", "two"]


def test_a_follower_that_is_cut_off_leaves_the_container_running(project: Project, one_off: str) -> None:
    sh("docker", "run", "-d", "--name", one_off, IMAGE, "sh", "-c", "echo one; sleep 2; echo two; exit 4")
    said: list[str] = []
    impatient = Docker(replace(project.shell, say=said.append, tick=lambda: bool(said)))
    with pytest.raises(CancelledError):
        impatient.follow_logs(one_off)
    container = project.docker.container(one_off)
    assert container
    assert container.running
    said.clear()
    assert project.docker.follow_logs(one_off, said.append) == 4
    assert said == ["one", "two"]


@pytest.mark.parametrize("driver", ["json-file", "none"])
def test_following_ends_at_its_limit_while_the_container_runs_on(project: Project, one_off: str, driver: str) -> None:
    sh("docker", "run", "-d", "--log-driver", driver, "--name", one_off, IMAGE, "sh", "-c", "sleep 2; exit 8")
    assert project.docker.follow_logs(one_off, limit=0.5) is None
    assert project.docker.follow_logs(one_off, limit=30) == 8
    assert project.docker.follow_logs(one_off) == 8


def test_a_follower_does_not_hold_the_lock(project: Project, one_off: str, tmp_path: Path) -> None:
    sh("docker", "run", "-d", "--name", one_off, IMAGE, "sh", "-c", "echo one; sleep 1")
    holders: list[int] = []
    with (tmp_path / "lock").open("w") as lock:

        def look() -> bool:
            children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
            for child in children:
                links = [os.readlink(link) for link in Path(f"/proc/{child}/fd").iterdir() if link.is_symlink()]
                holders.append(sum(link == lock.name for link in links))
            return False

        Docker(replace(project.shell, lock=lock.fileno(), tick=look)).follow_logs(one_off, lambda _: None)
    assert holders
    assert set(holders) == {0}


def test_a_log_is_kept_whole_in_order_and_redacted(project: Project, one_off: str, tmp_path: Path) -> None:
    script = f"echo one; sleep 0.05; echo two {SECRET} >&2; sleep 0.05; echo three"
    sh("docker", "run", "--name", one_off, IMAGE, "sh", "-c", script)
    shell = replace(project.shell, redactor=Redactor([SECRET]))
    into = tmp_path / "app.log"
    Docker(shell).logs(one_off, into)
    text = into.read_text()
    assert text.index("one") < text.index("two ***") < text.index("three")
    assert SECRET not in text
    assert stat.S_IMODE(into.stat().st_mode) == 0o600
    assert Docker(shell).log_tail(one_off) == ["one", "two ***", "three"]
    assert Docker(shell).log_tail(one_off, lines=1) == ["three"]
    assert Docker(shell).log_tail(one_off, since="2099-01-01T00:00:00Z") == []


def test_a_program_in_a_container_gets_input_and_its_output_comes_back(app: Project, tmp_path: Path) -> None:
    web = f"{app.name}-web-1"
    binary = bytes(range(256)) * 100
    given, taken = tmp_path / "in", tmp_path / "out"
    given.write_bytes(binary)
    app.docker.exec(web, ["sh", "-c", "cat > /data/x"], stdin=given, changes=True)
    assert app.docker.exec(web, ["cat", "/data/x"], stdout=taken).out == ""
    assert taken.read_bytes() == binary
    assert app.docker.exec(web, ["cat"], stdin=b"typed").out == "typed"
    assert app.docker.exec(web, ["sh", "-c", "pwd; id -u"], workdir="/tmp", user="12").out.split() == ["/tmp", "12"]


def test_a_failing_program_reports_its_status_without_secrets(app: Project) -> None:
    docker = Docker(replace(app.shell, redactor=Redactor([SECRET])))
    script = ["sh", "-c", "echo $TOKEN; echo sorry >&2; exit 5"]
    assert docker.attempt_exec(f"{app.name}-web-1", script).code == 5
    with pytest.raises(CommandFailedError, match=r"sh in .*-web-1 failed with exit status 5") as caught:
        docker.exec(f"{app.name}-web-1", script)
    assert caught.value.lines == ("***", "sorry")


def test_values_for_a_program_in_a_container_are_in_no_command_line(app: Project) -> None:
    seen: list[str] = []

    def look() -> bool:
        for directory in Path("/proc").iterdir():
            if directory.name.isdigit():
                try:
                    seen.append((directory / "cmdline").read_text())
                except (FileNotFoundError, ProcessLookupError):
                    continue
        return False

    shell = replace(app.shell, tick=look)
    script = ["sh", "-c", 'sleep 0.5; echo "$PGPASSWORD"']
    result = Docker(shell).exec(f"{app.name}-web-1", script, env={"PGPASSWORD": "hunter2hunter2"})
    assert result.out.strip() == "hunter2hunter2"
    ours = [line for line in seen if "docker\0exec\0" in line and app.name in line]
    assert any("--env\0PGPASSWORD\0" in line for line in ours)
    assert not any("hunter2hunter2" in line for line in seen)


def test_volumes_are_listed_and_measured(app: Project) -> None:
    app.docker.exec(f"{app.name}-web-1", ["dd", "if=/dev/zero", "of=/data/x", "bs=1k", "count=300"], changes=True)
    (volume,) = app.docker.volumes(app.name)
    assert (volume.name, volume.driver) == (f"{app.name}_data", "local")
    size = app.docker.volume_size(volume.name)
    if os.access(volume.mountpoint, os.R_OK):
        assert size is not None
        assert 300 * 1024 <= size < 400 * 1024
    else:
        assert size is None


def test_free_space_is_that_of_the_engines_file_system(busybox: str) -> None:
    docker = Docker(Shell())
    found = os.statvfs(docker.require().root_dir)
    free = docker.free_bytes_in_engine(docker.require())
    assert free is not None
    assert abs(free - found.f_bavail * found.f_frsize) < 1 << 30


class TestHalfReplaced:
    """What a killed `up` leaves: FACTS B8."""

    @pytest.fixture
    def killed(self, project: Project) -> Project:
        """`slow` was being replaced when the whole tree of `up` was killed."""
        stop_slowly = 'trap "sleep 3; exit 0" TERM; while :; do sleep 1 & wait $$!; done'
        service = {"command": ["sh", "-c", stop_slowly], "environment": {"V": "${V}"}}
        project.write("compose.yaml", _compose_file(slow=service))
        project.write(".env", "V=1\n")
        project.compose.up(["slow"])
        project.write(".env", "V=2\n")
        argv = ["docker", "compose", "-p", project.name, "up", "-d"]
        with subprocess.Popen(argv, cwd=project.directory, start_new_session=True, stderr=subprocess.DEVNULL) as up:
            try:
                eventually(lambda: project.docker.half_replaced(project.name))
            finally:
                os.killpg(up.pid, 9)
        return project

    def test_up_works_at_once_while_the_old_container_still_runs(self, killed: Project) -> None:
        killed.compose.up(["slow"])
        assert self.versions(killed) == {f"{killed.name}-slow-1": "2"}

    def test_up_works_at_once_when_the_old_container_has_ended(self, killed: Project) -> None:
        old = killed.docker.container(f"{killed.name}-slow-1")
        assert old
        killed.docker.wait(old.id)
        killed.compose.up(["slow"])
        assert self.versions(killed) == {f"{killed.name}-slow-1": "2"}

    def test_the_repair_says_what_it_did_and_finds_nothing_afterwards(self, killed: Project) -> None:
        (half,) = killed.docker.half_replaced(killed.name)
        (done,) = killed.docker.repair_half_replaced(killed.name)
        assert done.startswith(f"removed {half.name}")
        assert killed.docker.repair_half_replaced(killed.name) == []
        assert self.versions(killed)[f"{killed.name}-slow-1"] == "1"

    def test_where_the_old_container_is_gone_the_new_one_gets_its_name(self, killed: Project) -> None:
        (half,) = killed.docker.half_replaced(killed.name)
        sh("docker", "rm", "-f", f"{killed.name}-slow-1")
        (done,) = killed.docker.repair_half_replaced(killed.name)
        assert done.startswith(f"renamed {half.name} to {killed.name}-slow-1")
        killed.compose.up(["slow"])
        assert self.versions(killed)[f"{killed.name}-slow-1"] == "2"
        slow = killed.docker.container(f"{killed.name}-slow-1")
        assert slow
        assert slow.id == half.id, "the renamed container is the one that was started"

    def test_what_fits_neither_is_left_to_a_person(self, killed: Project) -> None:
        (half,) = killed.docker.half_replaced(killed.name)
        killed.docker.start([half.id])
        with pytest.raises(RefusedError, match=half.name):
            killed.docker.repair_half_replaced(killed.name)
        assert killed.docker.container(half.id)
        assert killed.docker.container(f"{killed.name}-slow-1")

    @staticmethod
    def versions(project: Project) -> dict[str, str]:
        return {c.name: c.env["V"] for c in project.docker.containers(project.name) if c.name}
