"""What the engine says of containers, volumes and itself, as data: reading its JSON, no I/O."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

PROJECT = "com.docker.compose.project"
WORKING_DIR = "com.docker.compose.project.working_dir"
CONFIG_FILES = "com.docker.compose.project.config_files"
ENVIRONMENT_FILE = "com.docker.compose.project.environment_file"
SERVICE = "com.docker.compose.service"
ONEOFF = "com.docker.compose.oneoff"
NUMBER = "com.docker.compose.container-number"

PINS = "upgrader-pin/"
"""Every pin's repository begins with this, and no tag outside it is ever removed."""

OURS = "-upgrader-"
"""In the name of every container that we make."""

HALF_REPLACED = re.compile(r"(?P<old>[0-9a-f]{12})_(?P<name>.+)")
"""The name of a container that a killed `up` left between creating it and renaming it."""

_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")


@dataclass(frozen=True)
class EngineInfo:
    """The engine that the CLI talks to. `local`: its file system is ours."""

    version: str
    root_dir: str
    storage: str
    local: bool


@dataclass(frozen=True)
class Mount:
    """What is mounted where in a container. `name` is a volume's; `source` a path on the engine's machine."""

    type: str
    name: str
    source: str
    destination: str


@dataclass(frozen=True)
class Container:
    """A container as it is now.

    `state` is one of created, running, restarting, paused, exited, dead, removing; `exit_code` says something only once
    it is `exited`. `health` is starting, healthy or unhealthy, and empty without a check. `started_at` is ISO 8601.
    """

    id: str
    name: str
    service: str
    image_id: str
    image_ref: str
    """The name its image went by when it was created."""
    state: str
    exit_code: int
    health: str
    started_at: str
    restarting: bool
    restart_count: int
    oneoff: bool
    number: int
    labels: Mapping[str, str] = field(repr=False)
    env: Mapping[str, str] = field(repr=False)
    mounts: tuple[Mount, ...] = ()
    addresses: tuple[str, ...] = ()
    """Its IPv4 addresses on the engine's networks; none while it does not run."""
    created_at: str = ""
    networks: tuple[str, ...] = ()
    """Names of those networks; `host` where it has that of the machine."""

    @property
    def project(self) -> str:
        return self.labels.get(PROJECT, "")

    @property
    def running(self) -> bool:
        return self.state == "running"


@dataclass(frozen=True)
class Volume:
    """A volume of the project. `mountpoint` is a path on the engine's machine."""

    name: str
    driver: str
    mountpoint: str
    labels: Mapping[str, str] = field(repr=False)
    options: Mapping[str, str] = field(default_factory=dict)
    """What the driver was told; of a `local` one: that its files are elsewhere."""


def container(data: Mapping[str, Any]) -> Container:
    """Reads one element of `docker inspect`."""
    state, config = data["State"], data["Config"]
    labels = config.get("Labels") or {}
    return Container(
        id=data["Id"],
        name=data["Name"].lstrip("/"),
        service=labels.get(SERVICE, ""),
        image_id=data["Image"],
        image_ref=config.get("Image", ""),
        state=state["Status"],
        exit_code=state["ExitCode"],
        health=_health(state),
        started_at=state["StartedAt"],
        restarting=state["Restarting"],
        restart_count=data.get("RestartCount", 0),
        oneoff=labels.get(ONEOFF, "False") == "True",
        number=int(labels.get(NUMBER, "0")),
        labels=labels,
        env=dict(_pair(entry) for entry in config.get("Env") or ()),
        # the engine lists them in any order
        mounts=tuple(sorted(map(_mount, data.get("Mounts") or ()), key=lambda mount: mount.destination)),
        addresses=_addresses(data),
        created_at=data.get("Created", ""),
        networks=tuple(sorted((data.get("NetworkSettings") or {}).get("Networks") or {})),
    )


def seconds_between(start: str, end: str) -> float:
    """Between two timestamps of the engine's, which counts nanoseconds."""
    one, other = (datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", text)) for text in (start, end))
    return round((other - one).total_seconds(), 3)


def volume(data: Mapping[str, Any]) -> Volume:
    """Reads one element of `docker volume inspect`."""
    return Volume(data["Name"], data["Driver"], data["Mountpoint"], data.get("Labels") or {}, data.get("Options") or {})


def pin_name(project: str, service: str, point_id: str) -> str:
    """`upgrader-pin/<project>-<service>:<point_id>`, as a valid reference.

    Names that a reference cannot hold are bent, and get a hash of what they were: no two services share a pin.
    """
    wanted = f"{project}-{service}"
    repository = wanted.lower()
    if repository != wanted or not _REPOSITORY.fullmatch(repository):
        digest = hashlib.sha256(wanted.encode()).hexdigest()[:8]
        repository = "-".join([*re.findall("[a-z0-9]+", repository), digest])
    tag = re.sub(r"[^\w.-]", "-", point_id.lower(), flags=re.ASCII).lstrip(".-")
    return f"{PINS}{repository}:{tag[:128]}"


def _health(state: Mapping[str, Any]) -> str:
    status = (state.get("Health") or {}).get("Status", "")
    return "" if status == "none" else status


def _addresses(data: Mapping[str, Any]) -> tuple[str, ...]:
    networks = (data.get("NetworkSettings") or {}).get("Networks") or {}
    return tuple(network["IPAddress"] for network in networks.values() if network and network.get("IPAddress"))


def _pair(entry: str) -> tuple[str, str]:
    name, _, value = entry.partition("=")
    return name, value


def _mount(data: Mapping[str, Any]) -> Mount:
    return Mount(data["Type"], data.get("Name", ""), data.get("Source", ""), data["Destination"])
