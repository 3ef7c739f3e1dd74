"""Which stack a directory holds: by Compose's defaults, and by the labels of what runs."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.fixtures.engine import IMAGE, SERVE, Project
from upgrader.errors import RefusedError
from upgrader.model.app import Stack
from upgrader.tools.compose import Compose, adopt, default_files, differs, discover

FILE = json.dumps({"services": {"web": {"image": IMAGE, "command": SERVE}}})
HIDDEN = json.dumps({"services": {"tool": {"image": IMAGE, "command": SERVE, "profiles": ["ops", "dev"]}}})


@pytest.mark.parametrize(
    ("present", "taken"),
    [
        ([], ()),
        (["compose.override.yml"], ()),
        (["docker-compose.yaml", "docker-compose.yml"], ("docker-compose.yml",)),
        (["compose.yaml", "compose.yml", "docker-compose.yml"], ("compose.yaml",)),
        (["compose.yaml", "docker-compose.override.yml"], ("compose.yaml", "docker-compose.override.yml")),
        (["compose.yml", "compose.override.yaml", "compose.override.yml"], ("compose.yml", "compose.override.yml")),
    ],
)
def test_default_files_are_those_that_compose_takes(tmp_path: Path, present: list[str], taken: tuple[str, ...]) -> None:
    for name in present:
        (tmp_path / name).write_text(json.dumps({"services": {name.replace(".", "-"): {"image": "x"}}}))
    assert default_files(tmp_path) == taken
    done = subprocess.run(["docker", "compose", "config", "--services"], cwd=tmp_path, capture_output=True, text=True)
    assert sorted(done.stdout.split()) == sorted(name.replace(".", "-") for name in taken)


@pytest.mark.docker
class TestDiscover:
    def test_plain_directory(self, project: Project) -> None:
        project.write("compose.yaml", FILE)
        directory = project.directory.rename(project.directory.parent / "My.Shop_1")
        assert discover(project.shell, directory) == Stack(directory, "myshop_1", ("compose.yaml",))

    def test_the_name_in_the_file_wins_over_the_directory(self, project: Project) -> None:
        project.write("compose.yaml", json.dumps({"name": "shop", **json.loads(FILE)}))
        assert discover(project.shell, project.directory).project == "shop"
        assert discover(project.shell, project.directory, project="mine").project == "mine"

    def test_what_the_env_file_says_of_compose_counts(self, project: Project) -> None:
        project.write("compose.yaml", FILE)
        project.write("a.yaml", FILE)
        project.write("more/b.yaml", HIDDEN)
        project.write(
            ".env", "COMPOSE_FILE=a.yaml:more/b.yaml\nCOMPOSE_PROFILES='ops,x'\nexport COMPOSE_PROJECT_NAME=shop\n"
        )
        found = discover(project.shell, project.directory)
        assert found == Stack(project.directory, "shop", ("a.yaml", "more/b.yaml"), ("ops", "x"))
        assert set(Compose(project.shell, found).model().services) == {"web", "tool"}

    def test_paths_start_at_the_first_file(self, project: Project) -> None:
        project.write("infra/app.yaml", FILE)
        project.write(".env", "COMPOSE_FILE=infra/app.yaml\n")
        found = discover(project.shell, project.directory)
        assert found == Stack(project.directory / "infra", "infra", ("app.yaml",), env_file="../.env")

    def test_a_broken_env_file_is_refused(self, project: Project) -> None:
        project.write("compose.yaml", FILE)
        project.write(".env", "no good\n")
        with pytest.raises(RefusedError, match=r"\.env, line 1"):
            discover(project.shell, project.directory)

    def test_no_compose_directory(self, project: Project) -> None:
        with pytest.raises(RefusedError, match="no compose file in"):
            discover(project.shell, project.directory)


@pytest.mark.docker
class TestAdopt:
    @pytest.fixture
    def running(self, project: Project) -> Project:
        project.write("base.yaml", FILE)
        project.write("more/b.yaml", HIDDEN)
        project.write("prod.env", "A=1\n")
        return project

    def start(self, project: Project, *flags: str, cwd: Path | None = None) -> None:
        argv = ["docker", "compose", "-p", project.name, *flags, "up", "-d"]
        subprocess.run(argv, cwd=cwd or project.directory, check=True, capture_output=True)

    def test_nothing_runs(self, running: Project) -> None:
        assert adopt(running.docker, running.directory) is None

    def test_the_invocation_is_that_of_the_labels(self, running: Project) -> None:
        self.start(running, "-f", "base.yaml", "-f", "more/b.yaml", "--env-file", "prod.env", "--profile", "dev")
        found = adopt(running.docker, running.directory)
        expected = Stack(running.directory, running.name, ("base.yaml", "more/b.yaml"), ("ops",), "prod.env")
        assert found == expected, "either profile brings the service; the first is as good as the other"
        (web,) = (c for c in running.docker.containers(running.name) if c.service == "web")
        assert differs(expected, web.labels) == []

    def test_taking_over_recreates_nothing(self, running: Project) -> None:
        running.write("compose.yaml", FILE)
        running.write(".env", "A=1\n")
        self.start(running)
        stack = adopt(running.docker, running.directory)
        assert stack == Stack(running.directory, running.name, ("compose.yaml",))
        before = running.docker.containers(running.name)
        Compose(running.shell, stack).up(["web"])
        assert running.docker.containers(running.name) == before

    def test_a_project_below_is_found_and_one_beside_is_not(self, running: Project) -> None:
        running.write("infra/compose.yaml", FILE)
        self.start(running, cwd=running.directory / "infra")
        found = adopt(running.docker, running.directory)
        assert found == Stack(running.directory / "infra", running.name, ("compose.yaml",))
        assert adopt(running.docker, running.directory / "more") is None

    def test_several_env_files_are_left_to_a_person(self, running: Project) -> None:
        running.write("two.env", "B=1\n")
        self.start(running, "-f", "base.yaml", "--env-file", "prod.env", "--env-file", "two.env")
        with pytest.raises(RefusedError, match="several env files"):
            adopt(running.docker, running.directory)

    def test_two_projects_in_one_directory_are_left_to_a_person(self, running: Project) -> None:
        other = Project(running.directory, f"{running.name}x")
        try:
            self.start(running, "-f", "base.yaml")
            self.start(other, "-f", "base.yaml")
            with pytest.raises(RefusedError, match=f"{running.name}, {other.name}"):
                adopt(running.docker, running.directory)
        finally:
            other.remove()

    def test_each_difference_is_told(self, running: Project) -> None:
        self.start(running, "-f", "base.yaml")
        (web,) = running.docker.containers(running.name)
        other = Stack(running.directory / "more", "shop", ("b.yaml",), env_file="../prod.env")
        assert differs(other, web.labels) == [
            f"project: started with {running.name}, now shop",
            f"directory: started with {running.directory}, now {running.directory}/more",
            f"files: started with {running.directory}/base.yaml, now {running.directory}/more/b.yaml",
            f"env file: started with {running.directory}/.env, now {running.directory}/prod.env",
        ]
        assert differs(Stack(running.directory, running.name, ("base.yaml",)), web.labels) == []
