"""Streams that die under a sink."""

import os
import subprocess
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from tests.ui.story import failed, forward
from upgrader.ui.choose import Sink
from upgrader.ui.jsonl import Jsonl
from upgrader.ui.live import Live
from upgrader.ui.outlet import Outlet
from upgrader.ui.plain import Plain
from upgrader.ui.quiet import Quiet

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", [Plain, Jsonl, Quiet, Live])
@pytest.mark.parametrize("end", ["closed", "broken", "none"])
def test_no_sink_minds_a_stream_that_is_gone(kind: type, end: str) -> None:
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w", encoding="utf-8")
    if end == "closed":
        stream.close()
    os.close(reading)
    sink: Sink = kind(None if end == "none" else stream)
    for _, event in forward() + failed():
        sink(event)
    sink.close()
    stream.close()


def test_a_broken_pipe_does_not_spoil_the_exit_code() -> None:
    """Python itself ends with 120 when it cannot flush its streams."""
    program = (
        "import sys; from tests.ui.story import forward; from upgrader.ui.plain import Plain\n"
        "sink = Plain(sys.stdout)\n"
        "sys.stdin.readline()\n"
        "for _, event in forward() * 50: sink(event)\n"
        "sys.exit(5)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        child.stdin.write(b"\n")
        child.stdin.close()
        assert child.stderr.read() == b""
    assert child.returncode == 5


def test_what_the_encoding_cannot_say_becomes_a_question_mark() -> None:
    raw = BytesIO()
    stream = TextIOWrapper(raw, encoding="ascii", errors="strict")
    outlet = Outlet(stream)
    outlet.line("✓ Caf\u00e9 \udcff")
    assert raw.getvalue() == b"? Caf? ?\n"
    assert not outlet.dead
