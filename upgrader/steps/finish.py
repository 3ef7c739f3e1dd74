"""The ends of runs: evidence of what failed is kept, helpers of ours are cleared away."""

from typing import ClassVar, Literal

from upgrader.errors import StepError, UpgraderError
from upgrader.model.events import Facts
from upgrader.model.verdict import Needed, Satisfied, Verdict
from upgrader.steps.base import Context, StepModel


class Evidence(StepModel):
    """Keep the failed version's logs before its containers are replaced."""

    alters: ClassVar[bool] = False

    uses: Literal["evidence"]

    def describe(self) -> str:
        return "Keep the failed version's logs"

    def check(self, ctx: Context) -> Verdict:
        touched = ctx.parent is not None and any(ctx.parent.touched(step) for step in ("migrate", "compose.up"))
        if not ctx.options.heal or not touched:
            return Satisfied("there are none")
        return Needed(str(ctx.directory / "logs"))

    def apply(self, ctx: Context) -> Facts:
        kept = []
        for container in ctx.world.docker.containers(ctx.app.stack.project):
            path = ctx.directory / "logs" / f"{container.name}.log"
            try:
                ctx.world.docker.logs(container.name, path)
            except UpgraderError as error:  # a container without logs must not stop the way back
                ctx.say(f"{container.name}: {error.message}")
            else:
                kept.append(path.name)
        return {"logs": kept}


class Confirm(StepModel):
    """Clear our one-off containers away. Restore points, pins and databases kept aside stay."""

    uses: Literal["confirm"]

    def describe(self) -> str:
        return "Clear up"

    def check(self, ctx: Context) -> Verdict:
        mine = self._mine(ctx)
        if ctx.planning and ctx.run.touched("migrate"):
            return Needed("the container of the migrations")
        if not mine:
            return Satisfied("nothing is left over")
        return Needed(", ".join(mine))

    def _mine(self, ctx: Context) -> list[str]:
        runs = {ctx.run.id} | ({ctx.parent.id} if ctx.parent else set())
        marks = [f"-upgrader-{run}-" for run in runs]
        return [c.name for c in ctx.world.containers if c.oneoff and any(mark in c.name for mark in marks)]

    def apply(self, ctx: Context) -> Facts:
        names = self._mine(ctx)
        for name in names:
            ctx.world.docker.remove(name)
        return {"removed": names}


class Command(StepModel):
    """Run a command of the operator's on the host."""

    uses: Literal["command"]
    run: tuple[str, ...]
    timeout: float = 300.0
    title: str = ""
    required: bool = True
    """Whether the run fails with it."""

    def describe(self) -> str:
        return self.title or f"Run {self.run[0]}"

    def check(self, ctx: Context) -> Verdict:
        return Needed(" ".join(self.run))

    def apply(self, ctx: Context) -> Facts:
        from upgrader.tools import shell

        env = {
            "UPGRADER_RUN": ctx.run.id,
            "UPGRADER_KIND": ctx.run.kind,
            "UPGRADER_PROJECT": ctx.app.stack.project,
            "UPGRADER_FROM": ctx.options.origin.get("name", ""),
            "UPGRADER_TO": ctx.options.target.get("name", ""),
        }
        command = shell.Command(self.run, cwd=ctx.app.stack.directory, env=env, changes=True, timeout=self.timeout)
        result = ctx.shell.attempt(command)
        if not result.ok and self.required:
            lines = [ctx.shell.redactor.text(line) for line in result.tail]
            how = (
                f"took longer than {self.timeout:.0f}s"
                if result.code == shell.TIMED_OUT
                else f"exited with status {result.code}"
            )
            raise StepError(f"{self.run[0]} {how}", "mend it, or take it out of the playbook", lines=lines)
        if not result.ok:
            ctx.say(f"{self.run[0]} exited with status {result.code}; going on all the same")
        return {"exit": result.code}


class PointVerify(StepModel):
    """Read the restore point in full, before anything depends on it."""

    alters: ClassVar[bool] = False

    uses: Literal["restorepoint.verify"]

    def describe(self) -> str:
        return "Verify the restore point"

    def check(self, ctx: Context) -> Verdict:
        from upgrader.steps.points import Points
        from upgrader.steps.way import Way

        points = Points(ctx.app.home)
        point = Way(ctx).point
        points.verify_for(ctx.app.stack.project, point)  # by checksums of dumps that were read in full when made
        return Satisfied(f"{point.id} of {point.version} is whole")

    def apply(self, ctx: Context) -> Facts:
        raise AssertionError(self.id)
