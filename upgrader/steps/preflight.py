"""Everything that is looked at before the first change. These steps refuse or are satisfied; none of them acts."""

from typing import ClassVar, Literal

from upgrader.model.duration import plural, size
from upgrader.model.events import Facts
from upgrader.model.verdict import Refused, Satisfied, Verdict
from upgrader.steps.base import Context, StepModel
from upgrader.steps.credentials import wrong_login
from upgrader.steps.ledgers import broken_in
from upgrader.steps.outside import another_url, only_dumps
from upgrader.tools.compose import differs
from upgrader.tools.postgres_sql import is_ours


class Preflight(StepModel):
    """A step that only looks."""

    alters: ClassVar[bool] = False

    def apply(self, ctx: Context) -> Facts:
        raise AssertionError(self.id)  # check never says Needed


class Host(Preflight):
    """The engine answers, the programs are there and new enough, nobody's killed `up` left half a container."""

    uses: Literal["preflight.host"]

    def describe(self) -> str:
        return "Look at the engine and the tools"

    def check(self, ctx: Context) -> Verdict:
        engine = ctx.world.engine
        version = ".".join(map(str, ctx.world.compose.require()))
        if ctx.run.kind != "upgrade":
            # a way back mends what an interrupted run left: locks of git, half-replaced containers; a backup minds none
            return Satisfied(f"engine {engine.version}, Compose {version}")
        ctx.world.git.require()
        if half := ctx.world.docker.half_replaced(ctx.app.stack.project):
            return Refused(
                f"{half[0].name} is half-replaced: somebody's `docker compose up` was cut off",
                f"upgrader -C {ctx.app.stack.directory} doctor --fix",
            )
        return Satisfied(f"engine {engine.version}, Compose {version}", {"engine": engine.version, "compose": version})


class Checkout(Preflight):
    """The working tree is what the last version left, or its edits are to be kept."""

    uses: Literal["preflight.checkout"]

    def describe(self) -> str:
        return "Look at the checkout"

    def check(self, ctx: Context) -> Verdict:
        git = ctx.world.git
        edits = git.local_edits()
        if edits and not ctx.options.keep_local_changes:
            listed = tuple(f"{edit.what} {edit.path}" for edit in edits)
            return Refused(
                f"{plural(len(edits), 'file')} of the checkout {'is' if len(edits) == 1 else 'are'} edited: "
                f"{edits[0].path}",
                "add --keep-local-changes to carry the edits over, or undo them: git checkout -- FILE",
                listed,
            )
        head = git.head()
        kept = f", {plural(len(edits), 'local edit')} to be kept" if edits else ""
        note = f"; {owner}" if (owner := git.owner_note()) else ""
        return Satisfied(
            f"at {git.name_of(head)}{kept}{note}", {"commit": head, "edits": [edit.path for edit in edits]}
        )


class StackCheck(Preflight):
    """Compose accepts the files and the env file as they are, and the running containers were started from them."""

    uses: Literal["preflight.stack"]

    def describe(self) -> str:
        return "Look at the Compose project"

    def check(self, ctx: Context) -> Verdict:
        model = ctx.world.model
        containers = [c for c in ctx.world.containers if not c.oneoff]
        if not containers:
            return Refused(
                f"no container of the project {ctx.app.stack.project!r} exists: there is nothing to upgrade",
                "start the app first: docker compose up -d; or name its project: upgrader -C DIR --project NAME",
            )
        # what a swap left alone still tells of the files of an older version
        if how := min((differs(ctx.app.stack, c.labels) for c in containers), key=len):
            return Refused(
                f"the running containers were started another way: {how[0]}",
                "start them as the playbook says, or make the playbook's `stack` say how they were started",
                tuple(how),
            )
        running = sorted({c.service for c in containers if c.state == "running"})
        done = {c.service for c in containers if c.state == "exited" and c.exit_code == 0} & model.one_shots()
        ended = f", {len(done)} done" if done else ""
        found = f"{plural(len(model.services), 'service')}, {len(running)} running{ended}"
        return Satisfied(found, {"running": running})


class Databases(Preflight):
    """Every database answers, with the credentials that the app uses; no migrator left one half migrated."""

    uses: Literal["preflight.databases"]

    def describe(self) -> str:
        return "Look at the databases"

    def check(self, ctx: Context) -> Verdict:
        found: dict[str, str] = {}
        for spec in ctx.app.databases.values():
            if spec.service and spec.service not in ctx.world.model.services:
                known = ", ".join(sorted(ctx.world.data_services() - {spec.service})) or "no Postgres at all"
                return Refused(
                    f"the Compose project has no service {spec.service!r}; it has {known}",
                    f"say which one it is: databases.{spec.id}.service in the playbook",
                )
            server = ctx.world.server(spec)
            info, name = server.require(), ctx.world.database(spec)
            if not spec.service:
                server.oid(name)  # raises, and says which ones there are
            elif not server.exists(name):
                theirs = ", ".join(other for other in server.databases() if not is_ours(other)) or "none"
                return Refused(
                    f"there is no database {name!r} in service {spec.service!r}; there is {theirs}",
                    f"say which one it is: databases.{spec.id}.name in the playbook",
                )
            if refused := another_url(ctx, spec):
                return refused
            if trouble := wrong_login(ctx, spec):
                return Refused(trouble, f"${{EDITOR:-vi}} {ctx.world.env_path}  # a volume keeps its first password")
            # a way back may well begin here: it brings the ledger back too
            if ctx.run.kind == "upgrade" and (refusal := broken_in(ctx.world, spec)):
                return refusal
            where = "" if spec.service else f" {server.place}"
            found[spec.id] = f"{name} ({size(ctx.world.sizes[spec.id])}) on Postgres {info.version}{where}"
            if only := only_dumps(ctx, spec):
                found[spec.id] += f"; {only}"
        return Satisfied("; ".join(found.values()) or "the app has none", {"databases": found})


class Target(Preflight):
    """The target exists, is newer, fits this checkout, wants nothing that only a person knows, and does not push
    schemas.
    """

    uses: Literal["preflight.target"]

    def describe(self) -> str:
        return "Look at the target"

    def check(self, ctx: Context) -> Verdict:
        from upgrader.steps.target import objections

        if objection := next(objections(ctx), None):
            return objection
        migrations = ctx.world.migrations
        return Satisfied(
            f"{ctx.world.target_name}, migrations {migrations.mode} ({migrations.why})",
            {
                "commit": ctx.world.target,
                "mode": migrations.mode,
                "migrate": ctx.world.migrate_service,
                "files": list(migrations.files),
            },
        )


class Disk(Preflight):
    """There is room for the dumps, for the copy in the server and for the images."""

    uses: Literal["preflight.disk"]

    def describe(self) -> str:
        return "Look at the disks"

    def check(self, ctx: Context) -> Verdict:
        from upgrader.steps.disk import needs

        found = needs(ctx)
        for need in found:
            if need.needed > need.free:
                return Refused(
                    f"{need.path} has {size(need.free)} free, and {size(need.needed)} may be needed for {need.purpose}",
                    f"make room: df -h {need.path}",
                )
        tightest = min(found, key=lambda need: need.free - need.needed)
        return Satisfied(f"{size(tightest.free)} free in {tightest.path}, {size(tightest.needed)} needed")
