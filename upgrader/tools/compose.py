"""Docker Compose, always called with explicit project, files, profiles and env file, in a clean environment."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from upgrader.errors import RefusedError, StepError
from upgrader.model.app import Stack
from upgrader.tools import compose_errors, compose_model, stacks
from upgrader.tools.compose_model import Model, Service, Variable, changed
from upgrader.tools.docker import Docker
from upgrader.tools.shell import Command, Shell
from upgrader.tools.stacks import adopt, default_files, differs, discover

__all__ = [
    "MINIMUM",
    "Compose",
    "Model",
    "Service",
    "Variable",
    "adopt",
    "changed",
    "default_files",
    "differs",
    "discover",
]

MINIMUM = (2, 24, 0)

_CONFLICT = re.compile(r"container name .* is already in use")


@dataclass(frozen=True)
class Compose:
    """One stack, through `docker compose`. No services given means none, never all."""

    shell: Shell
    stack: Stack

    def version(self) -> tuple[int, int, int]:
        """Raises RefusedError where there is no Compose."""
        result = self.shell.attempt(Command(("docker", "compose", "version", "--short"), timeout=60.0))
        match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", result.out)
        if not result.ok or match is None:
            raise RefusedError("Docker has no Compose plugin here", "apt-get install docker-compose-v2")
        major, minor, patch = match.groups(default="0")
        return int(major), int(minor), int(patch)

    def require(self) -> tuple[int, int, int]:
        """Its version; raises RefusedError where Compose is missing or too old."""
        found = self.version()
        if found < MINIMUM:
            raise RefusedError(
                f"Compose {_dotted(found)} is too old: {_dotted(MINIMUM)} is the oldest that works",
                "apt-get install --only-upgrade docker-compose-v2",
            )
        return found

    def model(self, directory: Path | None = None, env_file: Path | None = None) -> Model:
        """What Compose makes of the stack. Raises RefusedError, in our words, where Compose rejects it.

        With `directory`, another tree (an export of the target with the untracked files beside it) is read as if it lay
        in the live directory, so that the two models can be compared. `env_file` replaces the stack's.
        """
        if directory is None:
            return stacks.config(self.shell, self.stack, env_file)
        tree, live = _absolute(directory), _absolute(self.stack.directory)
        moved = compose_model.homes(tree, live)
        try:
            model = stacks.config(self.shell, replace(self.stack, directory=tree), env_file)
        except RefusedError as error:
            message = error.message.replace(f"{tree}/", "")
            raise RefusedError(message, compose_model.relocated(error.hint, moved)) from None
        return Model.of(compose_model.relocated(model.raw, moved), model.unset)

    def variables(self, directory: Path | None = None) -> Mapping[str, Variable]:
        """The variables that the files mention, those of inactive profiles too. Empty before Compose 2.26.

        It works while required ones are missing. Variables in the paths of `env_file:` may be absent.
        """
        stack = replace(self.stack, directory=directory or self.stack.directory)
        result = self.shell.attempt(stacks.command(stack, "config", "--variables", "--format", "json"))
        if "unknown flag" in result.err:
            return {}
        if not result.ok:
            raise stacks.rejected(self.shell, stack, result.err)
        return compose_model.variables(result.out)

    def build(self, services: Sequence[str]) -> None:
        """Build their images. Not atomic: where one fails, the tags of others may have moved already."""
        self._change("build", services, "building")

    def build_apart(self, model: Model, images: Mapping[str, str], tree: Path) -> None:
        """Build services of `model`, a version that is not checked out, from its files in `tree`.

        `images` names the services and the names that their images get; no other name moves.
        """
        moved = compose_model.homes(_absolute(self.stack.directory), _absolute(tree))
        services = {
            name: {"image": image, "build": compose_model.relocated(model.raw["services"][name]["build"], moved)}
            for name, image in images.items()
        }
        data = {"name": model.project, "services": services, "secrets": model.raw.get("secrets") or {}}
        # Compose reads its own output with every dollar sign doubled
        text = json.dumps(data).replace("$", "$$")
        stack = replace(self.stack, directory=_absolute(tree), profiles=())
        what = f"building {', '.join(images)}"
        call = stacks.command(stack, "build", *images, changes=True, stdin=text.encode(), label=what)
        result = self.shell.attempt(call)
        if not result.ok:
            raise compose_errors.failed(what, result.out, self._lines(result.tail))

    def pull(self, services: Sequence[str]) -> None:
        """Pull their images; services without `image:` are skipped. Raises TransientError where the network failed."""
        self._change("pull", services, "pulling")

    def up(self, services: Sequence[str], *, force: Sequence[str] = ()) -> None:
        """Create or recreate what differs, and start it; those in `force` get a new container in any case.

        Neither builds nor pulls, and touches nothing but these services. What a killed `up` left is put right first.
        """
        for done in Docker(self.shell).repair_half_replaced(self.stack.project):
            if self.shell.say:
                self.shell.say(done)
        flags = ("--detach", "--no-deps", "--no-build", "--pull", "never")
        self._change("up", [name for name in services if name not in force], "starting", *flags)
        self._change("up", force, "replacing", *flags, "--force-recreate")

    def run_detached(self, service: str, name: str) -> None:
        """Start a one-off of the service under this name, which exists once: called again, nothing starts twice.

        A container that was created but never started, because the first call was cut off, is started now.
        """
        docker = Docker(self.shell)
        call = stacks.command(self.stack, "run", "--detach", "--no-deps", "--name", name, service, changes=True)
        result = self.shell.attempt(call)
        if not result.ok and not _CONFLICT.search(result.out):
            raise compose_errors.failed(f"running {service}", result.out, self._lines(result.tail))
        made = docker.container(name)
        if made is None or (made.project, made.service) != (self.stack.project, service):
            raise StepError(f"the container {name} is not the {service} that was asked for", f"docker inspect {name}")
        if made.state == "created":
            docker.start([name])

    def stop(self, services: Sequence[str]) -> None:
        self._change("stop", services, "stopping")

    def start(self, services: Sequence[str]) -> None:
        """Start their existing containers."""
        self._change("start", services, "starting")

    def _change(self, verb: str, services: Sequence[str], doing: str, *flags: str) -> None:
        if not services:
            return
        what = f"{doing} {', '.join(services)}"
        result = self.shell.attempt(stacks.command(self.stack, verb, *flags, *services, changes=True, label=what))
        if not result.ok:
            raise compose_errors.failed(what, result.out, self._lines(result.tail))

    def _lines(self, tail: Sequence[str]) -> list[str]:
        return [self.shell.redactor.text(line) for line in tail]


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))


def _dotted(version: tuple[int, int, int]) -> str:
    return ".".join(map(str, version))
