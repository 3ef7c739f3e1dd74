"""The playbooks that ship."""

from pathlib import Path

import pytest

from upgrader.playbook.inherit import is_shipped, names, shipped
from upgrader.playbook.load import from_frozen, load
from upgrader.playbook.resolve import resolve_app
from upgrader.steps.kinds import KINDS


@pytest.mark.parametrize("name", names())
def test_it_loads_by_its_name_and_freezes(name: str) -> None:
    playbook = load(name, KINDS)
    assert playbook.name == name
    assert from_frozen(playbook.to_yaml(), KINDS).digest == playbook.digest


@pytest.mark.parametrize("name", names())
def test_it_asks_for_no_trust(name: str) -> None:
    assert load(name, KINDS, trusted=False).facts.hooks == ()


@pytest.mark.parametrize("name", names())
def test_a_backup_stands_before_every_change(name: str) -> None:
    steps = [step for _, step in load(name, KINDS).upgrade]
    changing = next(index for index, step in enumerate(steps) if step.alters)
    assert "backup" in [step.uses for step in steps[:changing]]


@pytest.mark.parametrize("name", names())
def test_migrations_run_before_new_code_starts(name: str) -> None:
    kinds = [step.uses for _, step in load(name, KINDS).upgrade]
    assert kinds.index("migrate") < kinds.index("compose.up")


def test_rytask_takes_the_override_along(tmp_path: Path) -> None:
    playbook = load("rytask", KINDS)
    assert resolve_app(playbook, tmp_path, {}, tmp_path).stack.present == ("docker-compose.yml",)
    (tmp_path / "docker-compose.override.yml").touch()
    app = resolve_app(playbook, tmp_path, {}, tmp_path)
    assert app.stack.present == ("docker-compose.yml", "docker-compose.override.yml")
    assert app.stack.keep == ("docker-compose.override.y*ml", "compose.override.y*ml")


@pytest.mark.parametrize("name", ["migrate-first", "everruns"])
def test_E4_new_code_waits_for_every_migration(name: str) -> None:  # noqa: N802
    kinds = [step.uses for _, step in load(name, KINDS).upgrade]
    where = kinds.index("migrations.installed")
    assert (kinds[where - 1], kinds[where + 1]) == ("migrate", "compose.up")


def test_everruns_database_is_where_its_url_leads(tmp_path: Path) -> None:
    playbook = load("everruns", KINDS)
    url = "postgresql://app:hunter22@db.example.com/everruns"
    app = resolve_app(playbook, tmp_path, {"DATABASE_URL": url}, tmp_path)
    assert (app.databases["everruns"].key, app.databases["everruns"].url) == ("DATABASE_URL", url)
    assert (app.migrations.service, app.migrations.ledger) == ("migrate", "sqlx")
    assert Path(app.stack.overlay or "").name == "everruns.env"


def test_a_file_of_the_same_name_elsewhere_does_not_ship(tmp_path: Path) -> None:
    assert is_shipped(shipped("playbooks") / "compose-git.yaml")
    assert not is_shipped(tmp_path / "playbooks" / "compose-git.yaml")
