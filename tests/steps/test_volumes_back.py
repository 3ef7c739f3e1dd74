"""Which files go back: those that belong to rows which go back."""

from pathlib import Path

import pytest

from upgrader.model.app import App, DatabaseSpec, Stack
from upgrader.model.run import Run, StepState
from upgrader.steps.base import Context, Options
from upgrader.steps.volumes_back import goes_back, moving
from upgrader.steps.world import Scratch, World
from upgrader.tools.shell import Shell

RUN = Run("20261120T000000-0000", "rollback", "shop", "/srv", "", "2026-11-20T00:00:00.000Z")


def context(
    home: Path, run: Run, options: Options, databases: tuple[str, ...] = (), parent: Run | None = None
) -> Context:
    specs = {name: DatabaseSpec(name, "db") for name in databases}
    app, shell = App("shop", Stack(home, "shop"), home, specs), Shell()
    return Context(
        app=app,
        run=run,
        options=options,
        shell=shell,
        world=World(app, shell, run, options, Scratch(home)),
        directory=home,
        parent=parent,
        say=lambda _text: None,
        ask=lambda question: question.default,
        now=lambda: "2026-11-20T00:00:00.000Z",
    )


def having(step: str, **facts: object) -> Run:
    return Run(**{**vars(RUN), "steps": {step: StepState("finished", facts=facts, begun=True)}})


@pytest.mark.parametrize(
    ("ways", "data", "back"),
    [
        ({"app": "dump"}, "auto", True),
        ({"app": "untouched", "sso": "dump"}, "auto", True),
        ({"app": "copy"}, "auto", False),
        ({"app": "carry"}, "auto", False),
        ({"app": "untouched"}, "auto", False),
        ({"app": "untouched"}, "restore", True),
        ({"app": "dump"}, "keep", False),
    ],
)
def test_files_go_with_the_rows(tmp_path: Path, ways: dict[str, str], data: str, back: bool) -> None:
    run = having("database.stage", ways=ways)
    assert goes_back(context(tmp_path, run, Options(data=data), tuple(ways))) is back


@pytest.mark.parametrize(
    ("step", "heal", "back"),
    [("backup", True, False), ("migrate", True, True), ("compose.up", True, True), ("backup", False, True)],
)
def test_an_app_without_rows(tmp_path: Path, step: str, heal: bool, back: bool) -> None:
    """What a version that never ran cannot have written stays, when a failed upgrade is healed."""
    parent = None if not heal else having(step)
    assert goes_back(context(tmp_path, RUN, Options(heal=heal), parent=parent)) is back


def test_nothing_moves_before_it_is_decided(tmp_path: Path) -> None:
    assert moving(context(tmp_path, RUN, Options())) == []
