"""What all tests share: fixtures by topic, and the rule that CI must have an engine."""

import os
import subprocess

import pytest
from hypothesis import settings

# workers are told the width of the terminal: what commands print must not depend on it
os.environ.pop("COLUMNS", None)

# `pytest tests/env --hypothesis-profile long`: what a night is for
settings.register_profile("long", max_examples=1_000_000, deadline=None)

LONGEST = ("crash/test_kill", "e2e/test_heal", "e2e/", "crash/", "demo/test_story", "steps/", "demo/", "tools/")
"""Where the tests are that take long, by the time that their files took."""

pytest_plugins = ("tests.fixtures.stack", "tests.fixtures.home")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--require-docker", action="store_true", help="fail, instead of skipping, where no engine answers")


def _versions() -> str:
    asked = ["docker", "version", "--format", "engine {{.Server.Version}}"], ["docker", "compose", "version", "--short"]
    answers = []
    for command in asked:
        try:
            answers.append(
                subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.strip()
            )
        except (OSError, subprocess.SubprocessError):
            return ""
    return f"{answers[0]}, compose {answers[1]}"


def pytest_report_header() -> str:
    return f"docker: {_versions() or 'no engine answers'}"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # whole files go to one worker each: the longest first, so that none is left alone with one at the end
    items.sort(key=lambda item: next((at for at, name in enumerate(LONGEST) if name in item.nodeid), len(LONGEST)))
    if config.getoption("--require-docker") or os.environ.get("CI") or _versions():
        return
    for item in items:
        if item.get_closest_marker("docker"):
            item.add_marker(pytest.mark.skip(reason="no Docker engine answers"))
