"""Which renderer is chosen where, and what it costs to load."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import TextIO

import pytest

from upgrader.ui.choose import Mode, choose, colorful
from upgrader.ui.jsonl import Jsonl
from upgrader.ui.live import Live
from upgrader.ui.plain import Plain
from upgrader.ui.quiet import Quiet


@pytest.fixture
def terminal() -> Iterator[TextIO]:
    master, slave = os.openpty()
    with os.fdopen(slave, "w", encoding="utf-8") as stream:
        yield stream
    os.close(master)


@pytest.mark.parametrize(
    ("mode", "environ", "kind"),
    [
        ("auto", {"TERM": "xterm"}, Live),
        ("auto", {"TERM": "xterm", "CI": "true"}, Plain),
        ("auto", {"TERM": "xterm", "CI": "false"}, Live),
        ("auto", {"TERM": "dumb"}, Plain),
        ("auto", {}, Plain),
        ("auto", {"TERM": "xterm", "NO_COLOR": "1"}, Live),
        ("live", {"TERM": "xterm", "CI": "true"}, Live),
        ("live", {"TERM": "dumb"}, Plain),
        ("plain", {"TERM": "xterm"}, Plain),
        ("json", {"TERM": "xterm"}, Jsonl),
        ("quiet", {"TERM": "xterm"}, Quiet),
    ],
)
def test_on_a_terminal(terminal: TextIO, mode: Mode, environ: dict[str, str], kind: type) -> None:
    sink = choose(mode, None, terminal, environ)
    assert type(sink) is kind
    sink.close()


def test_stderr_decides_and_not_stdout(terminal: TextIO) -> None:
    environ = {"TERM": "xterm"}
    assert type(choose("auto", io.StringIO(), terminal, environ)) is Live
    assert type(choose("auto", terminal, io.StringIO(), environ)) is Plain
    assert type(choose("live", terminal, io.StringIO(), environ)) is Plain
    assert type(choose("auto", None, None, environ)) is Plain


def test_colour(terminal: TextIO) -> None:
    assert colorful(terminal, {"TERM": "xterm"})
    assert not colorful(terminal, {"TERM": "xterm", "NO_COLOR": "1"})
    assert not colorful(terminal, {"TERM": "dumb"})
    assert not colorful(io.StringIO(), {"TERM": "xterm"})
    assert colorful(io.StringIO(), {"FORCE_COLOR": "1"})
    assert not colorful(io.StringIO(), {"FORCE_COLOR": "0"})
    assert not colorful(terminal, {"TERM": "xterm", "NO_COLOR": "1", "FORCE_COLOR": "1"})


@pytest.mark.parametrize("module", ["words", "plain", "jsonl", "quiet", "choose", "ask", "trouble", "report", "live"])
def test_loading_it_does_not_load_rich(module: str) -> None:
    program = f"import sys, upgrader.ui.{module}; print(sorted(m for m in sys.modules if m.split('.')[0] in {{'rich', 'pydantic'}}))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"


def test_telling_a_run_in_plain_text_never_loads_rich() -> None:
    program = (
        "import sys; from tests.ui.story import forward; from upgrader.ui.choose import choose\n"
        "sink = choose('auto', sys.stdout, sys.stderr, {'TERM': 'xterm'})\n"
        "for _, event in forward(): sink(event)\n"
        "sink.close()\n"
        "print('rich' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout == "False\n"
    assert "Pull the images" in shown.stderr
