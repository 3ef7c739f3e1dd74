"""The README of an exported restore point: the commands that bring it back without upgrader."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from shlex import quote

from upgrader.model.manifest import RestorePoint, SavedDatabase, SavedVolume

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
    servers = [list(group) for _, group in groupby(sorted(point.databases, key=_service), _service)]
    if len(servers) > 1:
        names = ", ".join(f"`{_service(databases[0])}`" for databases in servers)
        yield f"The app has {len(servers)} servers of Postgres: {names}. Take one for each here too: their roles and"
        yield "databases may have the same names. Identity providers come first, the app last."
        yield ""
    for databases in servers:
        yield from _server(databases)
    for volume in point.volumes:
        yield from _volume(volume)
    yield from _files(point)
    yield from _images(point)


def _service(database: SavedDatabase) -> str:
    return database.service or database.id  # one without a service was somewhere else


def _server(databases: Sequence[SavedDatabase]) -> Iterator[str]:
    names, version = ", ".join(database.name for database in databases), databases[0].server_version
    major = version.split(".")[0]
    packed = any(file.path.endswith(".zst") for database in databases for file in database.files)
    service = databases[0].service
    yield f"## Database {names}, {f'of the service {service}' if service else 'of a server that was not in the stack'}"
    yield ""
    yield f"From Postgres {version}. Needs psql, pg_restore{', zstd' * packed}, a server of Postgres {major} or newer;"
    yield f"with Docker: `docker run -d -e POSTGRES_PASSWORD=… postgres:{major}`, and the rest inside of its container."
    yield "`PGUSER` is a superuser there. psql may say that a role exists already; pg_restore must say nothing."
    yield "Passwords of roles are not in here: the env file in `files/` has the app's."
    if packed:
        yield ""
        yield "What ends in `.zst` is expanded first: a pg_restore before 16, or one without zstd, does not read it."
        yield "The plain files take the place of the compressed ones, so SHA256SUMS fits no more afterwards."
    yield ""
    yield from _block("export PGUSER=${PGUSER:-postgres}", *_commands(databases))
    yield "Where the server lacks the locale of the old one, make the database by hand (`createdb -T template0 NAME`),"
    yield "and restore into it: its pg_restore with `-d NAME` in place of `--create -d template1`."
    yield ""


def _commands(databases: Sequence[SavedDatabase]) -> Iterator[str]:
    # each has the roles of the whole server
    roles = [file.path for database in databases for file in database.files if file.path.endswith(".globals.sql")]
    yield from (f"psql -X -q -d template1 -f {quote(path)}" for path in roles[:1])
    for database in databases:
        yield from _restoring(database)


def _restoring(database: SavedDatabase) -> Iterator[str]:
    archive = f"databases/{database.id}.dump"
    name, target = database.name, "--create -d template1"
    if any(file.path.endswith(".zst") for file in database.files):
        yield f"find {quote(archive)} -name '*.zst' -exec zstd -q -d --rm {{}} +"
    if name in _EVERY_SERVER:
        name = f"{name}_restored"
        yield f"createdb -T template0 {quote(name)}"
        target = f"-d {quote(name)}"
    yield f"pg_restore --exit-on-error {target} {quote(archive)}"
    yield f"psql -X -q -d {quote(name)} -c ANALYZE"


def _volume(volume: SavedVolume) -> Iterator[str]:
    if volume.file is None:
        return
    what = f"volume {volume.source}" if volume.kind == "volume" else f"directory {volume.source}"
    tar = "GNU tar" if volume.tar == "gnu" else "tar"
    yield f"## Files of {', '.join(volume.services) or 'the app'}: {volume.id}"
    yield ""
    yield f"The {what}: {volume.files} files, {volume.size >> 20} MiB on disk. Needs {tar}, {volume.packer} and root."
    yield "`$INTO` is an empty directory. For a new volume it is what `docker volume create NAME` and"
    yield "`docker volume inspect -f '{{.Mountpoint}}' NAME` say; for the old one, what that says, emptied by you, with"
    yield "all that uses it stopped."
    yield ""
    options = "--numeric-owner --xattrs --xattrs-include='*' --acls" if volume.tar == "gnu" else "--numeric-owner"
    yield from _block(f'{volume.packer} -dc {quote(volume.file.path)} | tar -C "$INTO" -xpf - {options}')


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
