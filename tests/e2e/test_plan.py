"""The plan is the truth: what it says comes about, it changes nothing, and it is refused when the world moved."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.scenario import WHOLE, Operator
from tests.fixtures.engine import sh
from upgrader.demo.host import Installation
from upgrader.demo.remote import add_release, git
from upgrader.model.plan import Plan

pytestmark = pytest.mark.docker


def test_plan_is_what_then_happens(app: Installation, tmp_path: Path) -> None:
    """Commits, files, env keys, images, migrations, mode, containers and steps: as told, so done."""
    operator = Operator.at(app, WHOLE)
    app.write(3)
    world = operator.world()
    file = tmp_path / "plan.json"
    plan = operator("plan", "--to", "v1.1.0", "--save", str(file), "--output", "json").json
    assert json.loads(file.read_text()) == plan
    assert operator.runs() == []
    assert operator.world() == {**world, "refs": operator.world()["refs"]}, "a plan changes nothing"
    assert set(world["refs"]) <= set(operator.world()["refs"])  # type: ignore[call-overload]
    assert set(plan) == set(Plan.__dataclass_fields__), "no field comes or goes unnoticed"
    assert plan["format"] == 1
    assert not any(word in json.dumps(plan) for word in (operator.env()["POSTGRES_PASSWORD"],))

    assert (plan["from_version"], plan["to_version"], plan["nothing"]) == ("v1.0.0", "v1.1.0", False)
    assert plan["to_commit"] == operator.git("rev-parse", "v1.1.0^{commit}")
    assert [subject for _, subject in plan["commits"]] == ["Release v1.1.0"]
    assert plan["files"] == operator.git("diff", "--name-only", "v1.0.0", "v1.1.0").splitlines()
    assert {(key["key"], key["decision"]) for key in plan["env"]} == {
        ("WORKFLOW_SECRET_KEY", "generate"),
        ("PAGE_SIZE", "copy"),
    }
    assert plan["migrations"] == ["migrations/0003_note_seals.sql", "migrations/0004_tags.sql"]
    assert plan["migration_mode"].startswith("online")
    assert set(plan["recreate"]) == {"web", "worker"}
    assert {image["service"]: image["how"] for image in plan["images"]} == dict.fromkeys(
        ("migrate", "web", "worker"), "build"
    )
    assert plan["orphans"] == plan["local_edits"] == plan["losses"] == []
    assert any("_data" in text for text in plan["volumes"])
    for need in plan["disk"]:
        assert 0 < need["needed"] < need["free"]
    assert 0 < plan["downtime"] < 30

    boxes = operator.boxes()
    operator("upgrade", "--plan", str(file), "--yes", "--output", "quiet")
    run, after = operator.last(), operator.boxes()
    assert {name for name in after if after[name].id != boxes[name].id} == set(plan["recreate"])
    assert set(run.facts("env.reconcile")["appended"]) == {key["key"] for key in plan["env"]}
    assert operator.git("rev-parse", "HEAD") == plan["to_commit"]
    assert run.facts("migrate")["applied"] == ["0003", "0004"]
    assert run.facts("preflight.target")["mode"] == "online"
    for step in plan["steps"]:
        happened = run.steps[step["id"]].state
        assert happened == {"satisfied": "skipped", "needed": "finished"}[step["verdict"]], step
    kept = json.loads((operator.state.directory(run) / "plan.json").read_text())
    assert _steady(kept) == _steady(plan)

    assert operator("plan", "--to", "v1.1.0", "--exit-code", "--output", "json").json["nothing"]
    assert "Nothing to do" in operator("plan", "--to", "v1.1.0", "--exit-code", "--output", "plain").out
    assert operator("upgrade", "--plan", str(file), "--yes", code=4).err.count("the world moved") == 1
    assert (
        operator("plan", "--to", "v1.2.0", "--exit-code", "--output", "json", code=3)
        .json["migration_mode"]
        .startswith("offline")
    )


def _steady(plan: dict[str, Any]) -> dict[str, Any]:
    """All of a plan but what the rest of this machine may change meanwhile: the free disk space."""
    steps = [{**step, "why": ""} if step["id"] == "preflight.disk" else step for step in plan["steps"]]
    return {**plan, "disk": [], "steps": steps}


def test_plan_is_refused_when_the_world_moved(serving: Installation, remote: Path, tmp_path: Path) -> None:
    """An env value, a container, a release that comes or moves: each makes a saved plan worthless; then nothing changes."""
    operator = Operator.at(serving)
    file = tmp_path / "plan.json"
    env = serving.env_file.read_bytes()

    def stale(why: str, *words: str) -> None:
        world = operator.world()
        refused = operator("upgrade", "--plan", str(file), "--yes", *words, code=4)
        assert "the world moved since the plan was saved" in refused.err, why
        assert operator.world() == world, why
        assert operator.runs() == []

    operator("plan", "--save", str(file))
    assert json.loads(file.read_text())["to_version"] == "v1.4.0"
    try:
        serving.add_setting("APP_GREETING", "Changed")
        stale("an env value")
    finally:
        serving.env_file.write_bytes(env)
    sh("docker", "restart", operator.boxes()["worker"].id)
    sh("docker", "stop", operator.boxes()["worker"].id)
    try:
        stale("a container")
    finally:
        sh("docker", "start", operator.boxes()["worker"].id)
    serving.write(1)  # rows come all the time: they make no plan worthless

    git("update-ref", "refs/heads/main", "v1.3.0^{commit}", cwd=remote)
    operator("plan", "--to", "main", "--save", str(file))
    git("update-ref", "refs/heads/main", "v1.4.0^{commit}", cwd=remote)
    stale("a branch that moved upstream")

    operator("plan", "--to", "v1.1.0", "--save", str(file))
    stale("another target than the plan's", "--to", "v1.4.0")

    stale("another mode than the plan's", "--offline")

    file.write_text('{"to_version": "v1.1.0"}')
    broken = operator("upgrade", "--plan", str(file), "--yes", code=2)
    assert "is no plan" in broken.err


def test_plan_changes_nothing_even_when_it_refuses(serving: Installation, remote: Path) -> None:
    """A target that would give the database an empty volume: told with the reason, exit code 4, nothing touched."""
    compose = git("show", "v1.0.0:docker-compose.yml", cwd=remote).replace("data:/var", "fresh:/var")
    compose = compose.replace("\n  data:\n", "\n  data:\n  fresh:\n")
    add_release(remote, "v1.5.0", {"docker-compose.yml": compose}, base="v1.0.0")
    operator = Operator.at(serving)
    world = operator.world()
    answer = operator("plan", "--to", "v1.5.0", "--output", "plain", code=4)
    assert "it would start empty" in answer.out
    assert "Refused: nothing will be changed." in answer.out
    told = operator("plan", "--to", "v1.5.0", "--output", "json", code=4).json
    (step,) = [step for step in told["steps"] if step["verdict"] == "refused"]
    assert step["hint"]
    now = operator.world()
    assert {**now, "refs": []} == {**world, "refs": []}
    assert operator.runs() == []
