"""Workflow commands, read back the way GitHub's runner reads them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrader.env.finding import Finding
from upgrader.env.formats import render

TEXT = st.text(st.characters(codec="utf-8"))


def run(line: str) -> tuple[str, dict[str, str], str]:
    """What the runner makes of one line: the command, its properties, its message."""
    found = re.fullmatch(r"::(?P<command>\w+) (?P<properties>.*?)::(?P<message>.*)", line, re.DOTALL)
    assert found
    assert "\n" not in line
    assert "\r" not in line
    properties = dict(each.split("=", 1) for each in found["properties"].split(",") if each)
    return found["command"], {name: unescape(text) for name, text in properties.items()}, unescape(found["message"])


def unescape(text: str) -> str:
    for escaped, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(escaped, character)
    return text


@given(message=TEXT, file=TEXT.filter(bool), key=TEXT)
def test_whatever_the_text_holds_arrives_whole(message: str, file: str, key: str) -> None:
    rendered = render("github", [Finding("a-code", "warning", message, "Do it", key, file, 7)], [])
    assert rendered.endswith("\n")
    command, properties, text = run(rendered[:-1])
    assert (command, text) == ("warning", f"{message}\nDo it")
    assert properties == {"file": file, "line": "7", "title": "a-code"}


@pytest.mark.parametrize(("severity", "command"), [("error", "error"), ("warning", "warning"), ("note", "notice")])
def test_severities_have_their_commands(severity: str, command: str) -> None:
    finding = Finding("a-code", severity, "so it is")  # type: ignore[arg-type]
    assert render("github", [finding], []) == f"::{command} title=a-code::so it is\n"


def test_separators_in_a_path_are_escaped() -> None:
    finding = Finding("a-code", "error", "100 % sure: yes, it is\r\nreally", "", "K", "a,b:c%.env", 3)
    assert render("github", [finding], []) == (
        "::error file=a%2Cb%3Ac%25.env,line=3,title=a-code::100 %25 sure: yes, it is%0D%0Areally\n"
    )


def test_nothing_found_says_nothing() -> None:
    assert render("github", [], []) == ""
