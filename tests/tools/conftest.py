"""Fixtures of the tests that need an engine."""

from tests.fixtures.engine import busybox, project

__all__ = ["busybox", "project"]
