"""The lock: the exclusive right to change an app, held by the kernel for us and for the children that outlive us."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from upgrader.errors import LockedError, RefusedError

ORPHANS = 300.0
"""Seconds to wait for the children of a killed run to finish what they were doing."""


@contextmanager
def hold(home: Path, *, run: str = "", patience: float = 0.0) -> Iterator[int]:
    """The lock's descriptor, to be inherited by children. Raises LockedError naming who holds it.

    When the recorded holder is dead, its orphans still hold the lock: they are waited for, up to ORPHANS seconds.
    """
    try:
        descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise RefusedError(f"{home}/lock cannot be opened: {error.strerror}", f"df -h {home}; ls -la {home}") from error
    try:
        _take(descriptor, home, patience)
        describe(home, run=run)
        yield descriptor
    finally:
        os.close(descriptor)


def describe(home: Path, *, run: str = "", phase: str = "") -> None:
    """Text for people about who holds the lock: never evidence."""
    info = {"pid": os.getpid(), "host": os.uname().nodename, "since": time.time(), "run": run, "phase": phase}
    temporary = home / "lock.info.new"  # one name: whoever writes it holds the lock
    with suppress(OSError):
        temporary.write_text(json.dumps(info), encoding="utf-8")
        temporary.chmod(0o600)
        temporary.replace(home / "lock.info")


def holder(home: Path) -> dict[str, Any]:
    """What `lock.info` says; empty when there is none."""
    try:
        info = json.loads((home / "lock.info").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return info if isinstance(info, dict) else {}


def held(home: Path) -> bool:
    """Whether anybody holds the lock now."""
    path = home / "lock"
    if not path.exists():
        return False
    descriptor = os.open(path, os.O_RDWR)
    try:
        return not _try(descriptor)
    finally:
        os.close(descriptor)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _take(descriptor: int, home: Path, patience: float) -> None:
    started = time.monotonic()
    while not _try(descriptor):
        info = holder(home)
        waited = time.monotonic() - started
        if waited > (patience if _alive(info) else max(patience, ORPHANS)):
            raise LockedError(who(home), "wait for it, or look at it: upgrader status")
        time.sleep(0.1)


def _alive(info: dict[str, Any]) -> bool:
    if info.get("host") != os.uname().nodename:
        return True
    try:
        os.kill(int(info["pid"]), 0)
    except (ProcessLookupError, KeyError, ValueError):
        return False
    except PermissionError:
        return True
    return True


def who(home: Path) -> str:
    """Who holds the lock, in words."""
    info = holder(home)
    if not info:
        return "another upgrader is at work on this app"
    since = time.strftime("%H:%M:%S", time.localtime(float(info.get("since", 0))))
    run = f", run {info['run']}" if info.get("run") else ""
    phase = f", in {info['phase']}" if info.get("phase") else ""
    return (
        f"another upgrader is at work on this app: process {info.get('pid')} on {info.get('host')} since "
        f"{since}{run}{phase}"
    )
