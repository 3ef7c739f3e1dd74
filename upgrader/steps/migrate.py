"""Migrations: a named one-off that exists once, so that a second call attaches instead of migrating again."""

import re
from collections.abc import Sequence
from typing import Literal

from upgrader.errors import StepError
from upgrader.model.duration import duration
from upgrader.model.events import Facts
from upgrader.model.verdict import Needed, Satisfied, Verdict
from upgrader.steps.base import Context, StepModel
from upgrader.steps.database import moments

TAIL = 200
"""How many of the last lines are searched for what went wrong: stack traces and dumped objects follow it."""

_TROUBLE = re.compile(
    r"(\b|(?<=[a-z]))(error|exception)\b|fail|violat|duplicate|does not exist|already exists|denied|refused",
    re.IGNORECASE,
)
_ASIDE = re.compile(r"^\w+: .*,$|, skipping\b")
"""A field of an object that is dumped, and what Postgres takes note of."""


def container_name(ctx: Context) -> str:
    return f"{ctx.app.stack.project}-upgrader-{ctx.run.id}-migrate"


def telling(lines: Sequence[str]) -> str:
    """The line of a failed migration's output that tells most: the first that speaks of an error, else the last."""
    stripped = [line.strip() for line in lines]
    spoken = [line for line in stripped if not _ASIDE.search(line)]
    return next((line for line in [*spoken, *stripped] if _TROUBLE.search(line)), stripped[-1])


class Migrate(StepModel):
    """Run the app's migration service once, before any container is swapped (R4)."""

    uses: Literal["migrate"]
    service: str = ""

    def describe(self) -> str:
        return "Run the migrations"

    def check(self, ctx: Context) -> Verdict:
        service = self._service(ctx)
        if not service:
            return Satisfied("the app has no migration service")
        if not ctx.planning:
            made = ctx.world.docker.container(container_name(ctx))
            if made and made.state == "exited" and made.exit_code == 0:
                return Satisfied("they ran", self._facts(ctx, made.name))
        count = len(ctx.run.facts("preflight.target").get("files", ctx.world.migrations.files))
        return Needed(
            f"service {service}" + (f", {count} new" if count else ", nothing new expected"),
            {**self._ledgers(ctx), "moments": {} if ctx.planning else moments(ctx)},
        )

    def _service(self, ctx: Context) -> str:
        return self.service or ctx.run.facts("preflight.target").get("migrate") or ctx.world.migrate_service

    def _ledgers(self, ctx: Context) -> Facts:
        """What the migrators' ledgers say now."""
        found = {}
        for spec in ctx.app.databases.values():
            ledger = ctx.world.server(spec).ledger(ctx.world.database(spec))
            found[spec.id] = list(ledger[1]) if ledger else []
        return {"ledgers": found}

    def apply(self, ctx: Context) -> Facts:
        docker, name, service = ctx.world.docker, container_name(ctx), self._service(ctx)
        limit = ctx.app.migrations.timeout
        made = docker.container(name)
        if made is None or made.state == "created":
            ctx.world.compose.run_detached(service, name)
        else:
            ctx.say(f"attached to {name}, which an earlier process started")
        code = docker.follow_logs(name, limit=limit)
        if code is None:
            docker.stop([name], timeout=10)
            raise StepError(
                f"{service} took longer than {duration(limit)} and was stopped",
                "raise migrations.timeout in the playbook",
            )
        if code != 0:
            lines = docker.log_tail(name, TAIL)
            said = f": {telling(lines)}" if lines else ""
            raise StepError(f"{service} exited with status {code}{said}", "upgrader history show", lines=lines[-20:])
        return self._facts(ctx, name)

    def _facts(self, ctx: Context, name: str) -> Facts:
        before = ctx.run.before(self.id).get("ledgers", {})
        with ctx.world.looks.looking():
            now, ended = self._ledgers(ctx)["ledgers"], moments(ctx)
        applied = [item for spec, ids in now.items() for item in ids if item not in before.get(spec, [])]
        return {"container": name, "applied": applied, "moments": ended}
