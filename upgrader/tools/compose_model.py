"""What Compose makes of an app's files: services, volumes, networks, and what differs between two such models."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COMPLETED = "service_completed_successfully"

_UNSET = re.compile(r'The \\?"(\w+)\\?" variable is not set')
_VARIABLE = re.compile(r"[A-Za-z_]\w*")
_POSTGRES = re.compile(
    r"(postgres(ql)?|postgis|timescaledb(-ha)?|pgvector|pgvecto-rs|paradedb|spilo(-\d+)?|vchord-postgres|cloudnative-pg)"
)
_DATA = ("/var/lib/postgresql", "/bitnami/postgresql", "/home/postgres/pgdata", "/pgdata")
_ONE_SHOT = re.compile(
    r"(^|[-_.])(migrat\w*|init\w*|seed\w*|setup|bootstrap|prepare|provision\w*|create-?buckets?|chown|permissions|install)($|[-_.])"
)
# Compose leaves these out of what decides on a new container; `build` shows in the image
_NOT_COMPARED = frozenset({"build", "pull_policy", "scale", "develop", "volumes"})


@dataclass(frozen=True)
class ServiceMount:
    """Where a service wants what mounted. `source`: a bind's path, or a volume's name in the file; empty: anonymous."""

    type: str
    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True)
class Service:
    """A service as Compose resolved it."""

    name: str
    image: str
    """As the file says; empty when only built (see `Model.image_of`)."""
    build: bool
    build_context: str
    command: tuple[str, ...] | None
    entrypoint: tuple[str, ...] | None
    environment: Mapping[str, str | None] = field(repr=False)
    depends_on: Mapping[str, str]
    """The condition by the name of the service waited for."""
    healthcheck: bool
    restart: str
    ports: tuple[Mapping[str, Any], ...]
    volumes: tuple[ServiceMount, ...]
    profiles: tuple[str, ...]
    raw: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Variable:
    """A variable that the files mention. `required`: Compose refuses to go on without it."""

    required: bool
    default: str = ""
    alternate: str = ""


@dataclass(frozen=True)
class Model:
    """One project as Compose resolved it: the services of the active profiles, secrets included (in `raw`)."""

    project: str
    services: Mapping[str, Service]
    volumes: Mapping[str, Mapping[str, Any]]
    networks: Mapping[str, Mapping[str, Any]]
    unset: tuple[str, ...]
    """Variables without a value that Compose replaced by nothing."""
    raw: Mapping[str, Any] = field(repr=False)

    @staticmethod
    def parse(out: str, err: str = "") -> "Model":
        """Reads `config --format json`, and the warnings that came with it."""
        # every dollar sign in the output is doubled, so that the output is a compose file again
        data: dict[str, Any] = json.loads(out.replace("$$", "$"))
        return Model.of(data, tuple(sorted(set(_UNSET.findall(err)))))

    @staticmethod
    def of(data: Mapping[str, Any], unset: tuple[str, ...] = ()) -> "Model":
        return Model(
            project=data.get("name", ""),
            services={name: _service(name, raw) for name, raw in sorted((data.get("services") or {}).items())},
            volumes={name: raw or {} for name, raw in (data.get("volumes") or {}).items()},
            networks={name: raw or {} for name, raw in (data.get("networks") or {}).items()},
            unset=unset,
            raw=data,
        )

    def image_of(self, service: str) -> str:
        """The name that the service's image goes by."""
        return self.services[service].image or f"{self.project}-{service}"

    def one_shots(self) -> set[str]:
        """Services that are meant to end.

        Those that another one waits for to complete; and those without a restart policy, ports or health check whose
        name says so (migrate, init, seed, setup, …).
        """
        waited = {
            name
            for service in self.services.values()
            for name, condition in service.depends_on.items()
            if condition == COMPLETED and name in self.services
        }
        return waited | {s.name for s in self.services.values() if _ends_by_name(s)}

    def databases(self) -> dict[str, tuple[str, str]]:
        """Postgres services with their image and data volume (real name, a bind's path, or empty), guessed.

        By the image's name (postgres, postgis, timescaledb, pgvector, …), or by something mounted at a data directory.
        """
        found = {}
        for name, service in self.services.items():
            data = [m for m in service.volumes if m.target.startswith(_DATA) and m.type != "tmpfs" and not m.read_only]
            if data or _POSTGRES.fullmatch(repository_name(service.image)):
                found[name] = (self.image_of(name), self._real_name(data[0]) if data else "")
        return found

    def dependents_of(self, service: str) -> set[str]:
        """The services that wait for it, directly or through others."""
        found: set[str] = set()
        todo = [service]
        while todo:
            name = todo.pop()
            direct = {s.name for s in self.services.values() if name in s.depends_on} - found
            found |= direct
            todo += direct
        return found

    def order(self) -> list[str]:
        """Services after those that they depend on; otherwise by name."""
        done: dict[str, None] = {}

        def visit(name: str) -> None:
            if name in done or name not in self.services:
                return
            for dependency in sorted(self.services[name].depends_on):
                visit(dependency)
            done[name] = None

        for name in self.services:
            visit(name)
        return list(done)

    def volume_identity(self, service: str) -> dict[str, str]:
        """What the service mounts where: the volume's real name, or a bind's path; empty for an anonymous volume."""
        mounts = self.services[service].volumes
        return {mount.target: self._real_name(mount) for mount in mounts if mount.type != "tmpfs"}

    def _real_name(self, mount: ServiceMount) -> str:
        if mount.type == "volume" and mount.source:
            return str(self.volumes.get(mount.source, {}).get("name") or mount.source)
        return mount.source


def changed(old: Model, new: Model) -> dict[str, str]:
    """Why each service that differs would get another container: names of keys and variables, never values.

    New services say `new service`, dropped ones `removed`. What a build would change shows only in the built image.
    """
    found = {name: "removed" for name in old.services if name not in new.services}
    for name in new.services:
        why = "; ".join(_differences(old, new, name)) if name in old.services else "new service"
        if why:
            found[name] = why
    return found


def repository_name(image: str) -> str:
    """The last part of an image's name: `postgres` of `docker.io/library/postgres:17@sha256:…`."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def relocated(value: Any, places: Mapping[str, str]) -> Any:
    """The JSON value with every path below one of the places moved to its new place."""
    match value:
        case str():
            for old, new in places.items():
                if old in value:
                    # not within a longer name: /tree must not match in /tree2
                    value = re.sub(rf"{re.escape(old)}(?![\w.-])", new.replace("\\", r"\\"), value)
            return value
        case Mapping():
            return {key: relocated(inner, places) for key, inner in value.items()}
        case list():
            return [relocated(inner, places) for inner in value]
        case _:
            return value


def homes(tree: Path, live: Path) -> dict[str, str]:
    """Which path in an exported tree stands for which live one, the deepest first.

    Relative paths reach above the directory too (`../data`), so up to two of its parents count; never a top-level
    directory, nor one that holds the live directory as well.
    """
    found: dict[str, str] = {}
    for copy, original in list(zip((tree, *tree.parents), (live, *live.parents), strict=False))[:3]:
        if len(copy.parts) <= 2 or live.is_relative_to(copy):
            break
        found[str(copy)] = str(original)
        found.setdefault(os.path.realpath(copy), str(original))
    return found


def variables(out: str) -> dict[str, Variable]:
    """Reads `config --variables`: a table in older versions of Compose, JSON where it honours `--format json`."""
    if out.lstrip().startswith("{"):
        return {name: _variable(data) for name, data in sorted(json.loads(out).items())}
    head, *rows = out.splitlines() or [""]
    columns = [head.find(title) for title in ("NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE")]
    if -1 in columns:
        return {}
    cells = [[row[a:b].strip() for a, b in zip(columns, [*columns[1:], None], strict=True)] for row in rows]
    return {
        name: Variable(required == "true", default, alternate)
        for name, required, default, alternate in sorted(cells)
        if _VARIABLE.fullmatch(name) and required in ("true", "false")  # a default with line breaks spills over
    }


def _variable(data: Mapping[str, Any]) -> Variable:
    values = {key.lower(): value for key, value in data.items()}
    alternate = values.get("presencevalue") or values.get("alternatevalue") or ""
    return Variable(bool(values.get("required")), values.get("defaultvalue") or "", alternate)


def _service(name: str, raw: Mapping[str, Any]) -> Service:
    build = raw.get("build")
    check = raw.get("healthcheck") or {}
    return Service(
        name=name,
        image=raw.get("image") or "",
        build=build is not None,
        build_context=(build or {}).get("context", ""),
        command=_words(raw.get("command")),
        entrypoint=_words(raw.get("entrypoint")),
        environment=raw.get("environment") or {},
        depends_on={key: value.get("condition", "") for key, value in (raw.get("depends_on") or {}).items()},
        healthcheck=bool(check) and not check.get("disable") and check.get("test") != ["NONE"],
        restart=_restart(raw),
        ports=tuple(raw.get("ports") or ()),
        volumes=tuple(_mount(mount) for mount in raw.get("volumes") or ()),
        profiles=tuple(raw.get("profiles") or ()),
        raw=raw,
    )


def _words(value: list[str] | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(value)


def _restart(raw: Mapping[str, Any]) -> str:
    """The restart policy: `no`, or what Compose calls it; `deploy` counts too."""
    condition = ((raw.get("deploy") or {}).get("restart_policy") or {}).get("condition")
    return str(raw.get("restart") or {"none": "no", "any": "always"}.get(condition or "none", condition))


def _mount(data: Mapping[str, Any]) -> ServiceMount:
    return ServiceMount(data["type"], data.get("source", ""), data["target"], bool(data.get("read_only")))


def _ends_by_name(service: Service) -> bool:
    busy = service.ports or service.healthcheck or service.restart not in ("no", "on-failure")
    return not busy and _ONE_SHOT.search(service.name.lower()) is not None


def _differences(old: Model, new: Model, name: str) -> Iterator[str]:
    before, after = old.services[name].raw, new.services[name].raw
    if old.image_of(name) != new.image_of(name):
        yield "image"
    for key in sorted((before.keys() | after.keys()) - _NOT_COMPARED - {"image"}):
        one, other = before.get(key), after.get(key)
        if one != other:
            yield f"{key}{_details(one, other)}"
    mounts = _details(_mounts(old, name), _mounts(new, name))
    if mounts:
        yield f"volumes{mounts}"
    for network in sorted(after.get("networks") or {}):
        if old.networks.get(network) != new.networks.get(network):
            yield f"network {network}"


def _mounts(model: Model, name: str) -> dict[str, Any]:
    """Everything of each mount, by where it is mounted."""
    identity = model.volume_identity(name)
    raw = model.services[name].raw.get("volumes") or ()
    return {mount["target"]: {**mount, "source": identity.get(mount["target"], "")} for mount in raw}


def _details(one: Any, other: Any) -> str:
    """`: A added, B changed` for mappings; nothing for what has no keys."""
    if not isinstance(one or {}, Mapping) or not isinstance(other or {}, Mapping):
        return ""
    before, after = one or {}, other or {}
    said = [f"{key} removed" for key in sorted(before.keys() - after.keys())]
    said += [f"{key} added" for key in sorted(after.keys() - before.keys())]
    said += [f"{key} changed" for key in sorted(before.keys() & after.keys()) if before[key] != after[key]]
    return ": " + ", ".join(said) if said else ""
