"""Postgres: a server known by its URL alone, reached by programs in a container of ours that has nothing else to do."""

import re
import secrets
from dataclasses import dataclass, field, replace
from typing import ClassVar

from upgrader.errors import RefusedError, StepError
from upgrader.tools.conversation import Conversation
from upgrader.tools.postgres import Server
from upgrader.tools.postgres_address import Address, WrongCredentialsError, cause
from upgrader.tools.postgres_beside import PATIENCE, STAY, UP
from upgrader.tools.postgres_client import ANYBODYS_OPTIONS, Door, ServerInfo
from upgrader.tools.postgres_sql import identifier, is_ours, literal
from upgrader.tools.shell import TIMED_OUT, Command, Result, Shell

PREFIX = "upgrader-client-"
GATEWAY = "host.docker.internal:host-gateway"
"""As Compose files give containers the name of the machine that they are on."""
_CONNECT = 10
"""Seconds for a connection, as for every program of ours."""
_OUR_END = re.compile(r"Error response from daemon|exec: |Cannot connect to the Docker daemon")
_VERSION = re.compile(r"\) (\d+)")
_MAY = """
SELECT r.rolsuper, r.rolcreatedb, pg_has_role(d.datdba, 'USAGE'), pg_get_userbyid(d.datdba),
       coalesce((SELECT string_agg(DISTINCT setrole::regrole::text, ', ') FROM pg_db_role_setting
                 WHERE setdatabase = d.oid AND setrole NOT IN (0, r.oid)), ''),
       coalesce((SELECT string_agg(p.name, ', ') FROM pg_db_role_setting, unnest(setconfig) AS item
                 JOIN pg_settings p ON lower(p.name) = lower(split_part(item, '=', 1))
                 WHERE setdatabase = d.oid AND setrole = 0 AND p.context = 'superuser'), ''),
       (SELECT spcname FROM pg_tablespace t WHERE t.oid = d.dattablespace AND spcname <> 'pg_default'
                 AND NOT has_tablespace_privilege(t.oid, 'CREATE')),
       (SELECT string_agg(DISTINCT usename, ', ') FROM pg_stat_activity WHERE datid = d.oid AND usesysid IS NOT NULL
                 AND NOT pg_has_role(usesysid, 'USAGE')
                 AND NOT (pg_has_role('pg_signal_backend', 'USAGE')
                          AND NOT (SELECT rolsuper FROM pg_roles WHERE pg_roles.oid = usesysid)))
FROM pg_roles r, pg_database d WHERE r.rolname = current_user AND d.datname = """


@dataclass(frozen=True)
class Obstacle:
    """What keeps a role from making and renaming databases, and what its server's administrator would do about it."""

    why: str
    remedy: str
    """SQL, or words."""


@dataclass(frozen=True)
class Outside(Server):
    """A Postgres server anywhere. Its role is whatever the URL names: seldom a superuser."""

    address: Address = field(default_factory=Address)
    key: str = "The URL"
    """What people know the URL by."""
    edit: str = ""
    """The command that opens what the URL is written in."""

    # the server itself ends its own workers where they would be in the way, and nobody else may
    in_the_way: ClassVar[str] = " AND usesysid IS NOT NULL"

    def by(self, client: str) -> "Outside":
        """This server as the container `client` reaches it."""
        there = self.address
        options = f"{there.options} {ANYBODYS_OPTIONS}".strip()
        return replace(self, container=client, door=Door(client, there.env, there.password, options=options))

    @property
    def place(self) -> str:
        return f"at {self.address.place}"

    def require(self, patience: float = 5.0) -> ServerInfo:
        return super().require(patience)

    def obstacle(self, database: str) -> Obstacle | None:
        """Why `database` cannot be copied, renamed and restored beside itself by this role; None if it can."""
        rows = self.query(f"{_MAY}{literal(database)};")
        if not rows:
            raise self.no_database(database)
        may, role, name = rows[0], identifier(self.user), identifier(database)
        superuser, creates, owns, owner, others, locked, tablespace, sessions = may
        if superuser == "t":
            return None
        if creates != "t":
            return Obstacle(f"role {self.user} may not create databases", f"ALTER ROLE {role} CREATEDB;")
        if owns != "t":
            return Obstacle(
                f"{database} belongs to {owner}, and role {self.user} is not a member of it",
                f"GRANT {identifier(owner)} TO {role};",
            )
        if others:
            return Obstacle(
                f"{database} has settings for the role {others}, which {self.user} cannot give to a copy",
                f"ALTER ROLE {others} IN DATABASE {name} RESET ALL;",
            )
        if locked:
            return Obstacle(
                f"{database} has settings that only a superuser can give to a copy: {locked}",
                f"ALTER DATABASE {name} RESET {locked};",
            )
        if tablespace:
            return Obstacle(
                f"role {self.user} may not create databases in the tablespace {tablespace}",
                f"GRANT CREATE ON TABLESPACE {identifier(tablespace)} TO {role};",
            )
        if sessions:
            return Obstacle(
                f"{sessions} is connected to {database}, and role {self.user} may not end its sessions",
                f"GRANT pg_signal_backend TO {role};  -- or end them, where it is a superuser",
            )
        return None

    def no_database(self, database: str) -> RefusedError:
        theirs = ", ".join(name for name in self.databases() if not is_ours(name)) or "none"
        return WrongCredentialsError(
            f"{self.key}: {self.address.place} has no database {database}; there is {theirs}", self.edit
        )

    def failure(self, result: Result, doing: str) -> StepError | RefusedError:
        if 'connection to server at "' in result.err + result.out:
            return self._refusal(result)
        return super().failure(result, doing)

    def _refusal(self, result: Result) -> RefusedError:
        text, there = result.err + result.out, self.address
        if _OUR_END.search(text):
            lines = [self.shell.redactor.text(line) for line in result.tail]
            return RefusedError(
                f"The container {self.container} with the programs for {there.place} cannot be used",
                "upgrader doctor",
                lines=lines,
            )
        said = "timeout" if result.code == TIMED_OUT else text
        found = cause(said, there.place, there.user, there.database, _CONNECT)
        hint = {
            "reach": f"{self._ready}  # {found.advice}",
            "wait": self._ready,
            "resolve": f"getent hosts {there.host}  # {found.advice}",
        }.get(found.kind, f"{self.edit}  # {found.advice}")
        kind = WrongCredentialsError if found.kind == "login" else RefusedError
        words = self.shell.redactor.text((text.strip().splitlines() or [""])[0].rpartition("failed: ")[2])
        told = f": {words}" if found.kind == "other" and words else ""
        return kind(f"{self.key}: {found.message}{told}", hint)

    def by_hand(self, words: str) -> str:
        return words.replace("psql", f"psql -h {self.address.host} -p {self.address.port}", 1)

    @property
    def _ready(self) -> str:
        return f"pg_isready -h {self.address.host} -p {self.address.port}"

    @property
    def _look(self) -> str:
        return f"See the log of the server at {self.address.place}"

    @property
    def _room(self) -> str:
        return f"Free space on the disks of {self.address.place}"

    @property
    def _also_mounted(self) -> tuple[str, ...]:
        return ("--volumes-from", self.container) if self.address.socket or self.address.files else ()


@dataclass(frozen=True)
class Around:
    """What a container of ours needs to be where the app's containers are."""

    networks: tuple[str, ...] = ("bridge",)
    hosts: tuple[str, ...] = ()
    """Names that they were given, as `name:address`."""
    paths: tuple[str, ...] = ()
    """Of the engine's machine: sockets and certificates, which keep their names inside."""


@dataclass
class Annex:
    """The containers with Postgres' programs that this process has running; each ends with it, at the latest."""

    _open: dict[tuple[str, Around], tuple[str, Conversation]] = field(default_factory=dict)

    def enter(self, shell: Shell, image: str, around: Around) -> str:
        """The name of a container of `image`. It has no password and no port, and writes no file but its own.

        Raises RefusedError where it does not start.
        """
        found = self._open.get((image, around))
        if found is not None and not found[1].alive():
            self._open.pop((image, around))[1].close()
            found = None
        if found is None:
            found = self._open[image, around] = _started(shell, image, around)
        return found[0]

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1][1].close()


def _started(shell: Shell, image: str, around: Around) -> tuple[str, Conversation]:
    import shlex

    name = f"{PREFIX}{secrets.token_hex(4)}"
    mounts = [f'type=bind,"source={path}",target={path},readonly' for path in around.paths]
    lies = (
        *(word for network in around.networks for word in ("--network", network)),
        *(word for host in around.hosts for word in ("--add-host", host)),
        *(word for mount in mounts for word in ("--mount", mount)),
    )
    argv = (
        *("docker", "run", "--interactive", "--rm", "--pull", "never", "--name", name, "--log-driver", "none"),
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--security-opt", "label=disable"),
        *(*lies, "--no-healthcheck", "--entrypoint", "sh", image, "-c", STAY),
    )
    conversation = shell.converse(Command(argv))
    if conversation is None:
        raise RefusedError("the docker command is not installed", "apt-get install docker.io docker-compose-v2")
    if conversation.ask(b"", UP.encode(), PATIENCE) is None:
        conversation.close()
        again = shlex.join(("docker", "run", "--rm", *lies, "--entrypoint", "true", image))
        raise RefusedError(f"a container of {image} does not start", f"see why: {again}")
    return name, conversation


def major_of(shell: Shell, client: str) -> int | None:
    """Which major version the programs in a container of ours are of; None where there are none."""
    result = shell.attempt(Command(("docker", "exec", client, "pg_dump", "--version")))
    found = _VERSION.search(result.out)
    return int(found[1]) if result.ok and found else None


def local_images(shell: Shell) -> dict[int, str]:
    """Images of Postgres that are on this machine, by their major version as their tags tell it."""
    listing = ("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "reference=postgres")
    found: dict[int, str] = {}
    for image in sorted(shell.attempt(Command(listing, timeout=60.0)).out.split(), key=len):
        if match := re.search(r":(\d+)", image):
            found.setdefault(int(match[1]), image)
    return found
