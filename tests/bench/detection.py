"""Detection: a real restore point is harmed in every way that is known, and `backups verify` reads it each time."""

import secrets
import time
from collections import Counter
from random import Random

from tests.bench.measurement import Measurement
from tests.bench.stage import Stage, fill, stage
from tests.fixtures.harm import Ward, missed, ways
from tests.fixtures.twins import TWINS, idp, twins
from upgrader.demo.host import Installation
from upgrader.errors import StepError
from upgrader.steps.points import Points

HARMS = 500
SIZE = 6_000_000
"""Bytes of the larger database: small, for each harm is followed by a full read of all that there is."""


def measure() -> Measurement:
    with stage() as made, twins(made.remote, made.path, f"upgrader-bench-detection-{secrets.token_hex(3)}") as app:
        ward = Ward.of(_two_points(made, app), made.path / "pristine")
        seed = secrets.randbits(32)
        return _harm(ward, seed)


def _two_points(made: Stage, app: Installation) -> Points:
    """Restore points of two moments, each with two databases, local edits and an override."""
    playbook = made.path / "twins.yaml"
    playbook.write_text(TWINS)
    fill(app, SIZE)
    with (app.path / "docker-compose.yml").open("a") as file:
        file.write("# an edit of this machine's\n")
    for _ in range(2):
        app.write(1)
        idp(app, "INSERT INTO sessions SELECT gen_random_uuid()")
        made.upgrader(app, "--playbook", str(playbook), "backup", "--proof", "read")
    points = Points(made.path / "home" / app.project)
    if troubles := [trouble for point_id in points.names() if (trouble := points.trouble(point_id))]:
        raise StepError(f"a restore point is not whole before it is harmed: {troubles[0]}")
    return points


def _harm(ward: Ward, seed: int) -> Measurement:
    random, done, wrongly = Random(seed), Counter[str](), list[str]()
    victims = ward.victims()
    kinds = sorted({victim.kind for victim in victims})
    found, started = 0, time.monotonic()
    while done.total() < HARMS:
        kind = kinds[done.total() % len(kinds)]  # in turns: most files are members of dumps
        victim = random.choice([each for each in victims if each.kind == kind])
        harm, wrong = missed(ward, victim, random.choice(ways(victim)), random)
        if harm.points:
            done[kind] += 1
            found += not wrong
            wrongly += [f"{harm.what}: {point_id} {told or 'is called whole'}" for point_id, told in wrong.items()]
    each = (time.monotonic() - started) / HARMS
    return Measurement(
        "detection",
        found,
        HARMS,
        "harms",
        f"all of {HARMS} found, and nothing where nothing happened",
        found == HARMS,
        (
            f"bits, bytes and sectors, files cut, gone, swapped and added, manifests edited; seed {seed}",
            ", ".join(f"{count} × {kind}" for kind, count in sorted(done.items())),
            f"{each * 1000:.0f} ms to harm, read and mend two restore points; theirs is what was done",
            *wrongly,
        ),
    )
