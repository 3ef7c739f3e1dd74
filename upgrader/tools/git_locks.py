"""The lock files that git leaves behind when it is cut off, and how to tell that nobody needs them any more."""

import os
from pathlib import Path

from upgrader.errors import TransientError

_CLOCK_SLACK = 1.0
"""Seconds by which a file's time may lag behind the clock."""


def locks(git_dir: Path, common_dir: Path) -> list[Path]:
    """Lock files of the index, of refs, and of the submodules' repositories."""
    found = {*git_dir.glob("*.lock"), *common_dir.glob("*.lock")}
    for place in {git_dir / "refs", common_dir / "refs", common_dir / "modules", git_dir / "modules"}:
        for directory, below, files in os.walk(place):
            if "objects" in below:
                below.remove("objects")
            found |= {Path(directory, name) for name in files if name.endswith(".lock")}
    return sorted(found)


def git_processes(top: Path) -> list[int]:
    """Ids of the git processes that work in this checkout, as far as we may see them."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            name = (entry / "comm").read_text(encoding="utf-8", errors="replace")
            if name.startswith("git") and Path(os.readlink(entry / "cwd")).is_relative_to(top):
                found.append(int(entry.name))
        except OSError:  # it ended, or is not ours to see
            continue
    return found


def clear_locks(top: Path, git_dir: Path, common_dir: Path, started_at: float) -> None:
    """Remove the lock files made since `started_at` (seconds since the epoch).

    Raises TransientError while a git process works there: an orphan of a killed run comes to its end by itself.
    """
    stale = [lock for lock in locks(git_dir, common_dir) if is_since(lock, started_at)]
    if stale and (processes := git_processes(top)):
        raise TransientError(f"git is still at work in {top} (process {processes[0]})", "Wait for it, then try again")
    for lock in stale:
        lock.unlink(missing_ok=True)


def is_since(lock: Path, started_at: float) -> bool:
    try:
        return lock.lstat().st_mtime >= started_at - _CLOCK_SLACK
    except FileNotFoundError:
        return False
