"""Throw-away Postgres servers: a database's own image, started apart from everything, removed whatever happens."""

import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from upgrader.errors import RefusedError, StepError
from upgrader.tools.docker import Docker
from upgrader.tools.docker_model import Container
from upgrader.tools.postgres import Description, Looks, Server
from upgrader.tools.postgres_sql import identifier, literal
from upgrader.tools.shell import Command, Shell

LABEL = "upgrader.proof"
"""On all that we start apart from an app: the project that it is for. Whatever bears it may be removed."""
RUN = "upgrader.run"
"""Beside it: the run that started it."""
PREFIX = "upgrader-proof-"

LEAST_MEMORY = 768 << 20
"""Bytes that a throw-away server gets in any case."""
_MOST_MEMORY = 2 << 30
_SMALL = 256 << 20
"""Databases below this many bytes are kept in memory, where there is plenty."""
_INITIAL = "postgres"
"""The one database that a new server has beside its templates."""
_WHOLE = "upgrader: whole"
_PATIENCE = 120.0
"""Seconds within which a new server must answer."""

# What the data and the migrations may depend on; everything else is tuned for a server whose loss is no loss.
_KEPT = (
    "shared_preload_libraries", "max_connections", "max_locks_per_transaction", "max_prepared_transactions",
    "max_worker_processes", "password_encryption", "TimeZone", "DateStyle", "IntervalStyle",
    "lc_monetary", "lc_numeric", "lc_time", "default_text_search_config", "default_toast_compression", "search_path",
)  # fmt: skip
_TUNED = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "maintenance_work_mem": "128MB",
    "listen_addresses": "*",
    # who connected is how a rehearsal knows that the migration really worked on the copy
    "log_connections": "on",
    "log_line_prefix": "%h ",
    "lc_messages": "C",
    # jobs of pg_cron's would change the copy under our eyes
    "cron.launch_active_jobs": "off",
}
_ENVIRONMENT = re.compile(r"LANG|TZ|LC_[A-Z]+")
_REMOTE = re.compile(r"^(?!\[local\]|127\.0\.0\.1|::1)\S+ LOG:  connection authorized", re.MULTILINE)


_AILMENT = re.compile(
    r".*(?:No space left on device|out of memory|could not resize shared memory|terminated by signal 9).*",
    re.IGNORECASE,
)


class NoThrowawayError(StepError):
    """A throw-away server cannot be had, or lacks what the database needs: this says nothing about the dump."""


@dataclass(frozen=True)
class Room:
    """Bytes of memory that a server may take in all, and those of them that its files may; 0: they are on disk."""

    memory: int
    files: int = 0


def room(size: int, available: int | None) -> Room | None:
    """Room for a database of `size` bytes where so much memory is available (None: not known); None: too little."""
    if available is None:
        return Room(LEAST_MEMORY)
    if available < 2 * LEAST_MEMORY:
        return None
    memory = min(max(available // 4, LEAST_MEMORY), _MOST_MEMORY)
    # initdb's own files and the journal come on top of the data
    files = 2 * size + (512 << 20)
    if size < _SMALL and files + memory < available // 2:
        return Room(memory + files, files)
    return Room(memory)


def available_memory() -> int | None:
    """Bytes of memory that this machine could give away; None where that cannot be seen."""
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


@dataclass(frozen=True)
class Origin:
    """What a throw-away server is made from: an image, and what its container was told."""

    image_id: str
    env: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Throwaway:
    """The throw-away server that stands in for one service of the project, for one run.

    It begins without any network: nothing reaches it but programs inside of it.
    """

    shell: Shell
    project: str
    run: str
    service: str
    looks: Looks = field(default_factory=Looks, compare=False, repr=False)

    @property
    def name(self) -> str:
        """The container's name, which exists once."""
        return re.sub(r"[^\w.-]", "_", f"{PREFIX}{self.run}-{self.service}", flags=re.ASCII)

    @property
    def labels(self) -> tuple[str, ...]:
        return labels(self.project, self.run)

    def server(self, user: str) -> Server:
        return Server(replace(self.shell, say=None), self.name, user, self.run, self.looks)

    def runs(self) -> bool:
        found = Docker(self.shell).container(self.name)
        return found is not None and found.running

    def start(self, like: Origin | Container, live: Server, space: Room) -> Server:
        """Start it from the very image that `like` runs, with the settings of the server in it; one of an earlier
        attempt is removed first.

        Its superuser is the role that we work as in `live`. Raises NoThrowawayError where it does not come up.
        """
        self.remove()
        password = secrets.token_hex(24)
        self.shell.redactor.learn([password])
        values = _environment(like, live.user, password)
        names = [word for name in values for word in ("--env", name)]
        argv = (
            "docker", "run", "--detach", "--pull", "never", "--name", self.name, "--network", "none",
            "--no-healthcheck", *self.labels, "--memory", str(space.memory), "--memory-swap", str(space.memory),
            "--shm-size", "256m", "--cpu-shares", "512", "--oom-score-adj", "700",
            "--log-driver", "json-file", "--log-opt", "max-size=8m", *self._files(like.image_id, space),
            *names, like.image_id, *_settings(live),
        )  # fmt: skip
        quiet = replace(self.shell, say=None)
        result = quiet.attempt(Command(argv, env=values, changes=True, label=f"starting {self.name}"))
        if not result.ok:
            self.remove()
            lines = [self.shell.redactor.text(line) for line in result.tail]
            said = [line for line in lines if "rror" in line] or [f"exit status {result.code}"]
            raise NoThrowawayError(
                f"a throw-away server does not start: {said[0].removeprefix('docker: ')}", lines=lines
            )
        return self._up(live.user)

    def _up(self, user: str) -> Server:
        server = self.server(user)
        try:
            server.require(_PATIENCE)
        except RefusedError as error:
            lines = Docker(self.shell).log_tail(self.name)
            self.remove()
            raise NoThrowawayError(
                f"a throw-away server of this image does not come up: {error.message}", lines=lines
            ) from error
        return server

    def _files(self, image: str, space: Room) -> tuple[str, ...]:
        """Where its files are: in memory, or in the anonymous volume that the image asks for."""
        if not space.files:
            return ()
        result = self.shell.attempt(
            Command(
                ("docker", "image", "inspect", "--format", "{{range $k, $v := .Config.Volumes}}{{$k}}\n{{end}}", image)
            )
        )
        return tuple(
            word
            for path in result.out.split()
            if result.ok
            for word in ("--mount", f"type=tmpfs,destination={path},tmpfs-size={space.files},tmpfs-mode=1777")
        )

    def make(self, server: Server, database: str, like: Description) -> None:
        """An empty database under its own name; tablespaces of the live server are not here."""
        if not server.container.startswith(PREFIX):
            raise RefusedError(f"{server.container} is no throw-away server", "Report this: it is a bug")
        if database == _INITIAL:
            server.execute(f"DROP DATABASE {identifier(database)};")
        settings = tuple(pair for pair in like.settings if not re.match("(default|temp)_tablespace", pair[1]))
        server.create(database, replace(like, tablespace="pg_default", settings=settings))

    def add_roles(self, server: Server, globals_sql: str) -> list[str]:
        """Make the roles of `pg_dumpall --globals-only`; what could not be made is returned, in the server's words.

        The one that we are is there already, as a superuser, which it need not be in the live server; directories of
        tablespaces are not there.
        """
        mine = re.compile(
            rf"^ALTER ROLE (?:{re.escape(server.user)}|{re.escape(identifier(server.user))}) WITH .*\n", re.M
        )
        command = server.psql("\\set ON_ERROR_STOP 0\n" + mine.sub("", globals_sql), changes=True)
        out = server.shell.attempt(command).out
        errors = re.findall(r"ERROR:\s+(.*)", out)
        return [text for text in errors if not re.search(r'role ".*" already exists|tablespace|directory "', text)]

    def open_with(self, server: Server, live: Server, database: str) -> None:
        """Give the roles the passwords of the live server, as the digests that it keeps: apps connect as ever.

        `database` is analysed on the way: what plans its queries needs to know the rows in it.
        """
        rows = live.query("SELECT rolname, rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL;")
        self.shell.redactor.learn(digest for _, digest in rows)
        pairs = ", ".join(f"({literal(role)}, {literal(digest)})" for role, digest in rows)
        give = (
            "SELECT format('ALTER ROLE %I PASSWORD %L', role, digest)"  # noqa: S608 - quoted
            f" FROM (VALUES {pairs}) AS live (role, digest) JOIN pg_roles ON rolname = role \\gexec\n"
        )
        server.execute((give if pairs else "") + "ANALYZE;", database)

    def log(self) -> str:
        """What the server has logged since its start."""
        result = self.shell.attempt(Command(("docker", "logs", self.name), timeout=60.0))
        return result.out + result.err

    def seal(self, server: Server) -> None:
        """Mark that all was restored: an attempt that is cut off leaves no mark."""
        server.execute(f"COMMENT ON DATABASE template1 IS {literal(_WHOLE)};")

    def is_whole(self, user: str) -> bool:
        """Whether it runs, and everything was restored into it."""
        if not self.runs():
            return False
        whole = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'template1';"
        return self.server(user).query(whole) == [[_WHOLE]]

    def remove(self) -> None:
        """Remove it and its files; it may be gone already."""
        # whoever insists on an end wants it gone all the same
        shell = replace(self.shell, tick=None, say=None)
        result = shell.attempt(Command(("docker", "rm", "--force", "--volumes", self.name), changes=True))
        if not result.ok and "No such container" not in result.out:
            raise StepError(f"{self.name} cannot be removed", f"docker rm --force --volumes {self.name}")


def was_visited(log: str) -> bool:
    """Whether anybody but ourselves, who are inside, ever came in."""
    return _REMOTE.search(log) is not None


def ailment(log: str) -> str:
    """What the server itself came to lack while it worked, in its own words; empty: nothing."""
    found = _AILMENT.search(log)
    return found[0].strip() if found else ""


def labels(project: str, run: str) -> tuple[str, ...]:
    """The flags by which all that we start apart from an app is found again."""
    return ("--label", f"{LABEL}={project}", "--label", f"{RUN}={run}")


def leftovers(shell: Shell, project: str) -> list[str]:
    """Names of the containers and networks that runs of this project started apart."""
    return [name for _, name, _ in _ours(shell, project)]


def clear(shell: Shell, project: str, *, keep: Collection[str] = (), only: str = "") -> list[str]:
    """Remove them, with their anonymous volumes; the names of what is gone. There may be no engine: never raises.

    `keep` are runs whose things stay; `only` is the one run whose things go.
    """
    shell = replace(shell, tick=None, say=None)
    return [
        name
        for kind, name, run in _ours(shell, project)
        if run not in keep
        and run == (only or run)
        and shell.attempt(Command(("docker", kind, "rm", *_FORCE[kind], name), changes=True)).ok
    ]


_FORCE = {"container": ("--force", "--volumes"), "network": ()}


def _ours(shell: Shell, project: str) -> list[tuple[str, str, str]]:
    """Kind, name and run of each, containers first: a network that is in use stays."""
    found = []
    for kind, column, every in (("container", "Names", ("--all",)), ("network", "Name", ())):
        shown = f'{{{{.{column}}}}} {{{{.Label "{RUN}"}}}}'
        listing = ("docker", kind, "ls", *every, "--filter", f"label={LABEL}={project}", "--format", shown)
        result = shell.attempt(Command(listing, timeout=60.0))
        lines = result.out.splitlines() if result.ok else []
        found += [(kind, name, run) for name, _, run in (line.partition(" ") for line in lines)]
    return found


def _environment(like: Origin | Container, user: str, password: str) -> dict[str, str]:
    """What the image is to be told; the live server's own password stays where it is."""
    theirs = {name: value for name, value in like.env.items() if _ENVIRONMENT.fullmatch(name)}
    # how passwords are asked for is our own affair: `md5` takes digests of both kinds
    arguments = re.sub(r"(?:--auth(?:-local|-host)?|-A)[= ]\S+", "", like.env.get("POSTGRES_INITDB_ARGS", ""))
    trusting = like.env.get("POSTGRES_HOST_AUTH_METHOD") == "trust"
    return {
        **theirs,
        "POSTGRES_USER": user,
        "POSTGRES_PASSWORD": password,
        "POSTGRES_DB": _INITIAL,
        "POSTGRES_HOST_AUTH_METHOD": "trust" if trusting else "md5",
        "POSTGRES_INITDB_ARGS": f"{arguments} --no-sync".strip(),
    }


def _settings(live: Server) -> list[str]:
    """Arguments for the server: what the live one has set of what matters, and what makes it fast."""
    names = ", ".join(literal(name) for name in (*_KEPT, "wal_level"))
    rows = live.query(f"SELECT name, setting FROM pg_settings WHERE name IN ({names}) AND source <> 'default';")  # noqa: S608 - names of ours
    theirs = dict(rows)
    logical = theirs.pop("wal_level", "") == "logical"
    wal = {"wal_level": "logical"} if logical else {"wal_level": "minimal", "max_wal_senders": "0"}
    return [word for name, value in {**theirs, **_TUNED, **wal}.items() for word in ("-c", f"{name}={value}")]
