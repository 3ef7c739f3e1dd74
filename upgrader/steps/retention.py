"""Retention: which restore points may go, and which must stay whatever anybody asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from upgrader.errors import UpgraderError
from upgrader.model.app import Retention
from upgrader.model.duration import between, duration, plural, size
from upgrader.model.events import Facts
from upgrader.model.manifest import RestorePoint
from upgrader.model.run import Run
from upgrader.model.verdict import Needed, Satisfied, Verdict
from upgrader.steps.base import Context, Options, StepModel
from upgrader.steps.points import Points
from upgrader.tools.docker import Docker

BACK = ("rollback", "restore")
"""Kinds of runs that bring old data back, and that can be taken back themselves."""


@dataclass(frozen=True)
class Shelf:
    """The readable restore points of an app, oldest first, their sizes in bytes, and why some of them must stay."""

    points: Sequence[RestorePoint]
    sizes: Mapping[str, int]
    kept: Mapping[str, str]

    @staticmethod
    def of(points: Points, runs: Sequence[Run]) -> "Shelf":
        """As things stand; damaged ones are left out, so nothing but their name can make them go."""
        found, _ = points.readable()
        pinned = {point.id for point in found if points.pinned(point.id)}
        return Shelf(found, {point.id: points.size(point.id) for point in found}, must_stay(found, runs, pinned))

    def expendable(self, policy: Retention, now: str) -> dict[str, str]:
        """Id → why it may go. Limits hold for dumps; notes of databases kept aside go by age alone."""
        found: dict[str, str] = {}
        count = total = 0
        for point in reversed(self.points):
            total += self.sizes[point.id]
            count += point.usable
            age = between(point.created_at, now)
            if policy.keep and point.dumped and count >= policy.keep + point.usable:
                found[point.id] = f"{plural(policy.keep, 'newer one')}"
            elif policy.max_age and age > policy.max_age:
                found[point.id] = f"{duration(age)} old"
            elif policy.max_size and point.dumped and total > policy.max_size:
                found[point.id] = f"with it they take {size(total)}"
            if point.id in self.kept:
                found.pop(point.id, None)
            elif point.id in found:
                total -= self.sizes[point.id]
        return dict(reversed(found.items()))


def must_stay(points: Sequence[RestorePoint], runs: Sequence[Run], pinned: set[str]) -> dict[str, str]:
    """Id → why it is never deleted, the strongest reason."""
    kept: dict[str, str] = {}
    for run in runs:
        if run.unfinished:
            for point_id in (run.id, run.of, Options.of(run.arguments).point):
                kept |= {point_id: f"run {run.id} is unfinished"} if point_id else {}
    left = [run for run in runs if run.kind == "upgrade" and run.committed]
    if left:
        kept.setdefault(left[-1].id, "the way back from the last upgrade")
    if back := last_back(runs):
        kept.setdefault(back.id, f"the way back from the last {back.kind}")
        kept.setdefault(Options.of(back.arguments).point, f"the last {back.kind} went to it")
    proved = [p for p in points if p.proved in ("full", "data")] or [p for p in points if p.usable and p.proved]
    if proved:
        kept.setdefault(proved[-1].id, "the last one that is proved")
    for point_id in sorted(pinned):
        kept.setdefault(point_id, "pinned")
    return kept


def last_back(runs: Sequence[Run]) -> Run | None:
    """The last run that brought old data back because somebody asked for it: it came to its end, or was abandoned in
    front of an app that is not well with that data.
    """
    backs = (run for run in reversed(runs) if run.kind in BACK and not Options.of(run.arguments).heal)
    return next((run for run in backs if run.outcome == "done" or _abandoned_behind(run)), None)


def _abandoned_behind(run: Run) -> bool:
    swapped = any(run.facts(step).get("aside") for step in ("database.swap", "volumes.swap"))
    return run.kind == "restore" and run.outcome == "abandoned" and swapped


def remove(points: Points, docker: Docker, point: RestorePoint) -> None:
    """Delete a restore point, then its image pins; a pin whose image a container still runs goes by name only."""
    if points.pinned(point.id):  # meanwhile
        return
    points.discard(point.id)
    for pin in point.pins:
        docker.untag(pin.tag)


def stray_pins(points: Points, docker: Docker, runs: Sequence[Run]) -> list[str]:
    """Pins that runs of this app left which are over, and whose restore point was never whole, or is gone."""
    over = {run.id for run in runs if not run.unfinished}.difference(points.names())
    tags = {docker.pin_name("", "", run_id).rpartition(":")[2] for run_id in over}
    return [pin for pin in docker.pins() if pin.rpartition(":")[2] in tags]


class Retain(StepModel):
    """Delete the restore points that the playbook's `backups` no longer keeps; without it, none."""

    alters: ClassVar[bool] = False

    uses: Literal["retention"]

    def describe(self) -> str:
        return "Delete old restore points"

    def check(self, ctx: Context) -> Verdict:
        if not ctx.app.backups:
            return Satisfied("the playbook sets no limit: all stay")
        going = self._going(ctx)
        if not going:
            return Satisfied("none is beyond what is kept", {"removed": []})
        return Needed("; ".join(f"{point_id}: {why}" for point_id, why in going.items()))

    def _going(self, ctx: Context) -> dict[str, str]:
        return Shelf.of(Points(ctx.app.home), ctx.past()).expendable(ctx.app.backups, ctx.now())

    def apply(self, ctx: Context) -> Facts:
        points, removed = Points(ctx.app.home), []
        for point_id, why in self._going(ctx).items():
            try:
                remove(points, ctx.world.docker, points.load(point_id))
            except UpgraderError as error:  # an image that cannot be let go is no reason to call a backup failed
                ctx.say(f"{point_id}: {error.message}")
            else:
                ctx.say(f"deleted {point_id}: {why}")
                removed.append(point_id)
        return {"removed": removed}
