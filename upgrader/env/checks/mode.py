"""Who may read the env file."""

import stat
from collections.abc import Iterator

from upgrader.env.checks.scene import Scene, quoted
from upgrader.env.document import Document
from upgrader.env.evidence import has_url_password
from upgrader.env.finding import Finding, Severity


def check_mode(scene: Scene, mode: int, severity: Severity = "warning") -> Iterator[Finding]:
    """`readable-by-others`: secrets in a file that every user of this machine can read, or write."""
    others = mode & (stat.S_IROTH | stat.S_IWOTH)
    if not others or not _holds_secrets(scene, scene.live):
        return
    verb = "write" if others & stat.S_IWOTH else "read"
    yield Finding(
        "readable-by-others",
        severity,
        f"{scene.live.path} holds secrets, and every user of this machine can {verb} it (mode {stat.S_IMODE(mode):o})",
        f"chmod 600 {quoted(scene.live.path)}",
        "",
        scene.live.path,
        1,
    )


def _holds_secrets(scene: Scene, live: Document) -> bool:
    return any(entry.value and (scene.is_secret(entry.key) or has_url_password(entry.value)) for entry in live.entries)
