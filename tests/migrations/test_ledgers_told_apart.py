"""Migrators that keep no list, or more than one: drizzle, golang-migrate, alembic, Django, Flyway."""

import json
from collections.abc import Mapping

import pytest

from tests.migrations.ledgers import migrations, sha256, states, tree
from upgrader.migrations.compare import failures
from upgrader.migrations.files import crc
from upgrader.migrations.migrators import MIGRATORS

Row = Mapping[str, object]


def journal(*entries: tuple[int, str]) -> dict[str, str]:
    """drizzle's directory: each file's text is its tag."""
    listed = [{"idx": number, "when": when, "tag": tag} for number, (when, tag) in enumerate(entries)]
    return {"m/meta/_journal.json": json.dumps({"entries": listed})} | {f"m/{tag}.sql": tag for _, tag in entries}


def drizzle(when: int, text: str) -> Row:
    return {"created_at": when, "hash": sha256(text)}


def flyway(number: str | None, text: str = "", *, success: bool = True, kind: str = "SQL", name: str = "x") -> Row:
    checksum = int(crc(text.encode())) if kind == "SQL" else None
    return {
        "version": number,
        "description": name,
        "type": kind,
        "script": "",
        "checksum": checksum,
        "success": success,
    }


def revision(name: str, down: str = "None", depends: str = "None") -> str:
    return f'revision: str = "{name}"\ndown_revision = {down}\ndepends_on = {depends}\ndef upgrade(): ...\n'


def django(dependencies: str = "", replaces: str = "") -> str:
    return (
        "from django.db import migrations\n\nclass Migration(migrations.Migration):\n"
        f"    replaces = [{replaces}]\n    dependencies = [{dependencies}]\n    operations = []\n"
    )


THREE = journal((100, "0000_a"), (200, "0001_b"), (300, "0002_c"))
NUMBERED = {f"m/{n}_{c}.up.sql": c for n, c in ((1, "a"), (2, "b"), (10, "c"))} | {"m/2_b.down.sql": ""}
CHAIN = {
    "m/one.py": revision("aa"),
    "m/two.py": revision("bb", '"aa"'),
    "m/three.py": revision("cc", '("bb",)'),
    "m/branch.py": revision("dd", '"aa"'),
    "m/__init__.py": "",
}
MERGED = CHAIN | {"m/merge.py": revision("ee", '("cc", "dd")')}
SHOP = {
    "shop/migrations/0001_initial.py": django(),
    "shop/migrations/0002_b.py": django('("shop", "0001_initial"), migrations.swappable_dependency(X)'),
    "shop/migrations/0003_c.py": django('("shop", "0002_b")'),
    "shop/migrations/__init__.py": "",
    "manage.py": "",
}
SQUASHED = django(replaces='("shop", "0001_initial"), ("shop", "0002_b")')
V = {"m/V1__a.sql": "a", "m/V2_1__b.sql": "b", "m/sub/V10__c.sql": "c", "m/R__view.sql": "v", "m/U1__a.sql": "no"}
REPEATED = flyway(None, "v", name="view")

CASES = [
    ("drizzle", "nothing yet", THREE, [], ["pending", "pending", "pending"], [1, 1, 1]),
    ("drizzle", "some", THREE, [drizzle(100, "0000_a"), drizzle(200, "0001_b")],
     ["applied", "applied", "pending"], [0, 0, 1]),
    ("drizzle", "out of order: never applied", THREE, [drizzle(100, "0000_a"), drizzle(300, "0002_c")],
     ["applied", "out of order", "applied"], [0, 0, 0]),
    ("drizzle", "edited", THREE, [drizzle(100, "before"), drizzle(200, "0001_b"), drizzle(300, "0002_c")],
     ["edited", "applied", "applied"], [0, 0, 0]),
    ("drizzle", "moved in the journal: runs again", THREE, [drizzle(100, "0000_a"), drizzle(200, "0001_b"),
     drizzle(250, "0002_c")], ["applied", "applied", "edited"], [0, 0, 1]),
    ("drizzle", "moved in the journal, to before the last", THREE, [drizzle(100, "0000_a"), drizzle(150, "0001_b"),
     drizzle(300, "0002_c")], ["applied", "applied", "applied"], [0, 0, 0]),
    ("drizzle", "unknown, which holds the others back", THREE, [drizzle(100, "0000_a"), drizzle(999, "gone")],
     ["applied", "out of order", "out of order", "unknown"], [0, 0, 0, 0]),
    ("drizzle", "a row that somebody wrote without a time", THREE, [drizzle(100, "0000_a"), {"created_at": None, "hash": "x"}],
     ["applied", "pending", "pending", "unknown"], [0, 1, 1, 0]),
    ("golang-migrate", "no row", NUMBERED, [], ["pending", "pending", "pending"], [1, 1, 1]),
    ("golang-migrate", "all up to its version", NUMBERED, [{"version": 2, "dirty": False}],
     ["applied", "applied", "pending"], [0, 0, 1]),
    ("golang-migrate", "dirty", NUMBERED, [{"version": 2, "dirty": True}],
     ["applied", "failed", "pending"], [0, 0, 1]),
    ("golang-migrate", "a version without a file", NUMBERED, [{"version": 7, "dirty": False}],
     ["applied", "applied", "pending", "unknown"], [0, 0, 0, 0]),
    ("golang-migrate", "dirty at a version without a file", NUMBERED, [{"version": 7, "dirty": True}],
     ["applied", "applied", "pending", "failed"], [0, 0, 0, 0]),
    ("golang-migrate", "taken down to none, and broken off", NUMBERED, [{"version": -1, "dirty": True}],
     ["pending", "pending", "pending", "failed"], [1, 1, 1, 0]),
    ("alembic", "no row", CHAIN, [], ["pending"] * 4, [1, 1, 1, 1]),
    ("alembic", "what comes before a head", CHAIN, [{"version_num": "cc"}],
     ["applied", "applied", "applied", "pending"], [0, 0, 0, 1]),
    ("alembic", "two heads", CHAIN, [{"version_num": "cc"}, {"version_num": "dd"}], ["applied"] * 4, [0, 0, 0, 0]),
    ("alembic", "a merge", MERGED, [{"version_num": "ee"}], ["applied"] * 5, [0, 0, 0, 0, 0]),
    ("alembic", "a merge that is pending", MERGED, [{"version_num": "cc"}, {"version_num": "dd"}],
     ["applied", "applied", "applied", "applied", "pending"], [0, 0, 0, 0, 1]),
    ("alembic", "unknown: it cannot tell", CHAIN, [{"version_num": "zz"}],
     ["pending", "pending", "pending", "pending", "unknown"], [0, 0, 0, 0, 0]),
    ("alembic", "a dependency on another branch", CHAIN | {"m/f.py": revision("ff", depends='"cc"')},
     [{"version_num": "ff"}], ["applied", "applied", "applied", "pending", "applied"], [0, 0, 0, 1, 0]),
    ("flyway", "some", V, [flyway("1", "a")], ["applied", "pending", "pending", "pending"], [0, 1, 1, 1]),
    ("flyway", "all", V, [flyway("1", "a"), flyway("2.1", "b"), flyway("10", "c"), REPEATED], ["applied"] * 4, [0] * 4),
    ("flyway", "failed", V, [flyway("1", "a"), flyway("2.1", "b", success=False)],
     ["applied", "failed", "pending", "pending"], [0, 0, 1, 1]),
    ("flyway", "failed, mended, applied", V, [flyway("1", "a", success=False), flyway("1", "a")],
     ["applied", "pending", "pending", "pending"], [0, 1, 1, 1]),
    ("flyway", "edited", V, [flyway("1", "before"), flyway("2.1", "b"), flyway("10", "c"), REPEATED],
     ["edited", "applied", "applied", "applied"], [0] * 4),
    ("flyway", "line ends and a byte order mark are no edit", {"m/V1__a.sql": b"\xef\xbb\xbfa\r\nb\r\n"},
     [flyway("1", "a\nb")], ["applied"], [0]),
    ("flyway", "1.0 is 1", {"m/V1_0__a.sql": "a"}, [flyway("1", "a")], ["applied"], [0]),
    ("flyway", "out of order", V, [flyway("1", "a"), flyway("10", "c"), REPEATED],
     ["applied", "out of order", "applied", "applied"], [0] * 4),
    ("flyway", "a repeatable one that changed runs again", V, [flyway("1", "a"), flyway("2.1", "b"), flyway("10", "c"),
     flyway(None, "old", name="view")], ["applied", "applied", "applied", "pending"], [0, 0, 0, 1]),
    ("flyway", "a repeatable one with placeholders cannot be told", {"m/R__v.sql": "${x}"},
     [flyway(None, "filled", name="v")], ["applied"], [0]),
    ("flyway", "below its baseline nothing runs", V, [flyway("2.1", kind="BASELINE"), REPEATED],
     ["applied", "applied", "pending", "applied"], [0, 0, 1, 0]),
    ("flyway", "undone", V, [flyway("1", "a"), flyway("2.1", "b"), flyway("2.1", kind="UNDO_SQL"), REPEATED],
     ["applied", "pending", "pending", "applied"], [0, 1, 1, 0]),
    ("flyway", "unknown: removed, or newer", V, [flyway("1", "a"), flyway("2.1", "b"), flyway("3"), flyway("10", "c"),
     flyway("11"), REPEATED], ["applied", "applied", "applied", "applied", "unknown", "unknown"], [0] * 6),
    ("flyway", "removed, and marked so", V, [flyway("1", "a"), flyway("2.1", "b"), flyway("3"), flyway("10", "c"),
     flyway("3", kind="DELETE"), REPEATED], ["applied"] * 4, [0] * 4),
    ("flyway", "a version that is none", V, [flyway("1", "a"), flyway("odd")],
     ["applied", "pending", "pending", "pending", "unknown"], [0, 1, 1, 1, 0]),
    ("flyway", "in Java", V, [flyway("1", kind="JDBC"), flyway("4", kind="JDBC"), flyway("2.1", "b"), flyway("10", "c"),
     REPEATED], ["applied"] * 5, [0] * 5),
]  # fmt: skip


@pytest.mark.parametrize(
    ("migrator", "files", "rows", "told", "runs"),
    [pytest.param(case[0], *case[2:], id=f"{case[0]}: {case[1]}") for case in CASES],
)
def test_a_ledger_that_must_be_interpreted(
    migrator: str, files: Mapping[str, str], rows: list[Row], told: list[str], runs: list[int]
) -> None:
    found = states(migrator, files, rows)
    assert [state for _, state, _ in found] == told
    assert [int(would) for _, _, would in found] == runs


DJANGO = [
    ("nothing yet", SHOP, [], [("shop.0001_initial", "pending"), ("shop.0002_b", "pending"), ("shop.0003_c", "pending")]),
    ("some, and Django's own", SHOP, ["shop.0001_initial", "auth.0001_initial", "admin.0001_initial"],
     [("shop.0001_initial", "applied"), ("shop.0002_b", "pending"), ("shop.0003_c", "pending")]),
    ("what an applied one depends on", SHOP, ["shop.0001_initial", "shop.0003_c"],
     [("shop.0001_initial", "applied"), ("shop.0002_b", "out of order"), ("shop.0003_c", "applied")]),
    ("unknown to the app", SHOP, ["shop.0001_initial", "shop.0002_b", "shop.0003_c", "shop.0004_d"],
     [("shop.0001_initial", "applied"), ("shop.0002_b", "applied"), ("shop.0003_c", "applied"), ("shop.0004_d", "unknown")]),
    ("the app's label", SHOP | {"shop/apps.py": "class A(AppConfig):\n    name = 'shop'\n    label = 'store'\n"},
     ["store.0001_initial"], [("store.0001_initial", "applied"), ("store.0002_b", "pending"), ("store.0003_c", "pending")]),
    ("squashed, nothing applied: it runs in their place", SHOP | {"shop/migrations/0001_squashed.py": SQUASHED}, [],
     [("shop.0001_squashed", "pending"), ("shop.0003_c", "pending")]),
    ("squashed, all applied", SHOP | {"shop/migrations/0001_squashed.py": SQUASHED}, ["shop.0001_initial", "shop.0002_b"],
     [("shop.0001_initial", "applied"), ("shop.0001_squashed", "applied"), ("shop.0002_b", "applied"),
      ("shop.0003_c", "pending")]),
    ("squashed, half applied: the old ones go on", SHOP | {"shop/migrations/0001_squashed.py": SQUASHED},
     ["shop.0001_initial"], [("shop.0001_initial", "applied"), ("shop.0002_b", "pending"), ("shop.0003_c", "pending")]),
    ("squashed, and the old ones gone", {"shop/migrations/0001_squashed.py": SQUASHED},
     ["shop.0001_initial", "shop.0002_b"], [("shop.0001_squashed", "applied")]),
    ("squashed, half applied, and the old ones gone", {"shop/migrations/0001_squashed.py": SQUASHED},
     ["shop.0001_initial"], [("shop.0001_squashed", "out of order")]),
]  # fmt: skip


@pytest.mark.parametrize(("files", "rows", "told"), [pytest.param(*case[1:], id=case[0]) for case in DJANGO])
def test_django(files: Mapping[str, str], rows: list[str], told: list[tuple[str, str]]) -> None:
    pairs = [dict(zip(("app", "name"), row.split("."), strict=True)) for row in rows]
    assert [(name, state) for name, state, _ in states("django", files, pairs, below="")] == told


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"m/meta/_journal.json": "{"}, "is no journal of drizzle's"),
        ({"m/meta/_journal.json": '{"entries": [0]}'}, "is no journal of drizzle's"),
        ({k: v for k, v in THREE.items() if "0001" not in k}, "lists m/0001_b.sql, which is not there"),
    ],
)
def test_a_journal_of_drizzles_that_cannot_be_read(files: Mapping[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        MIGRATORS["drizzle"].files(tree(files), "m")


def test_python_that_does_not_parse_is_no_migration() -> None:
    assert states("alembic", CHAIN | {"m/bad.py": "def ("}, [{"version_num": "cc"}])[-1][1] == "pending"
    assert len(states("alembic", {"m/bad.py": "def ("}, [])) == 0


@pytest.mark.parametrize(
    ("migrator", "old", "new", "rows", "name"),
    [
        ("golang-migrate", NUMBERED, {"m/5_between.up.sql": ""}, [{"version": 10, "dirty": False}], "5_between.up.sql"),
        ("alembic", CHAIN, {"m/new.py": revision("xx", '"aa"'), "m/two.py": revision("bb", '"xx"')},
         [{"version_num": "cc"}], "xx"),
    ],
)  # fmt: skip
def test_what_a_target_slips_in_below_what_is_applied(
    migrator: str, old: Mapping[str, str], new: Mapping[str, str], rows: list[Row], name: str
) -> None:
    """The ledger cannot say it: only that the version that runs did not have it."""
    installed = [file.id for file in MIGRATORS[migrator].files(tree(old), "m")]
    found = {each.name: each for each in migrations(migrator, {**old, **new}, rows, installed=installed)}
    assert found[name].state.value == "out of order"
    assert "never applies it" in found[name].note
    # a database that is ahead of the checkout has it applied, for all that is known
    unknown = {each.name: each.state.value for each in migrations(migrator, {**old, **new}, rows, installed=["other"])}
    assert unknown[name] == "applied"


@pytest.mark.parametrize(
    ("text", "told"),
    # 0 of nothing; the second from Flyway's own arithmetic: CRC-32 as a signed number
    [
        (b"", "0"),
        (b"a", str(0xE8B7BE43 - (1 << 32))),
        (b"a\n", str(0xE8B7BE43 - (1 << 32))),
        (b"123456789", "-873187034"),
    ],
)
def test_flyways_checksum(text: bytes, told: str) -> None:
    assert crc(text) == told


def test_drizzles_checksum() -> None:
    """Recorded from the ledger that drizzle-orm itself wrote for this file."""
    text = "select 1;--> statement-breakpoint\nselect 2; -- é\n"
    row = {"created_at": 1000, "hash": "d948c0032b160ada13a778731b409fd1015469c2c4b3fe2848f302ae3637e10f"}
    files = {"m/meta/_journal.json": journal((1000, "a"))["m/meta/_journal.json"], "m/a.sql": text}
    assert [state for _, state, _ in states("drizzle", files, [row])] == ["applied"]


def test_what_flyway_calls_failed() -> None:
    assert failures("flyway", [flyway("1", "a"), flyway("2", "b", success=False)]) == ["2"]
