"""What is measured on: installations of the demo app, databases of a size, commands with a clock and a meter."""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upgrader.demo.host import Installation
from upgrader.demo.remote import APP, add_release, build_remote
from upgrader.errors import StepError

_ROOT = Path(__file__).parents[2]
OLD, NEW = "v1.0.0", "v1.1.0"
SLOW = 15
"""Seconds that the slow migration takes."""
_ADDITIVE = "alter table notes add column pinned boolean not null default false;\n"
# md5 sums compress about as badly as the text of real tables does; far apart, repeated ones do not compress better
_FILL = """
insert into notes (body)
select (select string_agg(md5(random()::text || word || row), ' ') from generate_series(1, 12) word)
from generate_series(1, {rows}) row;
"""
_DOUBLE = "insert into notes (body) select md5(random()::text) || substr(body, 33) from notes;\n"
_INDEX = "create index notes_written_at on notes (written_at);\n"
_DOUBLINGS = 3
_BYTES_PER_ROW = 460


@dataclass(frozen=True)
class Stage:
    """A directory with a remote of the demo app; its newest release migrates for `SLOW` seconds if it is `slow`."""

    path: Path
    remote: Path

    @contextmanager
    def app(self, name: str) -> Iterator[Installation]:
        """The old release, serving, on the branch main; gone from Docker afterwards."""
        project = f"upgrader-bench-{name}-{secrets.token_hex(3)}"
        app = Installation.create(self.remote, self.path, project=project, tag=OLD, branch="main")
        try:
            app.start(seconds=120)
            yield app
        finally:
            app.remove()

    def upgrader(self, app: Installation, *argv: str) -> float:
        """Run the command as an operator does, until it ends; returns seconds."""
        return self._timed([sys.executable, "-m", "upgrader", "-C", str(app.path), *argv])

    def watched(self, app: Installation, command: str) -> dict[str, Any]:
        """Run `upgrade` or `rollback`; returns what `watched` reports of it, and the `wall` time in seconds."""
        report = self.path / "report.json"
        wall = self._timed([sys.executable, "-m", "tests.bench.watched", str(report), str(app.path), command])
        found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return {**found, "wall": wall}

    def by_hand(self, app: Installation, script: str) -> float:
        """Run what the app's documentation says, in the installation's directory; returns seconds."""
        return self._timed(["bash", "-euo", "pipefail", "-c", script], cwd=app.path)

    def _timed(self, argv: list[str], cwd: Path = _ROOT) -> float:
        started = time.monotonic()
        log = self.path / "output.log"
        with log.open("w") as output:
            done = subprocess.run(
                argv,
                cwd=cwd,
                env={**os.environ, "UPGRADER_HOME": str(self.path / "home")},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        seconds = time.monotonic() - started
        if done.returncode != 0:
            lines = log.read_text(errors="replace").splitlines()[-25:]
            raise StepError(f"{' '.join(argv[-3:])} failed with exit status {done.returncode}", lines=lines)
        return seconds


@contextmanager
def stage(*, slow: bool = False, build: int = 0) -> Iterator[Stage]:
    """A stage whose new release adds a column, after `SLOW` seconds if `slow`, and takes `build` seconds to build."""
    with tempfile.TemporaryDirectory(prefix="upgrader-bench-") as directory:
        path = Path(directory)
        remote = path / "ledgerly.git"
        build_remote(remote, upto=OLD)
        wait = f"select pg_sleep({SLOW});\n" if slow else ""
        changes = {"migrations/0003_pinned.sql": wait + _ADDITIVE}
        if build:
            dockerfile = (APP / "base" / "Dockerfile").read_text()
            changes["Dockerfile"] = dockerfile.replace("COPY . .\n", f"COPY . .\nRUN sleep {build}\n")
        add_release(remote, NEW, changes, base=OLD)
        yield Stage(path, remote)


def fill(app: Installation, size: int) -> int:
    """Grow the app's database to about `size` bytes; returns its size."""
    _sql(app, _FILL.format(rows=size // _BYTES_PER_ROW // 2**_DOUBLINGS) + _DOUBLE * _DOUBLINGS + _INDEX)
    _sql(app, "vacuum analyze;")
    return int(_sql(app, "select pg_database_size(current_database());"))


def _sql(app: Installation, text: str) -> str:
    return app.compose(
        "exec", "-T", "db", "psql", "-qtAX", "-v", "ON_ERROR_STOP=1", "-U", "ledgerly", "-c", text
    ).strip()
