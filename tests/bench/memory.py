"""Memory: upgrader's own peak, at two sizes of the database: its data must pass by, not through."""

from tests.bench.measurement import Measurement
from tests.bench.stage import Stage, fill, stage

SMALL, LARGE = 150_000_000, 5_000_000_000
LIMIT, FLAT = 120.0, 1.1


def measure() -> Measurement:
    with stage() as made:
        small, small_size = _peak(made, "small", SMALL)
        large, large_size = _peak(made, "large", LARGE)
    return Measurement(
        "memory",
        large,
        small,
        "MB",
        "at most 120 MB at any database size, and the same at both",
        max(small, large) <= LIMIT and large <= small * FLAT,
        (f"over an upgrade and a rollback, databases of {large_size / 1e6:.0f} and {small_size / 1e6:.0f} MB",),
    )


def _peak(made: Stage, name: str, size: int) -> tuple[float, int]:
    with made.app(name) as app:
        filled = fill(app, size)
        return max(made.watched(app, command)["peak"] for command in ("upgrade", "rollback")), filled
