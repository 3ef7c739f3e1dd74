"""How much of the machine dumps and restores take can be set, as the documentation says."""

import re
from pathlib import Path

import pytest

from upgrader.errors import RefusedError
from upgrader.playbook.load import Playbook, from_text
from upgrader.steps.base import StepModel
from upgrader.steps.kinds import KINDS

DOCS = Path(__file__).parents[2] / "docs" / "restore-points.md"
PLAYBOOK = "name: mine\nextends: compose-git\ndatabases: {app: {service: db}}\n"


@pytest.fixture
def documented() -> str:
    """The block of the documentation that sets them, as a playbook."""
    (found,) = [text for text in re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL) if "jobs:" in text]
    return PLAYBOOK + str(found)


def loaded(text: str, tmp_path: Path) -> Playbook:
    return from_text(text, tmp_path / "mine.yaml", KINDS)


def paces(playbook: Playbook, kind: str) -> dict[str, tuple[int, int]]:
    """The connections and niceness of each step that has them."""
    steps: list[StepModel] = [step for phase in playbook.procedure(kind).phases.values() for step in phase]
    return {step.id: (step.jobs, step.nice) for step in steps if hasattr(step, "jobs") and hasattr(step, "nice")}


def test_what_is_documented(documented: str, tmp_path: Path) -> None:
    playbook = loaded(documented, tmp_path)
    assert paces(playbook, "backup") == {"backup": (1, 19)}
    assert paces(playbook, "upgrade") == {"backup": (2, 10)}
    assert paces(playbook, "restore") == {"backup": (0, 10), "database.stage": (1, 19)}
    assert paces(playbook, "rollback") == {"backup": (0, 10), "database.stage": (0, 10)}


@pytest.mark.parametrize("bad", ["jobs: 65", "jobs: -1", "nice: 20", "nice: -5", "jobs: many"])
def test_what_cannot_be(tmp_path: Path, bad: str) -> None:
    text = f"{PLAYBOOK}change: {{backup: [{{replace: backup, with: {{uses: backup, {bad}}}}}]}}\n"
    with pytest.raises(RefusedError) as refused:
        loaded(text, tmp_path)
    assert bad.partition(":")[0] in "\n".join([refused.value.message, *refused.value.lines])
