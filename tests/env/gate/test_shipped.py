"""The pre-commit hook and the GitHub Action as their runners call them, on real repositories."""

import json
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fixtures.vendor import git

ROOT = Path(__file__).parents[3]
SCRIPTS = Path(sys.executable).parent
OLD = "APP_URL=https://app.example.com\n"
BROKEN = OLD + "MODE=a\nMODE=b\n"
DOUBTFUL = OLD + "# MODE=a — the mode in which it runs\n"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A vendor's checkout: v1, and a commit on top of it."""
    top = tmp_path / "app"
    (top / "deploy").mkdir(parents=True)
    (top / "deploy/.env.example").write_text(OLD)
    git(top, "init", "-q")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "one")
    git(top, "tag", "v1")
    git(top, "commit", "-qm", "two", "--allow-empty")
    return top


class Runner:
    """A workflow's machine: runs the steps of the composite action as the Actions runner does."""

    def __init__(self, app: Path, temp: Path) -> None:
        self.action: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
        self.app = app
        self.temp = temp
        self.summary = temp / "summary.md"
        temp.mkdir()

    def step(
        self, number: int, *, env: dict[str, str] | None = None, **inputs: str
    ) -> subprocess.CompletedProcess[str]:
        step = self.action["runs"]["steps"][number]
        assert step["shell"] == "bash"
        script = self.temp / "step.sh"
        script.write_text(step["run"])
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
            cwd=self.app,
            env={
                "PATH": f"{SCRIPTS}:/usr/bin:/bin",
                "HOME": str(self.temp),
                "RUNNER_TEMP": str(self.temp),
                "GITHUB_ACTIONS": "true",
                "GITHUB_STEP_SUMMARY": str(self.summary),
                **{name: self._filled(text, inputs) for name, text in step["env"].items()},
                **(env or {}),
            },
            capture_output=True,
            text=True,
        )

    def _filled(self, text: str, inputs: dict[str, str]) -> str:
        known = {name: given["default"] for name, given in self.action["inputs"].items()}
        known |= {name.replace("_", "-"): value for name, value in inputs.items()}
        filled = re.sub(r"\$\{\{ inputs\.([a-z-]+) \}\}", lambda found: str(known[found[1]]), text)
        return filled.replace("${{ github.action_path }}", str(ROOT))


@pytest.fixture
def runner(app: Path, tmp_path: Path) -> Runner:
    """One on which the first step has put upgrader where the second one looks for it."""
    runner = Runner(app, tmp_path / "runner")
    (runner.temp / "upgrader/bin").mkdir(parents=True)
    (runner.temp / "upgrader/bin/upgrader").symlink_to(SCRIPTS / "upgrader")
    return runner


def test_the_install_step_makes_a_command_that_runs(app: Path, tmp_path: Path) -> None:
    runner = Runner(app, tmp_path / "runner")
    packages = sysconfig.get_paths()["purelib"]
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PYTHONPATH": packages}
    done = runner.step(0, env=offline)
    assert done.returncode == 0, done.stderr
    version = subprocess.run(
        [runner.temp / "upgrader/bin/upgrader", "--version"],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": packages},
    )
    assert version.stdout.startswith("upgrader ")


def test_a_clean_release_passes(runner: Runner) -> None:
    done = runner.step(1)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
    assert runner.summary.read_text() == "Existing installations need no new settings.\n"


@pytest.mark.parametrize("path", [".", "deploy"])
def test_a_broken_release_fails_with_annotations_on_its_lines(runner: Runner, path: str) -> None:
    (runner.app / "deploy/.env.example").write_text(BROKEN)
    done = runner.step(1, path=path)
    assert done.returncode == 3, done.stderr
    assert done.stdout.startswith(
        "::error file=deploy/.env.example,line=3,title=duplicate-key::MODE stands on line 2 already"
    )


@pytest.mark.parametrize(("fail_on", "code"), [("error", 0), ("warning", 3)])
def test_warnings_fail_where_that_is_wanted(runner: Runner, fail_on: str, code: int) -> None:
    (runner.app / "deploy/.env.example").write_text(DOUBTFUL)
    done = runner.step(1, fail_on=fail_on)
    assert done.returncode == code, done.stderr
    assert done.stdout.startswith("::warning file=deploy/.env.example,line=2,title=prose-as-key::")


def test_notes_sarif_and_summary(runner: Runner) -> None:
    (runner.app / "deploy/.env.example").write_text(OLD + "# @required @generate hex:32\nSESSION_SECRET=\n")
    (runner.app / "CHANGELOG.md").write_text("Nothing.\n")
    done = runner.step(1, notes="CHANGELOG.md", since="v1", sarif_file="found.sarif", format="text")
    assert done.returncode == 3, done.stderr
    assert "[not-in-notes]" in done.stdout
    results = json.loads((runner.app / "found.sarif").read_text())["runs"][0]["results"]
    assert [each["ruleId"] for each in results] == ["not-in-notes"]
    assert "### `SESSION_SECRET`" in runner.summary.read_text()
    (runner.app / "CHANGELOG.md").write_text(runner.summary.read_text())
    assert runner.step(1, notes="CHANGELOG.md").returncode == 0


def test_without_a_tag_there_is_nothing_to_compare_with(runner: Runner) -> None:
    git(runner.app, "tag", "-d", "v1")
    done = runner.step(1)
    assert (done.returncode, done.stdout.startswith("::notice::")) == (0, True), done.stderr


def test_a_shallow_clone_is_an_error_and_no_pass(runner: Runner, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{runner.app}", "shallow")
    runner.app = tmp_path / "shallow"
    done = runner.step(1)
    assert (done.returncode, "fetch-depth: 0" in done.stdout) == (1, True)


def test_an_unknown_tag_is_no_pass(runner: Runner) -> None:
    done = runner.step(1, since="v9")
    assert done.returncode == 2
    assert "no tag v9" in done.stderr


def test_inputs_reach_the_shell_through_the_environment_only() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    for step in action["runs"]["steps"]:
        assert "${{" not in step["run"]
    used = {
        found
        for step in action["runs"]["steps"]
        for text in step["env"].values()
        for found in re.findall(r"inputs\.([a-z-]+)", text)
    }
    assert used == set(action["inputs"])


def hook() -> dict[str, Any]:
    (only,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert isinstance(only, dict)
    return only


def run_hook(app: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As pre-commit runs it: the entry's words and the arguments, at the top of the repository."""
    env = {"PATH": f"{SCRIPTS}:/usr/bin:/bin", "HOME": str(app.parent), "PRE_COMMIT": "1"}
    words = [*shlex.split(hook()["entry"]), *arguments]
    return subprocess.run(words, cwd=app, env=env, capture_output=True, text=True)


def test_the_hook_is_what_pre_commit_takes() -> None:
    said = hook()
    assert {"id", "name", "entry", "language"} <= said.keys()
    assert (said["id"], said["language"], said["pass_filenames"]) == ("upgrader-env-check", "python", False)


@pytest.mark.parametrize(
    ("path", "matches"),
    [
        (".env.example", True),
        ("infra/env/.env.prod.example", True),
        ("env.sample", True),
        ("sample.env", True),
        ("docker/.env", True),
        ("compose.yaml", True),
        ("infra/docker-compose.prod.yml", True),
        ("compose/mongo.compose.yaml", True),
        ("env-examples/app.env", True),
        ("src/environment.py", False),
        ("docs/compose.md", False),
        ("CHANGELOG.md", False),
    ],
)
def test_the_hook_runs_where_one_of_its_files_changed(path: str, matches: bool) -> None:
    assert bool(re.search(hook()["files"], path)) is matches


def test_the_hook_stops_a_broken_commit_and_lets_others_pass(app: Path) -> None:
    done = run_hook(app)
    assert done.returncode == 0, done.stderr
    (app / "deploy/.env.example").write_text(BROKEN)
    git(app, "add", "-A")
    done = run_hook(app)
    assert done.returncode == 3
    assert "deploy/.env.example:3" in done.stdout
    assert "[duplicate-key]" in done.stdout


def test_the_hook_takes_more_arguments(app: Path) -> None:
    (app / "deploy/.env.example").write_text(OLD + "# @required @generate hex:32\nSESSION_SECRET=\n")
    (app / "N.md").write_text("Nothing.\n")
    assert run_hook(app, "--since", "v1").returncode == 0
    done = run_hook(app, "--notes", "N.md")
    assert (done.returncode, "[not-in-notes]" in done.stdout) == (3, True)
