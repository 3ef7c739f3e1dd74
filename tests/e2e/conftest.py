"""One installation of the demo app that serves for the whole session: for tests that must leave it exactly as it is."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from upgrader.demo.host import Installation
from upgrader.demo.remote import git


@pytest.fixture(scope="session")
def _serving(remote_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    parent = tmp_path_factory.mktemp("serving")
    installation = Installation.create(remote_template, parent, project=f"ut-serving-{os.getpid()}")
    try:
        installation.start()
        installation.write(3)
        yield installation
    finally:
        if not os.environ.get("UPGRADER_KEEP"):
            installation.remove()


@pytest.fixture
def serving(_serving: Installation, remote: Path) -> Iterator[Installation]:
    """v1.0.0, serving, with a remote of the test's own. The test mends what it breaks."""
    git("remote", "set-url", "origin", str(remote), cwd=_serving.path)
    commit = git("rev-parse", "HEAD", cwd=_serving.path)
    yield _serving
    assert git("rev-parse", "HEAD", cwd=_serving.path) == commit
    assert git("status", "--porcelain", cwd=_serving.path) == ""
    assert _serving.health()
