"""Postgres containers, a database with a bit of everything, and processes to kill at work in it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from upgrader.tools.postgres import Server

PASSWORD = "in-the-container-only"
ROOT = Path(__file__).parents[2]

RICH = """
CREATE EXTENSION pgcrypto;
CREATE SCHEMA "Back Office";
CREATE TABLE people (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name varchar(80) NOT NULL,
    mood varchar(10) NOT NULL CHECK (mood IN ('good', 'bad')),
    shout text GENERATED ALWAYS AS (upper(name)) STORED,
    extra jsonb DEFAULT '{}',
    UNIQUE (name)
);
CREATE TABLE "Back Office"."Odd ""T"" x" (
    "Id" serial PRIMARY KEY,
    "person's" bigint NOT NULL REFERENCES people (id),
    amount numeric(12, 2),
    at timestamptz DEFAULT now(),
    raw bytea
);
CREATE INDEX ON "Back Office"."Odd ""T"" x" (amount) WHERE amount > 0;
CREATE TABLE events (at date NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE parent (a int);
CREATE TABLE child (b int) INHERITS (parent);
CREATE SEQUENCE invoices START 5000;
CREATE MATERIALIZED VIEW moods AS SELECT mood, count(*) AS n FROM people GROUP BY mood;
CREATE VIEW good AS SELECT * FROM people WHERE mood IN ('good');
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.name := NEW.name || '!'; RETURN NEW; END$$;
CREATE TABLE schema_migrations (version text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());
INSERT INTO schema_migrations (version) VALUES ('0001'), ('0002');
INSERT INTO people (name, mood) SELECT 'n' || i, CASE i % 2 WHEN 0 THEN 'good' ELSE 'bad' END
    FROM generate_series(1, 500) AS i;
INSERT INTO people (name, mood, extra) VALUES (E'tab\\tnew\\nline\\\\.', 'good', NULL), (E'\\\\.', 'bad', '{"a": "\\"é"}');
INSERT INTO "Back Office"."Odd ""T"" x" ("person's", amount, raw)
    SELECT i, i * 1.01, decode(md5(i::text), 'hex') FROM generate_series(1, 300) AS i;
INSERT INTO events SELECT date '2025-06-01' + i * 2, 'e' || i FROM generate_series(1, 200) AS i;
INSERT INTO parent VALUES (1), (2);
INSERT INTO child VALUES (3, 4);
SELECT nextval('invoices');
CREATE TRIGGER touch BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION touch();
REFRESH MATERIALIZED VIEW moods;
GRANT SELECT ON people TO reporter;
"""
ROWS = {
    'Back Office.Odd "T" x': 300,
    "public.child": 1,
    "public.events_2025": 106,
    "public.events_2026": 94,
    "public.parent": 2,
    "public.people": 502,
    "public.schema_migrations": 2,
}


@contextlib.contextmanager
def running(image: str, *arguments: str, options: tuple[str, ...] = (), storage: str = "") -> Iterator[str]:
    """The name of a fresh container of a database image; removed afterwards. `storage`: mount options of its disk."""
    if subprocess.run(["docker", "image", "inspect", image], capture_output=True).returncode:
        pytest.skip(f"no image {image}")
    name = f"upgrader-test-pg-{uuid.uuid4().hex[:8]}"
    disk = "/var/lib/postgresql/data" + (f":{storage}" if storage else "")
    first = ("--tmpfs", disk, "-e", f"POSTGRES_PASSWORD={PASSWORD}", "-e", "POSTGRES_USER=app")
    argv = ["docker", "run", "-d", "--name", name, *first, *options, image, *arguments]
    subprocess.run(argv, check=True, capture_output=True)
    try:
        yield name
    finally:
        subprocess.run(["docker", "rm", "-fv", name], check=True, capture_output=True)


def eventually(check: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


@contextlib.contextmanager
def another_process(server: Server, call: str, path: Path) -> Iterator["Killable"]:
    """`call` (an expression of `server` and `path`) in a process of its own, in the name of the same run."""
    code = (
        "from pathlib import Path; from upgrader.tools.postgres import Server; from upgrader.tools.shell import Shell; "
        f"server = Server(Shell(), {server.container!r}, {server.user!r}, {server.run!r}); path = Path({str(path)!r}); {call}"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE)
    try:
        yield Killable(process, server)
    finally:
        process.kill()
        process.communicate()


class Killable:
    """A process working for a run, and the Docker clients that it started."""

    def __init__(self, process: subprocess.Popen[bytes], server: Server) -> None:
        self.process = process
        self.server = server

    def clients(self, program: str = "") -> list[int]:
        wanted = f"PGAPPNAME={self.server.application}".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                words = path.read_bytes().split(b"\0")
                if wanted in words and words[0].endswith(b"docker") and (not program or program.encode() in words):
                    found.append(int(path.parent.name))
        return found

    def kill(self) -> None:
        """Kill us first and then our clients: nothing of ours gets to tidy up."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for pid in self.clients():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
