"""The proof: a dump that was not restored is a hope, so it is restored, apart from everything, and compared."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from upgrader.model.duration import duration, size
from upgrader.model.events import Facts
from upgrader.model.manifest import Proved, RestorePoint
from upgrader.model.run import Run
from upgrader.model.verdict import Needed, Satisfied, Verdict
from upgrader.steps import copies
from upgrader.steps.base import Context, StepModel
from upgrader.steps.disk import dumped, unfolded
from upgrader.steps.points import Points
from upgrader.steps.rehearse import unsuited

START = 5.0
"""Seconds that a throw-away server is expected to need until it answers, where that was never measured."""
RATES = {"full": 20 << 20, "data": 60 << 20}
"""Bytes of a database on disk that are restored in a second, cautiously."""
LARGE = 64 << 20
"""What is smaller says little of rates, and is restored in full at once."""
_ROOM = {"full": 1.2, "data": 1.0}
_APART = 768 << 20
"""Bytes on disk that a server needs beside the data: initdb's files and the journal."""
_WORDS = {"full": "in full", "data": "without indexes, and the schema by itself,"}


@dataclass(frozen=True)
class Choice:
    """How the dumps are to be proved: `full`, `data` or `read`; the seconds it may take, or why it is no more."""

    how: str
    seconds: float = 0.0
    why: str = ""


class Proof(StepModel):
    """Restore the dumps of the run's restore point into throw-away servers; compare rows and schema with the dumped.

    `how`: `restore`; `read` (they were read in full when they were made, which is the least); `auto`: restored where
    that takes less than `budget` seconds and there is room for it. `--proof` overrides it.
    """

    alters: ClassVar[bool] = False

    uses: Literal["proof"]
    how: Literal["auto", "restore", "read"] = "auto"
    budget: float = 900.0

    def describe(self) -> str:
        return "Prove the restore point"

    def check(self, ctx: Context) -> Verdict:
        if not ctx.app.databases:
            return Satisfied("the app has no database")
        if not ctx.planning and (facts := _proved(Points(ctx.app.home).load(ctx.run.id))):
            return Satisfied("its dumps were restored", facts)
        choice = self._choice(ctx)
        if choice.how == "read":
            return Satisfied(f"its dumps are read in full, not restored: {choice.why}", _facts(choice))
        names = ", ".join(ctx.world.database(spec) for spec in ctx.app.databases.values())
        about = f"about {duration(choice.seconds)}"
        return Needed(f"restore {names} {_WORDS[choice.how]} into a throw-away server, {about}", {"how": choice.how})

    def _choice(self, ctx: Context) -> Choice:
        wanted = ctx.options.proof or self.how
        if wanted == "read":
            return Choice("read", why="as asked")
        best = "full" if self._followed(ctx) or sum(ctx.world.sizes.values()) < LARGE else "data"
        refused = ""
        for how in dict.fromkeys((best, "data")):
            seconds = expected(ctx, how)
            refused = "" if wanted == "restore" else self._against(ctx, how, seconds)
            if not refused:
                return Choice(how, seconds)
        return Choice("read", why=refused)

    def _followed(self, ctx: Context) -> bool:
        """Whether the migrations are to be rehearsed on what is restored."""
        return ctx.run.kind == "upgrade" and bool(ctx.options.target) and not unsuited(ctx, ctx.world.target_model)

    def _against(self, ctx: Context, how: str, seconds: float) -> str:
        if seconds > self.budget:
            return f"that may take {duration(seconds)}, and {duration(self.budget)} are given"
        if (free := ctx.world.docker.free_bytes_in_engine(ctx.world.engine)) is not None:
            data = sum(ctx.world.sizes.values())
            needed = int(data * _ROOM[how]) + _APART * len(copies.by_service(ctx)) + _unfolded(ctx)
            needed += dumped(ctx) if ctx.planning else 0
            if needed > free:
                return f"that may take {size(needed)} on disk, and {size(free)} are free"
        return ""

    def apply(self, ctx: Context) -> Facts:
        points, choice = Points(ctx.app.home), self._choice(ctx)
        point = points.load(ctx.run.id)
        points.verify(point)
        insisting = (ctx.options.proof or self.how) == "restore"
        started, followed = time.monotonic(), False
        try:
            found = copies.make(ctx, point, full=choice.how == "full", budget=None if insisting else 2 * self.budget)
            followed = choice.how == "full" and self._followed(ctx)
        except copies.NoThrowawayError as error:
            if insisting:
                raise
            ctx.say(f"not restored: {error.message}; the dumps were read in full when they were made")
            return self._note(ctx, point, Choice("read", why=error.message), 0.0)
        except copies.UnprovedError as error:
            self._note(ctx, point, Choice("failed", why=error.message), round(time.monotonic() - started, 3))
            raise
        finally:
            if not followed:
                copies.clear(ctx.shell, ctx.app.stack.project, only=ctx.run.id)
        for spec in ctx.app.databases.values():
            ctx.say(copies.told(ctx.world.database(spec), found[spec.id], full=choice.how == "full"))
        facts = self._note(ctx, point, choice, round(time.monotonic() - started, 3))
        restoring = sum(copied.seconds for copied in found.values())
        sizes = {name: copied.size for name, copied in found.items()}
        return {**facts, "restoring": restoring, "bytes": sum(ctx.world.sizes.values()), "sizes": sizes}

    def _note(self, ctx: Context, point: RestorePoint, choice: Choice, seconds: float) -> Facts:
        """Write it into the manifest, durably."""
        proved = Proved(choice.how, ctx.now(), seconds, choice.why)
        databases = tuple(replace(database, proved=proved) for database in point.databases)
        Points(ctx.app.home).amend(replace(point, databases=databases))
        return _facts(choice, seconds)


def _unfolded(ctx: Context) -> int:
    """Bytes of dumps that have to be expanded to be restored."""
    specs, sizes = ctx.app.databases.values(), ctx.world.sizes
    return sum(unfolded(ctx.world.server(spec).require().major, sizes[spec.id]) for spec in specs)


def expected(ctx: Context, how: str) -> float:
    """How long a restore may take: as the last one of this kind that says something about it, else cautiously."""
    start, rate = measured(ctx.past(), how)
    return start * len(copies.by_service(ctx)) + sum(ctx.world.sizes.values()) / rate


def measured(runs: Sequence[Run], how: str) -> tuple[float, float]:
    """Seconds until a server answers, and bytes a second."""
    start, rate = START, float(RATES[how])
    for run in runs:
        facts = run.facts("proof")
        if restoring := facts.get("restoring"):
            start = max(facts["seconds"] - restoring, 0.1)
            if facts["how"] == how and facts["bytes"] >= LARGE:
                rate = facts["bytes"] / restoring
    return start, rate


def _facts(choice: Choice, seconds: float = 0.0) -> Facts:
    return {"how": choice.how, "why": choice.why, "seconds": seconds}


def _proved(point: RestorePoint) -> Facts:
    """What an earlier process of the run proved by a restore; empty when it did not come so far."""
    proved = [database.proved for database in point.databases if database.proved]
    if len(proved) < len(point.databases) or any(each.how not in RATES for each in proved):
        return {}
    return {"how": proved[0].how, "why": "", "seconds": proved[0].seconds}
