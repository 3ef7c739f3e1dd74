"""The gate in release prep: what of a release would break the operators who upgrade to it."""

from upgrader.env.gate.changes import Changes
from upgrader.env.gate.check import check_release, release_changes
from upgrader.env.gate.release import Release, Source

__all__ = ["Changes", "Release", "Source", "check_release", "release_changes"]
