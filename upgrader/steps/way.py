"""The way back: what a rollback goes back to, read from the restore point, or from the journal when there is none."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

from upgrader.errors import RefusedError
from upgrader.model.manifest import RestorePoint, SavedDatabase
from upgrader.model.run import Run
from upgrader.steps.base import Context
from upgrader.steps.points import Points
from upgrader.tools.compose_model import Model
from upgrader.tools.postgres import Server


@dataclass(frozen=True)
class Way:
    """Where a rollback goes. `parent` is the run that it goes back from."""

    ctx: Context

    @property
    def parent(self) -> Run | None:
        return self.ctx.parent

    @cached_property
    def point(self) -> RestorePoint:
        return Points(self.ctx.app.home).load(self.ctx.options.point)

    @property
    def healing(self) -> bool:
        """Whether the failed run never was committed: what it did is undone, nobody worked with the new version."""
        return self.ctx.options.heal or (self.parent is not None and not self.parent.committed)

    def collapsed(self, spec_id: str) -> bool:
        """Whether the failed run found that tables of this database had lost their rows: then its data is no good."""
        if self.parent is None or not self.ctx.options.heal:
            return False
        return any(spec_id in step.before.get("collapsed", {}) for step in self.parent.steps.values())

    def parent_touched(self, *steps: str) -> bool:
        return self.parent is not None and any(self.parent.touched(step) for step in steps)

    @cached_property
    def model(self) -> Model:
        """What Compose made of the files when the restore point was made."""
        model = saved_model(self.ctx, self.point)
        if model is None:
            raise RefusedError(
                f"the restore point {self.point.id} has no Compose model to go back to", "upgrader history"
            )
        return model

    @cached_property
    def own_point(self) -> RestorePoint:
        """The present state as this very rollback noted it before it changed anything."""
        return Points(self.ctx.app.home).load(self.ctx.run.id)

    def database(self, spec_id: str) -> SavedDatabase | None:
        return next((db for db in self.point.databases if db.id == spec_id), None)


def ledger_digest(server: Server, name: str) -> str:
    """What the migrator's own table says, as a digest; empty without one."""
    found = server.ledger(name)
    return hashlib.sha256(json.dumps(found[1]).encode()).hexdigest() if found else ""


def saved_model(ctx: Context, point: RestorePoint) -> Model | None:
    """What Compose made of the files then; None where it refused them."""
    if point.model is None:
        return None
    path = Points(ctx.app.home).path(point.id) / point.model.path
    return Model.of(json.loads(path.read_text(encoding="utf-8")))
