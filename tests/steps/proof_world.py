"""A database service of a project, as Compose would have made it, and restore points of its databases."""

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.tools.postgres_world import running
from upgrader.model.app import App, DatabaseSpec, MigrationsSpec, Stack
from upgrader.model.manifest import RestorePoint
from upgrader.model.run import Run
from upgrader.model.secret import Redactor
from upgrader.steps.backup import Backup
from upgrader.steps.base import Context, Options
from upgrader.steps.points import Points
from upgrader.steps.world import Scratch, World
from upgrader.tools.postgres import Server
from upgrader.tools.postgres_throwaway import LABEL, RUN
from upgrader.tools.shell import Shell


@dataclass
class Stand:
    """One server of a project named `project`; each `context` is a run of its own over one database of it."""

    container: str
    project: str
    home: Path
    said: list[str] = field(default_factory=list)

    @property
    def server(self) -> Server:
        return Server(Shell(), self.container, "app", "20260801T120000Z-0000")

    def database(self, sql: str) -> str:
        """A new database in the server."""
        name = f"shop{secrets.token_hex(3)}"
        self.server.execute(f"CREATE DATABASE {name};")
        self.server.execute(sql, name)
        return name

    def context(self, *names: str, options: Options | None = None, past: tuple[Run, ...] = ()) -> Context:
        """A run that has come to its proof."""
        stack = Stack(self.home, self.project)
        specs = {name: DatabaseSpec(name, "db", name=name) for name in names}
        app = App(self.project, stack, self.home / "state", specs, MigrationsSpec())
        run = Run(f"20260801T120000Z-{secrets.token_hex(2)}", "upgrade", self.project, str(self.home), "", "now")
        log = self.home / f"{run.id}.log"
        shell = Shell(redactor=Redactor(), log=log)
        options = options or Options()
        return Context(
            app=app,
            run=run,
            options=options,
            shell=shell,
            world=World(app, shell, run, options, Scratch(self.home)),
            directory=self.home,
            parent=None,
            say=self.said.append,
            ask=lambda question: question.default,
            now=lambda: "2026-08-01T12:00:00Z",
            past=lambda: past,
        )

    def point(self, ctx: Context) -> RestorePoint:
        """The run's restore point, with a dump of each of its databases."""
        points = Points(ctx.app.home)
        points.directory.mkdir(parents=True, exist_ok=True)
        root, step = points.begin(ctx.run.id), Backup.model_validate({"uses": "backup"})
        saved = step._databases(ctx, root)
        point = RestorePoint(
            ctx.run.id, ctx.run.id, self.project, str(self.home), "now", "0", "0" * 40, None, "v1", databases=saved
        )
        points.complete(point)
        return point

    def left(self) -> str:
        """Names of what runs of this project started apart and did not remove."""
        mark = ("--filter", f"label={LABEL}={self.project}", "--format", f'{{{{.Label "{RUN}"}}}}')
        listed = [["docker", "ps", "--all", *mark], ["docker", "network", "ls", *mark]]
        return "".join(subprocess.run(argv, check=True, capture_output=True, text=True).stdout for argv in listed)


@contextmanager
def standing(image: str, home: Path) -> Iterator[Stand]:
    project = f"upgrader-test-{secrets.token_hex(3)}"
    labels = {"project": project, "service": "db", "container-number": "1", "oneoff": "False"}
    options = tuple(word for key, value in labels.items() for word in ("--label", f"com.docker.compose.{key}={value}"))
    with running(image, "-c", "fsync=off", options=options) as container:
        stand = Stand(container, project, home)
        server = stand.server
        server.require(60)
        server.execute("CREATE ROLE reporter LOGIN PASSWORD 'reporters-own'; CREATE ROLE \"Odd 'role'\" LOGIN;")
        yield stand


def noted(point: RestorePoint, **changes: object) -> RestorePoint:
    """The point with something else noted of its first database."""
    first, *others = point.databases
    return replace(point, databases=(replace(first, **changes), *others))  # type: ignore[arg-type]
