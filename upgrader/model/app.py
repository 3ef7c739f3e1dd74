"""What a playbook says of an app: its stack, databases, migrations and health. Facts, not procedure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Stack:
    """How every Compose call is made. `files`, `env_file` and `example` are relative to `directory`."""

    directory: Path
    project: str
    files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    env_file: str = ".env"
    example: str | None = None
    overlay: str | None = None
    keep: tuple[str, ...] = ()
    """Further untracked files (globs) that belong into a restore point."""
    optional: tuple[str, ...] = ()
    """Those of `files` that count only where they are: another version may have more of them, or fewer."""

    @property
    def present(self) -> tuple[str, ...]:
        """The files that count in the directory as it is."""
        return tuple(name for name in self.files if name not in self.optional or (self.directory / name).exists())


@dataclass(frozen=True)
class DatabaseSpec:
    """One Postgres database: inside a service of the stack, or, without one, where a URL in the env file leads.

    Empty `user` and `name`: as the container's environment says, or the URL.
    """

    id: str
    service: str = ""
    name: str = ""
    user: str = ""
    key: str = ""
    """The env key that has its URL, where the playbook names one; the URL may well lead to a service of the stack."""
    url: str = field(default="", repr=False)
    image: str = ""
    """With the programs for a database outside of the stack; empty: one of its major version that is here."""

    @property
    def where(self) -> str:
        """What people know its server by: the service, or the env key of its URL."""
        return self.service or self.key


@dataclass(frozen=True)
class VolumeSpec:
    """Files of the app that belong into a restore point: a `volume` by its name in the Compose file, or whatever a
    `service` mounts at `path`, a directory of the host too.

    `pause`: what happens to the services that mount it while it is read: `no` (they go on), `yes` (they stand still),
    `stop` (they are stopped, and started again). `optional`: it may be missing.
    """

    id: str
    volume: str = ""
    service: str = ""
    path: str = ""
    pause: str = "no"
    optional: bool = False


@dataclass(frozen=True)
class MigrationsSpec:
    """How the app migrates.

    `service` is the one-shot, `path` the directory of migration files, for the plan and the review. `online`: `auto`
    (the old version keeps serving while migrations run if their SQL is judged additive), `always`, or `never` (writers
    are stopped first). `timeout` in seconds. `rehearse`: whether they run on a copy of the data first.
    """

    service: str = ""
    path: str = ""
    ledger: str = ""
    online: str = "auto"
    timeout: float = 3600.0
    rehearse: bool = True


@dataclass(frozen=True)
class HealthCheck:
    """One proof that the app serves: a service's state, an HTTP answer, or a version in a JSON answer."""

    service: str = ""
    http: str = ""
    status: int = 200
    insecure: bool = False
    json: str = ""
    equals: str = ""


@dataclass(frozen=True)
class HealthSpec:
    """All checks, how long they must hold without a break (`stable_for`), and how long to wait for that (seconds)."""

    checks: tuple[HealthCheck, ...] = ()
    stable_for: float = 5.0
    timeout: float = 180.0


@dataclass(frozen=True)
class CanarySpec:
    """When an upgrade is stopped over its data, by what tables had and have.

    `tables` and `ignore` are globs of `table` or `schema.table`; without `tables`, all are looked at. A table collapsed
    that had `rows` or more and lost `lost` percent of them; that keeps its rows in `shrunk` percent less space, if that
    is not 0; or that is gone though no migration drops it.
    """

    tables: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    rows: int = 20
    lost: float = 90.0
    shrunk: float = 95.0


@dataclass(frozen=True)
class Hook:
    """A command of the operator's around a phase: `when` is `before prepare`, `after finish`, `on failure`, …"""

    when: str
    run: tuple[str, ...]
    timeout: float = 300.0


@dataclass(frozen=True)
class Retention:
    """Which restore points stay: the newest `keep`, none older than `max_age` seconds, `max_size` bytes; 0: any."""

    keep: int = 0
    max_age: float = 0.0
    max_size: int = 0

    def __bool__(self) -> bool:
        return bool(self.keep or self.max_age or self.max_size)


@dataclass(frozen=True)
class Offsite:
    """Where restore points are copied to: by which `program`, restic or rclone, and what that calls the place."""

    program: str
    place: str


@dataclass(frozen=True)
class App:
    """The thing upgraded, as the resolved playbook and this host describe it."""

    name: str
    stack: Stack
    home: Path
    """`$UPGRADER_HOME/<project>`: runs, restore points, the lock."""
    databases: Mapping[str, DatabaseSpec] = field(default_factory=dict)
    migrations: MigrationsSpec = field(default_factory=MigrationsSpec)
    health: HealthSpec = field(default_factory=HealthSpec)
    canary: CanarySpec = field(default_factory=CanarySpec)
    hooks: tuple[Hook, ...] = ()
    signed_tags: bool = False
    release_tags: str = ""
    """Glob that release tags match; empty: version-like tags (`v1.2.3`, `1.2.3`)."""
    backups: Retention = field(default_factory=Retention)
    offsite: Offsite | None = None
    writers: tuple[str, ...] = ()
    """Services to stop when writes must stop; empty: every long-running service that is not a database."""
    volumes: tuple[VolumeSpec, ...] = ()
