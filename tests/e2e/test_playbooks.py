"""Playbooks at work: derived ones, hooks, changes by step id, and the copy that a run freezes."""

from pathlib import Path

import pytest

from tests.e2e.scenario import PLAYBOOK, UNPROVED, Operator, edited
from tests.fixtures.stack import Install
from upgrader.demo.host import Installation
from upgrader.demo.remote import add_release, git

pytestmark = pytest.mark.docker
NAMES = ("RUN", "KIND", "PROJECT", "FROM", "TO")


def test_derived_playbook_is_shown_agreed_to_and_kept(remote: Path, install: Install) -> None:
    """An app that no playbook describes: nothing happens before somebody agreed; then it is used, and used again."""
    unknown = {
        "migrate.py": None,
        "apply.py": git("show", "v1.0.0:migrate.py", cwd=remote),
        "docker-compose.yml": edited(
            git("show", "v1.0.0:docker-compose.yml", cwd=remote), "python, migrate.py", "python, apply.py"
        ),
    }
    add_release(remote, "v1.0.1", unknown, base="v1.0.0")
    add_release(remote, "v1.0.2", {"migrations/0003_moods.sql": "create table moods (mood text);\n"}, base="v1.0.1")
    app = install(tag="v1.0.1")
    app.start()
    operator, world = Operator(app), None
    world = operator.world()

    shown = operator("playbook", "show").out
    assert "extends: compose-git" in shown
    refused = operator("upgrade", "--to", "v1.0.2", "--output", "plain", code=4)
    assert shown.strip() in refused.err
    assert "--yes" in refused.err
    assert {**operator.world(), "refs": []} == {**world, "refs": []}
    assert not (operator.state.home / "playbook.yaml").exists()

    operator.upgrade("v1.0.2")
    assert (app.version(), app.schema()) == ("1.0.2", 3)
    kept = operator.state.home / "playbook.yaml"
    assert kept.read_text().strip() == shown.strip()
    assert "db" in operator.last().facts("preflight.databases")["databases"]
    again = operator("upgrade", "--to", "v1.0.2", "--output", "plain")
    assert "Nothing to do" in again.err
    assert "No playbook describes this app" not in again.err

    (app.path / "upgrader.yaml").write_text("name: broken\nextends: [\n")
    assert "upgrader.yaml:3:1" in operator("upgrade", "--to", "v1.0.2", code=4).err
    operator.rollback()
    assert (app.version(), app.schema()) == ("1.0.1", 2), "a way back needs no playbook but its own"


def hooked(directory: Path, *hooks: tuple[str, str]) -> str:
    lines = [f"  - {{when: {when}, run: [sh, -c, {script!r}]}}" for when, script in hooks]
    return "\n".join([PLAYBOOK.rstrip(), "hooks:", *lines, ""])


def note(file: Path) -> str:
    """A script that writes down what a hook is told."""
    return "echo " + " ".join(f'"${{UPGRADER_{name}}}"' for name in NAMES) + f" >> {file}"


def test_hooks_around_phases_and_on_failure(remote: Path, app: Installation, tmp_path: Path) -> None:
    """A hook that refuses stops an upgrade before it began; others are told of the run; a failure has one of its own."""
    add_release(remote, "v1.0.1", {"Dockerfile": "FROM python:3.13-slim\nRUN exit 7\n"}, base="v1.0.0")
    add_release(remote, "v1.0.2", {}, base="v1.0.0")
    log, woe = tmp_path / "log", tmp_path / "woe"
    world = Operator.at(app).world()

    strict = Operator.at(app, hooked(tmp_path, ("before prepare", "echo not today; exit 9"), ("on failure", note(woe))))
    refused = strict.upgrade("v1.0.2", code=4)
    assert "not today" in refused.err + refused.out
    assert {**strict.world(), "refs": []} == {**world, "refs": []}
    assert strict.last().outcome in ("failed", "refused")
    assert woe.read_text().split() == [strict.last().id, "upgrade", app.project, "v1.0.0", "v1.0.2"]

    woe.unlink()
    phases = ("before prepare", "after prepare", "before cutover", "after verify", "after finish")
    operator = Operator.at(app, hooked(tmp_path, *((when, note(log)) for when in phases), ("on failure", note(woe))))
    operator.upgrade("v1.0.1", code=5)
    assert woe.read_text().split()[:2] == [operator.last().id, "upgrade"]
    kinds = [line.split()[1] for line in log.read_text().splitlines()]
    assert kinds == ["upgrade"] + ["rollback"] * len(phases), "before prepare; then all of them around the way back"


def test_a_playbook_of_ones_own_changes_the_procedure(app: Installation, tmp_path: Path) -> None:
    """A step is added behind another and one is taken out; hooks hear of it; the run's copy is what counts afterwards."""
    log = tmp_path / "log"
    change = f"""
change:
  upgrade:
    - after: backup
      add: {{id: mark, uses: command, run: [sh, -c, 'echo marked ${{{{ target.tag }}}} >> {log}']}}
    - remove: compose.pull
    - {UNPROVED}
"""
    text = edited(
        hooked(tmp_path, ("after verify", note(log)), ("after finish", note(log))), PLAYBOOK.splitlines()[0], ""
    )
    operator = Operator.at(app, text + change)
    app.write(2)
    operator.upgrade("v1.1.0")
    run = operator.last()
    told = f"{run.id} upgrade {app.project} v1.0.0 v1.1.0"
    assert log.read_text().splitlines() == ["marked v1.1.0", told, told]
    assert list(run.steps)[list(run.steps).index("backup") + 1] == "mark"
    assert "compose.pull" not in run.steps
    frozen = operator.state.directory(run) / "playbook.yaml"
    assert "mark" in frozen.read_text()

    operator.playbook.write_text("name: [nonsense\n")  # type: ignore[union-attr]
    operator.rollback("--to", "v1.0.0")
    assert (app.version(), len(app.notes())) == ("1.0.0", 2)
    back = f"{operator.last('rollback').id} rollback {app.project} v1.1.0 v1.0.0"
    assert log.read_text().splitlines()[3:] == [back, back]


def test_every_problem_of_a_playbook_is_told_before_anything(serving: Installation) -> None:
    operator = Operator.at(serving, edited(PLAYBOOK, "health:", "healht:") + "hooks: [{when: sometimes, run: [x]}]\n")
    told = operator.upgrade("v1.1.0", code=4).err
    line = PLAYBOOK.splitlines().index("health:") + 1
    assert f"{operator.playbook}:{line}:1" in told
    assert "health" in told
    assert "sometimes" in told
    assert operator.runs() == []
