"""A playbook for an app that none describes, derived from its Compose project."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from upgrader.errors import RefusedError
from upgrader.playbook.show import written

_MIGRATES = re.compile(
    r"migrat|schema|alembic|flyway|liquibase|prisma|drizzle|goose|db[-_]?(init|setup|upgrade)", re.IGNORECASE
)


@dataclass(frozen=True)
class ComposeFacts:
    """What Compose and the running containers tell about a project."""

    project: str
    files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    env_file: str = ".env"
    example: str | None = None
    databases: Mapping[str, str] = field(default_factory=dict)
    """Postgres services and their images."""
    volumes: tuple[str, ...] = ()
    """Named volumes that no database mounts, as the Compose file calls them."""
    urls: tuple[str, ...] = ()
    """Env keys whose URLs lead to databases outside of the project."""
    one_shots: tuple[str, ...] = ()
    """Services that others wait for to complete; those that migrate first."""
    health_services: tuple[str, ...] = ()
    """Long-running services with a health check of their own."""
    published_http: tuple[str, ...] = ()
    """URLs of published ports that answer HTTP."""
    git: bool = True


def derive(facts: ComposeFacts, directory: Path) -> str:
    """The playbook as YAML, to be read by a person before it is used. Raises RefusedError where no base fits."""
    if not facts.git:
        raise RefusedError(f"{directory} is not a git checkout, and no playbook describes it", "upgrader playbook list")
    return "\n".join(_lines(facts, directory)) + "\n"


def _lines(facts: ComposeFacts, directory: Path) -> Iterator[str]:
    yield f"# Derived from the Compose project {facts.project} in {directory}."
    yield "# Read it, correct it, and keep it beside the Compose file as upgrader.yaml."
    yield f"name: {written(_name(facts.project))}"
    yield "extends: compose-git"
    yield ""
    yield "# every Compose call names these, so that it means the same stack each time"
    yield "stack:"
    yield f"  project: {written(facts.project)}"
    if facts.files:
        yield f"  files: {_list(facts.files)}"
    if facts.profiles:
        yield f"  profiles: {_list(facts.profiles)}"
    example = f", example: {written(facts.example)}" if facts.example else ""
    yield f"  env: {{file: {written(facts.env_file)}{example}}}"
    yield ""
    yield from _databases(facts.databases, facts.urls)
    yield ""
    if facts.volumes:
        yield "# files in volumes are part of a restore point only if they are named: without the #, these are"
        yield f"# volumes: {_list(facts.volumes)}"
        yield ""
    yield from _migrations(facts.one_shots)
    yield ""
    yield from _health(facts)


def _databases(databases: Mapping[str, str], urls: Sequence[str]) -> Iterator[str]:
    if not databases and not urls:
        yield "# No Postgres was found: nothing is dumped before an upgrade. If there is one:"
        yield "# databases:"
        yield "#   app: {service: db}  # or, outside of the project, the env key of its URL: {url: DATABASE_URL}"
        return
    yield "# dumped, proved and restored; the name and the user are read from the container, or the URL"
    yield "databases:"
    for service, image in databases.items():
        yield f"  {written(_name(service))}: {{service: {written(service)}}}  # {image}"
    for key in urls:
        yield f"  {written(_name(key))}: {{url: {written(key)}}}  # outside of the project"


def _migrations(one_shots: Sequence[str]) -> Iterator[str]:
    migrating = [service for service in one_shots if _MIGRATES.search(service)]
    if not migrating:
        yield "# No service looks as if it migrated the database. If one does:"
        yield "# migrations: {service: migrate, path: migrations}"
    else:
        yield "# run to its end before new code starts; `path:` names the directory of its files"
        yield "migrations:"
        yield f"  service: {written(migrating[0])}"
    if rest := [service for service in one_shots if service not in migrating[:1]]:
        yield f"# also run once and end: {', '.join(rest)}"


def _health(facts: ComposeFacts) -> Iterator[str]:
    if not facts.health_services and not facts.published_http:
        yield "# No health check was found: an upgrade counts as good when its containers keep running. Better:"
        yield "# health:"
        yield '#   - {http: "http://localhost:8080/"}'
        return
    yield "# all of these must hold, for a while, or the upgrade is taken back"
    yield "health:"
    for service in facts.health_services:
        yield f"  - {{service: {written(service)}}}"
    for url in facts.published_http:
        yield f"  - {{http: {written(url)}}}"


def _name(text: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("._-") or "app"


def _list(items: Sequence[str]) -> str:
    return f"[{', '.join(map(written, items))}]"
