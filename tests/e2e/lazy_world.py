"""An app in the shape of lazyit: its files, services, env file and releases, with small programs behind them."""

import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.scenario import Answer, upgrader
from tests.fixtures.engine import Project, sh
from upgrader.demo.host import free_port
from upgrader.demo.remote import git
from upgrader.engine.state import State
from upgrader.env.document import Document
from upgrader.model.manifest import RestorePoint
from upgrader.steps.points import Points

FILES = Path(__file__).parents[1] / "fixtures" / "apps" / "lazyit"
RELEASES = {
    "v1.2.0": ("base", "before-modes"),
    "v1.3.0": ("base", "modes"),
    "v1.6.0": ("base", "modes", "v1.6.0"),
    "v1.7.0": ("base", "modes", "v1.6.0", "v1.7.0"),
}
"""Tag → the directories that its tree is laid from. v1.2.0 always has the identity provider; v1.3.0 has it as a mode,
with a Compose file of its own; v1.6.0 demands the mode, the broker's address and the key of the workflows.
"""
ENV = "infra/env/.env.prod"
EXAMPLE = f"{ENV}.example"


def build_remote(path: Path, project: str) -> None:
    """A repository with RELEASES. Fixed image tags, as lazyit has them, but of names that no other test uses."""
    git("init", "--quiet", "--initial-branch=main", str(path), cwd=path.parent)
    for tag, layers in RELEASES.items():
        for layer in layers:
            shutil.copytree(FILES / layer, path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        compose = path / "compose.yaml"
        compose.write_text(compose.read_text().replace("IMAGES-", f"{project}-"))
        commit(path, tag)


def commit(path: Path, tag: str) -> None:
    author = ("-c", "user.name=releases", "-c", "user.email=releases@lazyit.example")
    git("add", "--all", cwd=path)
    git(*author, "commit", "--quiet", "--allow-empty", "-m", f"Release {tag}", cwd=path)
    git(*author, "tag", "-a", "-m", tag, tag, cwd=path)


@dataclass(frozen=True)
class Lazyit:
    """An operator's installation; its Compose project is not `lazyit-prod`, for tests run beside one another."""

    path: Path
    project: str
    profiles: tuple[str, ...]
    port: int = field(default_factory=free_port)

    @property
    def env_file(self) -> Path:
        return self.path / ENV

    def __call__(self, *args: str | Path, code: int | None = 0) -> Answer:
        """Type `upgrader ARGS`: no playbook is named, the directory tells."""
        return upgrader(*args, "--project", self.project, cwd=self.path, code=code)

    def upgrade(self, to: str, code: int = 0) -> Answer:
        """By a shorter road: dumps are read, not restored, and migrations are not rehearsed."""
        quick = ("--proof", "read", "--no-rehearsal")
        return self("upgrade", "--to", to, "--yes", "--output", "plain", *quick, code=code)

    def start(self) -> None:
        """As lazyit's documentation says; the overlay where it is shipped."""
        overlay = "infra/docker-compose.oidc.yaml"
        files = ["compose.yaml", "infra/docker-compose.prod.yaml"]
        files += [overlay] if "oidc" in self.profiles and (self.path / overlay).exists() else []
        words = [word for name in files for word in ("-f", name)]
        words += [word for name in self.profiles for word in ("--profile", name)]
        sh("docker", "compose", "-p", self.project, *words, "--env-file", ENV, "up", "-d", "--build", cwd=self.path)

    def env(self) -> dict[str, str]:
        return dict(Document.parse(self.env_file.read_bytes(), ENV).values())

    def inside(self, service: str, name: str) -> str:
        """A variable as the program in the service's container has it; empty where it has none."""
        found = json.loads(sh("docker", "inspect", f"{self.project}-{service}-1"))[0]["Config"]["Env"]
        return next((str(line).removeprefix(f"{name}=") for line in found if line.startswith(f"{name}=")), "")

    def sql(self, query: str, service: str = "db", user: str = "lazyit") -> str:
        return sh("docker", "exec", f"{self.project}-{service}-1", "psql", "-XAtqU", user, "-c", query)

    def containers(self) -> dict[str, str]:
        """Service → its container's id and when that started."""
        label = f"label=com.docker.compose.project={self.project}"
        found = json.loads(sh("docker", "inspect", *sh("docker", "ps", "-aq", "--filter", label).split()))
        service = "com.docker.compose.service"
        return {box["Config"]["Labels"][service]: f"{box['Id']} {box['State']['StartedAt']}" for box in found}

    def world(self) -> dict[str, object]:
        """All that a refusal must leave alone."""
        return {
            "env": self.env_file.read_bytes(),
            "head": git("rev-parse", "HEAD", cwd=self.path),
            "status": git("status", "--porcelain", cwd=self.path),
            "containers": self.containers(),
            "people": self.sql("select * from people order by id"),
        }

    @property
    def state(self) -> State:
        return State(Path(os.environ["UPGRADER_HOME"]) / self.project)

    def points(self) -> list[RestorePoint]:
        """What each run saved, the oldest first."""
        points = Points(self.state.home)
        return [points.load(run.id) for run in self.state.all() if run.kind in ("upgrade", "backup")]


@contextmanager
def installed(parent: Path, tag: str, *, settings: Callable[[str], str], profiles: tuple[str, ...]) -> Iterator[Lazyit]:
    """A release serving, with somebody in its database. `settings` edits the filled-in env file."""
    project = f"ut-lazyit-{secrets.token_hex(3)}"
    build_remote(parent / "lazyit.git", project)
    git("clone", "--quiet", str(parent / "lazyit.git"), str(parent / "lazyit"), cwd=parent)
    git("checkout", "--quiet", "--detach", tag, cwd=parent / "lazyit")
    app = Lazyit(parent / "lazyit", project, profiles)
    app.env_file.touch(mode=0o600)
    app.env_file.write_text(settings(filled_in((app.path / EXAMPLE).read_text(), app.port)))
    try:
        app.start()
        app.sql("insert into people (name) values ('Ada'), ('Grace')")
        yield app
    finally:
        if not os.environ.get("UPGRADER_KEEP"):
            Project(app.path, project).remove()


def filled_in(example: str, port: int) -> str:
    """What an operator makes of the example: secrets of their own, their domain, their address."""
    own = {
        "WEB_ORIGIN": f"http://localhost:{port}",
        "LAZYIT_HTTP_PORT": str(port),
        "AUTH_SECRET": secrets.token_urlsafe(33),
        "ZITADEL_MASTERKEY": secrets.token_hex(16),
        "ZITADEL_ADMIN_PASSWORD": f"Aa1!{secrets.token_hex(8)}",
        "ZITADEL_DB_PASSWORD": secrets.token_hex(16),
        "MEILI_MASTER_KEY": secrets.token_hex(16),
    }
    password = secrets.token_hex(24)
    text = re.sub("^([A-Z_]+)=.*$", lambda m: f"{m[1]}={own[m[1]]}" if m[1] in own else m[0], example, flags=re.M)
    return text.replace("CHANGE_ME_STRONG_PASSWORD", password).replace("lazyit.example.com", "it.acme.test")
