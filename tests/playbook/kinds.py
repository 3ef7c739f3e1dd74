"""Three kinds of steps, enough for a procedure."""

from typing import Annotated, Literal

from pydantic import Field

from upgrader.model.events import Facts
from upgrader.model.verdict import Needed, Verdict
from upgrader.steps.base import Context, Kinds, StepModel


class Fetch(StepModel):
    """Fetch a commit."""

    uses: Literal["fetch"]
    commit: str = "HEAD"
    depth: Annotated[int, Field(ge=1)] = 1

    def describe(self) -> str:
        return f"Fetch {self.commit}"

    def check(self, ctx: Context) -> Verdict:
        return Needed("not here", before={"commit": ctx.run.id})

    def apply(self, ctx: Context) -> Facts:
        return {"commit": self.commit}


class Move(StepModel):
    """Move the data: a copy beside it, or a dump."""

    uses: Literal["move"]
    how: Literal["dump", "copy"] = "dump"
    tables: tuple[str, ...] = ()

    def describe(self) -> str:
        return f"Move the data by {self.how}"

    def check(self, ctx: Context) -> Verdict:
        return Needed("not moved")

    def apply(self, ctx: Context) -> Facts:
        return {"how": self.how}


class Command(StepModel):
    """Run a command."""

    uses: Literal["command"]
    run: tuple[str, ...]

    def describe(self) -> str:
        return f"Run {self.run[0]}"

    def check(self, ctx: Context) -> Verdict:
        return Needed("always")

    def apply(self, ctx: Context) -> Facts:
        return {"exit": 0}


KINDS: Kinds = {"fetch": Fetch, "move": Move, "command": Command}
