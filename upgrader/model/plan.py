"""A plan: what would be done now, why, and the fingerprint of the world it was made in."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from upgrader.model.duration import duration, plural, size


@dataclass(frozen=True)
class PlannedStep:
    """A step and its verdict as things stand: needed, satisfied or refused."""

    id: str
    phase: str
    title: str
    verdict: str
    why: str
    hint: str = ""


@dataclass(frozen=True)
class EnvChange:
    """A key that the new version wants and the env file lacks; never its value when secret."""

    key: str
    decision: str
    why: str
    shown: str = ""


@dataclass(frozen=True)
class ImageChange:
    """A service's image, before and after; `how` is build, pull, present or pinned."""

    service: str
    before: str
    after: str
    how: str


@dataclass(frozen=True)
class DiskNeed:
    """Bytes needed and free on one file system, and for what."""

    path: str
    purpose: str
    needed: int
    free: int


@dataclass(frozen=True)
class Loss:
    """Rows of a table that going back would lose. `exact` is False for an estimate."""

    database: str
    table: str
    before: int
    now: int
    exact: bool = True


@dataclass(frozen=True)
class Plan:
    """All that `upgrader plan` knows. Steps and verdicts, the changes by kind, refusals, cost, fingerprint."""

    kind: str
    project: str
    directory: str
    playbook: str
    from_version: str
    from_commit: str
    to_version: str
    to_commit: str
    nothing: bool = False
    steps: tuple[PlannedStep, ...] = ()
    commits: tuple[tuple[str, str], ...] = ()
    files: tuple[str, ...] = ()
    local_edits: tuple[str, ...] = ()
    images: tuple[ImageChange, ...] = ()
    env: tuple[EnvChange, ...] = ()
    migrations: tuple[str, ...] = ()
    migration_mode: str = ""
    recreate: Mapping[str, str] = field(default_factory=dict)
    """Service → why it will be recreated."""
    orphans: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()
    disk: tuple[DiskNeed, ...] = ()
    losses: tuple[Loss, ...] = ()
    downtime: float = 0.0
    downtime_why: str = ""
    notes: tuple[str, ...] = ()
    fingerprint: str = ""
    format: int = 1

    @property
    def refusals(self) -> tuple[PlannedStep, ...]:
        return tuple(step for step in self.steps if step.verdict == "refused")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def _lines(plan: Plan) -> list[str]:
    arrow = f"{plan.from_version} → {plan.to_version}" if plan.from_version != plan.to_version else plan.to_version
    lines = [f"{plan.kind.capitalize()} {plan.project}: {arrow}", f"  in {plan.directory}, playbook {plan.playbook}"]
    lines += _section("Refused", [f"✗ {step.why}" + (f"\n      → {step.hint}" if step.hint else "") for step in plan.refusals])
    if plan.nothing and not plan.refusals:
        return [*lines, "", "Nothing to do: the app already is as this version wants it."]
    lines += _section(plural(len(plan.commits), "commit"), [f"{sha[:9]} {subject}" for sha, subject in plan.commits], 12)
    lines += _section(plural(len(plan.files), "changed file"), plan.files, 12)
    lines += _section("Local edits", plan.local_edits)
    lines += _section("Env keys", [_env_line(change) for change in plan.env])
    lines += _section("Images", [f"{i.service}: {i.before or 'none'} → {i.after} ({i.how})" for i in plan.images])
    migrations = f"Migrations ({plan.migration_mode})" if plan.migration_mode else "Migrations"
    lines += _section(migrations, plan.migrations)
    lines += _section("Containers recreated", [f"{name}: {why}" for name, why in plan.recreate.items()])
    lines += _section("Orphans (left running)", plan.orphans)
    lines += _section("Data", [*plan.databases, *plan.volumes])
    lines += _section("Lost by going back", [_loss_line(loss) for loss in plan.losses])
    lines += _section("Disk", [f"{d.purpose}: {size(d.needed)} needed, {size(d.free)} free in {d.path}" for d in plan.disk])
    lines += _section("Steps", [f"{_MARK[s.verdict]} {s.phase:<9} {s.title}: {s.why}" for s in plan.steps])
    lines += _section("Notes", plan.notes)
    return [*lines, "", f"Expected downtime: {_downtime(plan)}"]


_MARK = {"needed": "•", "satisfied": "✓", "refused": "✗"}


def _downtime(plan: Plan) -> str:
    return f"about {duration(plan.downtime)}" + (f" ({plan.downtime_why})" if plan.downtime_why else "")


def _env_line(change: EnvChange) -> str:
    return f"{change.key}: {change.decision}" + (f" {change.shown}" if change.shown else "") + f" ({change.why})"


def _loss_line(loss: Loss) -> str:
    about = "" if loss.exact else "about "
    return f"{loss.database}.{loss.table}: {about}{plural(abs(loss.now - loss.before), 'row')} ({loss.before} then, {loss.now} now)"


def _section(title: str, items: Any, most: int = 40) -> list[str]:
    items = list(items)
    if not items:
        return []
    more = [f"  … and {len(items) - most} more"] if len(items) > most else []
    return ["", f"{title}:", *(f"  {item}" for item in items[:most]), *more]
