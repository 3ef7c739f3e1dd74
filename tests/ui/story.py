"""A made-up upgrade that fails and heals: the events every renderer is shown in tests, and the clock they run by."""

from collections.abc import Callable, Iterable, Iterator

from upgrader.model import events as e

OUTLINE = [
    ["preflight", [["checks", "Check the ground"]]],
    [
        "prepare",
        [["backup", "Back up the databases"], ["checkout", "Check out 9d1f0c2aa"], ["pull", "Pull the images"]],
    ],
    ["cutover", [["migrate", "Run the migrations"], ["swap", "Swap the changed services"]]],
    ["verify", [["health", "Wait until it serves"]]],
]
BACK = [["cutover", [["restore", "Restore the databases"]]], ["verify", [["health", "Wait until it serves"]]]]


def started(run: str = "20251120T113502-1a2b", of: str | None = None) -> e.RunStarted:
    return e.RunStarted(
        run=run,
        kind="rollback" if of else "upgrade",
        project="shop",
        directory="/srv/shop",
        tool="0.1.0",
        playbook="compose-git",
        digest="d1",
        title="Roll shop back to v1.0.0" if of else "Upgrade shop: v1.0.0 → v1.1.0",
        outline=BACK if of else OUTLINE,
        of=of,
    )


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


Moment = tuple[float, e.Event]
"""Seconds since the event before, and the event."""


def forward() -> list[Moment]:
    """Up to a migration that runs and has printed something."""
    return [
        (0.0, started()),
        (0.0, e.PhaseStarted("preflight")),
        (0.4, e.StepSkipped("checks", "preflight", "Check the ground", "Docker 26.1.5, 41 GiB free", {})),
        (0.0, e.PhaseStarted("prepare")),
        (0.1, e.StepStarted("backup", "prepare", "Back up the databases", "1 database, 7.8 MiB", {})),
        (0.2, e.Output("backup", 'pg_dump: dumping contents of table "public.orders"')),
        (1.0, e.Ticked("backup", "3.1 MiB")),
        (1.1, e.Said("backup", "read back in full: 7.8 MiB, sha256 5f0c…")),
        (0.1, e.StepFinished("backup", {"path": "saved/app.dump"}, 2.4)),
        (0.0, e.StepStarted("checkout", "prepare", "Check out 9d1f0c2aa", "4 commits to go", {"commit": "0"})),
        (0.1, e.StepFinished("checkout", {"commit": "9d1f0c2aa"}, 0.1)),
        (0.0, e.StepStarted("pull", "prepare", "Pull the images", "web is not here", {})),
        (3.0, e.Retrying("pull", 1, 3, "the registry did not answer", 5.0)),
        (5.0, e.Output("pull", "\x1b[32m#12\x1b[0m [2/7]\tRUN npm ci\r\n")),
        (4.0, e.StepFinished("pull", {}, 12.0)),
        (0.0, e.PhaseStarted("cutover")),
        (0.0, e.StepStarted("migrate", "cutover", "Run the migrations", "2 to go", {})),
        (0.5, e.Output("migrate", "0007_workflows.sql")),
        (0.5, e.Output("migrate", 'ERROR: column "state" already exists')),
        (74.2, e.Ticked("migrate", "")),
    ]


def failed() -> list[Moment]:
    """The migration fails, and the run goes back."""
    lines = ["0007_workflows.sql", 'ERROR: column "state" already exists']
    return [
        (
            0.0,
            e.StepFailed(
                "migrate", "migrate ended with 1", "docker logs shop-upgrader-1a2b-migrate", lines, "logs/migrate.log"
            ),
        ),
        (0.0, e.Turned("a migration failed")),
        (0.0, started("20251120T113640-77aa", of="20251120T113502-1a2b")),
        (0.0, e.PhaseStarted("cutover")),
        (0.0, e.StepStarted("restore", "cutover", "Restore the databases", "schema differs", {})),
        (6.0, e.StepFinished("restore", {}, 6.0)),
        (0.0, e.PhaseStarted("verify")),
        (0.1, e.StepSkipped("health", "verify", "Wait until it serves", "serving for 5.0s", {})),
        (0.0, e.Committed("shop serves v1.0.0 again")),
        (0.0, e.RunFinished("done", 0, "Rolled back to v1.0.0", 6.1)),
        (0.0, e.RunFinished("rolled-back", 5, "Failed at the migrations, back on v1.0.0", 100.2)),
    ]


def play(sink: Callable[[e.Event], None], moments: Iterable[Moment], clock: Clock) -> Iterator[e.Event]:
    """Feed a sink, letting the clock run; yields each event after it was shown."""
    for seconds, event in moments:
        clock.now += seconds
        sink(event)
        yield event
