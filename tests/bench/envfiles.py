"""`env-check`: what a person or a workflow waits for its answer."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.measurement import Measurement
from tests.bench.startup import TIMES, UPGRADER

KEYS, MANY = 60, 10_000
LIMIT = 8
"""Times `python -c pass`, for a file of `KEYS` keys."""
SECOND = 1.0
COMPOSE = """\
services:
  web:
    image: web:1
    environment:
      SETTING_1: ${SETTING_1:?}
      SETTING_2: ${SETTING_2:-two}
  db:
    image: postgres:17
    environment: {POSTGRES_PASSWORD: "${POSTGRES_PASSWORD:?}"}
"""


def start() -> Measurement:
    """From the start of the process to its end, with both examples and a Compose file, against a bare Python."""
    with tempfile.TemporaryDirectory(prefix="upgrader-bench-") as directory:
        argv = _files(Path(directory), KEYS)
        ours, theirs = [], []
        for _ in range(TIMES):
            theirs.append(_took([sys.executable, "-c", "pass"], 0))
            ours.append(_took([UPGRADER, *argv], 3))
    mine, pythons = statistics.median(ours) * 1000, statistics.median(theirs) * 1000
    goal = f"at most {LIMIT} x `python -c pass`"
    note = (f"{KEYS} keys, both examples, a Compose file; medians of {TIMES}",)
    return Measurement("env-check", mine, pythons, "ms", goal, mine <= pythons * LIMIT, note)


def many() -> Measurement:
    """A file of ten thousand keys, a tenth of them missing; against one of sixty."""
    with tempfile.TemporaryDirectory(prefix="upgrader-bench-") as directory:
        few, lots = Path(directory) / "few", Path(directory) / "many"
        theirs = min(_took([UPGRADER, *_files(few, KEYS)], 3) for _ in range(3))
        ours = min(_took([UPGRADER, *_files(lots, MANY)], 3) for _ in range(3))
    note = (f"{MANY} keys, a tenth of them new; theirs is the same with {KEYS}",)
    return Measurement("env-check-10000", ours, theirs, "s", "under a second", ours < SECOND, note)


def _files(directory: Path, count: int) -> list[str]:
    """The arguments of a check of `count` keys, of which a tenth is missing in the live file."""
    directory.mkdir(exist_ok=True)
    lines = [f"# what {number} is for\nSETTING_{number}=value-{number}\n" for number in range(count)]
    secret = "# required; openssl rand -hex 32\nPOSTGRES_PASSWORD="
    old = "".join(lines[: count - count // 10])
    for name, text in (("live", f"{old}{secret}not-the-published-one\n"), ("old", f"{old}{secret}\n")):
        (directory / f"{name}.env").write_text(text)
    new = "".join([*lines, "# required; openssl rand -hex 32\nSESSION_SECRET=\n", f"{secret}\n"])
    (directory / "new.env").write_text(new)
    (directory / "compose.yml").write_text(COMPOSE)
    named = {"env": "live.env", "example": "new.env", "previous-example": "old.env", "compose": "compose.yml"}
    words = [word for flag, name in named.items() for word in (f"--{flag}", str(directory / name))]
    return ["env-check", *words, "--format", "json"]


def _took(argv: list[str], code: int) -> float:
    """Seconds from the start to the end of a process, which must end with this exit status."""
    began = time.perf_counter()
    done = subprocess.run(argv, env=dict(os.environ), stdout=subprocess.DEVNULL, check=False)
    seconds = time.perf_counter() - began
    assert done.returncode == code, argv
    return seconds
