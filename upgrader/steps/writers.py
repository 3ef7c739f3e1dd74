"""Writers: stopped where data must stand still."""

from typing import Literal

from upgrader.model.events import Facts
from upgrader.model.verdict import Needed, Satisfied, Verdict
from upgrader.steps.base import Context, StepModel
from upgrader.steps.volumes import users
from upgrader.steps.volumes_back import moving, store_of
from upgrader.tools.docker import Container


class WritersStop(StepModel):
    """Stop every service that may write to a database, where migrations or a swap of databases demand it, and what
    mounts a volume that is to be swapped.
    """

    uses: Literal["writers.stop"]

    def describe(self) -> str:
        return "Stop the writers"

    def check(self, ctx: Context) -> Verdict:
        if why := self._unneeded(ctx):
            return Satisfied(why)
        writers = _writers(ctx)
        if not writers:
            return Satisfied("none is running", {"services": []})
        services = sorted({container.service for container in writers})
        return Needed(", ".join(services), {"services": services})

    def _unneeded(self, ctx: Context) -> str:
        if ctx.run.kind in ("rollback", "restore"):
            stage = ctx.run.facts("database.stage") or ctx.run.before("database.stage")
            ways = stage.get("ways", {})
            changes = any(way != "untouched" for way in ways.values()) or moving(ctx)
            return "" if changes else "the data stays as it is"
        facts = ctx.run.facts("preflight.target")
        mode = facts.get("mode") or ctx.world.migrations.mode
        return "" if mode == "offline" else "the old version can serve while migrations run"

    def apply(self, ctx: Context) -> Facts:
        writers = _writers(ctx)
        ctx.world.docker.stop([container.id for container in writers])  # each gets the time that its Compose file gives
        return {"services": sorted({container.service for container in writers})}


def _writers(ctx: Context) -> list[Container]:
    """What only reads a volume that is swapped would go on to read the old one."""
    back = ctx.run.kind in ("rollback", "restore")
    mounting = users(ctx, [store_of(saved) for saved in moving(ctx)]) if back else []
    awake = [c for c in mounting if c.state in ("running", "restarting", "paused")]
    return list({c.id: c for c in (*ctx.world.writers(), *awake)}.values())
