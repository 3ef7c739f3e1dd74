"""Looks at the demo app from outside: as a client and as its operator, never through upgrader."""

from collections.abc import Iterable
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

from upgrader.demo.claims import GENERATED, Sight
from upgrader.demo.host import Installation
from upgrader.demo.remote import git
from upgrader.env.document import Document
from upgrader.errors import StepError
from upgrader.tools.shell import Command, Shell


def look(app: Installation) -> Sight:
    """What there is to see now; where nobody answers, no version and no notes."""
    version, schema, notes = "", 0, list[str]()
    with suppress(OSError, HTTPException, StepError):
        version, schema, notes = app.version(), app.schema(), app.notes()
    format_ = "{{.Id}} {{.State.StartedAt}}"
    database = Shell().attempt(Command(("docker", "inspect", f"{app.project}-db-1", "--format", format_)))
    return Sight(
        version=version,
        schema=schema,
        notes=tuple(notes),
        env=app.env_file.read_bytes(),
        override=(app.path / "docker-compose.override.yml").read_bytes(),
        checkout=git("describe", "--tags", "--always", "--dirty", cwd=app.path).strip(),
        database=database.out.strip(),
    )


def leaks(records: Path, sights: Iterable[Sight]) -> tuple[str, ...]:
    """Files of the runs' records that have a secret of these env files in them. Restore points hold them on purpose."""
    secrets = {
        value.encode()
        for sight in sights
        for key, value in Document.parse(sight.env, ".env").values().items()
        if key in (GENERATED, "POSTGRES_PASSWORD") and value
    }
    files = sorted(path for path in records.glob("*/runs/**/*") if path.is_file())
    return tuple(
        str(path.relative_to(records)) for path in files if any(secret in path.read_bytes() for secret in secrets)
    )
