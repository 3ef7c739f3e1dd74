"""Overhead: the time of an upgrade that upgrader spends by itself, not waiting for the programs that do the work."""

from tests.bench.measurement import Measurement
from tests.bench.stage import SLOW, stage

BUILD = 20
SECONDS, SHARE = 3.0, 0.05


def measure() -> Measurement:
    with stage(slow=True, build=BUILD) as made, made.app("overhead") as app:
        took = made.watched(app, "upgrade")
    own = took["wall"] - took["programs"] - took["pauses"]
    return Measurement(
        "overhead",
        own,
        took["wall"],
        "s",
        "under 3 s, and under 5 % of the whole",
        own < SECONDS and own < took["wall"] * SHARE,
        (
            f"of {took['wall']:.1f} s it waited {took['programs']:.1f} s for programs, and {took['pauses']:.1f} s on purpose",
            f"the programs: a build of {BUILD} s, a migration of {SLOW} s, and all that it asks docker, git and psql",
            "on purpose: the health step lets the app boot, and be steady for the playbook's while",
        ),
    )
