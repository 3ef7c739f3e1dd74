"""Reaches a Postgres server through its own container: programs of its version, its local socket."""

# ruff: noqa: S608 (names are quoted by postgres_sql; they cannot be parameters in SQL that psql reads)

import csv
import io
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from upgrader.errors import RefusedError, StepError
from upgrader.tools.postgres_locks import LOCKERS, lock_error, waited_for_a_lock
from upgrader.tools.postgres_looks import Looks
from upgrader.tools.postgres_sql import LONGEST, MAINTENANCE, literal
from upgrader.tools.shell import Command, Result, Shell

# The official image trusts its socket. Where it was told not to, the password is in the container already.
_ENTER = (
    'export PGPASSWORD="${PGPASSWORD:-${POSTGRES_PASSWORD:-$(cat "${POSTGRES_PASSWORD_FILE:-/dev/null}")}}"; exec "$@"'
)
# An app's own settings of its database must neither cut us off nor change how values are printed.
ANYBODYS_OPTIONS = " ".join(
    f"-c {setting}"
    for setting in (
        "statement_timeout=0",
        "idle_in_transaction_session_timeout=0",
        "default_transaction_read_only=off",
        "default_transaction_isolation=read\\ committed",
        "standard_conforming_strings=on",
        "client_min_messages=warning",
        "datestyle=ISO",
        "intervalstyle=postgres",
        "extra_float_digits=3",
        "row_security=off",
    )
)
"""Settings of our sessions that any role may have."""
OPTIONS = f"{ANYBODYS_OPTIONS} -c lc_messages=C"
"""A superuser may choose the language of the server's words as well."""
LOCK_PATIENCE = 30.0
"""Seconds that a question waits for a table which somebody has locked."""
_CONNECT = 10
"""Seconds for a connection: a server that hangs accepts none, and never says so."""
_PSQL = ("psql", "-X", "-q", "-w", "--csv", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-")
_SERVERS_WORDS = re.compile(r"(?:ERROR|FATAL|PANIC):\s+(.*)")
_PROGRAMS_WORDS = re.compile(r"error:\s+(.*)")
_PASSING = (
    "starting up",
    "not yet accepting",
    "in recovery mode",
    "shutting down",
    "too many clients",
    "Is the server",
    # the first server of an image that initialises ends with us inside
    "terminating connection",
    "server closed the connection",
    # the container has just ended, and Docker does not know yet
    "namespace path",
    "setns",
)
_NO_CONNECTION = re.compile(r'connection to server on socket "|could not connect to server')
_ABSENT = re.compile(r"exec: (\S+): not found|\"(\S+)\": executable file not found")


@dataclass(frozen=True)
class ServerInfo:
    version: str
    """As the server prints it, such as `17.2`."""
    major: int


@dataclass(frozen=True)
class Session:
    pid: int
    application: str
    user: str
    state: str


@dataclass(frozen=True)
class Door:
    """Another container whose programs reach the server: it shares its network, or has the way to it."""

    container: str
    env: Mapping[str, str]
    """What names the server to its programs."""
    password: str = field(repr=False)
    """Handed over in the environment of each program, never in argv and never in the container's own."""
    prefix: tuple[str, ...] = ()
    """What runs each program, such as `nice`."""
    options: str = OPTIONS
    """Settings of each session."""


@dataclass(frozen=True)
class Client:
    """Programs in the container of a Postgres server, as its superuser `user`, marked with the id `run`."""

    shell: Shell
    container: str
    user: str
    run: str
    looks: Looks = field(default_factory=Looks, compare=False, repr=False)
    door: Door | None = None
    """Where programs run instead of in the server's own container."""
    lock_patience: float = field(default=LOCK_PATIENCE, kw_only=True)

    @property
    def application(self) -> str:
        """The application name of all our sessions, by which those of a killed run are found."""
        return f"upgrader-{self.run}"[:LONGEST]

    def require(self, patience: float = 30.0) -> ServerInfo:
        """Wait up to `patience` seconds until the server answers; raises RefusedError saying why it does not."""
        deadline = time.monotonic() + patience
        while True:
            result = self._told("SHOW server_version; SHOW listen_addresses;", MAINTENANCE, timeout=20)
            late = time.monotonic() >= deadline
            # while it initialises, the official image runs a first server that listens on the socket alone
            if result.ok and ((lines := result.out.split("\n"))[1] or late):
                return ServerInfo(lines[0].split()[0], int(re.split(r"\D", lines[0])[0]))
            if not result.ok and (late or not any(sign in result.err + result.out for sign in _PASSING)):
                raise self._refusal(result)
            time.sleep(0.1)

    def query(self, sql: str, database: str = MAINTENANCE) -> list[list[str]]:
        """The rows of all statements of `sql` as text, NULL as an empty one; `sql` must change nothing."""
        result = self._told(sql, database)
        if not result.ok:
            raise self._failure(result, "reading", database)
        return rows_of(result.out)

    def _told(self, sql: str, database: str, timeout: float | None = None) -> Result:
        """Ask within what is open already, or in a program of its own, whose word is final."""
        start = replace(self.psql("", database, timeout=timeout), stdin=None)
        answer = self.looks.ask(self.shell, start, f"{self.user}@{self.container}", database, sql)
        if answer is not None:
            return Result(start, 0, answer, "", 0.0)
        return self.shell.attempt(self.psql(sql, database, timeout=timeout))

    def execute(self, sql: str, database: str = MAINTENANCE) -> list[list[str]]:
        """Run `sql`, each statement in a transaction of its own; the first that fails raises StepError."""
        self.looks.end()
        return rows_of(self.attempt(self.psql(sql, database, changes=True), "changing").out)

    def sessions(self, database: str) -> list[Session]:
        """Everybody connected to `database` but ourselves."""
        rows = self.query(
            "SELECT pid, application_name, usename, coalesce(state, backend_type) FROM pg_stat_activity"
            f" WHERE datname = {literal(database)} AND pid <> pg_backend_pid() ORDER BY pid;"
        )
        return [Session(int(pid), application, user, state) for pid, application, user, state in rows]

    def end_leftovers(self, patience: float = 30.0) -> None:
        """End what a killed process of this run left behind in the container: its sessions and its temporary files."""
        ours = f"application_name = {literal(self.application)} AND pid <> pg_backend_pid()"
        gone = (
            f"SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours};\n\\! rm -rf -- {self.scratch}\n"
        )
        self.until(lambda: not self.execute(gone), patience, "A session of a killed run does not end")

    def until(self, done: Callable[[], bool], patience: float, otherwise: str) -> None:
        deadline = time.monotonic() + patience
        while not done():
            if time.monotonic() > deadline:
                raise StepError(f"{otherwise} after {patience:g} s: Postgres {self.place}", self._look)
            time.sleep(0.05)

    @property
    def place(self) -> str:
        """Where the server is, in words that stand after `Postgres`."""
        return f"in {self.container}"

    def by_hand(self, words: str) -> str:
        """The command with which a person runs `psql …` there."""
        return f"docker exec {self.container} {words}"

    @property
    def scratch(self) -> str:
        """A directory inside the container for files of this run."""
        return "/tmp/" + re.sub(r"[^\w-]", "_", self.application, flags=re.ASCII)  # noqa: S108 (in the container, made with umask 077, ours by its name)

    def remove_scratch(self) -> None:
        self.shell.attempt(self.inside("rm", "-rf", "--", self.scratch, changes=True))

    def psql(
        self, sql: str, database: str = MAINTENANCE, *, changes: bool = False, timeout: float | None = None
    ) -> Command:
        """psql reading `sql` from stdin, printing rows as CSV."""
        return self.inside(*_PSQL, stdin=sql.encode(), database=database, changes=changes, timeout=timeout, utf8=True)

    def inside(
        self,
        *argv: str,
        database: str = MAINTENANCE,
        stdin: bytes | Path | None = None,
        stdout: Path | None = None,
        changes: bool = False,
        timeout: float | None = None,
        utf8: bool = False,
        options: str = "",
    ) -> Command:
        """`argv` inside the container, or behind the door, with further `options` for its sessions in `database`."""
        door = self.door
        names = (
            f"PGAPPNAME={self.application}",
            f"PGUSER={self.user}",
            f"PGDATABASE={database}",
            f"PGCONNECT_TIMEOUT={_CONNECT}",
            f"PGOPTIONS={door.options if door else OPTIONS} -c lock_timeout={self._lock_wait} {options}".rstrip(),
            "LC_ALL=C.UTF-8",
            *(("PGCLIENTENCODING=UTF8",) if utf8 else ()),
            *((*(f"{name}={value}" for name, value in door.env.items()), "PGPASSWORD") if door else ()),
        )
        environment = tuple(word for name in names for word in ("-e", name))
        where = (door.container if door else self.container, "sh", "-c", _ENTER, "sh")
        return Command(
            ("docker", "exec", "-i", *environment, *where, *(door.prefix if door else ()), *argv),
            env={"PGPASSWORD": door.password} if door else {},
            stdin=stdin,
            stdout=stdout,
            changes=changes,
            timeout=timeout,
            label=f"{argv[0]} in {self.container}",
        )

    @property
    def _lock_wait(self) -> int:
        return int(self.lock_patience * 1000)

    def read_schema(self, database: str, *options: str) -> str:
        """All DDL of the database, as pg_dump writes it."""
        wait = f"--lock-wait-timeout={self._lock_wait}"
        command = self.inside("pg_dump", "-w", "--schema-only", wait, *options, database=database)
        result = self.shell.attempt(command)
        if not result.ok:
            raise self._failure(result, "reading the schema", database)
        return result.out

    def attempt(self, command: Command, doing: str) -> Result:
        """Run it; raises StepError with the server's own words, or RefusedError when the server cannot be reached."""
        result = self.shell.attempt(command)
        if result.ok:
            return result
        raise self.failure(result, doing)

    def _failure(self, result: Result, doing: str, database: str) -> StepError | RefusedError:
        waited = waited_for_a_lock(result.err + result.out)
        return self.locked(database, self.lock_patience) if waited else self.failure(result, doing)

    def locked(self, database: str, waited: float) -> StepError:
        """What to say when somebody would not let go of a table for so many seconds."""
        psql = self.by_hand(f"psql -U {self.user} -d {database}")
        return lock_error(database, waited, self.query(LOCKERS, database), psql)

    def failure(self, result: Result, doing: str) -> StepError | RefusedError:
        text = result.err + result.out
        if "Error response from daemon" in text or _ABSENT.search(text) or _NO_CONNECTION.search(text):
            return self._refusal(result)
        said = reason(text) or f"exit status {result.code}"
        if "No space left on device" in text or "no space left on device" in text:
            return StepError(f"The disk is full while {doing}, for Postgres {self.place}: {said}", self._room)
        lines = [self.shell.redactor.text(line) for line in result.tail]
        return StepError(f"Postgres {self.place}, {doing}: {self.shell.redactor.text(said)}", self._look, lines=lines)

    @property
    def _look(self) -> str:
        return f"See: docker logs --tail 50 {self.container}"

    @property
    def _room(self) -> str:
        return "Free space: docker system df"

    def _refusal(self, result: Result) -> RefusedError:
        name, text = self.container, result.err + result.out
        start = f"Start it: docker start {name}"
        if result.code == 124 or "timeout expired" in text:
            return RefusedError(f"Postgres in {name} does not answer", self._look)
        if "Cannot connect to the Docker daemon" in text:
            return RefusedError("The Docker engine does not answer", "See: systemctl status docker")
        if "No such container" in text:
            return RefusedError(f"There is no container {name}", "See: docker ps --all")
        if "is not running" in text:
            return RefusedError(f"The database's container {name} is not running", start)
        if "is paused" in text:
            return RefusedError(f"The database's container {name} is paused", f"Wake it: docker unpause {name}")
        if "is restarting" in text:
            return RefusedError(f"The database's container {name} restarts again and again", self._look)
        if missing := _ABSENT.search(text):
            return RefusedError(
                f"The image of {name} has no {missing[1] or missing[2]}", "Name the database's service in the playbook"
            )
        if found := re.search(r'role "(.*)" does not exist', text):
            return RefusedError(
                f"Postgres in {name} has no role {found[1]}",
                "Compare POSTGRES_USER with the role that the volume was made with",
            )
        if re.search(r"password authentication failed|no password supplied", text):
            return RefusedError(
                f"Postgres in {name} refuses the container's own POSTGRES_PASSWORD for {self.user}",
                "Set the role's password to it, or allow local connections in pg_hba.conf",
            )
        if found := re.search(r'database "(.*)" does not exist', text):
            return RefusedError(f"Postgres in {name} has no database {found[1]}", f"See: docker exec {name} psql -l")
        if any(word in text for word in ("starting up", "in recovery mode", "not yet accepting")):
            return RefusedError(f"Postgres in {name} is still starting up", self._look)
        said = self.shell.redactor.text(reason(text) or (text.strip().splitlines() or ["no output"])[-1])
        return RefusedError(f"Postgres in {name} does not accept connections: {said}", self._look)


def reason(text: str) -> str:
    """The first complaint in what a program printed: the server's own words if there are any."""
    found = _SERVERS_WORDS.search(text) or _PROGRAMS_WORDS.search(text)
    return found[1] if found else ""


def rows_of(text: str) -> list[list[str]]:
    return [row for row in csv.reader(io.StringIO(text, newline="")) if row]
