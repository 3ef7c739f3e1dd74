"""Dumps are restored into throw-away servers of the very image, and what does not come back is found."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fixtures.engine import eventually, sh
from tests.steps.proof_world import Stand, noted, standing
from tests.tools.postgres_world import RICH, ROWS
from upgrader.errors import RefusedError, StepError
from upgrader.model import events as e
from upgrader.model.manifest import RestorePoint, SavedFile
from upgrader.model.run import Run
from upgrader.model.verdict import Needed, Satisfied
from upgrader.steps import copies
from upgrader.steps.base import Options
from upgrader.steps.copies import differences
from upgrader.steps.points import Points, measure
from upgrader.steps.proof import LARGE, RATES, START, Proof, measured
from upgrader.tools.postgres_throwaway import LEAST_MEMORY, NoThrowawayError, Room, Throwaway, clear, room

GIB = 1 << 30
NOTES = (
    "CREATE TABLE notes (id int PRIMARY KEY, body text); INSERT INTO notes SELECT i, 'n' FROM generate_series(1, 9) i;"
)
docker = pytest.mark.docker


@pytest.fixture(scope="module", params=["postgres:15", "postgres:17"])
def either(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(request.param, tmp_path_factory.mktemp("stand")) as stand:
        yield stand


@pytest.fixture(scope="module")
def _stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing("postgres:17", tmp_path_factory.mktemp("stand")) as stand:
        yield stand


@pytest.fixture
def stand(_stand: Stand) -> Iterator[Stand]:
    _stand.said.clear()
    yield _stand
    assert not _stand.left()


def proof(**changes: object) -> Proof:
    return Proof.model_validate({"id": "proof", "uses": "proof", **changes})


# --- a restore that succeeds


@docker
@pytest.mark.parametrize("how", ["full", "data"])
def test_a_database_with_a_bit_of_everything_is_proved(either: Stand, how: str) -> None:
    ctx = either.context(either.database(RICH))
    point = either.point(ctx)
    try:
        (found,) = copies.make(ctx, point, full=how == "full").values()
        copy = copies.server_of(ctx, next(iter(ctx.app.databases.values())))
        indexes = int(
            copy.query("SELECT count(*) FROM pg_indexes WHERE schemaname = 'public';", point.databases[0].name)[0][0]
        )
        assert (indexes > 0) == (how == "full")
        assert copies.are_whole(ctx)
        live, passwords = (
            either.server,
            "SELECT rolname, rolpassword FROM pg_authid WHERE rolpassword <> '' ORDER BY 1;",
        )
        copies.throwaway(ctx, "db").open_with(copy, live, point.databases[0].name)
        assert [role for role, _ in live.query(passwords)] == ["app", "reporter"]
        assert copy.query(passwords) == live.query(passwords)
    finally:
        copies.clear(ctx.shell, ctx.app.stack.project)
    assert (found.rows, found.tables) == (sum(ROWS.values()), len(ROWS))
    assert not copies.are_whole(ctx)
    assert not either.left()


@docker
def test_what_was_proved_is_noted_for_ever(stand: Stand) -> None:
    ctx = stand.context(stand.database(NOTES), stand.database("CREATE TABLE empty (a int);"))
    stand.point(ctx)
    step = proof()
    verdict = step.check(ctx)
    assert isinstance(verdict, Needed)
    assert re.fullmatch(r"restore shop\w+, shop\w+ in full into a throw-away server, about \d.*s", verdict.why)
    facts = step.apply(ctx)
    assert facts["how"] == "full"
    assert 0 < facts["restoring"] < facts["seconds"]
    proved = [database.proved for database in Points(ctx.app.home).load(ctx.run.id).databases]
    assert [(each.how, each.at) for each in proved if each] == [("full", "2026-08-01T12:00:00Z")] * 2
    assert "9 rows in 1 table as dumped" in " ".join(stand.said)
    again = step.check(ctx)
    assert isinstance(again, Satisfied)
    assert again.facts["how"] == "full"


@docker
def test_nothing_reaches_it_and_it_tells_nobody_its_password(stand: Stand) -> None:
    ctx = stand.context(stand.database(NOTES))
    container = ctx.world.running("db")
    assert container
    away = Throwaway(ctx.shell, stand.project, ctx.run.id, "db")
    try:
        away.start(container, ctx.world.server(next(iter(ctx.app.databases.values()))), Room(GIB))
        box = json.loads(sh("docker", "inspect", away.name))[0]
        seen = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    finally:
        away.remove()
    (password,) = [pair.partition("=")[2] for pair in box["Config"]["Env"] if pair.startswith("POSTGRES_PASSWORD=")]
    assert len(password) == 48
    assert password != container.env["POSTGRES_PASSWORD"]
    assert password not in (stand.home / f"{ctx.run.id}.log").read_text() + seen + str(box["Args"])
    assert box["Image"] == container.image_id
    host = box["HostConfig"]
    assert (host["NetworkMode"], host["Memory"], host["Binds"], host["PortBindings"]) == ("none", GIB, None, {})
    assert not box["NetworkSettings"]["Ports"]
    assert host["RestartPolicy"]["Name"] == "no"


# --- a restore that fails, and refuses


@docker
def test_a_dump_damaged_since_is_refused(stand: Stand) -> None:
    ctx = stand.context(stand.database(NOTES))
    path = Points(ctx.app.home).path(ctx.run.id) / rows_of(stand.point(ctx)).path
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(RefusedError, match="is damaged"):
        proof().apply(ctx)


@docker
def test_a_dump_that_was_broken_when_it_was_made_is_found(stand: Stand) -> None:
    """Its checksums are right, and the rows in it are cut."""
    ctx = stand.context(stand.database(NOTES))
    point = stand.point(ctx)
    member = rows_of(point)
    path = Points(ctx.app.home).path(ctx.run.id) / member.path
    path.write_bytes(path.read_bytes()[: member.size // 2])
    size, sha256 = measure(path)
    files = [replace(file, size=size, sha256=sha256) if file == member else file for file in point.databases[0].files]
    Points(ctx.app.home).amend(noted(point, files=tuple(files)))
    with pytest.raises(StepError, match="does not bring it back"):
        proof().apply(ctx)


def rows_of(point: RestorePoint) -> SavedFile:
    """The member of the first dump that has a table's rows."""
    return next(file for file in point.databases[0].files if re.search(r"/\d+\.dat", file.path))


@docker
def test_other_rows_and_another_schema_are_named(stand: Stand) -> None:
    name = stand.database(NOTES)
    ctx = stand.context(name)
    point = stand.point(ctx)
    Points(ctx.app.home).amend(noted(point, rows={"public.notes": 10, "public.tags": 1}))
    with pytest.raises(StepError, match=r"public\.notes has 9 rows instead of 10 after its restore") as rows:
        proof().apply(ctx)
    assert rows.value.lines == ("public.tags is missing",)
    Points(ctx.app.home).amend(noted(point, schema_sha256="0" * 64))
    with pytest.raises(StepError, match="its schema is another one"):
        proof().apply(ctx)


@docker
def test_rows_that_break_their_own_rules_are_found_by_a_full_restore(stand: Stand) -> None:
    """No dump tool says so, and the way back would end here."""
    orphan = (
        "CREATE TABLE tags (note int REFERENCES notes); SET session_replication_role = replica;"
        " INSERT INTO tags VALUES (77);"
    )
    ctx = stand.context(stand.database(NOTES + orphan))
    stand.point(ctx)
    with pytest.raises(StepError, match="violates foreign key constraint") as failed:
        proof().apply(ctx)
    assert "does not bring it back" in failed.value.message
    (database,) = Points(ctx.app.home).load(ctx.run.id).databases
    assert database.proved
    assert (database.proved.how, database.proved.why) == ("failed", failed.value.message)


# --- no restore, and why


@docker
def test_the_least_is_what_the_backup_did(stand: Stand) -> None:
    name = stand.database(NOTES)
    for options, step, why in (
        (Options(proof="read"), proof(how="restore"), "as asked"),
        (Options(), proof(how="read"), "as asked"),
        (Options(), proof(budget=0.1), r"that may take \d.*, and 100ms are given"),
    ):
        ctx = stand.context(name, options=options)
        stand.point(ctx)
        verdict = step.check(ctx)
        assert isinstance(verdict, Satisfied)
        assert re.search(why, verdict.why)
        assert verdict.facts["how"] == "read"
    ctx = stand.context(name)
    stand.point(ctx)
    assert isinstance(proof(how="restore", budget=0.1).check(ctx), Needed)


@docker
def test_what_only_the_live_server_has_is_no_false_alarm(stand: Stand) -> None:
    """An extension that somebody installed into the running container: the dump is good, and comes back there."""
    where = "/usr/share/postgresql/17/extension"
    control = "comment = 'made by hand'\ndefault_version = '1.0'\nrelocatable = true\n"
    write = f'printf %s "$1" > {where}/handmade.control; : > {where}/handmade--1.0.sql'
    sh("docker", "exec", stand.container, "sh", "-c", write, "sh", control)
    ctx = stand.context(stand.database(NOTES + "CREATE EXTENSION handmade;"))
    stand.point(ctx)
    facts = proof().apply(ctx)
    assert facts["how"] == "read"
    assert 'extension "handmade" is not available' in facts["why"]
    (database,) = Points(ctx.app.home).load(ctx.run.id).databases
    assert database.proved
    assert database.proved.how == "read"
    with pytest.raises(NoThrowawayError, match="handmade"):
        proof(how="restore").apply(ctx)


@docker
def test_an_image_that_is_gone_and_a_disk_that_is_full_leave_nothing(stand: Stand) -> None:
    ctx = stand.context(stand.database(NOTES))
    container = ctx.world.running("db")
    assert container
    live = ctx.world.server(next(iter(ctx.app.databases.values())))
    away = Throwaway(ctx.shell, stand.project, ctx.run.id, "db")
    with pytest.raises(NoThrowawayError, match=r"does not start: .*[Nn]o such image"):
        away.start(replace(container, image_id=f"sha256:{'0' * 64}"), live, Room(GIB))
    assert not stand.left()
    with pytest.raises(NoThrowawayError, match="does not come up") as full:
        away.start(container, live, Room(GIB, files=20 << 20))
    assert any("No space left" in line for line in full.value.lines)


@docker
def test_a_disk_that_fills_up_in_the_midst_of_a_restore_is_no_false_alarm(stand: Stand) -> None:
    """A view that is small in the live server and too large for a throw-away one."""
    rows = "CASE current_setting('autovacuum') WHEN 'off' THEN 900000 ELSE 1 END"
    big = f"CREATE MATERIALIZED VIEW big AS SELECT repeat(md5(i::text), 32) FROM generate_series(1, {rows}) AS i;"
    ctx = stand.context(stand.database(big))
    stand.point(ctx)
    facts = proof().apply(ctx)
    assert facts["how"] == "read"
    assert "The disk is full while restoring" in facts["why"]


@docker
def test_a_process_killed_in_its_midst_leaves_what_the_next_one_clears(stand: Stand) -> None:
    ctx = stand.context(stand.database(NOTES))
    code = f"""
from pathlib import Path
from tests.steps.proof_world import Stand
stand = Stand({stand.container!r}, {stand.project!r}, Path({str(stand.home)!r}))
ctx = stand.context({next(iter(ctx.app.databases))!r})
from upgrader.steps import copies
copies.make(ctx, stand.point(ctx), full=True)
"""
    root = Path(__file__).parents[2]
    process = subprocess.Popen([sys.executable, "-c", code], cwd=root, env={**os.environ, "PYTHONPATH": str(root)})
    try:
        eventually(stand.left, 60)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    (run,) = stand.left().split()
    assert clear(ctx.shell, stand.project, keep=[run]) == []
    assert clear(ctx.shell, stand.project, only="another") == []
    assert clear(ctx.shell, "another-project") == []
    assert clear(ctx.shell, stand.project) == [f"upgrader-proof-{run}-db"]


# --- how long, how much


def finished(ctx_run: str, **facts: object) -> Run:
    run = Run(ctx_run, "upgrade", "p", "/d", "", "now")
    return run.after(e.StepStarted("proof", "prepare", "", "", {})).after(e.StepFinished("proof", facts, 1.0))


def test_what_was_measured_is_believed_where_it_says_something() -> None:
    assert measured([], "full") == (START, RATES["full"])
    tiny = finished("1", how="full", seconds=4.0, restoring=1.0, bytes=8 << 20)
    assert measured([tiny], "full") == (3.0, RATES["full"])
    large = finished("2", how="full", seconds=14.0, restoring=10.0, bytes=LARGE * 10)
    assert measured([tiny, large], "full") == (4.0, LARGE)
    assert measured([tiny, large], "data") == (4.0, RATES["data"])
    assert measured([finished("3", how="read", why="as asked", seconds=0.0)], "full") == (START, RATES["full"])


def test_memory_is_taken_where_there_is_plenty() -> None:
    assert room(8 << 20, None) == Room(LEAST_MEMORY)
    assert room(8 << 20, 100 << 20) is None
    small = room(8 << 20, 16 * GIB)
    assert small
    assert small.files > 2 * (8 << 20)
    assert small.memory > small.files
    large = room(20 * GIB, 16 * GIB)
    assert large
    assert large.files == 0
    assert large.memory <= 4 * GIB
    assert room(8 << 20, 2 * GIB) == Room(LEAST_MEMORY), "its files are on disk where memory is short"


def test_differences_are_told_table_by_table() -> None:
    assert differences({"a": 1, "b": 2}, {"a": 1, "b": 2}) == []
    assert differences({"a": 1, "b": 2}, {"a": 2, "c": 0}) == [
        "a has 2 rows instead of 1",
        "b is missing",
        "c, which was not dumped, is there",
    ]
