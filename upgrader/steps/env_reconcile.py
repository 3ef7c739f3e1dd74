"""The env file: what the new version needs is appended, and taken back on the way back."""

import hashlib
from typing import Literal

from upgrader.model.events import Facts
from upgrader.model.verdict import Needed, Satisfied, Verdict
from upgrader.steps.base import Context, StepModel
from upgrader.steps.points import Points
from upgrader.steps.way import Way


class EnvReconcile(StepModel):
    """Append to the env file what the new version needs and a machine can decide."""

    uses: Literal["env.reconcile"]

    def describe(self) -> str:
        return "Bring the env file in line"

    def check(self, ctx: Context) -> Verdict:
        plan = ctx.world.env_plan
        if plan is None:
            return Satisfied("the app ships no env example")
        if not plan.result.appended:
            return Satisfied("nothing is missing", {"appended": []})
        return Needed(f"append {', '.join(plan.result.appended)}", {"size": len(ctx.world.env_bytes)})

    def apply(self, ctx: Context) -> Facts:
        from upgrader.tools.envfile import append_to

        plan = ctx.world.env_plan
        assert plan is not None  # noqa: S101 - check would have been satisfied
        ctx.shell.redactor.learn(plan.result.secrets)
        append_to(ctx.world.env_path, ctx.world.env_bytes, plan.result.new_bytes)
        for key in plan.result.appended:
            ctx.say(f"{ctx.app.stack.env_file}: {key} appended")
        written = plan.result.new_bytes
        return {"appended": list(plan.result.appended), "sha256": digest(written), "size": len(written)}


class EnvRestore(StepModel):
    """Put the env file back as the restore point has it, unless somebody has edited it since."""

    uses: Literal["env.restore"]

    def describe(self) -> str:
        return "Put the env file back"

    def check(self, ctx: Context) -> Verdict:
        saved = _saved_env(ctx)
        if saved is None or ctx.world.env_bytes == saved:
            return Satisfied("it is as it was")
        if not self._ours(ctx, saved):
            return Satisfied("it was edited since: kept as it is (the old one is in the restore point)", {"kept": True})
        return Needed("take back what was appended", {"size": len(ctx.world.env_bytes)})

    def _ours(self, ctx: Context, saved: bytes) -> bool:
        """Whether the upgrade alone made the difference (or an undone rollback takes it back)."""
        parent = Way(ctx).parent
        now = ctx.world.env_bytes
        if parent is None:
            return now.startswith(saved) or saved.startswith(now)
        wrote = parent.facts("env.reconcile").get("sha256")
        if wrote is None:
            # cut off right after the write: the old bytes are a prefix, and the block names the run's target
            return now.startswith(saved) or saved.startswith(now)
        return bool(digest(now) == wrote)

    def apply(self, ctx: Context) -> Facts:
        from upgrader.tools.envfile import replace_exactly

        saved = _saved_env(ctx)
        assert saved is not None  # noqa: S101 - check would have been satisfied
        replace_exactly(ctx.world.env_path, ctx.world.env_bytes, saved)
        return {"sha256": digest(saved), "size": len(saved)}


def _saved_env(ctx: Context) -> bytes | None:
    point = Way(ctx).point
    root = Points(ctx.app.home).path(point.id)
    saved = next((file for file in point.files if file.origin == point.env_file), None)
    return (root / saved.path).read_bytes() if saved else None


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
