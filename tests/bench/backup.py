"""Backup and restore: a large database dumped and brought back, against the documented pipes of pg_dump, gzip and psql."""

import secrets
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measurement import Measurement
from upgrader.errors import StepError
from upgrader.tools.postgres import DumpResult, Pace, Server, name_for
from upgrader.tools.postgres_archives import check, remove
from upgrader.tools.shell import Shell

TIMES = 3
EQUAL = Pace(niceness=0)
"""Ours would stand back behind whatever else the machine does; theirs does not."""
LEAST = 1_500_000_000
"""Bytes in the server."""
NEWEST, OLDER = 17, 15
# Words as frequent as in a language, sentences that come back far from where they were: it compresses as prose does.
_FILL = """
CREATE TABLE vocabulary AS SELECT i, substr(md5(i::text), 1, 2 + i % 8) AS word FROM generate_series(0, 3999) i;
CREATE TABLE sentences AS SELECT n, string_agg(word, ' ' ORDER BY k) AS said
    FROM generate_series(1, 30000) n CROSS JOIN generate_series(1, 50) k
    JOIN vocabulary ON i = floor(power((hashint4(k * 40009 + n) & 65535) / 65536.0, 3) * 4000) GROUP BY n;
CREATE INDEX ON sentences (n);
CREATE TABLE notes AS SELECT i AS id, i % 5000 AS author, timestamptz '2026-01-01' - i * interval '1 minute' AS at,
        a.said AS title, a.said || '. ' || b.said AS body
    FROM generate_series(1, 900000) i JOIN sentences a ON a.n = 1 + i % 30000
    JOIN sentences b ON b.n = 1 + (i::bigint * 7919) % 29989;
ALTER TABLE notes DROP COLUMN title, ADD PRIMARY KEY (id);
CREATE INDEX ON notes (author, at); CREATE INDEX ON notes (at); CREATE INDEX ON notes (md5(body));
CREATE TABLE documents AS SELECT i AS id, jsonb_build_object('name', md5(i::text), 'price', i * 1.1,
        'tags', jsonb_build_array(md5((i % 100)::text), i % 7), 'text', a.said) AS data
    FROM generate_series(1, 700000) i JOIN sentences a ON a.n = 1 + (i::bigint * 104729) % 30000;
ALTER TABLE documents ADD PRIMARY KEY (id);
CREATE INDEX ON documents ((data->>'name')); CREATE INDEX ON documents USING gin ((data->'tags'));
CREATE TABLE files AS SELECT i AS id, decode(string_agg(md5((i * 64 + k)::text), ''), 'hex') AS content
    FROM generate_series(1, 25000) i CROSS JOIN generate_series(1, 64) k GROUP BY i;
ALTER TABLE files ADD PRIMARY KEY (id); CREATE INDEX ON files (md5(content));
SELECT format('CREATE TABLE small_%s (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, amount numeric,
    at timestamptz, more jsonb); INSERT INTO small_%s (name, amount, at, more) SELECT md5((i * %s)::text), i * 1.01,
    timestamptz ''2026-01-01'' - i * interval ''1 s'', jsonb_build_object(''a'', i %% 97, ''b'', md5(i::text))
    FROM generate_series(1, 4000) i; CREATE INDEX ON small_%s (name); CREATE INDEX ON small_%s (at)', n, n, n, n, n)
    FROM generate_series(1, 76) n \\gexec
DROP TABLE vocabulary;
VACUUM ANALYZE;
CHECKPOINT;
"""
_ENVIRONMENT = ("-e", "POSTGRES_USER=app", "-e", "POSTGRES_PASSWORD=app")
_LABELS = {"service": "db", "container-number": "1", "oneoff": "False"}
"""What makes a container one of Compose's, beside the project's name, which is the container's."""
BACKUP = "docker exec {container} pg_dump -U app app | gzip > {file}"
RESTORE = """
docker exec {container} dropdb -U app --maintenance-db postgres app
docker exec {container} createdb -U app --maintenance-db postgres app
gunzip --stdout {file} | docker exec -i {container} psql -q -1 -U app -v ON_ERROR_STOP=1 app > /dev/null
"""


def measure_newest() -> Measurement:
    return _backup(NEWEST, 5.0)


def measure_older() -> Measurement:
    return _backup(OLDER, 3.5)


def _backup(major: int, times: float) -> Measurement:
    with filled(major) as stage:
        ours, theirs = [], []
        for _ in range(TIMES):
            theirs.append(timed(stage.by_hand(BACKUP)))
            ours.append(timed(stage.dump))
        dump = stage.dump()
        packed = stage.file.stat().st_size
    mine, documented = statistics.median(ours), statistics.median(theirs)
    return Measurement(
        f"backup-{major}",
        mine,
        documented,
        "s",
        f"at least {times:g} times as fast, and not larger",
        mine * times <= documented and dump.size <= packed,
        (
            f"medians of {TIMES}, {stage.size / 1e6:.0f} MB in Postgres {major}; ours is {dump.size / 1e6:.0f} MB, {dump.how}",
            "ours is read back, hashed and synced, and has its row counts; theirs: pg_dump | gzip -6",
            f"ours {documented / mine:.1f} times as fast; theirs is {packed / 1e6:.0f} MB",
        ),
    )


def measure_restore() -> Measurement:
    with filled(NEWEST) as stage:
        dump = stage.dump()
        stage.by_hand(BACKUP)()
        ours, theirs = [], []
        for _ in range(TIMES):
            ours.append(timed(lambda: stage.restore(dump)))
            stage.settle()
            theirs.append(timed(stage.by_hand(RESTORE)))
            stage.settle()
    mine, documented = statistics.median(ours), statistics.median(theirs)
    return Measurement(
        "restore",
        mine,
        documented,
        "s",
        "at least 1.35 times as fast",
        mine * 1.35 <= documented,
        (
            f"medians of {TIMES}, {stage.size / 1e6:.0f} MB in Postgres {NEWEST}",
            "ours is checked, restored beside the live one, analysed and swapped in",
            f"ours {documented / mine:.2f} times as fast; theirs: drop, create, gunzip | psql",
        ),
    )


@dataclass(frozen=True)
class Filled:
    server: Server
    directory: Path
    size: int

    @property
    def file(self) -> Path:
        return self.directory / "app.sql.gz"

    def dump(self) -> DumpResult:
        into = self.directory / "app.dump"
        remove(into)
        return self.server.dump("app", into, pace=EQUAL)

    def restore(self, dump: DumpResult) -> None:
        staged = name_for("app", self.server.run, "restored")
        check(dump.path, dump.members)  # as every way back does
        self.server.restore(dump.path, staged, like="app", pace=EQUAL)
        self.server.swap("app", staged, self.aside)

    def settle(self) -> None:
        """Nothing of one way back is left to be written during the next."""
        self.server.drop(self.aside)
        self.server.execute("CHECKPOINT;")

    @property
    def aside(self) -> str:
        return name_for("app", self.server.run, "aside")

    def by_hand(self, script: str) -> Callable[[], object]:
        text = script.format(container=self.server.container, file=self.file)
        return lambda: run("bash", "-euo", "pipefail", "-c", text)


@contextmanager
def filled(major: int) -> Iterator[Filled]:
    """A server of that major version with a database of at least `LEAST` bytes."""
    name = f"upgrader-bench-{secrets.token_hex(3)}"
    with tempfile.TemporaryDirectory(prefix="upgrader-bench-") as directory:
        labels = [f"--label=com.docker.compose.{key}={value}" for key, value in ({"project": name} | _LABELS).items()]
        run("docker", "run", "-d", "--name", name, "--shm-size", "512m", *labels, *_ENVIRONMENT, f"postgres:{major}")
        try:
            server = Server(Shell(), name, "app", f"bench-{name[-6:]}")
            server.require(60)
            server.execute(_FILL, "app")
            size = server.size("app")
            if size < LEAST:
                raise StepError(f"the database has only {size} bytes")
            yield Filled(server, Path(directory), size)
        finally:
            run("docker", "rm", "-fv", name)


def timed(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def run(*argv: str) -> None:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise StepError(f"{argv[0]} failed with exit status {done.returncode}", lines=done.stderr.splitlines()[-25:])
