"""A plan: what would be done now, why, and the fingerprint of the world it was made in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import zip_longest
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
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class EnvChange:
    """A key that the new version wants and the env file lacks; never its value when secret."""

    key: str
    decision: str
    why: str
    shown: str = ""
    services: tuple[str, ...] = ()
    """Those that read it, and are made anew for it."""


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
    """What going back would undo in a table: rows inserted, updated and deleted since `before`, `now` being there. In a
    volume: the files `inserted`, which is to say written.

    `exact` is False for an estimate. `how` it is known: `rows` (each row of now was dated), `statistics` (the server's,
    which count what was rolled back as well), `counts` (of rows then and now: updates do not show in these), or `times`
    (of files).
    """

    database: str
    table: str
    before: int
    now: int
    exact: bool = True
    what: str = "row"
    """What is counted: rows, or files."""
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    how: str = "rows"

    @property
    def count(self) -> int:
        return self.inserted + self.updated + self.deleted


Row = tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """A titled part of a plan: rows of cells, of which at most `most` are shown."""

    title: str
    rows: tuple[Row, ...]
    most: int = 40
    grave: bool = False
    """Whether it speaks of a refusal or a loss."""

    @property
    def shown(self) -> tuple[Row, ...]:
        return self.rows[: self.most]

    @property
    def widths(self) -> tuple[int, ...]:
        """How wide each column is; the last one may be as ragged as it likes."""
        return tuple(max(map(len, column)) for column in zip_longest(*self.shown, fillvalue=""))

    @property
    def rest(self) -> str:
        """What is said of the rows not shown."""
        return f"… and {len(self.rows) - self.most} more" if len(self.rows) > self.most else ""


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
    to_ref: str = ""
    """What to ask for, to come to this target again: a tag, a commit, or the branch; empty for the present branch."""
    format: int = 1

    @property
    def refusals(self) -> tuple[PlannedStep, ...]:
        """The steps that were refused; of those with the same reason, the first."""
        refused = [step for step in self.steps if step.verdict == "refused"]
        return tuple({step.why: step for step in reversed(refused)}.values())[::-1]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def headline(self) -> str:
        return f"{self.kind.capitalize()} {self.project}: {_versions(self)}"

    @property
    def origin(self) -> str:
        return f"in {self.directory}, playbook {self.playbook}"

    @property
    def conclusion(self) -> str:
        """The last line: what the app will feel of it."""
        if self.refusals:
            return "Refused: nothing will be changed."
        if self.nothing:
            return "Nothing to do: the app already is as this version wants it."
        return f"Expected downtime: {_downtime(self)}"

    def sections(self) -> tuple[Section, ...]:
        """All that is worth telling, the grave things first; empty sections are left out."""
        return tuple(section for section in _sections(self) if section.rows)

    def __str__(self) -> str:
        lines = [self.headline, f"  {self.origin}"]
        for section in self.sections():
            lines += ["", section.title, *_aligned(section)]
        return "\n".join([*lines, "", self.conclusion])


def _why(change: EnvChange) -> str:
    """The reason, and who reads the key."""
    return f"{change.why}; read by {', '.join(change.services)}" if change.services else change.why


def _sections(plan: Plan) -> list[Section]:
    refused = [row for step in plan.refusals for row in _refusal(step)]
    grave = [
        Section("Refused", tuple(refused), grave=True),
        Section("Lost by going back", tuple(_loss(loss) for loss in plan.losses), grave=True),
    ]
    notes = Section("Notes", _single(plan.notes))
    if plan.nothing:
        return [*grave, notes]
    return [
        *grave,
        Section(plural(len(plan.commits), "commit"), tuple((sha[:9], subject) for sha, subject in plan.commits), 12),
        Section(plural(len(plan.files), "changed file"), _single(plan.files), 12),
        Section("Local edits", _single(plan.local_edits)),
        Section("Env keys", tuple((c.key, f"{c.decision} {c.shown}".rstrip(), _why(c)) for c in plan.env)),
        Section("Images", tuple((i.service, f"{i.before or 'none'} → {i.after}", i.how) for i in plan.images)),
        Section(
            f"Migrations, {plan.migration_mode}" if plan.migration_mode else "Migrations", _single(plan.migrations)
        ),
        Section("Containers recreated", tuple(plan.recreate.items())),
        Section("Orphans, left running", _single(plan.orphans)),
        Section("Data", _single((*plan.databases, *plan.volumes))),
        Section("Disk", tuple(_disk(need) for need in plan.disk)),
        Section("Steps", tuple(_phased(plan.steps))),
        notes,
    ]


def _versions(plan: Plan) -> str:
    return f"{plan.from_version} → {plan.to_version}" if plan.from_version != plan.to_version else plan.to_version


def _downtime(plan: Plan) -> str:
    about = f"about {duration(plan.downtime)}" if plan.downtime else "none"
    return about + (f" ({plan.downtime_why})" if plan.downtime_why else "")


def _single(items: Sequence[str]) -> tuple[Row, ...]:
    return tuple((item,) for item in items)


def _refusal(step: PlannedStep) -> list[Row]:
    return [("✗", f"{step.title}: {step.why}"), *([("", f"→ {step.hint}")] if step.hint else [])]


def _loss(loss: Loss) -> Row:
    about = "" if loss.exact else "about "
    if loss.what != "row":
        what = f"{about}{plural(loss.count, loss.what)} written since"
        return f"{loss.database}.{loss.table}", what, f"{about}{loss.now} now, {loss.before} then"
    counts = {"inserted": loss.inserted, "updated": loss.updated, "deleted": loss.deleted}
    what = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return (
        f"{loss.database}.{loss.table}",
        f"{about}{what} since",
        f"{loss.now} now, {loss.before} then{_HOW[loss.how]}",
    )


_HOW = {
    "rows": "",
    "statistics": "; by the server's statistics",
    "counts": "; rows that were only updated cannot be told",
}


def lost(losses: Sequence[Loss]) -> str:
    """What they are in all: `3 rows and about 2 files`; empty without any."""
    found: dict[str, list[Loss]] = {}
    for loss in losses:
        found.setdefault(loss.what, []).append(loss)
    return " and ".join(
        ("" if all(loss.exact for loss in alike) else "about ") + plural(sum(loss.count for loss in alike), what)
        for what, alike in found.items()
    )


def _disk(need: DiskNeed) -> Row:
    return need.purpose, f"{size(need.needed)} needed", f"{size(need.free)} free in {need.path}"


def _phased(steps: Sequence[PlannedStep]) -> Iterator[Row]:
    phase = ""
    for step in steps:
        yield "" if step.phase == phase else step.phase, _MARK.get(step.verdict, "•"), step.title, step.why
        phase = step.phase


_MARK = {"needed": "•", "satisfied": "✓", "refused": "✗"}


def _aligned(section: Section) -> list[str]:
    lines = [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, section.widths, strict=False)).rstrip()
        for row in section.shown
    ]
    return [*lines, f"  {section.rest}"] if section.rest else lines
