"""An operator's installation of the demo app: a clone, an env file, an override, and containers."""

import json
import re
import secrets
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from upgrader.demo.remote import git
from upgrader.errors import StepError, UsageError
from upgrader.tools.shell import Command, Shell

GREETING = "Hello from this machine"
OVERRIDE = f"""\
# What this machine adds to ledgerly; git does not know this file.
services:
  web:
    environment:
      APP_GREETING: {GREETING}
"""
SERVICES = frozenset({"db", "migrate", "web", "worker"})
PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
# below the ports that the kernel gives to clients: one of those, polling us while we are down, could take ours
PORTS = range(20_000, 32_000)


@dataclass(frozen=True)
class Installation:
    """A clone of the demo app and the Compose project that runs from it. The directory's name is the project's."""

    path: Path
    port: int

    @classmethod
    def create(
        cls,
        remote: Path,
        parent: Path,
        *,
        project: str,
        tag: str = "v1.0.0",
        branch: str | None = None,
        port: int | None = None,
    ) -> "Installation":
        """Clone the remote into parent/project at `tag`, on `branch` or else detached, and fill in the env file."""
        if not re.fullmatch("[a-z0-9][a-z0-9_-]*", project):
            raise UsageError(f"{project!r} is no name of a Compose project", "Use lower-case letters, digits, - and _")
        installation = cls(parent / project, port or free_port())
        git("clone", "--quiet", "--no-checkout", str(remote), str(installation.path), cwd=parent)
        installation.checkout(tag, branch=branch)
        example = (installation.path / ".env.example").read_text()
        installation.env_file.touch(mode=0o600)
        installation.env_file.write_text(
            example.replace("POSTGRES_PASSWORD=\n", f"POSTGRES_PASSWORD={secrets.token_hex(16)}\n").replace(
                "WEB_PORT=8080\n", f"WEB_PORT={installation.port}\n"
            )
        )
        (installation.path / "docker-compose.override.yml").write_text(OVERRIDE)
        return installation

    @property
    def project(self) -> str:
        return self.path.name

    @property
    def env_file(self) -> Path:
        return self.path / ".env"

    def checkout(self, ref: str, *, branch: str | None = None) -> None:
        """What the operator types: on `branch` if there is one, else detached."""
        git("checkout", "--quiet", *(["-B", branch] if branch else ["--detach"]), ref, cwd=self.path)

    def add_setting(self, name: str, value: str) -> None:
        with self.env_file.open("a") as file:
            file.write(f"{name}={value}\n")

    def start(self, *, seconds: float = 60) -> None:
        """The documented procedure: build and start, then wait until all is healthy."""
        self.compose("up", "--detach", "--build")
        self.wait_healthy(seconds)

    def wait_healthy(self, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not self.health() or self._docker("ps", "-q", *self._ours, "--filter", "health=starting"):
            if time.monotonic() > deadline:
                raise StepError(
                    f"{self.project} is not healthy after {seconds:.0f} s",
                    f"Look into its logs: docker compose -p {self.project} logs",
                    lines=self.logs().splitlines()[-25:],
                )
            time.sleep(0.05)

    def compose(self, *args: str) -> str:
        """What `docker compose` prints, run in the installation's directory; raises CommandFailedError."""
        return Shell().run(Command(("docker", "compose", *args), cwd=self.path, changes=True)).out

    def logs(self) -> str:
        """The containers' states and their last lines, even where the checkout or the env file is broken."""
        states = ("ps", "--all", "--format", "table {{.Name}}\t{{.Status}}\t{{.Image}}")
        lines = ("logs", "--no-color", "--tail=40")
        return "\n".join(
            # Compose begins each line by erasing it, whatever it is told about colours
            Shell().attempt(Command(("docker", "compose", "-p", self.project, *args))).out.replace("\x1b[2K", "")
            for args in (states, lines)
        )

    def health(self) -> bool:
        with suppress(OSError, HTTPException):
            return self._request("GET", "/health")[0] == HTTPStatus.OK
        return False

    def version(self) -> str:
        return str(self.get("/version")["version"])

    def schema(self) -> int:
        """The number of the newest migration in the ledger."""
        return int(self.get("/version")["schema"])

    def greeting(self) -> str:
        return str(self.get("/")["greeting"])

    def write(self, count: int) -> list[str]:
        """Write so many new notes, and return their bodies."""
        bodies = [f"note {secrets.token_hex(8)}" for _ in range(count)]
        for body in bodies:
            self._answer("POST", "/notes", body)
        return bodies

    def notes(self) -> list[str]:
        """The bodies of all notes, oldest first."""
        bodies: list[str] = []
        last = 0
        while page := self.get(f"/notes?after={last}"):
            bodies += [note["body"] for note in page]
            last = page[-1]["id"]
        return bodies

    def get(self, path: str) -> Any:
        """The JSON that the app answers; raises StepError when it answers an error, OSError when nobody answers."""
        return self._answer("GET", path)

    def remove(self) -> None:
        """Remove the project's containers, volumes, networks and images, and nothing else. The clone stays."""
        services = SERVICES | set(self._docker("ps", "-a", *self._ours, "--format", f'{{{{.Label "{SERVICE}"}}}}'))
        for kind, names in self._things(services).items():
            if names:
                force = [] if kind == "network" else ["--force"]
                Shell().attempt(Command(("docker", kind, "rm", *force, *names), changes=True))
        if left := [f"{kind} {name}" for kind, names in self._things(services).items() for name in names]:
            raise StepError(
                f"could not remove {', '.join(left)}", f"See what uses it: docker ps -a | grep {self.project}"
            )

    def _things(self, services: frozenset[str] | set[str]) -> dict[str, list[str]]:
        """What Docker holds of this project, by kind, in an order in which it can be removed."""
        named = {prefix + f"{self.project}-{service}" for prefix in ("", "upgrader-pin/") for service in services}
        images = self._docker("image", "ls", "--format", "{{.Repository}} {{.Tag}}")
        tags = [f"{repository}:{tag}" for repository, tag in map(str.split, images) if repository in named]
        return {
            "container": self._docker("ps", "-aq", *self._ours),
            "volume": self._docker("volume", "ls", "-q", *self._ours),
            "network": self._docker("network", "ls", "-q", *self._ours),
            "image": [*tags, *dict.fromkeys(self._docker("image", "ls", "-q", "--no-trunc", *self._ours))],
        }

    @property
    def _ours(self) -> Sequence[str]:
        return ("--filter", f"label={PROJECT}={self.project}")

    def _docker(self, *args: str) -> list[str]:
        return Shell().run(Command(("docker", *args))).out.splitlines()

    def _answer(self, method: str, path: str, body: str | None = None) -> Any:
        status, data = self._request(method, path, body)
        if status >= HTTPStatus.BAD_REQUEST:
            raise StepError(f"{method} {path} answered {status}: {data.decode(errors='replace').strip()}")
        return json.loads(data)

    def _request(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        return request(self.port, method, path, body)


def request(port: int, method: str, path: str, body: str | None = None, *, timeout: float = 2) -> tuple[int, bytes]:
    """The status and body that the app on this port answers; raises OSError or HTTPException when it does not."""
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
