"""Databases outside of the Compose project, known by a URL in the env file: reached, judged, and told from services."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upgrader.errors import RefusedError
from upgrader.model.app import App, DatabaseSpec
from upgrader.model.verdict import Refused
from upgrader.tools.compose_model import Model
from upgrader.tools.docker import Container
from upgrader.tools.docker_model import PROJECT
from upgrader.tools.postgres import Address
from upgrader.tools.postgres_outside import GATEWAY, Annex, Around, Outside, local_images, major_of
from upgrader.tools.shell import Command

if TYPE_CHECKING:
    from upgrader.steps.base import Context
    from upgrader.steps.world import World

_MAJOR = re.compile(r":(?:pg)?(\d+)[^/]*$")


@dataclass
class Clients:
    """Where this process has Postgres' programs for servers that have none of ours in reach."""

    annex: Annex = field(default_factory=Annex)
    known: dict[DatabaseSpec, tuple[str, Around]] = field(default_factory=dict)
    """The image of the server's own major version, and what is around the app."""

    def close(self) -> None:
        self.annex.close()


def settled(app: App, containers: Sequence[Container]) -> App:
    """The app, whose URLs that lead to a service of its own stack are that service: it is reached by its container.

    Where the env file has no such key, the containers may have it from the Compose file.
    """
    return replace(app, databases={name: _settled(spec, containers) for name, spec in app.databases.items()})


def _settled(spec: DatabaseSpec, containers: Sequence[Container]) -> DatabaseSpec:
    if not spec.key:
        return spec
    if not spec.url and len(given := _given(spec, containers)) == 1:
        spec = replace(spec, url=next(iter(given)))
    try:
        there = Address.of(spec.url)
    except RefusedError:
        return spec  # the preflight says so
    services = {name: c.service for c in containers if not c.oneoff for name in (c.service, c.name)}
    if service := services.get(there.host):
        return replace(spec, service=service, name=there.database)
    return spec


def _given(spec: DatabaseSpec, containers: Sequence[Container]) -> dict[str, str]:
    """URL → a service that has it under the key."""
    found = ((c.env.get(spec.key), c.service) for c in containers if c.state == "running" and not c.oneoff)
    return {value: service for value, service in found if value}


def another_url(ctx: "Context", spec: DatabaseSpec) -> Refused | None:
    """Where no service runs with this URL, or none would be started with it, it is not known where the data is."""
    if not spec.key:
        return None
    edit, env_path = _edit(ctx.world.env_path), ctx.world.env_path
    now = _given(spec, ctx.world.containers)
    services = ctx.world.model.services.items()
    then = {service.environment[spec.key] or "": name for name, service in services if spec.key in service.environment}
    if now and spec.url not in now:
        service = next(iter(now.values()))
        return Refused(
            f"{service} runs with another {spec.key} than {env_path} has: which one has the data?",
            f"{edit}  # or start it with what is there: docker compose up -d {service}",
        )
    if then and spec.url not in then:
        service = next(iter(then.values()))
        return Refused(f"{service} runs with a {spec.key} that it would not be given again by {env_path}", edit)
    return None


def urls_outside(env: Mapping[str, str], model: Model, containers: Collection[str]) -> tuple[str, ...]:
    """Env keys whose URLs services of the model have, and lead to servers that are none of its services; one for each
    database.
    """
    used = {value for service in model.services.values() for value in service.environment.values()}
    found: dict[tuple[str, str, str], str] = {}
    for key, value in env.items():
        try:
            there = Address.of(value) if value in used else None
        except RefusedError:
            continue
        if there and there.host not in {*model.services, *containers}:
            found.setdefault((there.host, there.port, there.database), key)
    return tuple(found.values())


def names(app: App) -> Iterator[str]:
    """What its URLs name beside passwords: no secret, whoever took one for a password."""
    for spec in app.databases.values():
        try:
            there = Address.of(spec.url)
        except RefusedError:
            continue
        yield from (there.user, there.database, there.host)


def address(spec: DatabaseSpec, env_path: Path) -> Address:
    """Where the URL leads; raises RefusedError, which tells a URL that is missing from one that cannot be read."""
    if not spec.url:
        raise RefusedError(
            f"{spec.key} has no value in {env_path}, and it is to say where the database {spec.id!r} is",
            f"echo '{spec.key}=postgresql://USER:PASSWORD@HOST:5432/NAME' >> {env_path}",
        )
    try:
        return Address.of(spec.url)
    except RefusedError as error:
        message = error.message.replace("The database URL", f"{spec.key} in {env_path}")
        raise RefusedError(message, f"{_edit(env_path)}  # {error.hint}") from None


def _edit(env_path: Path) -> str:
    return f"${{EDITOR:-vi}} {env_path}"


def server(world: "World", spec: DatabaseSpec) -> Outside:
    """The server, reached by the programs of its own major version. Raises RefusedError, saying what to do."""
    there = address(spec, world.env_path)
    world.shell.redactor.learn({there.password} - {there.user, there.database})
    shell, clients = replace(world.shell, say=None), world.scratch.clients
    bare = Outside(shell, "", there.user, world.run.id, world.looks, None, there, spec.key, _edit(world.env_path))
    if spec not in clients.known:
        around = _around(world, spec, there)
        clients.known[spec] = _image(world, spec, bare, around), around
    return bare.by(clients.annex.enter(shell, *clients.known[spec]))


def image(world: "World", spec: DatabaseSpec) -> str:
    """The image that its programs are from, of its own major version."""
    server(world, spec)
    return world.scratch.clients.known[spec][0]


def _image(world: "World", spec: DatabaseSpec, bare: Outside, around: Around) -> str:
    annex, shell = world.scratch.clients.annex, bare.shell
    if spec.image and world.docker.image_id(spec.image) is None:
        raise RefusedError(
            f"the image {spec.image}, whose programs are to reach {spec.key}, is not here", f"docker pull {spec.image}"
        )
    images = {0: spec.image} if spec.image else {**local_images(shell), **_theirs(world)}
    if not images:
        raise RefusedError(
            f"no image of Postgres is here, and {spec.key} is reached by the programs in one",
            "docker pull postgres:17  # 17: the server's major version",
        )
    client = annex.enter(shell, images[max(images)], around)
    theirs = major_of(shell, client)
    if theirs is None:
        raise RefusedError(
            f"{images[max(images)]} has no pg_dump, and {spec.key} is reached by the programs of an image of Postgres",
            f"name another one: databases.{spec.id}.image in the playbook",
        )
    running = bare.by(client).require().major
    if spec.image and theirs != running:
        raise RefusedError(
            f"{spec.key} leads to Postgres {running}, and {spec.image} has the programs of {theirs}",
            f"name an image of Postgres {running}: databases.{spec.id}.image in the playbook",
        )
    if not spec.image and running not in images:
        raise RefusedError(
            f"{spec.key} leads to Postgres {running}, and no image of that version is here",
            f"docker pull postgres:{running}",
        )
    return spec.image or images[running]


def _theirs(world: "World") -> dict[int, str]:
    """Images of Postgres that the stack itself names, if they are here."""
    model = world.model_if_any
    named = [image for image, _ in model.databases().values()] if model else []
    there = world.docker.image_ids(named)
    return {int(match[1]): name for name in named if there[name] and (match := _MAJOR.search(name))}


def _around(world: "World", spec: DatabaseSpec, there: Address) -> Around:
    paths = tuple(path for path in (there.socket, *there.files) if path)
    for path in paths:
        if world.engine.local and not Path(path).exists():
            raise RefusedError(f"{spec.key} names {path}, which is not on this machine", _edit(world.env_path))
    running = [c for c in world.containers if c.state == "running" and not c.oneoff]
    readers = [c for c in running if spec.url in c.env.values()] or running
    hosts = {GATEWAY.partition(":")[0]: GATEWAY}
    if world.model_if_any:
        services = world.model_if_any.services
        for reader in (c for c in readers if c.service in services):
            hosts |= {host.partition(":")[0]: host for host in extra_hosts(services[reader.service].raw)}
    networks = {name for reader in readers for name in reader.networks} - {"none"}
    if there.loopback or "host" in networks:
        return Around(("host",), (), paths)
    # in the stack's own networks there are only its services, and Compose must be free to make them anew
    theirs = tuple(sorted(networks - _own_networks(world)))
    return Around(theirs or ("bridge",), tuple(hosts.values()), paths)


def extra_hosts(service: Mapping[str, Any]) -> list[str]:
    """A service's `extra_hosts` as `name:address`, in whichever form Compose prints them."""
    said = service.get("extra_hosts") or []
    if isinstance(said, dict):
        return [f"{name}:{ip}" for name, ips in said.items() for ip in ([ips] if isinstance(ips, str) else ips)]
    return [re.sub(r"^([^=:]+)=", r"\1:", str(entry)) for entry in said]


def _own_networks(world: "World") -> set[str]:
    mine = f"label={PROJECT}={world.app.stack.project}"
    listing = ("docker", "network", "ls", "--filter", mine, "--format", "{{.Name}}")
    return set(world.shell.attempt(Command(listing, timeout=60.0)).out.split())


def only_dumps(ctx: "Context", spec: DatabaseSpec) -> str:
    """Why the role of the URL can bring nothing back in the server; empty: it can."""
    refused = no_way_back(ctx, spec)
    return refused.why if refused else ""


def no_way_back(ctx: "Context", spec: DatabaseSpec) -> Refused | None:
    """Where the role of the URL may not make and rename databases, there is no way back but one by hand."""
    if spec.service:
        return None
    found = server(ctx.world, spec).obstacle(ctx.world.database(spec))
    if found is None:
        return None
    return Refused(
        f"{spec.key}: {found.why}: its data could be dumped, and not be brought back",
        f"as an administrator of the server: {found.remedy}",
    )
