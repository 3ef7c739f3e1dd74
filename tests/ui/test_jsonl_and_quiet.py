"""The renderers for programs and for those who want silence."""

import io
import json

from tests.ui.story import failed, forward, started
from upgrader.model import events as e
from upgrader.model.events import from_json
from upgrader.ui.jsonl import Jsonl
from upgrader.ui.quiet import Quiet


def test_every_journaled_event_is_one_line_that_reads_back() -> None:
    stream = io.StringIO()
    sink = Jsonl(stream)
    events = [event for _, event in forward() + failed()]
    for event in events:
        sink(event)
    records = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [from_json(record) for record in records] == [event for event in events if event.journaled]
    assert [record["seq"] for record in records] == list(range(1, len(records) + 1))
    assert all(record["at"].endswith("Z") for record in records)
    healed, back = "20251120T113502-1a2b", "20251120T113640-77aa"
    runs = [record["run"] for record in records]
    assert runs == [healed] * runs.index(back) + [back] * runs.count(back) + [healed], "the one that healed it between"


def test_the_line_of_the_journal_is_printed_as_it_is() -> None:
    stream = io.StringIO()
    sink = Jsonl(stream, line=lambda event: f'{{"event":"{type(event).__name__}","sum":"77aa"}}\n')
    sink(started())
    sink(e.Ticked("pull"))
    assert stream.getvalue() == '{"event":"RunStarted","sum":"77aa"}\n'


def test_quiet_tells_failures_and_the_last_word() -> None:
    stream = io.StringIO()
    sink = Quiet(stream)
    for _, event in forward() + failed():
        sink(event)
    assert stream.getvalue() == (
        "  ✗ Run the migrations  migrate ended with 1\n"
        "    │ 0007_workflows.sql\n"
        '    │ ERROR: column "state" already exists\n'
        "    all of its output: logs/migrate.log\n"
        "    → docker logs shop-upgrader-1a2b-migrate\n"
        "→ Going back  a migration failed\n"
        "✓ Rolled back to v1.0.0  in 6.1s\n"
        "✗ Failed at the migrations, back on v1.0.0  in 1m 40s\n"
    )


def test_quiet_says_nothing_of_a_run_that_is_well() -> None:
    stream = io.StringIO()
    sink = Quiet(stream)
    for _, event in forward():
        sink(event)
    assert stream.getvalue() == ""
