"""What may run while the old version serves, and what may not."""

import pytest

from upgrader.migrations.review import review


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE timers (id uuid PRIMARY KEY);",
        "CREATE TYPE kind AS ENUM ('A'); ALTER TYPE action ADD VALUE 'LINKED';",
        "ALTER TYPE action ADD VALUE IF NOT EXISTS 'LINKED' BEFORE 'CLOSED';",
        "ALTER TABLE notes ADD COLUMN pinned boolean NOT NULL DEFAULT false;",
        "CREATE TABLE links (id int, note int); ALTER TABLE links ADD CONSTRAINT f FOREIGN KEY (note) REFERENCES notes;",
        "CREATE TABLE links (id int);--> statement-breakpoint\nCREATE UNIQUE INDEX one ON links (id);",
        "CREATE INDEX by_day ON notes (written_at);",
    ],
)
def test_additions_suit_the_old_version(sql: str) -> None:
    assert review("m.sql", sql.encode()).additive


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("ALTER TYPE action RENAME VALUE 'LINKED' TO 'TIED';", "line 1: it renames the enum value LINKED"),
        ("CREATE TABLE a (id int);\n\nDROP TABLE notes;", "line 3: Drop is not known to be an addition"),
        ("ALTER TABLE notes DROP COLUMN body;", "line 1: ALTER TABLE notes does more than add columns (DropColumn)"),
        ("CREATE UNIQUE INDEX one ON notes (body);", "line 1: a unique index can refuse what the old version writes"),
        ("UPDATE notes SET body = '';", "line 1: Update is not known to be an addition"),
    ],
)
def test_anything_else_does_not(sql: str, why: str) -> None:
    judged = review("m.sql", sql.encode())
    assert not judged.additive
    assert judged.why == why


def test_what_is_no_sql_is_not_judged() -> None:
    assert review("m.sql", b"CREATE TABEL notes;").why.startswith("cannot be read as SQL")
