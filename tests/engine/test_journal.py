"""The journal: durable lines, torn ends, damage, and what it says when it cannot be written."""

import json
import os
from pathlib import Path

import pytest

from tests.engine.steps import started
from upgrader.engine import journal
from upgrader.engine.journal import EmptyJournalError, Journal, JournalError
from upgrader.errors import ExitCode
from upgrader.model import events as e


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


@pytest.fixture
def written(path: Path) -> Journal:
    made = Journal.create(path)
    for event in (started(), e.PhaseStarted("prepare"), e.Said("backup", "dumping “ledgerly”\nnow")):
        made(event)
    return made


def test_what_is_written_is_read_again(written: Journal, path: Path) -> None:
    records = journal.read(path)
    assert [record.seq for record in records] == [1, 2, 3]
    assert records[0].event == started()
    assert records[2].event == e.Said("backup", "dumping “ledgerly”\nnow")
    assert path.stat().st_mode & 0o777 == 0o600


def test_each_line_is_json_with_a_format_and_a_checksum(written: Journal, path: Path) -> None:
    lines = path.read_text().splitlines()
    assert {json.loads(line)["format"] for line in lines} == {journal.FORMAT}
    assert all(len(json.loads(line)["sum"]) == 8 for line in lines)
    assert written.line == lines[-1]


def test_each_line_names_its_run_and_a_journal_of_before_that_reads_as_well(written: Journal, path: Path) -> None:
    written(e.Turned("a migration failed"))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert {line["run"] for line in lines} == {started().run}
    old = [{key: value for key, value in line.items() if key not in ("run", "sum")} for line in lines]
    old[0]["run"], old[-1]["run"] = started().run, ""  # as `Turned` once had it, of the run to come
    before = [record.event for record in journal.read(path)]
    path.write_bytes(b"".join(map(journal._line, old)))
    assert [record.event for record in journal.read(path)] == before


def test_output_is_not_journaled(written: Journal, path: Path) -> None:
    before = path.read_bytes()
    written(e.Output("compose.build", "#1 DONE"))
    written(e.Ticked("compose.build"))
    assert path.read_bytes() == before


def test_a_second_journal_does_not_take_the_place_of_the_first(written: Journal, path: Path) -> None:
    with pytest.raises(FileExistsError):
        Journal.create(path)


@pytest.mark.parametrize("lost", [1, 2, 20])
def test_a_torn_last_line_is_dropped_and_cut_off_when_the_run_goes_on(written: Journal, path: Path, lost: int) -> None:
    os.truncate(path, path.stat().st_size - lost)
    assert [record.seq for record in journal.read(path)] == [1, 2]
    again = Journal.reopen(path)
    again(e.Resumed(1))
    assert [type(record.event).__name__ for record in journal.read(path)] == ["RunStarted", "PhaseStarted", "Resumed"]
    assert journal.read(path)[-1].seq == 3


@pytest.mark.parametrize("size", [0, 1, 40])
def test_a_journal_whose_first_line_is_torn_is_empty(written: Journal, path: Path, size: int) -> None:
    os.truncate(path, size)
    with pytest.raises(EmptyJournalError, match="the journal is empty"):
        journal.read(path)


def test_a_damaged_line_in_the_middle_refuses(written: Journal, path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"prepare"', b'"preface"'))
    with pytest.raises(
        JournalError, match=r"journal\.jsonl:2: this line is damaged \(its checksum is wrong\)"
    ) as caught:
        journal.read(path)
    assert str(path) in caught.value.hint
    with pytest.raises(JournalError):
        Journal.reopen(path)


def test_a_newer_format_is_not_guessed_at(written: Journal, path: Path) -> None:
    record = {**json.loads(path.read_text().splitlines()[0]), "format": journal.FORMAT + 1}
    del record["sum"]
    path.write_bytes(journal._line(record) + path.read_bytes())
    with pytest.raises(JournalError, match="written by a newer upgrader"):
        journal.read(path)


def test_a_journal_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    full = tmp_path / "journal.jsonl"
    full.symlink_to("/dev/full")
    with pytest.raises(JournalError, match="cannot be written: No space left on device") as caught:
        Journal(full)(started())
    assert caught.value.exit_code == ExitCode.REFUSED
    assert caught.value.hint == f"make room: df -h {tmp_path}"


def test_a_run_whose_journal_is_full_can_be_resumed(written: Journal, path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/full")
    known = written.run
    with pytest.raises(JournalError) as caught:
        written(e.PhaseStarted("cutover"))
    assert caught.value.exit_code == ExitCode.NEEDS_PERSON
    assert caught.value.hint.endswith("then: upgrader resume")
    assert written.run == known
