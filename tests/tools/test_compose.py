"""Compose against the real engine: models of live and exported trees, refusals, and services that change."""

import json
import os
import re
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fixtures.engine import IMAGE, SERVE, Project, sh
from upgrader.errors import RefusedError, StepError, TransientError
from upgrader.tools.compose import Compose, changed
from upgrader.tools.docker import Docker
from upgrader.tools.shell import Shell

pytestmark = pytest.mark.docker

APP = f"""
services:
  web:
    image: {IMAGE}
    command: {json.dumps(SERVE)}
    environment: {{V: "${{V:-1}}"}}
    volumes: ["data:/data", "./conf:/conf"]
  worker:
    image: {IMAGE}
    command: {json.dumps(SERVE)}
    environment: {{V: "${{V:-1}}"}}
  migrate:
    image: {IMAGE}
    profiles: [tools]
    restart: always
    command: ["sh", "-c", "echo migrating; sleep 1; exit 3"]
volumes: {{data: {{}}}}
"""


@pytest.fixture
def app(project: Project) -> Project:
    project.write("compose.yaml", APP)
    return project


def test_compose_is_there_and_new_enough(busybox: str) -> None:
    compose = Compose(Shell(), Project(Path("/"), "none").stack())
    compose.require()
    assert ".".join(map(str, compose.version())) in sh("docker", "compose", "version", "--short")


def test_dollars_in_the_model_are_single_again(app: Project) -> None:
    app.write("compose.yaml", 'services: {web: {image: x, environment: {A: "a$$b", B: "$${X}$$$$"}}}')
    assert app.compose.model().services["web"].environment == {"A": "a$b", "B": "${X}$$"}


def test_only_the_env_file_and_the_directory_decide_on_variables(app: Project) -> None:
    app.write("compose.yaml", 'services: {web: {image: x, environment: {A: "${A}", P: "${PWD}", N: "${NOPE}"}}}')
    app.write(".env", "A=file\n")
    shell = Shell(environ={**os.environ, "A": "stray", "COMPOSE_FILE": "other.yaml", "COMPOSE_PROJECT_NAME": "other"})
    model = Compose(shell, app.stack()).model()
    assert model.services["web"].environment == {"A": "file", "P": str(app.directory), "N": ""}
    assert model.project == app.name
    assert model.unset == ("NOPE",)


def test_every_file_and_profile_counts(app: Project) -> None:
    app.write("compose.override.yaml", "services: {web: {image: overridden}}")
    assert app.compose.model().services["web"].image == "overridden"
    assert "migrate" not in app.compose.model().services
    assert "migrate" in Compose(app.shell, app.stack(profiles=("tools",))).model().services
    assert Compose(app.shell, app.stack(files=("compose.yaml",))).model().services["web"].image == IMAGE


@pytest.mark.parametrize(
    ("compose", "env", "message", "hint"),
    [
        (
            'services: {a: {image: "${NEED:?set it}"}}',
            "",
            "compose.yaml requires NEED, which .* does not set",
            "Add NEED=",
        ),
        ('services: {a: {image: "${NEED?}"}}', "", "compose.yaml requires NEED", "Add NEED="),
        ('services: {a: {image: "${NEED:?}"}}', "NEED=\n", "compose.yaml requires NEED", "Add NEED="),
        ("services: {a: {image: x", "", "compose.yaml: yaml: line", "config --quiet"),
        ('services: {a: {image: "${X"}}', "", "cannot interpolate services.a.image", "config --quiet"),
        ("services: {a: {image: x, bogus: 1}}", "", "property bogus is not allowed", "config --quiet"),
        ("services: {a: {image: x, depends_on: [b]}}", "", "undefined service", "config --quiet"),
        ("services: {a: {image: x, env_file: no.env}}", "", "no.env does not exist", "config --quiet"),
        ("services: {a: {image: x}}", "A=1\nPASSWORD='hunter2\n", r"\.env, line \d: unterminated", r"vi} \+\d"),
        (
            "services: {a: {image: x}}",
            "A=1\nhunter2 is it\n",
            r"\.env, line 2: key cannot contain a space",
            r"\+2 .*\.env",
        ),
        ("services: {a: {image: x}}", "; hunter2\n", r"\.env, line 1: unexpected character", r"\+1 .*\.env"),
        ("services: {a: {image: x}}", "A=hunter2${b\n", r"\.env: Invalid template", r"\.env"),
        ("services: {a: {image: x}}", "A=${NEED:?}\n", r"\.env refers to NEED, which is not set", "Add NEED="),
        ("", "", "empty compose file", "config --quiet"),
    ],
)
def test_what_compose_rejects_is_refused_by_its_place(
    app: Project, compose: str, env: str, message: str, hint: str
) -> None:
    app.write("compose.yaml", compose)
    app.write(".env", env)
    with pytest.raises(RefusedError, match=message) as caught:
        app.compose.model()
    assert caught.match(message)
    assert str(app.directory) in caught.value.message
    assert re.search(hint, caught.value.hint)
    assert "hunter2" not in caught.value.message + caught.value.hint + "".join(caught.value.lines)


def test_an_env_file_of_a_service_that_compose_rejects_is_refused_without_its_content(app: Project) -> None:
    app.write("compose.yaml", "services: {a: {image: x, env_file: web.env}}")
    app.write("web.env", "A=1\nB='hunter2\n")
    with pytest.raises(RefusedError, match=r"line \d: unterminated quoted value") as caught:
        app.compose.model()
    assert "hunter2" not in caught.value.message + "".join(caught.value.lines)


def test_a_missing_env_file_is_refused_rather_than_replaced_by_another(app: Project) -> None:
    app.write(".env", "V=5\n")
    with pytest.raises(RefusedError, match=r"env/prod\.env does not exist"):
        Compose(app.shell, app.stack(env_file="env/prod.env")).model()


def test_a_directory_without_compose_files_is_refused(project: Project) -> None:
    with pytest.raises(RefusedError, match="no compose file in"):
        project.compose.model()


class TestAnotherTree:
    """An export of the target is read as if it lay in the live directory."""

    TREE = """
services:
  web:
    build: {context: ./web, additional_contexts: {shared: ../shared}}
    image: "web:${TAG:-1}"
    env_file: [web.env]
    environment: {HERE: "${PWD}/x"}
    volumes: ["./conf:/conf", "../beside:/beside", "data:/data", "/etc/hostname:/h:ro"]
    secrets: [key]
secrets: {key: {file: ./key.pem}}
volumes: {data: {}}
"""

    @pytest.fixture
    def live(self, project: Project) -> Project:
        for name, text in (("compose.yaml", self.TREE), ("web.env", "A=1\n"), (".env", "TAG=7\n"), ("key.pem", "")):
            project.write(name, text)
        return project

    @pytest.fixture
    def tree(self, live: Project, tmp_path: Path) -> Path:
        return Path(shutil.copytree(live.directory, tmp_path / "scratch" / "abcdef"))

    def test_the_same_files_make_the_same_model(self, live: Project, tree: Path) -> None:
        ours, theirs = live.compose.model(), live.compose.model(directory=tree)
        assert theirs.raw == ours.raw
        assert changed(ours, theirs) == {}
        assert theirs.volume_identity("web") == {
            "/conf": f"{live.directory}/conf",
            "/beside": f"{live.directory.parent}/beside",
            "/data": f"{live.name}_data",
            "/h": "/etc/hostname",
        }

    def test_changes_are_those_of_the_files(self, live: Project, tree: Path) -> None:
        text = self.TREE.replace("data:/data", "data2:/data").replace("{data: {}}", "{data2: {}}")
        (tree / "compose.yaml").write_text(text + "  # end\n")
        (tree / "web.env").write_text("A=2\nB=1\n")
        found = changed(live.compose.model(), live.compose.model(directory=tree))
        assert found == {"web": "environment: B added, A changed; volumes: /data changed"}

    def test_another_env_file_may_come_with_it(self, live: Project, tree: Path, tmp_path: Path) -> None:
        env = tmp_path / "new.env"
        env.write_text("TAG=8\n")
        model = live.compose.model(directory=tree, env_file=env)
        assert model.services["web"].image == "web:8"
        assert changed(live.compose.model(), model) == {"web": "image"}

    def test_a_refusal_names_the_live_env_file(self, live: Project, tree: Path) -> None:
        (tree / "compose.yaml").write_text('services: {web: {image: "x:${NEW:?}"}}')
        with pytest.raises(RefusedError) as caught:
            live.compose.model(directory=tree)
        assert caught.value.message == "compose.yaml requires NEW, which .env does not set"
        assert caught.value.hint == f"Add NEW=… to {live.directory}/.env"


def test_variables_are_read_while_required_ones_are_missing(app: Project) -> None:
    app.write(
        "compose.yaml",
        """
services:
  a: {image: "x:${TAG:-1 2  3}", environment: {Q: "${REQ:?say why}", S: "${PLAIN}", T: "${ALT:+yes}"}}
  b: {image: y, profiles: [off], environment: {R: "${ASLEEP?}"}}
""",
    )
    found = app.compose.variables()
    assert {name for name, variable in found.items() if variable.required} == {"REQ", "ASLEEP"}
    assert {name: v.default for name, v in found.items() if v.default} == {"TAG": "1 2  3"}
    assert set(found) == {"TAG", "REQ", "PLAIN", "ALT", "ASLEEP"}


class TestUp:
    def test_only_what_differs_is_replaced(self, app: Project) -> None:
        app.compose.up(["web"])
        (web,) = app.docker.containers(app.name)
        app.compose.up(["web", "worker"])
        app.compose.up(["worker", "web"])
        assert {c.service: c.id for c in app.docker.containers(app.name)}["web"] == web.id
        app.write(".env", "V=2\n")
        app.compose.up(["worker"])
        assert {c.service: c.env["V"] for c in app.docker.containers(app.name)} == {"web": "1", "worker": "2"}

    def test_a_forced_one_is_replaced_in_any_case_and_keeps_its_volume(self, app: Project) -> None:
        app.compose.up(["web", "worker"])
        before = {c.service: c.id for c in app.docker.containers(app.name)}
        app.docker.exec(before["web"], ["touch", "/data/kept"], changes=True)
        app.compose.up(["web", "worker"], force=["web"])
        after = {c.service: c.id for c in app.docker.containers(app.name)}
        assert after["worker"] == before["worker"]
        assert after["web"] != before["web"]
        assert app.docker.exec(after["web"], ["ls", "/data"]).out.split() == ["kept"]

    def test_no_services_means_none(self, app: Project) -> None:
        app.compose.up([])
        app.compose.build([])
        app.compose.pull([])
        app.compose.stop([])
        assert app.docker.containers(app.name) == []

    def test_an_image_that_is_not_here_is_named_and_nothing_is_pulled(self, app: Project) -> None:
        app.write("compose.yaml", "services: {web: {image: 'upgrader-test/nothing:1'}}")
        with pytest.raises(StepError, match="starting web: the image upgrader-test/nothing:1 is not on this machine"):
            app.compose.up(["web"])

    def test_a_taken_port_is_told(self, app: Project) -> None:
        with socket.create_server(("0.0.0.0", 0)) as taken:
            port = taken.getsockname()[1]
            app.write("compose.yaml", f"services: {{web: {{image: '{IMAGE}', ports: ['{port}:80']}}}}")
            with pytest.raises(StepError, match="starting web: a port that it publishes is taken") as caught:
                app.compose.up(["web"])
        assert not isinstance(caught.value, TransientError)
        assert any(str(port) in line for line in caught.value.lines)

    def test_stop_and_start(self, app: Project) -> None:
        app.compose.up(["web", "worker"])
        app.compose.stop(["worker"])
        assert {c.service: c.state for c in app.docker.containers(app.name)} == {"web": "running", "worker": "exited"}
        app.compose.start(["worker"])
        assert {c.state for c in app.docker.containers(app.name)} == {"running"}

    def test_volume_identity_is_what_the_container_mounts(self, app: Project) -> None:
        app.compose.up(["web"])
        (web,) = app.docker.containers(app.name)
        mounted = {m.destination: m.name or m.source for m in web.mounts}
        assert mounted == app.compose.model().volume_identity("web")


class TestRunDetached:
    @pytest.fixture
    def name(self, app: Project) -> str:
        return f"{app.name}-upgrader-r1-migrate"

    def test_it_runs_once_however_often_it_is_called(self, app: Project, name: str) -> None:
        app.compose.run_detached("migrate", name)
        first = app.docker.container(name)
        app.compose.run_detached("migrate", name)
        assert app.docker.wait(name) == 3
        app.compose.run_detached("migrate", name)
        again = app.docker.container(name)
        assert first
        assert again
        assert (again.id, again.started_at, again.state) == (first.id, first.started_at, "exited")
        assert app.docker.log_tail(name) == ["migrating"]
        assert again.oneoff
        assert [c.service for c in app.docker.containers(app.name)] == ["migrate"], "nothing else was started"
        app.docker.remove(name)
        assert app.docker.container(name) is None

    def test_one_that_was_created_but_never_started_is_started(self, app: Project, name: str) -> None:
        labels = (f"com.docker.compose.project={app.name}", "com.docker.compose.service=migrate")
        flags = [flag for label in labels for flag in ("--label", label)]
        sh("docker", "create", "--name", name, *flags, IMAGE, "sh", "-c", "exit 6")
        app.compose.run_detached("migrate", name)
        assert app.docker.wait(name) == 6

    def test_a_stranger_of_that_name_is_not_taken_for_it(self, app: Project, name: str) -> None:
        sh("docker", "create", "--name", name, IMAGE, "true")
        try:
            with pytest.raises(StepError, match="is not the migrate that was asked for"):
                app.compose.run_detached("migrate", name)
        finally:
            app.docker.remove(name)

    def test_a_service_that_there_is_not_fails(self, app: Project, name: str) -> None:
        with pytest.raises(StepError, match="running nothing failed") as caught:
            app.compose.run_detached("nothing", name)
        assert any("no such service" in line for line in caught.value.lines)


def test_a_failing_build_shows_its_last_lines(app: Project) -> None:
    app.write("compose.yaml", "services: {web: {build: .}}")
    app.write("Dockerfile", f"FROM {IMAGE}\nRUN echo no way; exit 3\n")
    with pytest.raises(StepError, match="building web failed") as caught:
        app.compose.build(["web"])
    assert any("no way" in line for line in caught.value.lines)


def test_a_build_makes_the_image_that_the_model_names(app: Project) -> None:
    app.write("compose.yaml", "services: {web: {build: .}}")
    app.write("Dockerfile", f"FROM {IMAGE}\nLABEL v=1\n")
    app.compose.build(["web"])
    assert Docker(app.shell).image_id(app.compose.model().image_of("web"))


def test_a_registry_that_does_not_answer_is_transient_and_build_only_services_are_skipped(app: Project) -> None:
    app.write("compose.yaml", "services: {web: {build: .}, db: {image: 'localhost:1/db:1'}}")
    app.compose.pull(["web"])
    with pytest.raises(TransientError, match="pulling web, db: the registry or the network does not answer"):
        app.compose.pull(["web", "db"])


def test_what_a_change_printed_is_said_and_logged_without_secrets(app: Project, tmp_path: Path) -> None:
    said: list[str] = []
    shell = replace(app.shell, log=tmp_path / "up.log", say=said.append)
    Compose(shell, app.stack()).up(["web"])
    assert any(f"{app.name}-web-1" in line for line in said)
    assert f"{app.name}-web-1" in (tmp_path / "up.log").read_text()
