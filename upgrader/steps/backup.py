"""The restore point: everything that a way back needs, saved and verified before anything is changed."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from upgrader import __version__
from upgrader.model.app import DatabaseSpec
from upgrader.model.duration import size
from upgrader.model.events import Facts
from upgrader.model.manifest import Pin, RestorePoint, SavedDatabase, SavedFile
from upgrader.model.verdict import Needed, Satisfied, Verdict
from upgrader.steps.base import Context, StepModel
from upgrader.steps.fingerprints import fingerprints
from upgrader.steps.points import Points, every_file, measure, save
from upgrader.steps.swap import serves
from upgrader.steps.way import ledger_digest
from upgrader.tools.postgres import Server, name_for


class Backup(StepModel):
    """Make the run's restore point.

    `databases`: `dump` saves each database as an archive, read back in full; `aside` only notes where the database
    will be kept in its server, for a rollback that renames it instead of overwriting it.
    """

    alters: ClassVar[bool] = False

    uses: Literal["backup"]
    databases: Literal["dump", "aside"] = "dump"

    def describe(self) -> str:
        return "Make a restore point" if self.databases == "dump" else "Note the present state, to be able to return"

    def check(self, ctx: Context) -> Verdict:
        points = Points(ctx.app.home)
        if points.exists(ctx.run.id):
            return Satisfied(f"restore point {ctx.run.id} is there", _facts(points.load(ctx.run.id)))
        names = ", ".join(ctx.app.databases) or "no database"
        return Needed(f"{names}, env file, overrides, commit, images")

    def apply(self, ctx: Context) -> Facts:
        points = Points(ctx.app.home)
        if points.exists(ctx.run.id):
            return _facts(points.load(ctx.run.id))
        root = points.begin(ctx.run.id)
        head = ctx.world.git.head()
        patch = ctx.world.git.local_patch() if ctx.world.git.local_edits() else b""
        point = RestorePoint(
            id=ctx.run.id,
            run=ctx.run.id,
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
            databases=tuple(self._database(ctx, root, spec) for spec in ctx.app.databases.values()),
            env_file=ctx.app.stack.env_file,
            fingerprints=fingerprints(ctx.world),
            running=tuple(sorted({c.service for c in ctx.world.containers if serves(c)})),
            started=tuple(sorted({c.service for c in ctx.world.containers if c.running and not c.oneoff})),
        )
        points.complete(point)
        points.verify(point)
        return _facts(point)

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

    def _database(self, ctx: Context, root: Path, spec: DatabaseSpec) -> SavedDatabase:
        server, name = ctx.world.server(spec), ctx.world.database(spec)
        with ctx.world.looks.looking():
            common = self._known(ctx, spec, server)
            if self.databases == "aside":
                counts = server.row_counts(name)
                return SavedDatabase(
                    **common,
                    method="aside",
                    aside=name_for(name, ctx.run.id, "aside"),
                    schema_sha256=ctx.world.schema_digest(spec),
                    rows={table: count.count for table, count in counts.items()},
                    size=server.size(name),
                )
        ctx.say(f"dumping {name} ({size(server.size(name))})")
        started = time.monotonic()
        archive = root / "databases" / f"{spec.id}.dump"
        dump = server.dump(name, archive)
        server.verify(archive, dump.sha256, dump.size)
        ctx.say(f"{name}: {size(dump.size)}, read back in full, {len(dump.rows)} tables")
        measured = SavedFile(f"databases/{spec.id}.dump", dump.sha256, dump.size)
        extra = [self._globals(server, root, spec)]
        return SavedDatabase(
            **common,
            method="dump",
            files=(measured, *extra),
            schema_sha256=dump.schema_sha256,
            rows={table: count.count for table, count in dump.rows.items()},
            size=server.size(name),
            seconds=round(time.monotonic() - started, 3),
        )

    def _known(self, ctx: Context, spec: DatabaseSpec, server: Server) -> dict[str, Any]:
        """What every restore point notes of a database."""
        name = ctx.world.database(spec)
        return {
            "id": spec.id,
            "service": spec.service,
            "name": name,
            "user": ctx.world.user(spec),
            "server_version": server.require().version,
            "oid": server.oid(name),
            "ledger_sha256": ledger_digest(server, name),
            "taken_at": ctx.now(),
        }

    def _globals(self, server: Server, root: Path, spec: DatabaseSpec) -> SavedFile:
        path = root / "databases" / f"{spec.id}.globals.sql"
        server.dump_globals(path)
        count, digest = measure(path)
        return SavedFile(f"databases/{spec.id}.globals.sql", digest, count)


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
        "pins": {pin.service: pin.tag for pin in point.pins},
    }
