"""Rollback: from the restore point and the pins, against the backup and a build."""

import time
from dataclasses import dataclass

from tests.bench.measurement import Measurement
from tests.bench.stage import NEW, OLD, fill, stage
from upgrader.demo.host import Installation
from upgrader.demo.poller import Poller
from upgrader.errors import StepError

SIZE = 1_000_000_000
SHARE = 0.5
BACKUP = "docker compose exec -T db pg_dump -U ledgerly ledgerly | gzip > ../backup.sql.gz"
UPGRADE = f"git checkout --quiet {NEW} && docker compose up --detach --build"
RESTORE = f"""
docker compose stop web worker
docker compose exec -T db dropdb -U ledgerly --maintenance-db postgres ledgerly
docker compose exec -T db createdb -U ledgerly --maintenance-db postgres ledgerly
gunzip --stdout ../backup.sql.gz | docker compose exec -T db psql -q -U ledgerly -v ON_ERROR_STOP=1 ledgerly > /dev/null
git checkout --quiet {OLD}
docker compose up --detach --build
"""


def measure() -> Measurement:
    """After an upgrade that had stopped its writers: the copy that it made in the server comes back by a rename."""
    ours, theirs, note = _both("--offline")
    met = ours.served <= theirs.served * SHARE
    return Measurement("rollback", ours.served, theirs.served, "s", "serves in at most half the time", met, note)


def measure_dump() -> Measurement:
    """After an upgrade during which the old version served: the dump is restored while the new version serves."""
    ours, theirs, note = _both("--online")
    met = ours.outage <= theirs.outage * SHARE
    served = f"until the old version served: ours {ours.served:.1f} s, theirs {theirs.served:.1f} s"
    return Measurement(
        "rollback-dump",
        ours.outage,
        theirs.outage,
        "s",
        "at most half the time without an answer",
        met,
        (*note, served),
    )


@dataclass(frozen=True)
class Seen:
    """What a client saw of a rollback, in seconds: until the old version served, and how long nobody answered."""

    served: float
    outage: float


def _both(mode: str) -> tuple[Seen, Seen, tuple[str, ...]]:
    with stage() as made, made.app("rollback") as app:
        size = fill(app, SIZE)
        made.by_hand(app, BACKUP)
        made.upgrader(app, "upgrade", "--yes", mode)
        with Poller(app.port) as poller:
            took = made.upgrader(app, "rollback", "--yes", "--accept-data-loss")
            _hear(poller)
        _be_at(app, OLD)
        made.by_hand(app, UPGRADE)
        app.wait_healthy(120)
        with Poller(app.port) as watch:
            made.by_hand(app, RESTORE)
            app.wait_healthy(120)
            _hear(watch)
        _be_at(app, OLD)
    note = (
        f"a database of {size / 1e6:.0f} MB; theirs builds from a warm cache",
        f"ours ended after {took:.1f} s, when the app had been steady for the playbook's while",
    )
    return _seen(poller), _seen(watch), note


def _seen(poller: Poller) -> Seen:
    return Seen(last_outage_end(poller) - poller.samples[0].time, poller.downtime().total)


def _hear(poller: Poller, seconds: float = 5) -> None:
    """Wait until the poller has heard of what is there: an answer."""
    deadline = time.monotonic() + seconds
    while not (poller.samples and poller.samples[-1].ok) and time.monotonic() < deadline:
        time.sleep(0.01)


def _be_at(app: Installation, tag: str) -> None:
    if (found := app.version()) != tag.removeprefix("v"):
        raise StepError(f"{app.project} serves {found}, not {tag}")


def last_outage_end(poller: Poller) -> float:
    """When the app first answered after its last outage, by time.monotonic()."""
    ended = 0.0
    for before, after in zip(poller.samples, poller.samples[1:], strict=False):
        if after.ok and not before.ok:
            ended = after.time
    if not ended or not poller.samples[-1].ok:
        raise StepError("the poller saw no outage that came to an end")
    return ended
