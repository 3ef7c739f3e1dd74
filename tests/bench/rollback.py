"""Rollback: from the restore point and the pins, against the backup and a build."""

from tests.bench.measurement import Measurement
from tests.bench.stage import NEW, OLD, fill, stage
from upgrader.demo.host import Installation
from upgrader.demo.poller import Poller
from upgrader.errors import StepError

SIZE = 250_000_000
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
    with stage() as made, made.app("rollback") as app:
        size = fill(app, SIZE)
        made.by_hand(app, BACKUP)
        made.upgrader(app, "upgrade", "--yes")
        with Poller(app.port) as poller:
            ours = made.upgrader(app, "rollback", "--yes", "--accept-data-loss")
        _be_at(app, OLD)
        served = last_outage_end(poller) - poller.samples[0].time
        made.by_hand(app, UPGRADE)
        app.wait_healthy(120)
        with Poller(app.port) as watch:
            made.by_hand(app, RESTORE)
            app.wait_healthy(120)
        _be_at(app, OLD)
        theirs = last_outage_end(watch) - watch.samples[0].time
    return Measurement(
        "rollback",
        ours,
        theirs,
        "s",
        "at most half",
        ours <= theirs * SHARE,
        (
            f"a database of {size / 1e6:.0f} MB; theirs until the old version served",
            f"ours until it had been steady for the playbook's while; it served after {served:.1f} s",
            f"without an answer: ours {poller.downtime().total:.1f} s, theirs {watch.downtime().total:.1f} s",
        ),
    )


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
