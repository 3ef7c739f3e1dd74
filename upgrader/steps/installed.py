"""Whether every migration that ships with the target is in the database: asked of its ledger, not of the migrator."""

from typing import Literal

from upgrader.model.duration import plural
from upgrader.model.migration import Migration, State
from upgrader.model.verdict import Refused, Satisfied, Verdict
from upgrader.steps.base import Context
from upgrader.steps.ledgers import survey
from upgrader.steps.preflight import Preflight

MISSING = frozenset({State.PENDING, State.LATE, State.FAILED, State.ROLLED_BACK})


class Installed(Preflight):
    """See that every migration is installed, before code that needs them starts (E3, E4). In a plan: which are not."""

    uses: Literal["migrations.installed"]

    def describe(self) -> str:
        return "See that every migration is installed"

    def check(self, ctx: Context) -> Verdict:
        found = survey(ctx.world, ctx.world.target, ctx.world.git.head())
        every = [migration for status in found for migration in status.migrations]
        missing = [listed(migration) for migration in every if migration.state in MISSING]
        if not every:
            return Satisfied(next((status.note for status in found if status.note), "the app has no migrations"))
        if not missing:
            return Satisfied(f"{plural(len(every), 'migration')}, all installed")
        if ctx.planning:
            return Satisfied(f"now {', '.join(missing)}", {"pending": missing})
        return Refused(
            f"{plural(len(missing), 'migration')} did not come to be installed: {missing[0]}",
            "upgrader history show  # what the migration service said",
            tuple(missing),
        )


def listed(migration: Migration) -> str:
    """`20240201000000/pending: 003_new_feature.sql (NEW)`, as the migrators' own listings have it."""
    new = " (NEW)" if migration.state is State.PENDING else ""
    return f"{migration.id}/{migration.state.value}: {migration.name}{new}"
