"""The page on annotations says what the code does, and all of it."""

import re
from pathlib import Path

import pytest

from upgrader.env.annotations import Annotations, read_annotations, said_in
from upgrader.env.commands import generator_in
from upgrader.env.document import Document
from upgrader.env.generate import FIXED, KINDS, check_generator
from upgrader.env.overlay import DIRECTIVES, parse_overlay
from upgrader.env.vocabulary import OF_OTHERS, WORDS

PAGE = (Path(__file__).parents[2] / "docs" / "env-annotations.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```dotenv\n(.*?)```", PAGE, re.DOTALL)


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading, its head left out."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_word_and_no_other_is_on_the_page() -> None:
    documented = {code(row[0])[0].split()[0] for row in rows("The words")}
    assert documented == {f"@{word}" for word in WORDS}
    assert {code(row[0])[0].split()[0] for row in rows("Overlays")} == {f"@{word}" for word in DIRECTIVES}


def test_every_generator_and_no_other_is_on_the_page() -> None:
    assert [code(row[0])[0] for row in rows("Generators")] == list(KINDS)


def test_what_a_generator_stands_in_for_is_recognised() -> None:
    for kind, _, commands in rows("Generators"):
        spec = code(kind)[0].replace("N", "32").replace("PREFIX", "kek-v1")
        assert check_generator(spec)
        for command in code(commands):
            found = generator_in([command.replace("N", "32")])
            assert found == (FIXED["rails"] if spec == "rails" else spec), command


def test_every_word_in_running_text_exists() -> None:
    known = {*WORDS, *DIRECTIVES, *OF_OTHERS, "env-spec"}
    assert set(re.findall(r"@([A-Za-z][A-Za-z-]*)", PAGE)) <= known


@pytest.mark.parametrize("row", rows("The words"), ids=lambda row: str(row[0]))
def test_the_form_of_a_word_can_be_read(row: list[str]) -> None:
    said, problems = read_annotations([code(row[0])[0].replace("GENERATOR", "hex:32")])
    assert said
    assert not problems
    assert not said.unknown


def test_the_example_of_an_example() -> None:
    said, findings = said_in(Document.parse(BLOCKS[0].encode()))
    assert findings == []
    assert said["MASTER_KEY"] == Annotations(required=True, generate="hex:32", unrotatable=True)
    assert len(said) == 4


def test_the_example_of_an_overlay() -> None:
    overlay = parse_overlay(BLOCKS[1].encode(), "app.env")
    assert (overlay.example, overlay.live) == ("deploy/.env.example", "deploy/.env")
    assert set(overlay.said) == {"REDIS_URL", "PUBLIC_URL"}


def test_compatibility_is_as_the_table_says() -> None:
    table = [(code(row[0]), row[1]) for row in rows("Next to @env-spec") if code(row[0])]
    read = 0
    for theirs, ours in table:
        for text in theirs:
            said, problems = read_annotations([text])
            assert problems == []
            if code(ours):
                assert said == read_annotations(code(ours))[0], text
                read += 1
            elif ours.startswith("not judged"):
                assert said.misread == (text,)
            elif ours == "ignored":
                assert said == Annotations(unknown=(text,))
            else:
                assert ours == "the same"
                assert not said.unknown
    assert read >= 6
