"""The restore point: everything that a way back needs, saved and verified before anything is changed."""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from upgrader import __version__
from upgrader.errors import UpgraderError
from upgrader.model.app import DatabaseSpec
from upgrader.model.duration import duration, plural, size
from upgrader.model.events import Facts
from upgrader.model.manifest import Pin, Proved, RestorePoint, SavedDatabase, SavedFile
from upgrader.model.verdict import Needed, Satisfied, Verdict
from upgrader.steps.base import Context, StepModel
from upgrader.steps.fingerprints import fingerprints
from upgrader.steps.points import Points, every_file, measure, save
from upgrader.steps.swap import serves
from upgrader.steps.volumes import holds, note_all, save_all, stopping
from upgrader.steps.way import ledger_digest
from upgrader.tools.docker_pause import paused
from upgrader.tools.files import unwritable
from upgrader.tools.postgres import Pace, Server, Snapshot, name_for
from upgrader.tools.postgres_moments import MOMENT, Moment
from upgrader.tools.postgres_snapshots import Session


class Backup(StepModel):
    """Make the run's restore point.

    `databases`: `dump` saves each database as an archive, read back in full; `aside` only notes where the database
    will be kept in its server, for a rollback that renames it instead of overwriting it; so with volumes, which are
    archived after the databases, so that what rows refer to is there. `consistent`: the writers
    stand still for the moment in which all databases are fixed. `jobs`: connections at once, 0 for as many as there are
    cores; `nice`: how far the programs that compress stand back, 0 to 19.
    """

    alters: ClassVar[bool] = False

    uses: Literal["backup"]
    databases: Literal["dump", "aside"] = "dump"
    consistent: bool = False
    jobs: int = Field(0, ge=0, le=64)
    nice: int = Field(10, ge=0, le=19)

    def describe(self) -> str:
        return "Make a restore point" if self.databases == "dump" else "Note the present state, to be able to return"

    def check(self, ctx: Context) -> Verdict:
        points = Points(ctx.app.home)
        if points.exists(ctx.run.id):
            return Satisfied(f"restore point {ctx.run.id} is there", _facts(points.load(ctx.run.id)))
        databases = ", ".join(ctx.app.databases) or "no database"
        if self.databases == "aside":
            return Needed(f"{databases}, env file, overrides, commit, images")
        volumes = "".join(f", {name} ({holds(look)})" for name, look in ctx.world.store_looks.items())
        before = {"stopping": halted} if (halted := stopping(ctx)) else {}
        return Needed(f"{databases}{volumes}, env file, overrides, commit, images", before)

    def apply(self, ctx: Context) -> Facts:
        points = Points(ctx.app.home)
        if points.exists(ctx.run.id):
            return _facts(points.load(ctx.run.id))
        try:
            point = self._made(ctx, points.begin(ctx.run.id))
            points.complete(point)
        except (UpgraderError, OSError) as error:
            full = unwritable(error, ctx.app.home) if isinstance(error, OSError) else None
            points.clear(ctx.run.id)  # at once: a disk that it has filled is needed to say so
            if full:
                raise full from error
            raise
        return _facts(point)

    def _made(self, ctx: Context, root: Path) -> RestorePoint:
        databases = self._databases(ctx, root)
        volumes = note_all(ctx) if self.databases == "aside" else save_all(ctx, root, Pace(self.jobs, self.nice))
        head = ctx.world.git.head()
        patch = ctx.world.git.local_patch() if ctx.world.git.local_edits() else b""
        return RestorePoint(
            id=ctx.run.id,
            run=ctx.run.id,
            kind=ctx.run.kind,
            label=ctx.options.label,
            project=ctx.app.stack.project,
            directory=str(ctx.app.stack.directory),
            created_at=ctx.now(),
            tool=__version__,
            commit=head,
            branch=ctx.world.git.branch(),
            version=ctx.world.git.name_of(head),
            files=tuple(_files(ctx, root)),
            patch=save(root, "local.patch", patch) if patch else None,
            model=self._model(ctx, root),
            pins=tuple(self._pins(ctx)),
            databases=databases,
            volumes=volumes,
            apart=_apart(databases),
            consistent=self.consistent and self.databases == "dump",
            env_file=ctx.app.stack.env_file,
            fingerprints=fingerprints(ctx.world),
            running=tuple(sorted({c.service for c in ctx.world.containers if serves(c)})),
            started=tuple(sorted({c.service for c in ctx.world.containers if c.running and not c.oneoff})),
        )

    def _model(self, ctx: Context, root: Path) -> SavedFile | None:
        """What Compose makes of the files; a way back must go on where a broken checkout cannot be read."""
        model = ctx.world.model if self.databases == "dump" else ctx.world.model_if_any
        return save(root, "model.json", json.dumps(model.raw, indent=1).encode()) if model else None

    def _pins(self, ctx: Context) -> list[Pin]:
        """By the containers' own image ids: the tags may have moved already."""
        seen: dict[str, Pin] = {}
        for container in ctx.world.containers:
            if container.oneoff or container.service in seen:
                continue
            if container.state != "running" and ctx.world.docker.image_id(container.image_id) is None:
                # its image was removed by force: it cannot be kept, and must not stand in the way of anything else
                ctx.say(f"the image of {container.service}, which does not run, is gone: it cannot be pinned")
            else:
                seen[container.service] = ctx.world.docker.pin(container, ctx.run.id)
        digests = ctx.world.docker.image_digests(pin.image_id for pin in seen.values())
        return [replace(pin, digests=digests.get(pin.image_id, ())) for pin in seen.values()]

    def _databases(self, ctx: Context, root: Path) -> tuple[SavedDatabase, ...]:
        specs = ctx.app.databases.values()
        if self.databases == "aside":
            return tuple(self._aside(ctx, spec) for spec in specs)
        for server in {spec.where: ctx.world.server(spec) for spec in specs}.values():
            server.end_leftovers()
        with ExitStack() as stack:
            moments = self._moments(ctx, stack)
            return tuple(self._dump(ctx, root, spec, *moments[spec.id]) for spec in specs)

    def _moments(self, ctx: Context, stack: ExitStack) -> dict[str, tuple[Snapshot, Moment]]:
        """All databases are fixed at once, then dumped one after the other.

        The statistics are read just before: what is written in between is counted once too often, and never too seldom.
        """
        sessions: dict[str, Session] = {}
        for spec in ctx.app.databases.values():
            sessions[spec.id] = stack.enter_context(ctx.world.server(spec).holding(ctx.world.database(spec)))
        noted = {name: Moment.of_rows(session.query(MOMENT)) for name, session in sessions.items()}
        moments = self._taken(ctx, sessions)
        return {name: (taken, noted[name].at(taken.transactions)) for name, taken in moments.items()}

    def _taken(self, ctx: Context, sessions: Mapping[str, Session]) -> dict[str, Snapshot]:
        if not self.consistent:
            return {name: session.take() for name, session in sessions.items()}
        specs = ctx.app.databases.values()
        writers = [container for container in ctx.world.writers() if container.state == "running"]
        started = time.monotonic()
        with paused(ctx.shell, [writer.id for writer in writers]):
            settled = [ctx.world.server(spec).settle() for spec in specs]
            moments = {name: session.take() for name, session in sessions.items()}
        names = ", ".join(sorted({writer.service for writer in writers})) or "nobody"
        ctx.say(f"{names} stood still for {duration(time.monotonic() - started)}")
        if not all(settled):
            ctx.say("a statement that was under way went on meanwhile")
        return moments

    def _aside(self, ctx: Context, spec: DatabaseSpec) -> SavedDatabase:
        server, name = ctx.world.server(spec), ctx.world.database(spec)
        with ctx.world.looks.looking():
            return SavedDatabase(
                **self._known(ctx, spec, server),
                taken_at=ctx.now(),
                method="aside",
                aside=name_for(name, ctx.run.id, "aside"),
                schema_sha256=ctx.world.schema_digest(spec),
                rows={table: count.count for table, count in server.row_counts(name).items()},
                size=server.size(name),
            )

    def _dump(self, ctx: Context, root: Path, spec: DatabaseSpec, taken: Snapshot, moment: Moment) -> SavedDatabase:
        server, name = ctx.world.server(spec), ctx.world.database(spec)
        with ctx.world.looks.looking():
            known, bytes_ = self._known(ctx, spec, server), server.size(name)
            description = json.dumps(asdict(server.describe(name)), indent=1).encode()
        ctx.say(f"dumping {name} ({size(bytes_)})")
        archive = f"databases/{spec.id}.dump"
        dump = server.dump(name, root / archive, snapshot=taken, pace=Pace(self.jobs, self.nice), say=ctx.say)
        ctx.say(f"{name}: {size(dump.size)} {dump.how}, read back in full, {plural(len(dump.rows), 'table')}")
        members = (SavedFile(str(Path(archive, member.name)), member.sha256, member.size) for member in dump.members)
        beside = save(root, f"databases/{spec.id}.json", description)
        return SavedDatabase(
            **known,
            taken_at=dump.taken_at,
            moment=moment.to_json(),
            method="dump",
            archive=archive,
            files=(*members, self._globals(server, root, spec), beside),
            schema_sha256=dump.schema_sha256,
            rows={table: count.count for table, count in dump.rows.items()},
            sizes={table: count.bytes for table, count in dump.rows.items()},
            size=bytes_,
            seconds=round(dump.seconds, 3),
            proved=Proved("read", ctx.now()),
        )

    def _known(self, ctx: Context, spec: DatabaseSpec, server: Server) -> dict[str, Any]:
        """What every restore point notes of a database."""
        name = ctx.world.database(spec)
        return {
            "id": spec.id,
            "service": spec.where,
            "name": name,
            "user": ctx.world.user(spec),
            "server_version": server.require().version,
            "oid": server.oid(name),
            "ledger_sha256": ledger_digest(server, name),
        }

    def _globals(self, server: Server, root: Path, spec: DatabaseSpec) -> SavedFile:
        path = root / "databases" / f"{spec.id}.globals.sql"
        server.dump_globals(path)
        count, digest = measure(path)
        return SavedFile(f"databases/{spec.id}.globals.sql", digest, count)


def _apart(databases: Sequence[SavedDatabase]) -> float:
    """Seconds between the first and the last moment."""
    moments = [datetime.fromisoformat(database.taken_at) for database in databases if database.taken_at]
    return (max(moments) - min(moments)).total_seconds() if moments else 0.0


def _files(ctx: Context, root: Path) -> list[SavedFile]:
    """The env file and every untracked file that Compose reads, byte by byte."""
    saved = []
    for name in sorted({*ctx.world.untracked_config(), ctx.app.stack.env_file}):
        path = ctx.app.stack.directory / name
        if path.is_file():
            saved.append(save(root, f"files/{name}", path.read_bytes(), origin=name, mode=path.stat().st_mode & 0o7777))
    return saved


def _facts(point: RestorePoint) -> Facts:
    return {
        "point": point.id,
        "version": point.version,
        "commit": point.commit,
        "bytes": sum(file.size for file in every_file(point)),
        "databases": {
            db.id: {"method": db.method, "name": db.name, "rows": sum(db.rows.values())} for db in point.databases
        },
        "volumes": {volume.id: {"method": volume.method, "files": volume.files} for volume in point.volumes},
        "pins": {pin.service: pin.tag for pin in point.pins},
    }
