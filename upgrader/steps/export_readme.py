"""The README of an exported restore point: the commands that bring it back without upgrader."""

from collections.abc import Iterator
from shlex import quote

from upgrader.model.manifest import RestorePoint, SavedDatabase

_EVERY_SERVER = ("postgres", "template0", "template1")
"""Databases that are there from the beginning: none of these names can be created."""


def readme(point: RestorePoint) -> str:
    """Markdown; each block of commands can be copied into a shell in the archive's directory."""
    return "\n".join(_lines(point)) + "\n"


def _lines(point: RestorePoint) -> Iterator[str]:
    yield f"# {point.project}, as it was on {point.created_at}"
    yield ""
    yield f"Version {point.version}, commit {point.commit}. Restore point {point.id}, made by upgrader {point.tool}."
    yield "Nothing here needs upgrader. The files hold secrets, and the data of the app: keep them to yourself."
    yield ""
    yield "## 1. Is it whole?"
    yield ""
    yield from _block("sha256sum --quiet --check SHA256SUMS")
    for database in point.databases:
        yield from _database(database)
    yield from _files(point)
    yield from _images(point)


def _database(database: SavedDatabase) -> Iterator[str]:
    major = database.server_version.split(".")[0]
    yield f"## Database {database.name}"
    yield ""
    yield f"From Postgres {database.server_version}. Needs psql, pg_restore and a server of Postgres {major} or newer;"
    yield f"with Docker: `docker run -d -e POSTGRES_PASSWORD=… postgres:{major}`, and the rest inside of its container."
    yield "`PGUSER` is a superuser there. psql may say that a role exists already; pg_restore must say nothing."
    yield "Passwords of roles are not in here: the env file in `files/` has the app's."
    yield ""
    yield from _block("export PGUSER=${PGUSER:-postgres}", *_commands(database))
    yield "Where the server lacks the locale of the old one, make the database by hand (`createdb -T template0 NAME`),"
    yield "and restore into it: the last but one command with `-d NAME` in place of `--create -d template1`."
    yield ""


def _commands(database: SavedDatabase) -> Iterator[str]:
    archive = f"databases/{database.id}.dump"
    name, target = database.name, "--create -d template1"
    for file in database.files:
        if file.path.endswith(".globals.sql"):
            yield f"psql -X -q -d template1 -f {quote(file.path)}"
    if any(file.path.endswith(".zst") for file in database.files):
        yield f"find {quote(archive)} -name '*.zst' -exec zstd -q -d --rm {{}} +"
    if name in _EVERY_SERVER:
        name = f"{name}_restored"
        yield f"createdb -T template0 {quote(name)}"
        target = f"-d {quote(name)}"
    yield f"pg_restore --exit-on-error {target} {quote(archive)}"
    yield f"psql -X -q -d {quote(name)} -c ANALYZE"


def _files(point: RestorePoint) -> Iterator[str]:
    yield "## The checkout"
    yield ""
    yield "`$APP` is a clone of the app's repository. `files/` has its untracked files: settings, secrets, overrides."
    yield ""
    yield from _block(
        f'git -C "$APP" checkout --detach {point.commit}',
        'cp -R files/. "$APP"/',
        *(['git -C "$APP" apply "$PWD/local.patch"'] if point.patch else []),
    )
    if point.patch:
        yield "`local.patch` has the edits of tracked files that somebody had made there."
        yield ""
    yield "`model.json` is what Compose made of its files then, every variable filled in."
    yield ""


def _images(point: RestorePoint) -> Iterator[str]:
    if not point.pins:
        return
    yield "## Images that ran"
    yield ""
    for pin in point.pins:
        yield f"- {pin.service}: {pin.image}, {' '.join(pin.digests) or f'built on the host, {pin.image_id}'}"
    yield ""


def _block(*commands: str) -> Iterator[str]:
    yield from ("```sh", *commands, "```", "")
