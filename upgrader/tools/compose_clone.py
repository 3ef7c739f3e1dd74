"""A project apart: services of an app's Compose model on a network of their own, nothing of the live stack in reach."""

import json
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from upgrader.errors import StepError
from upgrader.model.app import Stack
from upgrader.tools import compose_errors, stacks
from upgrader.tools.compose_model import Model, Service, ServiceMount
from upgrader.tools.conversation import CancelledError
from upgrader.tools.docker import Container, Docker
from upgrader.tools.postgres_throwaway import LABEL, PREFIX, RUN, labels
from upgrader.tools.shell import Command, Shell

HEALTHY = "service_healthy"
PATIENCE = 90.0
"""Seconds that a cloned service gets to become what others wait for."""

# All that a cloned service keeps. Whatever is not here cannot reach anything: ports, names, binds, networks, hosts.
_KEPT = (
    "command", "entrypoint", "environment", "working_dir", "user", "init", "tmpfs", "shm_size", "ulimits", "sysctls",
    "healthcheck", "stop_signal", "stop_grace_period", "read_only", "platform", "hostname", "tty", "stdin_open",
    "mem_limit", "memswap_limit", "mem_reservation", "cpus", "group_add", "security_opt", "cap_drop", "secrets",
    "configs",
)  # fmt: skip
_HOSTLESS = ("--opt", "com.docker.network.bridge.inhibit_ipv4=true")
"""This machine has no address in the network: what listens on it is out of reach as well."""
_POWERS = ("privileged", "devices", "cap_add", "device_cgroup_rules", "pid", "ipc", "userns_mode", "cgroup", "uts")
"""What gives a service a hand on the machine itself."""
_SHARED = ("/etc/", "/usr/share/")
"""Where read-only binds of the machine's own settings come from: time zone, certificates."""


class NoCloneError(StepError):
    """A clone that is safe and like the original cannot be had: this says nothing about what was to run in it."""


@dataclass(frozen=True)
class Companions:
    """What a service needs around it: services to clone, in the order of their start, and those stood in for."""

    cloned: tuple[str, ...]
    servers: tuple[str, ...]


def companions(model: Model, service: str, servers: Sequence[str]) -> Companions:
    """What `service` depends on, directly or through others. `servers` are stood in for; one-shots have run already."""
    shots, todo, found = model.one_shots(), [service], set[str]()
    while todo:
        for name in model.services[todo.pop()].depends_on:
            if name in model.services and name not in found and name not in servers and name not in shots:
                found.add(name)
                todo.append(name)
    order = model.order()
    return Companions(tuple(name for name in order if name in found), tuple(servers))


def obstacle(model: Model, service: str, servers: Sequence[str], checkout: Path) -> str:
    """Why `service` cannot be cloned with its companions, both safely and so that it would work; empty: it can.

    `servers` are services that something else stands in for, `checkout` the directory with the app's own files.
    """
    around = companions(model, service, servers)
    databases = model.databases()
    for name in (*around.cloned, service):
        if name in databases:
            return f"it needs {name}, a database of which there is no copy"
        if found := next(_obstacles(model, model.services[name], checkout), ""):
            return found
    return ""


def _obstacles(model: Model, service: Service, checkout: Path) -> Iterator[str]:
    raw, name = service.raw, service.name
    mode = str(raw.get("network_mode") or "")
    if mode not in ("", "none", "bridge"):
        yield f"{name} uses the network of {mode.removeprefix('service:').removeprefix('container:')}"
    yield from (f"{name} asks for {key.replace('_', ' ')}" for key in _POWERS if raw.get(key))
    if raw.get("volumes_from"):
        yield f"{name} mounts the volumes of others"
    for mount in service.volumes:
        if why := _mount_obstacle(mount, checkout):
            yield f"{name} mounts {why}"
    for kind in ("secrets", "configs"):
        for used in raw.get(kind) or ():
            if _definition(model, kind, used).get("external"):
                yield f"{name} uses {kind} from outside"


def _mount_obstacle(mount: ServiceMount, checkout: Path) -> str:
    if mount.type == "tmpfs" or (mount.type == "volume" and not mount.source):
        return ""
    if mount.type != "bind":
        return f"the {mount.type} {mount.source}"
    source = Path(mount.source)
    if not mount.read_only:
        return f"{source}, and may write to it"
    if not (source.is_relative_to(checkout) or mount.source.startswith(_SHARED)):
        return f"{source}, which is not the app's own"
    # a socket is a door, read-only or not; so is a link that leads out
    if not source.resolve().is_relative_to(checkout.resolve()) and not str(source.resolve()).startswith(_SHARED):
        return f"{source}, which leads elsewhere"
    return "" if _harmless(source) else f"{source}, which is no file"


def _harmless(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def cloned(model: Model, names: Sequence[str], project: str, marks: Mapping[str, str]) -> dict[str, Any]:
    """A Compose file of these services alone: no ports, no names, anonymous volumes, one network: `project`."""
    services = {name: _cloned(model, name, marks) for name in names}
    used: dict[str, Any] = {}
    for kind in ("secrets", "configs"):
        wanted = {_source(item) for service in services.values() for item in service.get(kind) or ()}
        # a name of its own would be that of the live project
        found = {key: dict((model.raw.get(kind) or {})[key]) for key in sorted(wanted)}
        used |= {kind: {key: {k: v for k, v in data.items() if k != "name"} for key, data in found.items()}}
    outside = {"default": {"name": project, "external": True}}
    return {"name": project, "services": services, "networks": outside, **{k: v for k, v in used.items() if v}}


def _cloned(model: Model, name: str, marks: Mapping[str, str]) -> dict[str, Any]:
    raw = model.services[name].raw
    kept = {key: raw[key] for key in _KEPT if raw.get(key) is not None}
    mounts = [
        mount for mount in raw.get("volumes") or () if mount["type"] in ("tmpfs", "bind") or not mount.get("source")
    ]
    wired = {} if raw.get("network_mode") == "none" else {"networks": {"default": {"aliases": aliases(model, name)}}}
    return {
        **kept,
        **({"volumes": mounts} if mounts else {}),
        **wired,
        "image": model.image_of(name),
        "pull_policy": "never",
        "restart": "no",
        "labels": dict(marks),
    }


def aliases(model: Model, name: str) -> list[str]:
    """Every name that other services may know this one by."""
    raw = model.services[name].raw
    found = [name, raw.get("container_name"), raw.get("hostname")]
    for network in (raw.get("networks") or {}).values():
        found += (network or {}).get("aliases") or ()
    for other in model.services.values():
        for link in other.raw.get("links") or ():
            target, _, alias = str(link).partition(":")
            found += [alias] if target == name else []
    return list(dict.fromkeys(alias for alias in found if alias))


def _source(item: Any) -> str:
    return str(item["source"] if isinstance(item, Mapping) else item)


def _definition(model: Model, kind: str, item: Any) -> Mapping[str, Any]:
    return (model.raw.get(kind) or {}).get(_source(item)) or {}


@dataclass(frozen=True)
class Clone:
    """One run's clone of services of `model`. `stack` is the live one: its env file is read, nothing else of it."""

    shell: Shell
    stack: Stack
    model: Model
    run: str
    scratch: Path

    @property
    def project(self) -> str:
        """The clone's own Compose project, and the name of its network."""
        return f"{PREFIX}{self.run}".lower()

    @property
    def container(self) -> str:
        """The container of the service that runs to its end; the name exists once."""
        return f"{self.project}-rehearsal"

    def found(self) -> Container | None:
        """That container, where an earlier process began to run it."""
        return Docker(self.shell).container(self.container)

    def open(self, servers: Mapping[str, str]) -> None:
        """Make the network, from which nothing leads anywhere, and put containers into it under services' names."""
        flags = (*labels(self.stack.project, self.run), "--internal", *_HOSTLESS, self.project)
        made = self._docker("network", "create", *flags)
        if made and "already exists" not in made:
            raise NoCloneError(f"a network of its own cannot be made: {made}")
        for service, container in servers.items():
            names = [word for alias in aliases(self.model, service) for word in ("--alias", alias)]
            self._docker("network", "disconnect", "none", container)
            joined = self._docker("network", "connect", *names, self.project, container)
            if joined and "already exists" not in joined:
                raise NoCloneError(f"{container} cannot join the network: {joined}")

    def _docker(self, *argv: str) -> str:
        """What Docker complains of; empty when it was content."""
        result = replace(self.shell, say=None).attempt(Command(("docker", *argv), changes=True))
        return "" if result.ok else self.shell.redactor.text((result.tail or ("",))[-1])

    def start(self, around: Companions, awaited: Mapping[str, str]) -> None:
        """Start the companions one after the other; each is waited for as the services in `awaited` demand."""
        for name in around.cloned:
            self._compose([name], f"starting {name} apart", "up", "--detach", "--no-deps", "--no-build", name)
            self._await(name, awaited.get(name, ""))

    def _await(self, name: str, condition: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            boxes = [box for box in Docker(self.shell).containers(self.project) if box.service == name]
            box = boxes[0] if boxes else None
            if box and box.running and (condition != HEALTHY or box.health in ("", "healthy")):
                return
            if box is None or box.state in ("exited", "dead") or time.monotonic() > deadline:
                state = (box.health if box.running else box.state) if box else "gone"
                lines = Docker(self.shell).log_tail(box.name) if box else []
                raise NoCloneError(f"{name}, which it needs, is {state} when it stands apart", lines=lines)
            if self.shell.tick and self.shell.tick():
                raise CancelledError
            time.sleep(0.1)

    def run_detached(self, service: str) -> None:
        """Start the service under the name that exists once. Raises StepError where its container cannot start."""
        call = ("run", "--detach", "--no-deps", "--name", self.container, service)
        try:
            self._compose([service], f"running {service} apart", *call)
        except NoCloneError as error:
            made = self.found()
            if made is None:
                raise
            raise StepError(error.message, error.hint, lines=error.lines) from error

    def _compose(self, names: Sequence[str], what: str, *arguments: str) -> None:
        marks = {LABEL: self.stack.project, RUN: self.run}
        data = cloned(self.model, names, self.project, marks)
        # Compose reads its own output with every dollar sign doubled
        text = json.dumps(data).replace("$", "$$")
        env = (self.stack.directory / self.stack.env_file).absolute()
        apart = Stack(self.scratch, self.project)
        call = stacks.command(
            apart,
            *arguments,
            env_file=env if env.is_file() else None,
            changes=True,
            stdin=text.encode(),
            label=what,
        )
        result = replace(self.shell, say=None).attempt(call)
        if not result.ok:
            failed = compose_errors.failed(what, result.out, [self.shell.redactor.text(line) for line in result.tail])
            raise NoCloneError(failed.message, failed.hint, lines=failed.lines)
