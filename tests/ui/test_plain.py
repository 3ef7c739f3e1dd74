"""The plain renderer, against its golden text."""

import io
from typing import Any

from tests.ui.story import Clock, Moment, failed, forward, play, started
from upgrader.model import events as e
from upgrader.ui.plain import Plain

GOLDEN = """\
Upgrade shop: v1.0.0 → v1.1.0
run 20251120T113502-1a2b in /srv/shop

preflight  looking, changing nothing
  – Check the ground              Docker 26.1.5, 41 GiB free

prepare  the old version is serving
  • Back up the databases         1 database, 7.8 MiB
    │ pg_dump: dumping contents of table "public.orders"
    read back in full: 7.8 MiB, sha256 5f0c…
  ✓ Back up the databases         2.4s
  • Check out 9d1f0c2aa           4 commits to go
  ✓ Check out 9d1f0c2aa           100ms
  • Pull the images               web is not here
    attempt 1 of 3 failed, the next one in 5.0s  the registry did not answer
    │ #12 [2/7]   RUN npm ci
  ✓ Pull the images               12s

cutover  downtime window
  • Run the migrations            2 to go
    │ 0007_workflows.sql
    │ ERROR: column "state" already exists
    still at it, 1m 15s
  ✗ Run the migrations            migrate ended with 1
    all of its output: logs/migrate.log
    → docker logs shop-upgrader-1a2b-migrate

→ Going back  a migration failed

Roll shop back to v1.0.0
run 20251120T113640-77aa in /srv/shop

cutover  downtime window
  • Restore the databases         schema differs
  ✓ Restore the databases         6.0s

verify  watching what is restored
  – Wait until it serves          serving for 5.0s
  ✓ shop serves v1.0.0 again

✓ Rolled back to v1.0.0  in 6.1s

✗ Failed at the migrations, back on v1.0.0  in 1m 40s
"""


def plain(moments: list[Moment], **options: Any) -> str:
    stream, clock = io.StringIO(), Clock()
    for _ in play(Plain(stream, clock=clock, **options), moments, clock):
        pass
    return stream.getvalue()


def test_a_run_that_fails_and_heals() -> None:
    assert plain(forward() + failed()) == GOLDEN


def test_colour_changes_nothing_but_colour() -> None:
    colored = plain(forward() + failed(), color=True)
    assert "\x1b[32m✓ \x1b[0m" in colored
    assert "\x1b[31m  migrate ended with 1\x1b[0m" in colored
    assert "\x1b[33m✗ \x1b[0mFailed at the migrations, back on v1.0.0\x1b[2m  in 1m 40s" in colored
    for code in ("0", "1", "2", "31", "32", "33", "1;31"):
        colored = colored.replace(f"\x1b[{code}m", "")
    assert colored == GOLDEN


def test_an_interrupted_run_says_how_to_go_on() -> None:
    told = plain([(0.0, started()), (1.0, e.Interrupted("SIGINT"))])
    assert told.endswith("\n\n– Stopped by SIGINT at a safe place\n→ upgrader resume\n")


def test_a_cancelled_step_is_not_called_a_safe_place() -> None:
    told = plain([*forward(), (1.0, e.Interrupted("SIGINT", "migrate"))])
    assert told.endswith("\n\n– Stopped by SIGINT in the middle of “Run the migrations”\n→ upgrader resume\n")


def test_each_line_can_carry_the_time() -> None:
    lines = plain(forward()[:3], stamp=lambda: "11:35:02").splitlines()
    assert [line[:9] for line in lines if line] == ["11:35:02 "] * 4


def test_a_failure_read_from_a_journal_shows_the_last_lines() -> None:
    """A journal holds no output, so the failure brings its own."""
    journaled = [(0.0, event) for _, event in forward() + failed() if event.journaled]
    assert '    │ ERROR: column "state" already exists\n    all of its output' in plain(journaled)


def test_a_silent_step_says_less_and_less_often_that_it_is_alive() -> None:
    step: list[Moment] = [
        (0.0, started()),
        (0.0, e.StepStarted("pull", "prepare", "Pull the images", "web is not here", {})),
    ]
    silence: list[Moment] = [(0.5, e.Ticked("pull", "3 of 9 layers"))] * 1700
    spoken: list[Moment] = [(0.0, e.Said("pull", "a layer")), *silence[:50]]
    told = [line for line in plain(step + silence + spoken).splitlines() if "still" in line]
    times = ("15s", "45s", "1m 45s", "3m 45s", "8m 45s", "13m 45s", "14m 25s")
    assert told == [f"    still at it, {time}, 3 of 9 layers" for time in times], "a word begins it anew"


def test_output_counts_as_a_sign_of_life() -> None:
    step: list[Moment] = [
        (0.0, started()),
        (0.0, e.StepStarted("pull", "prepare", "Pull the images", "web is not here", {})),
    ]
    chatty: list[Moment] = [(10.0, e.Output("pull", "layer")), (0.0, e.Ticked("pull"))] * 5
    assert "still" not in plain(step + chatty)
