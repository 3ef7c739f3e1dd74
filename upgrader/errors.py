"""Every error and its exit code. Errors neither print nor exit: `cli/app.py` is the border that does."""

from collections.abc import Sequence
from enum import IntEnum


class ExitCode(IntEnum):
    """What is true of the app when the process ends."""

    DONE = 0
    BUG = 1
    USAGE = 2
    FOUND = 3
    REFUSED = 4
    ROLLED_BACK = 5
    NEEDS_PERSON = 6
    LOCKED = 7
    UNFINISHED = 8
    INTERRUPTED = 130
    TERMINATED = 143


class UpgraderError(Exception):
    """Something that happened, what to do next, and what it means for the app.

    `message` says what happened in one line; `hint` is the next command or step, one line; `lines` are the last lines
    of a program's output, already redacted by whoever raises.
    """

    exit_code: ExitCode = ExitCode.REFUSED

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        lines: Sequence[str] = (),
        exit_code: ExitCode | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.lines = tuple(lines)
        if exit_code is not None:
            self.exit_code = exit_code


class UsageError(UpgraderError):
    """A flag or an argument that makes no sense."""

    exit_code = ExitCode.USAGE


class FoundError(UpgraderError):
    """A check found something: `plan --exit-code`, `env-check`."""

    exit_code = ExitCode.FOUND


class RefusedError(UpgraderError):
    """Refused before anything changed."""

    exit_code = ExitCode.REFUSED


class StepError(UpgraderError):
    """A step's apply failed; the engine decides what that means for the app."""


class TransientError(StepError):
    """A failure that another attempt may well cure: a network, a registry."""


class RolledBackError(UpgraderError):
    """The run failed and the app is back on what it was, healthy."""

    exit_code = ExitCode.ROLLED_BACK


class NeedsPersonError(UpgraderError):
    """The run failed and the way back failed too."""

    exit_code = ExitCode.NEEDS_PERSON


class LockedError(UpgraderError):
    """Another run holds the lock."""

    exit_code = ExitCode.LOCKED


class UnfinishedError(UpgraderError):
    """An unfinished run exists: resume, roll back or abandon it."""

    exit_code = ExitCode.UNFINISHED


class StoppedError(UpgraderError):
    """Stopped at a safe place on a signal; `upgrader resume` goes on."""

    exit_code = ExitCode.INTERRUPTED
