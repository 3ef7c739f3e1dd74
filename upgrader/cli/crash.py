"""Crash reports: what a bug of ours leaves behind, without a secret in it."""

import platform
import sys
import tempfile
import traceback
from pathlib import Path

from upgrader import __version__
from upgrader.errors import ExitCode, UpgraderError
from upgrader.model.secret import Redactor

REDACTOR = Redactor()
"""Knows the secrets of the app at hand: `cli/wiring.py` hands it to everything."""


def report(error: BaseException) -> UpgraderError:
    """Write the report to a private file, and return what to show: never locals, never an unredacted message."""
    trace = "".join(traceback.format_exception(error))
    text = (
        f"# upgrader {__version__} crashed\n\nPython {sys.version}\n{platform.platform()}\n"
        f"Command: {REDACTOR.text(' '.join(sys.argv[:2]))}\n\n```\n{REDACTOR.text(trace)}```\n"
    )
    with tempfile.NamedTemporaryFile(
        "w", prefix="upgrader-crash-", suffix=".md", delete=False, encoding="utf-8"
    ) as file:
        file.write(text)
    return UpgraderError(
        f"a bug in upgrader: {type(error).__name__}: {REDACTOR.text(str(error))}",
        f"upgrader status; please report it with {Path(file.name)}",
        exit_code=ExitCode.BUG,
    )
