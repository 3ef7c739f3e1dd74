"""Broken playbooks, each beside all the problems that must be reported of it."""

from pathlib import Path

import pytest

from tests.playbook.kinds import KINDS
from upgrader.playbook.load import load
from upgrader.playbook.problems import PlaybookError

HERE = Path(__file__).parent / "cases"
CASES = sorted(path.stem for path in HERE.glob("*.yaml"))


@pytest.mark.parametrize("case", CASES)
def test_all_problems_are_reported_with_their_places(case: str) -> None:
    path = HERE / f"{case}.yaml"
    with pytest.raises(PlaybookError) as caught:
        load(path, KINDS)
    found = "".join(
        f"{problem}\n".removeprefix(f"{HERE}/").removeprefix(f"{path.name}:") for problem in caught.value.problems
    )
    assert found == path.with_suffix(".txt").read_text(encoding="utf-8")


def test_every_case_has_its_problems_and_every_list_its_case() -> None:
    assert sorted(path.stem for path in HERE.glob("*.txt")) == CASES


def test_one_problem_is_told_in_one_line_with_the_next_command() -> None:
    path = HERE / "unknown_base.yaml"
    with pytest.raises(PlaybookError) as caught:
        load(path, KINDS)
    assert caught.value.message == (
        f"{path}:2:10: extends 'compose-gti', and no such playbook ships (did you mean \"compose-git\"?)"
    )
    assert caught.value.hint == f"Correct it, then: upgrader playbook check {path}"


def test_many_problems_are_counted_and_listed() -> None:
    with pytest.raises(PlaybookError) as caught:
        load(HERE / "duplicate_keys.yaml", KINDS)
    lines = caught.value.message.splitlines()
    assert lines[0] == "2 problems in the playbook:"
    assert len(lines) == 3


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PlaybookError, match="cannot be read: No such file"):
        load(tmp_path / "nothing.yaml", KINDS)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "app.yaml"
    path.write_bytes(b"name: \xff\xfe\n")
    with pytest.raises(PlaybookError, match="is not UTF-8"):
        load(path, KINDS)


def test_a_name_that_does_not_ship() -> None:
    with pytest.raises(PlaybookError, match='did you mean "rytask"'):
        load("rytsk", KINDS)
