"""Which stack a playbook speaks of, where it leaves something to Compose."""

import os
from pathlib import Path

import pytest

from upgrader.cli.chosen import Common
from upgrader.cli.wiring import open_app
from upgrader.engine.state import root

PLAYBOOK = """\
name: shop
extends: compose-git
stack: {files: [compose.yaml]}
databases: {app: {service: db}}
"""


@pytest.mark.docker
@pytest.mark.parametrize(
    ("env", "named", "project"),
    [("", "", "shop-prod"), ("COMPOSE_PROJECT_NAME=mine\n", "", "mine"), ("", "another", "another")],
)
def test_a_project_that_the_playbook_does_not_name_is_the_one_of_compose(
    tmp_path: Path, upgrader_home: Path, env: str, named: str, project: str
) -> None:
    (tmp_path / "compose.yaml").write_text("name: shop-prod\nservices: {db: {image: 'postgres:17'}}\n")
    (tmp_path / ".env").write_text(env)
    (tmp_path / "playbook.yaml").write_text(PLAYBOOK)
    app = open_app(Common(tmp_path, named, playbook=str(tmp_path / "playbook.yaml"))).app
    assert (app.stack.project, app.home) == (project, root(os.environ) / project)
    assert upgrader_home == root(os.environ)
