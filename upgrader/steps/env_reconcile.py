"""The env file: what the new version needs is appended, and taken back on the way back."""

import hashlib
from typing import Literal

from upgrader.env.document import Document
from upgrader.model.events import Facts
from upgrader.model.verdict import Needed, Refused, Satisfied, Verdict
from upgrader.steps.base import Context, StepModel
from upgrader.steps.points import Points, of_env_file
from upgrader.steps.way import Way
from upgrader.tools.envfile import append_to, replace_exactly


class EnvReconcile(StepModel):
    """Append to the env file what the new version needs and a machine can decide."""

    uses: Literal["env.reconcile"]

    def describe(self) -> str:
        return "Bring the env file in line"

    def check(self, ctx: Context) -> Verdict:
        plan = ctx.world.env_plan
        if plan is None:
            there = "nothing of the new version reads it" if ctx.world.example_path else "no example of it is known"
            return Satisfied(there)
        if plan.result.blocking and not ctx.planning:
            # asked for before the run began; the answers were this process's, and it was cut off
            keys = ", ".join(decision.key for decision in plan.result.blocking)
            return Refused(f"{ctx.app.stack.env_file} needs values that only you know: {keys}", "upgrader env-check")
        if not plan.result.appended:
            return Satisfied("nothing is missing", self._written(ctx))
        return Needed(f"append {', '.join(plan.result.appended)}", {"size": len(ctx.world.env_bytes)})

    def _written(self, ctx: Context) -> Facts:
        """What an attempt of this run wrote before it was cut off and could not say so."""
        now, old = ctx.world.env_bytes, _env_of(ctx, ctx.run.id)
        if not ctx.run.before(self.id) or old is None or old == now or not now.startswith(old):
            return {"appended": []}
        known = Document.parse(old, ctx.app.stack.env_file)
        entries = Document.parse(now, ctx.app.stack.env_file).entries
        appended = [entry.key for entry in entries if entry.key not in known]
        return {"appended": appended, "sha256": digest(now), "size": len(now)}

    def apply(self, ctx: Context) -> Facts:
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
        saved, now = _saved_env(ctx), ctx.world.env_bytes
        if saved is None:
            return Satisfied("it is as it was")
        if now == saved:
            return Satisfied("it is as it was", {"sha256": digest(now), "size": len(now)})
        if all_ours(ctx, saved):
            return Needed("take back what was appended" if now.startswith(saved) else "as it was", {"size": len(now)})
        if lacking := _lacking(ctx, saved):
            return Needed(f"it was edited since: kept, {', '.join(lacking)} appended again", {"size": len(now)})
        return Satisfied("it was edited since: kept as it is (the old one is in the restore point)", {"kept": True})

    def apply(self, ctx: Context) -> Facts:
        saved, now = _saved_env(ctx), ctx.world.env_bytes
        assert saved is not None  # noqa: S101 - check would have been satisfied
        if not ctx.world.env_path.exists():
            ctx.world.env_path.touch(mode=0o600)
        if not all_ours(ctx, saved):
            lines = b"\n".join(_lacking(ctx, saved).values()) + b"\n"
            saved = now + (b"" if now.endswith(b"\n") or not now else b"\n") + lines
        replace_exactly(ctx.world.env_path, now, saved)
        return {"sha256": digest(saved), "size": len(saved)}


def _lacking(ctx: Context, saved: bytes) -> dict[str, bytes]:
    """Keys of the saved env file that the present one has not, and their lines as they stood."""
    now = Document.parse(ctx.world.env_bytes, ctx.app.stack.env_file)
    entries = Document.parse(saved, ctx.app.stack.env_file).entries
    return {entry.key: saved[entry.start : entry.end].rstrip(b"\r\n") for entry in entries if entry.key not in now}


def all_ours(ctx: Context, saved: bytes) -> bool:
    """Whether nobody but our own runs has written the env file since the restore point was made."""
    now, runs = ctx.world.env_bytes, [run for run in ctx.past() if run.id != ctx.run.id]
    began = next((index for index, run in enumerate(runs) if run.id == Way(ctx).point.run), None)
    if began is None or not now:
        return not now
    if runs[began].cut_off("env.reconcile"):
        # the write may have happened, and nobody could say so: what it leaves begins with the old bytes
        return now.startswith(saved)
    expected = digest(saved)
    for run in runs[began:]:
        if found := _env_of(ctx, run.id):
            if digest(found) != expected:
                return False
            wrote = run.facts("env.reconcile").get("sha256") or run.facts("env.restore").get("sha256")
            expected = str(wrote or expected)
    return digest(now) == expected


def _env_of(ctx: Context, point_id: str) -> bytes | None:
    return of_env_file(Points(ctx.app.home), point_id)


def _saved_env(ctx: Context) -> bytes | None:
    return _env_of(ctx, Way(ctx).point.id)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
