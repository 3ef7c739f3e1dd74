"""The live renderer: the very screen that a person sees, at every width, and on a terminal that goes away."""

import io
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest
from rich.console import Console

from tests.ui.screen import Screen
from tests.ui.story import Clock, Moment, failed, forward, play, started
from upgrader.model import events as e
from upgrader.ui.live import Live

ROOT = Path(__file__).parents[2]

RUNNING = """\
Upgrade shop: v1.0.0 → v1.1.0
run 20251120T113502-1a2b in /srv/shop

preflight  looking, changing nothing
  – Check the ground              Docker 26.1.5, 41 GiB free

prepare  the old version is serving
  ✓ Back up the databases         2.4s
    read back in full: 7.8 MiB, sha256 5f0c…
  ✓ Check out 9d1f0c2aa           100ms
  ✓ Pull the images               12s
    attempt 1 of 3 failed, the next one in 5.0s  the registry did not answer

cutover  downtime window
  ⠹ Run the migrations            1m 15s
    │ 0007_workflows.sql
    │ ERROR: column "state" already exists

  downtime window • step 5 of 7 • 1m 30s • Ctrl-C stops at the next safe point"""

HEALED = """\
cutover  downtime window
  ✗ Run the migrations            migrate ended with 1
    │ 0007_workflows.sql
    │ ERROR: column "state" already exists
    all of its output: logs/migrate.log
    → docker logs shop-upgrader-1a2b-migrate

→ Going back  a migration failed

Roll shop back to v1.0.0
run 20251120T113640-77aa in /srv/shop

cutover  downtime window
  ✓ Restore the databases         6.0s

verify  watching what is restored
  – Wait until it serves          serving for 5.0s
  ✓ shop serves v1.0.0 again

✓ Rolled back to v1.0.0  in 6.1s

✗ Failed at the migrations, back on v1.0.0  in 1m 40s"""


class Stage:
    """A live view on a terminal of memory."""

    def __init__(self, width: int = 80, height: int = 24) -> None:
        self.width, self.stream, self.clock = width, io.StringIO(), Clock()
        console = Console(file=self.stream, force_terminal=True, width=width, height=height, _environ={})
        self.live = Live(self.stream, console=console, clock=self.clock)

    def play(self, *moments: Moment) -> Screen:
        for _ in play(self.live, moments, self.clock):
            self.screen()
        return self.screen()

    def screen(self) -> Screen:
        return Screen(self.width).feed(self.stream.getvalue())


def test_a_run_that_fails_and_heals() -> None:
    stage = Stage()
    assert stage.play(*forward()).text == RUNNING
    stage.play(*failed())
    stage.live.close()
    settled = RUNNING[: RUNNING.index("cutover")]
    assert stage.screen().text == settled + HEALED


def test_a_run_that_turns_back_leaves_the_screen_to_the_run_that_heals_it() -> None:
    stage = Stage()
    screen = stage.play(*forward(), *failed()[:2])
    assert screen.text.endswith("→ Going back  a migration failed")
    assert screen.cursor_shown


@pytest.mark.parametrize("width", [60, 79, 100, 200])
def test_nothing_wraps_at_any_width(width: int) -> None:
    """The screen itself asserts that no row is longer than the terminal, after each event."""
    stage = Stage(width)
    long = "the quick brown fox jumps over the lazy dog " * 6
    screen = stage.play(
        *forward(), (1.0, e.Output("migrate", long)), (1.0, e.Said("migrate", long)), (1.0, e.Ticked("migrate", long))
    )
    assert "Ctrl-C stops" in screen.text
    stage.play((0.0, e.StepFailed("migrate", long, long, [long], "/var/lib/" * 20)))
    stage.live.close()
    shown = " ".join(stage.screen().text.replace("│", " ").split())
    assert shown.count(" ".join(long.split())) == 4, "what was said, why, the output and the hint are told in full"


def test_a_low_terminal_shows_fewer_lines_of_output() -> None:
    output = [(1.0, e.Output("migrate", f"line {n}")) for n in range(9)]
    tall, low = Stage(height=24).play(*forward(), *output), Stage(height=8).play(*forward(), *output)
    assert [row.split()[-1] for row in tall.text.splitlines() if "│ line" in row] == ["4", "5", "6", "7", "8"]
    assert [row.split()[-1] for row in low.text.splitlines() if "│ line" in row] == ["7", "8"]


def test_a_step_that_is_being_checked_is_shown_too() -> None:
    screen = Stage(100).play((0.0, started()), (0.0, e.PhaseStarted("prepare")), (2.0, e.Ticked("pull")))
    assert "⠋ Pull the images" in screen.text
    assert "step 0 of 7" in screen.text


def test_a_question_gets_a_quiet_screen_and_the_cursor() -> None:
    stage = Stage()
    asking = stage.play(*forward(), (0.0, e.Asked("migrate", "Go on?")))
    assert asking.cursor_shown
    assert "Ctrl-C" not in asking.text
    answered = stage.play((9.0, e.Answered("migrate", "n")), (1.0, e.Ticked("migrate")))
    assert "Go on?  → no" in answered.text
    assert "Run the migrations" in answered.text


def test_closing_in_the_middle_restores_the_terminal() -> None:
    stage = Stage()
    stage.play(*forward())
    assert not stage.screen().cursor_shown
    stage.live.close()
    stage.live.close()
    assert stage.screen().cursor_shown
    assert stage.screen().text.endswith("cutover  downtime window")


def test_many_events_in_one_moment_are_drawn_once() -> None:
    stage = Stage()
    stage.play(*forward())
    before = len(stage.stream.getvalue())
    for number in range(1000):
        stage.live(e.Output("migrate", f"line {number}"))
    assert len(stage.stream.getvalue()) == before


def test_no_colour_means_no_colour() -> None:
    stream, clock = io.StringIO(), Clock()
    live = Live(stream, color=False, environ={"TERM": "xterm-256color", "COLUMNS": "80"}, clock=clock)
    for _ in play(live, forward() + failed(), clock):
        pass
    live.close()
    text = stream.getvalue()
    assert "✓" in text
    assert not any(f"\x1b[{code}" in text or f";{code}" in text for code in ("31", "32", "33"))


CHILD = """
import os, signal, sys, time
from tests.ui.story import Clock, failed, forward
from upgrader.ui.choose import choose

signal.signal(signal.SIGHUP, signal.SIG_IGN)
sink = choose("live", sys.stdout, sys.stderr, os.environ)
for _, event in forward():
    sink(event)
deadline = time.monotonic() + 20
while os.isatty(2) and time.monotonic() < deadline:
    for _, event in failed() + forward():
        sink(event)
for _, event in failed():
    sink(event)
sink.close()
open(sys.argv[1], "w").write("went on to the end")
"""


def spawn(*arguments: str, **options: Any) -> "pexpect.spawn[str]":
    environ = {"PATH": "/usr/bin:/bin", "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    return pexpect.spawn(
        sys.executable, ["-c", *arguments], cwd=ROOT, env=environ, encoding="utf-8", timeout=20, **options
    )


def test_a_closed_window_does_not_stop_the_run(tmp_path: Path) -> None:
    done = tmp_path / "done"
    child = spawn(CHILD, str(done), dimensions=(24, 80))
    child.expect("Ctrl-C stops at the next safe point")
    child.ptyproc.fileobj.close()
    child.wait()
    assert (done.read_text(), child.exitstatus, child.signalstatus) == ("went on to the end", 0, None)
