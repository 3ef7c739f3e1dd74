"""The checkout: forward to the target, and back to where the restore point found it."""

from datetime import datetime
from typing import ClassVar, Literal, TypedDict

from upgrader.errors import StepError
from upgrader.model.duration import plural
from upgrader.model.events import Facts
from upgrader.model.verdict import Needed, Satisfied, Verdict
from upgrader.steps.base import Context, Question, StepModel
from upgrader.steps.points import Points
from upgrader.steps.way import Way


class Repair(TypedDict):
    """How to treat what a checkout that was cut off left behind."""

    repair: bool
    started_at: float


def cut_off(ctx: Context) -> Repair:
    """Mend, but only where git says that a checkout of ours was cut off: mending forces, and a first attempt must
    not.
    """
    began = (ctx.parent or ctx.run).started_at
    return {
        "repair": ctx.world.git.interrupted() is not None,
        "started_at": datetime.fromisoformat(began).timestamp(),
    }


class GitCheckout(StepModel):
    """Put the app's working tree on the target's commit, local edits carried over when asked to."""

    attempts: ClassVar[int] = 4

    uses: Literal["git.checkout"]

    def describe(self) -> str:
        return "Check the new version out"

    def check(self, ctx: Context) -> Verdict:
        git, target = ctx.world.git, ctx.world.target
        head, edits = git.head(), git.local_edits()
        carrying = bool(ctx.run.before(self.id).get("edits", [edit.path for edit in edits]))
        begun = ctx.run.touched(self.id)
        if head == target and not (begun and carrying) and not edits and git.interrupted() is None:
            return Satisfied(f"already at {ctx.world.target_name}", {"commit": head})
        count = git.commit_count(head, target)
        return Needed(
            f"{plural(count, 'commit')} to go",
            {"commit": head, "branch": git.branch(), "edits": [edit.path for edit in edits]},
        )

    def apply(self, ctx: Context) -> Facts:
        git, target = ctx.world.git, ctx.world.target
        before = ctx.run.before(self.id)
        git.clear_locks(cut_off(ctx)["started_at"])
        if before["edits"] and git.interrupted() is None:
            git.discard_edits(before["edits"])  # the restore point has them as a patch
        branch = before["branch"] if ctx.options.target.get("kind") == "branch" else None
        git.checkout(target, branch=branch, **cut_off(ctx))
        if ctx.options.target.get("kind") == "tag":
            git.ensure_tag(ctx.world.target_name, target)
        if ctx.options.target.get("kind") == "branch":
            git.ensure_tracking(ctx.world.target_name, target)
        conflicts = self._carry_edits(ctx) if before["edits"] else []
        return {"commit": git.head(), "edits": list(before["edits"]), "conflicts": conflicts}

    def _carry_edits(self, ctx: Context) -> list[str]:
        point = Points(ctx.app.home).load(ctx.run.id)
        if point.patch is None:
            return []
        patch = Points(ctx.app.home).path(point.id) / point.patch.path
        conflicts = ctx.world.git.apply_patch(patch)
        if not conflicts:
            return []
        names = ", ".join(conflicts)
        answer = ctx.ask(
            Question(
                "conflict",
                f"Your edits of {names} do not fit the new version. Go on without them? They are kept in {patch}",
                "--drop-conflicting-changes",
            )
        )
        if answer != "y":
            raise StepError(f"local edits conflict with the new version: {names}", f"merge them by hand: less {patch}")
        return conflicts


class GitRestore(StepModel):
    """Put the working tree back on the commit, branch and local edits of the restore point."""

    attempts: ClassVar[int] = 4

    uses: Literal["git.restore"]

    def describe(self) -> str:
        return "Check the old version out"

    def check(self, ctx: Context) -> Verdict:
        point, git = Way(ctx).point, ctx.world.git
        head, branch = git.head(), git.branch()
        same = head == point.commit and branch == point.branch
        edits = git.local_edits()
        if same and self._patched(ctx) and git.interrupted() is None:
            return Satisfied(f"already at {point.version}", {"commit": head})
        return Needed(
            f"back to {point.version}", {"commit": head, "branch": branch, "edits": [edit.path for edit in edits]}
        )

    def _patched(self, ctx: Context) -> bool:
        """Whether the tree's edits are those of the restore point."""
        point = Way(ctx).point
        saved = (Points(ctx.app.home).path(point.id) / point.patch.path).read_bytes() if point.patch else b""
        now = ctx.world.git.local_patch() if ctx.world.git.local_edits() else b""
        return now == saved

    def apply(self, ctx: Context) -> Facts:
        point, git = Way(ctx).point, ctx.world.git
        git.clear_locks(cut_off(ctx)["started_at"])
        # a checkout that was cut off is overwritten as a whole; edits are in this rollback's own restore point
        if (edits := git.local_edits()) and git.interrupted() is None:
            git.discard_edits([edit.path for edit in edits])
        git.checkout(point.commit, branch=point.branch, **cut_off(ctx))
        if point.patch:
            conflicts = git.apply_patch(Points(ctx.app.home).path(point.id) / point.patch.path)
            if conflicts:
                raise StepError(
                    f"the local edits did not apply to {point.version}: {', '.join(conflicts)}", "upgrader resume"
                )
        return {"commit": git.head()}
