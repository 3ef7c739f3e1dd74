"""The survey: everything about a target that a plan tells, beyond the verdicts of its steps."""

import hashlib
import json
from datetime import datetime

from upgrader.errors import UpgraderError
from upgrader.model.duration import size
from upgrader.model.plan import DiskNeed, EnvChange, ImageChange, Loss, Plan, PlannedStep
from upgrader.model.secret import looks_secret
from upgrader.model.verdict import Refused
from upgrader.steps.base import Context, Options
from upgrader.steps.compose_up import ComposeUp
from upgrader.steps.database import way_back
from upgrader.steps.disk import needs
from upgrader.steps.images import built, pulled
from upgrader.steps.losses import losses
from upgrader.steps.rebuild import to_run
from upgrader.steps.volumes import told
from upgrader.steps.volumes_back import told_back
from upgrader.steps.way import Way

SWAP = 3.0
"""Seconds that a swap of containers is expected to take where nothing better is known."""
COPIED = 400 << 20
"""Bytes a second of an in-server copy, cautiously."""


def upgrade_plan(ctx: Context, steps: tuple[PlannedStep, ...], playbook: str) -> Plan:
    """The plan of an upgrade whose steps were checked already; with refusals, what could be found out all the same."""
    world, origin, target = ctx.world, ctx.options.origin, ctx.options.target
    plan = Plan(
        kind="upgrade",
        project=ctx.app.stack.project,
        directory=str(ctx.app.stack.directory),
        playbook=playbook,
        from_version=origin.get("name", "?"),
        from_commit=origin.get("commit", ""),
        to_version=target.get("name", "?"),
        to_ref={"tag": target.get("name", ""), "branch": ctx.options.to}.get(target.get("kind", ""), world.target),
        to_commit=target.get("commit", ""),
        steps=steps,
        commits=tuple(world.git.commits(world.origin, world.target, limit=200)),
        files=tuple(world.git.changed_files(world.origin, world.target)),
        local_edits=tuple(f"{edit.what} {edit.path}" for edit in world.git.local_edits()),
    )
    try:
        return _widen(ctx, plan)
    except UpgraderError:
        if plan.refusals:
            return plan
        raise


def _widen(ctx: Context, plan: Plan) -> Plan:
    from dataclasses import replace

    world = ctx.world
    recreate = ComposeUp(id="compose.up", uses="compose.up")._services(ctx)  # noqa: SLF001
    migrations = world.migrations
    downtime, why = expected_downtime(ctx, set(recreate), _measured_migrations(ctx))
    return replace(
        plan,
        images=tuple(_images(ctx)),
        env=tuple(_env(ctx)),
        migrations=migrations.files,
        migration_mode=f"{migrations.mode}: {migrations.why}" if migrations.mode != "none" else "",
        recreate=recreate,
        orphans=tuple(sorted(set(world.model.services) - set(world.target_model.services))),
        volumes=tuple(_volumes(ctx)),
        databases=tuple(_databases(ctx)),
        disk=tuple(needs(ctx)),
        downtime=downtime,
        downtime_why=why,
        fingerprint=fingerprint(ctx),
    )


def fingerprint(ctx: Context) -> str:
    """A digest of the world that a plan was made in: commits, edits, env file, model, containers, databases, tags."""
    world = ctx.world
    facts = {
        "head": world.git.head(),
        "target": world.target,
        "edits": [f"{edit.what} {edit.path}" for edit in world.git.local_edits()],
        "mode": world.migrations.mode,
        "env": hashlib.sha256(world.env_bytes).hexdigest(),
        "model": hashlib.sha256(json.dumps(world.model.raw, sort_keys=True).encode()).hexdigest(),
        "containers": sorted((c.name, c.id, c.image_id, c.state) for c in world.containers if not c.oneoff),
        "databases": {spec.id: world.server(spec).oid(world.database(spec)) for spec in ctx.app.databases.values()},
        "schemas": {spec.id: world.schema_digest(spec) for spec in ctx.app.databases.values()},
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def nothing_to_do(ctx: Context) -> bool:
    """Whether the app already is as the target wants it: checkout, env file, containers, and the last run's word."""
    world = ctx.world
    if world.git.head() != world.target or ctx.options.rebuild:
        return False
    if world.env_plan is not None and world.env_plan.result.appended:
        return False
    if world.git.moved_at() > _started(ctx):
        return False  # somebody checked this version out after the containers were made
    files: list[str] = []
    from upgrader.steps.swap import to_swap

    return not to_swap(ctx, world.model, world.target_model, files, {})


def _started(ctx: Context) -> float:
    """When the newest container of a built image was made; seconds since the epoch."""
    names = set(built(ctx.world.model))
    made = [
        datetime.fromisoformat(c.created_at).timestamp()
        for c in ctx.world.containers
        if c.service in names and c.created_at
    ]
    return max(made, default=float("inf"))


def _images(ctx: Context) -> list[ImageChange]:
    world = ctx.world
    model = world.target_model
    builds, pulls = set(built(model)), set(pulled(ctx, model))
    made = {model.image_of(name) for name in builds}
    changes = []
    for name in model.order():
        before = world.model.image_of(name) if name in world.model.services else ""
        after = model.image_of(name)
        if name in builds:
            changes.append(ImageChange(name, before, after, "build"))
        elif name in pulls:
            changes.append(ImageChange(name, before, after, "pull"))
        elif before != after and after not in made:
            changes.append(ImageChange(name, before, after, "present"))
    return changes


def _env(ctx: Context) -> list[EnvChange]:
    plan = ctx.world.env_plan
    if plan is None:
        return []
    return [
        EnvChange(
            decision.key,
            "given" if decision.decision == "ask" and decision.key in plan.result.appended else decision.decision,
            "; ".join(decision.evidence),
            decision.shown if not (decision.decision == "copy" and looks_secret(decision.key)) else "",
            tuple(plan.readers(decision.key)),
        )
        for decision in plan.decisions
        if decision.decision != "skip"
    ]


def _volumes(ctx: Context) -> list[str]:
    model = ctx.world.target_model
    found = [f"{line}, to be saved" for line in told(ctx)]
    for name in sorted(ctx.world.data_services() & set(model.services)):
        found += [f"{name}: {source} stays at {path}" for path, source in model.volume_identity(name).items()]
    return found


def _databases(ctx: Context) -> list[str]:
    found = []
    for spec in ctx.app.databases.values():
        server, name = ctx.world.server(spec), ctx.world.database(spec)
        found.append(
            f"{spec.where}: database {name}, {size(ctx.world.sizes[spec.id])}, Postgres {server.require().version}"
            + ("" if spec.service else f" {server.place}")
        )
    return found


def expected_downtime(ctx: Context, recreate: set[str], migrations: float) -> tuple[float, str]:
    """How long the app is expected not to answer, in seconds, and what that rests on.

    `migrations` is how long these take, 0 where that is not known.
    """
    if not recreate and ctx.world.migrations.mode != "offline":
        return 0.0, "no container is swapped"
    known = measured_swap(ctx, "upgrade")
    swap, source = (
        (known, "the last one's time until all was healthy")
        if known is not None
        else (SWAP, "a guess: nothing is measured yet")
    )
    if ctx.world.migrations.mode != "offline":
        return swap, f"the swap, {source}; migrations run while the old version serves"
    data = sum(ctx.world.sizes.values())
    apart = "" if migrations else "; how long the migrations themselves take is not known"
    return (
        swap + data / COPIED + migrations,
        f"writers are stopped; the swap, {source}, and the copy of the data{apart}",
    )


def measured_swap(ctx: Context, kind: str) -> float | None:
    """How long the last swap that went well took, up to the first moment that everything was healthy; seconds.

    A way back that healed an upgrade does not count: it may have found most of the old version still serving.
    """
    for run in reversed(ctx.past()):
        well = run.outcome == "done" and not Options.of(run.arguments).heal
        if run.kind == kind and well and run.facts("compose.up").get("services"):
            steps = ("writers.stop", "database.swap", "git.restore", "env.restore", "images.restore", "compose.up")
            swap = sum(run.steps[name].seconds for name in steps if name in run.steps)
            return round(swap + float(run.facts("health").get("first", 0.0)), 1)
    return None


def _measured_migrations(ctx: Context) -> float:
    """How long the last migrations took; seconds, 0 where that is not known."""
    past = [run.steps["migrate"].seconds for run in ctx.past() if run.outcome == "done" and "migrate" in run.steps]
    return past[-1] if past else 0.0


def rollback_plan(ctx: Context, steps: tuple[PlannedStep, ...], playbook: str) -> Plan:
    """The plan of a rollback: where it goes and what it loses."""
    way = Way(ctx)
    head = ctx.world.git.head()
    lost: list[Loss] = []
    notes: list[str] = []
    for spec in ctx.app.databases.values():
        how = way_back(ctx, spec)
        if isinstance(how, Refused):
            continue
        name = ctx.world.database(spec)
        notes.append(f"{name}: {_WORDS[how]}")
        saved = way.database(spec.id)
        if how in ("dump", "copy", "aside") and saved is not None:
            lost += losses(ctx, spec, how, saved)
    for words, loss in told_back(ctx):
        notes.append(words)
        lost += [loss] if loss else []
    known = measured_swap(ctx, "rollback")
    return Plan(
        kind="rollback",
        project=ctx.app.stack.project,
        directory=str(ctx.app.stack.directory),
        playbook=playbook,
        from_version=ctx.world.git.name_of(head),
        from_commit=head,
        to_version=way.point.version,
        to_commit=way.point.commit,
        steps=steps,
        losses=tuple(lost),
        notes=tuple(notes),
        images=tuple(_pinned(ctx)),
        downtime=known if known is not None else SWAP,
        downtime_why="the swap of databases and containers; the dump is restored while the app serves"
        + ("" if known is None else "; the last one's time until all was healthy"),
    )


_WORDS = {
    "untouched": "its schema is that of the old version: it stays as it is, with every row",
    "copy": "goes back to the copy made when the writers had been stopped; what was written since is kept aside",
    "carry": "goes back to the old schema with every row carried over",
    "dump": "is restored from the dump into a new database; what was written since is kept aside",
    "aside": "goes back to the database kept aside",
}


def _pinned(ctx: Context) -> list[ImageChange]:
    way, docker = Way(ctx), ctx.world.docker
    wanted, ids = to_run(docker, way.point), docker.image_ids(pin.image for pin in way.point.pins)
    makes = {way.model.image_of(name) for name in built(way.model)}
    changes = []
    for pin in way.point.pins:
        now, again = ids[pin.image], wanted[pin.service]
        if again is None:
            # what is made again gets an id of its own, so only its name is known
            how = "build" if pin.image in makes else "pull"
            changes.append(ImageChange(pin.service, (now or "")[:19], pin.image, how))
        elif now != again:
            changes.append(ImageChange(pin.service, (now or "")[:19], again[:19], "pinned"))
    return changes


__all__ = ["DiskNeed", "fingerprint", "nothing_to_do", "rollback_plan", "upgrade_plan"]
