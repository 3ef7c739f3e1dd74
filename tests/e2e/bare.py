"""Servers of Postgres on a machine that knows nothing of us."""

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.fixtures.engine import eventually, sh


@contextmanager
def bare_server(image: str) -> Iterator[str]:
    """The name of a fresh container; removed afterwards."""
    name = f"ut-points-bare-{secrets.token_hex(3)}"
    sh("docker", "run", "-d", "--rm", "--name", name, "-e", "POSTGRES_PASSWORD=x", "--network", "none", image)
    try:
        eventually(lambda: ready(name), 90)
        yield name
    finally:
        sh("docker", "rm", "-fv", name)


def ddl(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and "restrict " not in line]


def ready(name: str) -> bool:
    # over TCP: while it is being set up it listens on its socket only
    asked = ("docker", "exec", name, "pg_isready", "-q", "-h", "127.0.0.1")
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0
