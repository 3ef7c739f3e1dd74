"""Which playbook fits a directory."""

from pathlib import Path

import pytest

from upgrader.errors import RefusedError
from upgrader.playbook.discover import Found, which
from upgrader.playbook.inherit import shipped

RYTASK = ("docker-compose.yml", "infra/docker/Dockerfile.api", "packages/db/migrations/0000_brief_praxagora.sql")


def tracked(path: Path) -> bool:
    return path.name.startswith("upgrader")


def lay_out(directory: Path, *files: str) -> None:
    for file in files:
        (directory / file).parent.mkdir(parents=True, exist_ok=True)
        (directory / file).touch()


def test_nothing_fits_an_empty_directory(tmp_path: Path) -> None:
    assert which(tmp_path, tracked=tracked) is None


def test_a_shipped_one_is_recognised_by_all_of_its_files(tmp_path: Path) -> None:
    lay_out(tmp_path, *RYTASK[:2])
    assert which(tmp_path, tracked=tracked) is None
    lay_out(tmp_path, *RYTASK)
    assert which(tmp_path, tracked=tracked) == Found(shipped("playbooks") / "rytask.yaml", "recognised")


def test_the_directory_s_own_comes_first_and_is_trusted_unless_tracked(tmp_path: Path) -> None:
    lay_out(tmp_path, *RYTASK, ".upgrader.yaml")
    assert which(tmp_path, tracked=tracked) == Found(tmp_path / ".upgrader.yaml", "in the app's directory")
    lay_out(tmp_path, "upgrader.yml")
    assert which(tmp_path, tracked=tracked) == Found(tmp_path / "upgrader.yml", "in the app's directory", trusted=False)


def test_a_named_one_ships(tmp_path: Path) -> None:
    assert which(tmp_path, "rytask", tracked=tracked) == Found(shipped("playbooks") / "rytask.yaml", "named")


def test_a_path_is_trusted_unless_it_belongs_to_the_checkout(tmp_path: Path) -> None:
    checkout = tmp_path / "app"
    lay_out(tmp_path, "mine.yaml", "app/upgrader-own.yaml")
    assert which(checkout, str(tmp_path / "mine.yaml"), tracked=tracked) == Found(tmp_path / "mine.yaml", "named")
    inside = checkout / "upgrader-own.yaml"
    assert which(checkout, str(inside), tracked=tracked) == Found(inside, "named", trusted=False)


def test_a_name_that_does_not_ship_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match='no playbook rytsk ships: did you mean "rytask"'):
        which(tmp_path, "rytsk", tracked=tracked)


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"there is no playbook \./mine\.yaml"):
        which(tmp_path, "./mine.yaml", tracked=tracked)
