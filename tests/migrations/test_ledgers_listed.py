"""Migrators whose ledger lists each migration: the answers are what their own sources say that they do."""

from collections.abc import Mapping

import pytest

from tests.migrations.ledgers import migrations, sha256, sha384, states
from upgrader.migrations.compare import failures

AT = "2026-01-01T00:00:00+00:00"
Row = Mapping[str, object]


def prisma(
    name: str, text: str = "", *, finished: str | None = AT, rolled_back: str | None = None, checksum: str = ""
) -> Row:
    return {
        "migration_name": name,
        "checksum": checksum or sha256(text or name),
        "finished_at": finished,
        "rolled_back_at": rolled_back,
    }


def sqlx(version: int, text: str, *, success: bool = True) -> Row:
    return {"version": version, "checksum": sha384(text), "success": success}


PRISMA = {
    "m/migration_lock.toml": 'provider = "postgresql"',
    "m/1_a/migration.sql": "1_a",
    "m/2_b/migration.sql": "2_b",
    "m/2_b/deeper/migration.sql": "no",
    "m/3_c/migration.sql": "3_c",
}
SQLX = {"m/0001_a.sql": "a", "m/2_b.up.sql": "b", "m/2_b.down.sql": "undo", "m/10_c.sql": "c", "m/seed.sql": "no"}
DBMATE = {f"m/{n}_x.sql": "-- migrate:up\n" for n in ("001", "02", "1")} | {"m/3_seed.sql": "", "m/notes_4.sql": ""}
RAILS = {f"m/{n}_add_x.rb": "" for n in ("001", "20240101000000")} | {
    "m/sub/20230101000000_y.core.rb": "",
    "m/a.rb": "",
}
GOOSE = {f"m/{name}.sql": "-- +goose Up" for name in ("00001_a", "10_c", "0_x", "x_1")} | {
    "m/2_b.go": "",
    "m/2_b_test.go": "",
    "m/3_other.up.sql": "",
}
KNEX = {"m/20240101000000_a.ts": "", "m/20240102000000_b.js": "", "m/20240102000000_b.d.ts": "", "m/README.md": ""}

CASES = [
    ("prisma", "nothing yet", PRISMA, [],
     [("1_a", "pending", True), ("2_b", "pending", True), ("3_c", "pending", True)]),
    ("prisma", "some applied", PRISMA, [prisma("1_a"), prisma("2_b")],
     [("1_a", "applied", False), ("2_b", "applied", False), ("3_c", "pending", True)]),
    ("prisma", "failed", PRISMA, [prisma("1_a"), prisma("2_b", finished=None)],
     [("1_a", "applied", False), ("2_b", "failed", False), ("3_c", "pending", True)]),
    ("prisma", "rolled back, then applied with other SQL", PRISMA,
     [prisma("1_a"), prisma("2_b", "old", finished=None, rolled_back=AT), prisma("2_b"), prisma("3_c")],
     [("1_a", "applied", False), ("2_b", "applied", False), ("3_c", "applied", False)]),
    ("prisma", "rolled back", PRISMA, [prisma("1_a"), prisma("2_b", finished=None, rolled_back=AT)],
     [("1_a", "applied", False), ("2_b", "rolled back", True), ("3_c", "pending", True)]),
    ("prisma", "rolled back, then failed again", PRISMA,
     [prisma("1_a", finished=None, rolled_back=AT), prisma("1_a", finished=None)],
     [("1_a", "failed", False), ("2_b", "pending", True), ("3_c", "pending", True)]),
    ("prisma", "edited", PRISMA, [prisma("1_a", "before"), prisma("2_b"), prisma("3_c")],
     [("1_a", "edited", False), ("2_b", "applied", False), ("3_c", "applied", False)]),
    ("prisma", "out of order", PRISMA, [prisma("1_a"), prisma("3_c")],
     [("1_a", "applied", False), ("2_b", "out of order", True), ("3_c", "applied", False)]),
    ("prisma", "unknown, and one that is gone but was rolled back", PRISMA,
     [prisma("1_a"), prisma("2_b"), prisma("3_c"), prisma("4_d"), prisma("0_z", finished=None, rolled_back=AT)],
     [("1_a", "applied", False), ("2_b", "applied", False), ("3_c", "applied", False), ("4_d", "unknown", False),
      ("0_z", "rolled back", False)]),
    ("prisma", "failed, and its file is gone", PRISMA, [prisma("9_x", finished=None)],
     [("1_a", "pending", True), ("2_b", "pending", True), ("3_c", "pending", True), ("9_x", "failed", False)]),
    ("sqlx", "by number, not by name", SQLX, [sqlx(1, "a"), sqlx(2, "b")],
     [("0001_a.sql", "applied", False), ("2_b.up.sql", "applied", False), ("10_c.sql", "pending", True)]),
    ("sqlx", "dirty", SQLX, [sqlx(1, "a"), sqlx(2, "b", success=False)],
     [("0001_a.sql", "applied", False), ("2_b.up.sql", "failed", False), ("10_c.sql", "pending", True)]),
    ("sqlx", "edited, of a line end alone", SQLX, [sqlx(1, "a\r\n"), sqlx(2, "b"), sqlx(10, "c")],
     [("0001_a.sql", "edited", False), ("2_b.up.sql", "applied", False), ("10_c.sql", "applied", False)]),
    ("sqlx", "out of order", SQLX, [sqlx(2, "b"), sqlx(10, "c")],
     [("0001_a.sql", "out of order", True), ("2_b.up.sql", "applied", False), ("10_c.sql", "applied", False)]),
    ("sqlx", "unknown", SQLX, [sqlx(1, "a"), sqlx(2, "b"), sqlx(10, "c"), sqlx(11, "d")],
     [("0001_a.sql", "applied", False), ("2_b.up.sql", "applied", False), ("10_c.sql", "applied", False),
      ("11", "unknown", False)]),
    ("dbmate", "the digits as text", DBMATE, [{"version": "001"}],
     [("001_x.sql", "applied", False), ("02_x.sql", "pending", True), ("1_x.sql", "pending", True)]),
    ("dbmate", "out of order by the file's name, and unknown", DBMATE, [{"version": "1"}, {"version": "9"}],
     [("001_x.sql", "out of order", True), ("02_x.sql", "out of order", True), ("1_x.sql", "applied", False),
      ("9", "unknown", False)]),
    ("rails", "by number, in subdirectories too", RAILS, [{"version": "1"}, {"version": "20230101000000"}],
     [("001_add_x.rb", "applied", False), ("20230101000000_y.core.rb", "applied", False),
      ("20240101000000_add_x.rb", "pending", True)]),
    ("rails", "out of order and unknown", RAILS, [{"version": "20240101000000"}, {"version": "20250101000000"}],
     [("001_add_x.rb", "out of order", True), ("20230101000000_y.core.rb", "out of order", True),
      ("20240101000000_add_x.rb", "applied", False), ("20250101000000", "unknown", False)]),
    ("goose", "its first row is its own", GOOSE, [{"version_id": 0, "is_applied": True}],
     [("00001_a.sql", "pending", True), ("2_b.go", "pending", True), ("10_c.sql", "pending", True)]),
    ("goose", "out of order", GOOSE, [{"version_id": n, "is_applied": True} for n in (0, 1, 10)],
     [("00001_a.sql", "applied", False), ("2_b.go", "out of order", False), ("10_c.sql", "applied", False)]),
    ("goose", "out of order after one that is unknown", GOOSE, [{"version_id": n, "is_applied": True} for n in (1, 2, 99)],
     [("00001_a.sql", "applied", False), ("2_b.go", "applied", False), ("10_c.sql", "out of order", False),
      ("99", "unknown", False)]),
    ("goose", "the last row of a version counts", GOOSE,
     [{"version_id": 1, "is_applied": done} for done in (True, False, True)]
     + [{"version_id": 2, "is_applied": done} for done in (True, False)],
     [("00001_a.sql", "applied", False), ("2_b.go", "rolled back", False), ("10_c.sql", "pending", True)]),
    ("knex", "compiled to .js", KNEX, [{"name": "20240101000000_a.js"}],
     [("20240101000000_a.ts", "applied", False), ("20240102000000_b.js", "pending", True)]),
    ("knex", "out of order and unknown", KNEX, [{"name": "20240102000000_b.js"}, {"name": "20250101000000_z.js"}],
     [("20240101000000_a.ts", "out of order", True), ("20240102000000_b.js", "applied", False),
      ("20250101000000_z", "unknown", False)]),
    ("a migrator of its own", "ids with and without the name", {"m/0001_a.sql": "", "m/0002_b.sql": "", "m/0003_c.sql": ""},
     [{"version": "0001"}, {"version": "0002_b"}, {"version": "0004_d.sql"}],
     [("0001_a.sql", "applied", False), ("0002_b.sql", "applied", False), ("0003_c.sql", "pending", True),
      ("0004", "unknown", False)]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("migrator", "files", "rows", "told"),
    [pytest.param(case[0], *case[2:], id=f"{case[0]}: {case[1]}") for case in CASES],
)
def test_a_ledger_that_lists_what_was_applied(
    migrator: str, files: Mapping[str, str], rows: list[Row], told: list[tuple[str, str, bool]]
) -> None:
    assert states(migrator, files, rows) == told


@pytest.mark.parametrize(
    ("file", "applied"),
    [("a\nb\n", "a\r\nb\r\n"), ("a\r\nb\r\n", "a\nb\n"), ("a\nb\n", "a\nb\n")],
)
def test_prisma_does_not_mind_line_ends(file: str, applied: str) -> None:
    assert states("prisma", {"m/1/migration.sql": file}, [prisma("1", applied)]) == [("1", "applied", False)]


def test_prisma_once_wrote_checksums_without_leading_zeros() -> None:
    # of a text whose digest has bytes below 16, as every other one has
    digest = bytes.fromhex(sha256("0001"))
    assert any(byte < 16 for byte in digest)
    old = prisma("1", checksum="".join(f"{byte:x}" for byte in digest))
    assert states("prisma", {"m/1/migration.sql": "0001"}, [old]) == [("1", "applied", False)]


def test_the_note_says_what_the_migrator_does() -> None:
    found = {
        (name, each.state.value): each.note
        for name, files, rows in (
            ("prisma", PRISMA, [prisma("3_c", "edited"), prisma("4_d"), prisma("1_a", finished=None)]),
            ("sqlx", SQLX, [sqlx(2, "edited"), sqlx(99, "")]),
            ("goose", GOOSE, [{"version_id": 10, "is_applied": True}]),
            ("knex", KNEX, [{"name": "gone.js"}]),
        )
        for each in migrations(name, files, rows)
    }
    assert "refuses to migrate until that is mended" in found["prisma", "failed"]
    assert "does not look" in found["prisma", "edited"]
    assert "refuses" in found["sqlx", "edited"]
    assert "refuses" in found["sqlx", "unknown"]
    assert "applies it all the same" in found["sqlx", "out of order"]
    assert found["goose", "out of order"] == (
        "older than 10_c.sql, which is applied; goose refuses to migrate without -allow-missing"
    )
    assert "refuses" in found["knex", "unknown"]


@pytest.mark.parametrize(
    ("migrator", "rows", "failed"),
    [
        ("prisma", [prisma("a"), prisma("b", finished=None), prisma("c", finished=None, rolled_back=AT)], ["b"]),
        ("sqlx", [sqlx(1, "a"), sqlx(2, "b", success=False)], ["2"]),
        ("golang-migrate", [{"version": 7, "dirty": True}], ["7"]),
        ("golang-migrate", [{"version": 7, "dirty": False}], []),
        ("rails", [{"version": "1"}], []),
        ("Ecto", [], []),
    ],
)
def test_what_a_ledger_calls_failed(migrator: str, rows: list[Row], failed: list[str]) -> None:
    assert failures(migrator, rows) == failed
