"""Downtime: what a client sees of an upgrade with a migration that takes a while."""

import statistics
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from tests.bench.measurement import Measurement
from tests.bench.stage import NEW, SLOW, Stage, stage
from upgrader.demo.host import Installation
from upgrader.demo.poller import Poller
from upgrader.errors import StepError
from upgrader.tools.docker import Docker
from upgrader.tools.shell import Shell

DOCUMENTED = "git pull --quiet && docker compose up --detach --build"
SHARE, SECONDS = 0.25, 1.5


def measure() -> Measurement:
    with stage(slow=True) as made:
        theirs, _ = _outage(made, "theirs", lambda app: made.by_hand(app, DOCUMENTED))
        ours, boot = _outage(made, "ours", lambda app: made.upgrader(app, "upgrade", "--yes"))
    limit = SECONDS + boot
    return Measurement(
        "downtime",
        ours,
        theirs,
        "s",
        f"at most a quarter, and at most 1.5 s + the app's own boot = {limit:.2f} s",
        ours <= theirs * SHARE and ours <= limit,
        (
            f"polled 20 times a second; a migration of {SLOW} s; boot {boot:.2f} s: a container's start to its first answer",
            f"theirs: {DOCUMENTED}",
        ),
    )


def _outage(made: Stage, name: str, upgrade: Callable[[Installation], float]) -> tuple[float, float]:
    """Seconds without an answer during the upgrade, and the boot time of the app that came of it."""
    with made.app(name) as app:
        with Poller(app.port) as poller:
            upgrade(app)
            app.wait_healthy(120)
        if app.version() != NEW.removeprefix("v"):
            raise StepError(f"{app.project} serves {app.version()}, not {NEW}")
        return poller.downtime().total, statistics.median(boot(app) for _ in range(3))


def boot(app: Installation) -> float:
    """Seconds from the start of the app's containers to its first answer that it is healthy."""
    docker = Docker(Shell())
    ids = [c.id for c in docker.containers(app.project, all=False) if c.service in ("web", "worker")]
    docker.stop(ids)
    docker.start(ids)
    while not app.health():
        with suppress(OSError):
            continue
    answered = datetime.now(UTC)
    started = next(c.started_at for c in docker.containers(app.project) if c.service == "web")
    return (answered - datetime.fromisoformat(started)).total_seconds()
