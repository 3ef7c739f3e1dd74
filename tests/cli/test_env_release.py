"""`env-check --since`: a real checkout as the next release, against its own tags."""

import json
from pathlib import Path

import pytest

from tests.fixtures.vendor import git
from upgrader.cli.env_release import LAST_TAG, Request, answer
from upgrader.errors import RefusedError, UsageError

OLD = "APP_URL=https://app.example.com\n"
NEW = OLD + "# REQUIRED. Make one with: openssl rand -hex 32\nSESSION_SECRET=\nMODE=a\nMODE=b\n"
COMPOSE = "services:\n  web:\n    image: web\n    environment:\n      A: ${APP_URL}\n"


def write(directory: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """An app with a release v1, and changes on top that are not committed."""
    top = tmp_path / "an app"
    write(top, {"deploy/.env.example": OLD, "deploy/compose.yaml": COMPOSE})
    git(top, "init", "-q")
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "one")
    git(top, "tag", "v1")
    write(top, {"deploy/.env.example": NEW})
    return top


def found(directory: Path, since: str = "v1", **more: str) -> tuple[list[str], int]:
    text, code = answer(Request(directory, since, format="json", **more))  # type: ignore[arg-type]
    return [f"{each['code']} {each['file']}:{each['line']}" for each in json.loads(text)["findings"]], code


@pytest.mark.parametrize("place", [".", "deploy"])
@pytest.mark.parametrize("since", ["v1", "HEAD", LAST_TAG])
def test_paths_are_those_of_the_repository_wherever_one_stands(checkout: Path, place: str, since: str) -> None:
    assert found(checkout / place, since) == (["duplicate-key deploy/.env.example:5"], 3)


def test_the_release_that_was_just_tagged_is_compared_with_the_one_before(checkout: Path) -> None:
    git(checkout, "commit", "-aqm", "two")
    git(checkout, "tag", "v2")
    assert found(checkout, LAST_TAG)[1] == 3
    text, _ = answer(Request(checkout, LAST_TAG))
    assert "v1" in text.splitlines()[0]


def test_notes_are_read(checkout: Path) -> None:
    write(checkout, {"NOTES.md": "nothing\n"})
    notes = str(checkout / "NOTES.md")
    assert "not-in-notes deploy/.env.example:3" in found(checkout, notes=notes)[0]
    write(checkout, {"NOTES.md": "`SESSION_SECRET` signs sessions\n"})
    assert "not-in-notes deploy/.env.example:3" not in found(checkout, notes=notes)[0]


def test_nothing_wrong_is_zero(checkout: Path) -> None:
    write(checkout, {"deploy/.env.example": OLD + "PAGE=50\n"})
    assert found(checkout) == ([], 0)
    assert answer(Request(checkout, "v1", format="github")) == ("", 0)


def test_the_section_for_the_notes(checkout: Path) -> None:
    text, code = answer(Request(checkout, "v1", format="markdown"))
    assert code == 3
    assert text.startswith("## New required settings")
    assert "deploy/.env" in text


def test_compose_files_count_also_where_they_are_new(checkout: Path) -> None:
    write(checkout, {"deploy/compose.yaml": COMPOSE + "      B: ${NEW_KEY:?}\n", "deploy/.env.example": OLD})
    assert found(checkout) == (["compose-key-missing deploy/compose.yaml:6"], 3)


def test_files_can_be_named(checkout: Path) -> None:
    write(checkout, {"deploy/prod.env.sample": OLD, "deploy/said.env": "# @required\nGONE=\n"})
    findings, _ = found(checkout / "deploy", example="prod.env.sample", overlay="said.env")
    assert findings == ["overlay-stale deploy/said.env:2"]


def test_an_overlay_may_lie_outside(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "said.env").write_text("# @required\nGONE=\n")
    findings, _ = found(checkout, overlay=str(tmp_path / "said.env"))
    assert f"overlay-stale {tmp_path / 'said.env'}:2" in findings
    with pytest.raises(UsageError, match="is not in"):
        answer(Request(checkout, "v1", example=str(tmp_path / "said.env")))


def test_an_example_that_moved_is_compared_with_where_it_was(checkout: Path) -> None:
    git(checkout, "mv", "deploy/.env.example", "deploy/.env.prod.example")
    write(checkout, {"deploy/.env.prod.example": "PAGE=1\n"})
    assert found(checkout) == (["compose-key-missing deploy/compose.yaml:5"], 3)


def test_without_an_earlier_release_only_what_is_wrong_in_itself_counts(checkout: Path) -> None:
    git(checkout, "tag", "-d", "v1")
    assert found(checkout, LAST_TAG) == (["duplicate-key deploy/.env.example:5"], 3)


def test_what_cannot_be_compared_is_said(checkout: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no tag v9"):
        answer(Request(checkout, "v9"))
    with pytest.raises(UsageError, match="cannot be read"):
        answer(Request(checkout, "v1", notes=str(tmp_path / "none.md")))
    with pytest.raises(RefusedError, match="not a git checkout"):
        answer(Request(tmp_path, "v1"))
    git(checkout, "commit", "-aqm", "two")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{checkout}", "shallow")
    with pytest.raises(RefusedError, match="shallow"):
        answer(Request(tmp_path / "shallow", LAST_TAG))


def test_an_example_behind_a_link_is_followed_on_both_sides(checkout: Path) -> None:
    git(checkout, "stash", "-q")
    (checkout / "deploy/.env.example").rename(checkout / "deploy/real.conf")
    (checkout / "deploy/.env.example").symlink_to("real.conf")
    git(checkout, "add", "-A")
    git(checkout, "commit", "-qm", "a link")
    git(checkout, "tag", "v2")
    write(checkout, {"deploy/real.conf": "PAGE=1\n" + OLD})
    assert found(checkout, "v2") == ([], 0)
    write(checkout, {"deploy/real.conf": "PAGE=1\n"})
    assert found(checkout, "v2") == (["compose-key-missing deploy/compose.yaml:5"], 3)


def test_an_option_is_no_tag(checkout: Path) -> None:
    with pytest.raises(UsageError, match="no tag --all"):
        answer(Request(checkout, "--all"))
