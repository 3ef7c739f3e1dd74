"""What counts as an addition: the old version goes on serving, and its rows can be kept, only if all of the SQL is one."""

import pytest

from upgrader.migrations.review import review

ADDITIONS = [
    "CREATE TYPE kind AS ENUM ('A'); ALTER TYPE action ADD VALUE 'LINKED';",
    "ALTER TYPE action ADD VALUE IF NOT EXISTS 'LINKED' BEFORE 'CLOSED';",
    "CREATE TABLE links (id int, note int); ALTER TABLE links ADD CONSTRAINT f FOREIGN KEY (note) REFERENCES notes;",
    "CREATE TABLE links (id int);--> statement-breakpoint\nCREATE UNIQUE INDEX one ON links (id);",
    "",
    "-- nothing but a comment",
    "create table t (id bigint primary key, name text not null unique, n int check (n > 0))",
    "create table if not exists t (id int references notes)",
    "create table t (id int); create unique index on t (id); alter table t add constraint c check (id > 0)",
    "create table t (id int); insert into t values (1), (2)",
    "create table t as select 1 as id",
    "alter table notes add column seal text",
    "alter table notes add column a text, add column b int",
    "alter table notes add column pinned boolean not null default false",
    "alter table if exists notes add column if not exists pinned boolean default false",
    "create index notes_by_seal on notes (seal)",
    "create index concurrently notes_by_seal on notes (seal)",
    "create type mood as enum ('good', 'bad')",
    "create type pair as (a int, b int)",
    "create sequence s",
    "create schema extra",
    "create extension if not exists pgcrypto",
    "create view v as select id from notes",
    "comment on table notes is 'kept'",
    "begin; create table t (id int); commit",
    "set lock_timeout = '5s'",
    "select pg_sleep(2)",
    "select pg_catalog.set_config('search_path', '', false)",
]
MORE = [
    ("ALTER TYPE action RENAME VALUE 'LINKED' TO 'TIED';", "line 1: it renames the enum value LINKED"),
    ("CREATE TABLE a (id int);\n\nDROP TABLE notes;", "line 3: Drop is not known to be an addition"),
    ("ALTER TABLE notes DROP COLUMN body;", "line 1: ALTER TABLE notes does more than add columns (DropColumn)"),
    ("drop table notes", "Drop"),
    ("drop index notes_by_tag", "Drop"),
    ("drop table if exists t", "Drop"),
    ("truncate notes", "Truncate"),
    ("alter table notes drop column body", "DropColumn"),
    ("alter table notes rename column body to text", "Rename"),
    ("alter table notes rename to remarks", "Rename"),
    ("alter table notes alter column body type varchar(10)", "AlterColumnType"),
    ("alter table notes alter column body set not null", "SetNotNull"),
    ("alter table notes add column a text, drop column b", "DropColumn"),
    ("alter table notes add constraint c check (length(body) < 10)", "AddConstraint"),
    ("alter table notes add column seal text not null", "NOT NULL without a default"),
    ("alter table notes add column seal text unique", "constraint"),
    ("alter table notes add column seal int check (seal > 0)", "constraint"),
    ("alter table notes add column author int references authors", "constraint"),
    ("alter table notes enable row level security", "does more than add columns"),
    ("create unique index on notes (body)", "unique index"),
    ("update notes set body = ''", "Update"),
    ("delete from notes", "Delete"),
    ("insert into notes (body) values ('x')", "inserts rows into a table of the old version"),
    (
        "insert into notes (id) values (1) on conflict (id) do update set body = ''",
        "inserts rows into a table of the old version",
    ),
    ("create or replace view v as select 1", "replaces"),
    ("create or replace function f() returns int language sql as 'select 1'", "replaces"),
    ("create trigger t before insert on notes execute function f()", "CreateTrig"),
    ("create rule r as on insert to notes do instead nothing", "Rule"),
    ("create policy p on notes", "Policy"),
    ("do $$ begin delete from notes; end $$", "Do"),
    ("select my_function()", "may have effects"),
    ("select pg_sleep(1), lo_unlink(5)", "may have effects"),
    ("select pg_sleep(1) from notes", "may have effects"),
    ("select setval('notes_id_seq', 1)", "may have effects"),
    ("select pg_sleep(1) where lo_unlink(5) = 1", "may have effects"),
    ("select pg_sleep(lo_unlink(5))", "may have effects"),
    ("with gone as (delete from notes returning 1) select pg_sleep(1)", "Delete inside of a query"),
    ("create table t as select lo_unlink(5)", "may have effects"),
    ("create table t (id int); insert into t select lo_unlink(5)", "may have effects"),
    (
        "create table t (id int); with gone as (delete from notes returning 1) insert into t values (1)",
        "inside of a query",
    ),
    ("create table t as with gone as (delete from notes returning id) select * from gone", "Delete inside of a query"),
    ("revoke select on notes from public", "takes rights away"),
    ("lock table notes", "Lock"),
    ("vacuum notes", "Vacuum"),
    ("cluster notes", "Cluster"),
    ("reindex table notes", "Reindex"),
    ("copy notes from '/tmp/x'", "Copy"),
    ("this is no SQL", "cannot be read as SQL"),
    ("create table t (id int); \\copy t from x", "cannot be read as SQL"),
    ("create table {{ prefix }}t (id int)", "cannot be read as SQL"),
]


@pytest.mark.parametrize("sql", ADDITIONS)
def test_additions(sql: str) -> None:
    assert review("m.sql", sql.encode()).additive, review("m.sql", sql.encode()).why


@pytest.mark.parametrize(("sql", "why"), MORE)
def test_whatever_is_more_than_an_addition(sql: str, why: str) -> None:
    judged = review("m.sql", sql.encode())
    assert not judged.additive
    assert why in judged.why


@pytest.mark.parametrize("last", [sql for sql, _ in MORE if "SQL" not in sql and ";" not in sql][:12])
def test_one_bad_statement_is_enough(last: str) -> None:
    judged = review(
        "m.sql", f"create table fresh (id int);\n\n-- ümlaut\n{last};\ncreate table more (id int);\n".encode()
    )
    assert not judged.additive
    assert judged.why.startswith("line 4: ")


def test_what_is_no_text_is_not_judged() -> None:
    assert not review("m.sql", b"create table t (id int);\xff\xfe").additive


def test_a_table_of_the_old_version_does_not_become_new_by_a_namesake() -> None:
    """`create table extra.notes` must not excuse changes to `notes`, nor must `if not exists`."""
    assert not review(
        "m.sql", b"create schema x; create table x.notes (id int); alter table notes drop column body"
    ).additive
    assert not review(
        "m.sql", b"create table if not exists notes (id int); alter table notes drop column body"
    ).additive
