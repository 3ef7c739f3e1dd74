"""What a playbook may say: its sections and their keys, as models with defaults."""

import re
import shlex
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema

from upgrader.model.run import FORWARD_PHASES
from upgrader.playbook.names import EMBEDDED

PROCEDURES = ("upgrade", "rollback", "backup", "restore")
NEEDED = ("upgrade", "rollback")
"""The procedures that no playbook can be without."""
PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")
"""What Compose takes for a project's name."""
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?", re.ASCII)
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(?:([KMGTkmgt])(i)?)?B?", re.ASCII)
_ENV_KEY = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_HOOK_TIMES = (*(f"{side} {phase}" for phase in FORWARD_PHASES for side in ("before", "after")), "on failure")
_SHELL_WORDS = frozenset({"|", "||", "&", "&&", ";", ">", ">>", "<", "2>&1"})


def seconds(value: Any) -> float:
    """`5s`, `2m`, `1h30m` or plain seconds, as seconds. Raises ValueError."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf"):
        return float(value)
    if isinstance(value, str) and value and (match := _DURATION.fullmatch(value)):
        days, hours, minutes, rest = (float(part or 0) for part in match.groups())
        return days * 86400 + hours * 3600 + minutes * 60 + rest
    msg = f"{value!r} is not a duration: write 5s, 2m, 1h30m or seconds"
    raise ValueError(msg)


def bytes_of(value: Any) -> int:
    """`50GiB`, `500 MB` or plain bytes, as bytes. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and (match := _SIZE.fullmatch(value)):
        step = 1024 if match[3] else 1000
        return int(float(match[1]) * step ** ("KMGT".index(match[2].upper()) + 1 if match[2] else 0))
    msg = f"{value!r} is not a size: write 50GiB, 500MB or bytes"
    raise ValueError(msg)


def _argv(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    # an expression is one piece, whatever blanks and quotes are in it
    expressions = iter(EMBEDDED.findall(value))
    words = [re.sub("\0", lambda _: next(expressions, ""), word) for word in shlex.split(EMBEDDED.sub("\0", value))]
    if shell := _SHELL_WORDS.intersection(words):
        raise ValueError(f"{min(shell)} needs a shell, and there is none: write [sh, -c, '…']")
    return words


def _inside(pattern: str) -> str:
    if pattern.startswith(("/", "~")) or ".." in pattern.split("/"):
        raise ValueError(f"{pattern} leads out of the app's directory")
    return pattern


def _project(value: str) -> str:
    if value and "${{" not in value and not PROJECT.fullmatch(value):
        raise ValueError(f"{value!r} is not a project name: lower-case letters, digits, dashes and underscores")
    return value


def _env_key(value: str) -> str:
    if value and not _ENV_KEY.fullmatch(value):
        raise ValueError("write the key alone that the URL has in the env file, such as DATABASE_URL")
    return value


def _url(value: str) -> str:
    if not value.startswith(("http://", "https://", "${{")):
        raise ValueError(f"{value!r} is not a URL: it begins with http:// or https://")
    return value


Duration = Annotated[
    float,
    BeforeValidator(seconds),
    WithJsonSchema(
        {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^(\d+d)?(\d+h)?(\d+m)?(\d+(\.\d+)?s)?$"}]}
    ),
]
"""Seconds; written as `5s`, `2m`, `1h30m` or a plain number."""
Bytes = Annotated[
    int,
    BeforeValidator(bytes_of),
    WithJsonSchema(
        {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": r"^\d+(\.\d+)? ?([KMGTkmgt]i?)?B?$"}]}
    ),
]
"""Bytes; written as `50GiB`, `500MB` or a plain number."""
Argv = Annotated[
    tuple[str, ...],
    BeforeValidator(_argv),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""A program and its arguments; a string is split into words, and no shell reads it."""
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
Text = Annotated[str, Field(min_length=1)]
Glob = Annotated[str, AfterValidator(_inside)]
Url = Annotated[str, AfterValidator(_url)]
EnvKey = Annotated[str, AfterValidator(_env_key), WithJsonSchema({"type": "string", "pattern": r"^\w+$"})]
"""A key of the env file, by its name: a playbook has no secrets."""


class Section(BaseModel):
    """A mapping in a playbook: fixed keys, no others."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    short: ClassVar[str] = ""
    """The key that a bare string stands for, if a bare string will do."""

    @model_validator(mode="before")
    @classmethod
    def _written_short(cls, value: Any) -> Any:
        return {cls.short: value} if cls.short and isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        mapping = handler.resolve_ref_schema(handler(core))
        return {"anyOf": [{"type": "string"}, mapping]} if cls.short else mapping


class Detect(Section):
    """How to recognise the app: all of these files stand in its directory."""

    files: tuple[Text, ...] = Field(min_length=1)


class StackFile(Section):
    """A Compose file; `when` makes it depend on the env file, `optional` on its being there."""

    short = "file"
    file: Text
    when: str = ""
    optional: bool = False


class Profile(Section):
    """A Compose profile; `when` makes it depend on the env file."""

    short = "profile"
    profile: Text
    when: str = ""


class EnvFiles(Section):
    """The live env file, the example that ships with the app, and the annotations that ship with upgrader."""

    file: Text = ".env"
    example: str | None = None
    overlay: str | None = None


class StackSection(Section):
    """How Compose is called for this app. Without `project` Compose's own default; without `files` likewise."""

    project: Annotated[str, AfterValidator(_project)] = ""
    files: tuple[StackFile, ...] = ()
    profiles: tuple[Profile, ...] = ()
    env: EnvFiles = EnvFiles()
    keep: tuple[Glob, ...] = ()


class DatabaseSection(Section):
    """A Postgres database: in a service of the stack, whose container says its name and user unless they are given
    here, or wherever the URL leads that the env file has under the key `url`; `image` then brings the programs.
    """

    service: str = ""
    url: EnvKey = ""
    image: str = ""
    name: str = ""
    user: str = ""
    when: str = ""

    @model_validator(mode="after")
    def _one(self) -> "DatabaseSection":
        if bool(self.service) == bool(self.url):
            raise ValueError("a database has exactly one of service, url")
        if self.url and (self.name or self.user):
            raise ValueError("name and user belong to service: a URL names its own")
        if self.service and self.image:
            raise ValueError("image belongs to url: a service has its own")
        return self


class VolumeSection(Section):
    """Files that belong into a restore point: a volume of the Compose file by its name there, or what a service mounts
    at a path, a directory of the host too. `pause`: whether the services that mount it stand still (`yes`), or are
    stopped and started again (`stop`), while it is read; `optional`: it may be missing.
    """

    short = "volume"
    volume: str = ""
    service: str = ""
    path: str = ""
    pause: Literal["no", "yes", "stop"] = "no"
    optional: bool = False
    when: str = ""

    @model_validator(mode="after")
    def _one(self) -> "VolumeSection":
        if bool(self.volume) == bool(self.service) or bool(self.service) != bool(self.path):
            raise ValueError("files are named by volume, or by service and path")
        return self


class MigrationsSection(Section):
    """The one-shot service that migrates, its files, whether the old version may keep serving meanwhile, and whether
    it runs on a copy of the data first.
    """

    service: str = ""
    path: str = ""
    ledger: str = ""
    online: Literal["auto", "always", "never"] = "auto"
    timeout: Duration = 3600.0
    rehearse: bool = True


class VersionCheck(Section):
    """A JSON answer that names the version; `json` is the dotted path of the value."""

    http: Url
    json_path: Text = Field(alias="json")
    equals: Text
    insecure: bool = False


class HealthSection(Section):
    """One proof that the app serves: exactly one of service, http, version."""

    service: str = ""
    http: Url | None = None
    status: int = Field(default=200, ge=100, le=599)
    insecure: bool = False
    version: VersionCheck | None = None

    @model_validator(mode="after")
    def _one(self) -> "HealthSection":
        given = [self.service, self.http, self.version]
        if sum(map(bool, given)) != 1:
            raise ValueError("a health check has exactly one of service, http, version")
        if not self.http and self.model_fields_set & {"status", "insecure"}:
            raise ValueError("status and insecure belong to http")
        return self


class Healthy(Section):
    """How long all checks must hold without a break, and how long to wait for that."""

    stable_for: Duration = 5.0
    timeout: Duration = 180.0


class CanarySection(Section):
    """When a table has collapsed in an upgrade: which tables are looked at (globs, all by default) and which are not;
    how many rows it had at least, and how many percent of them, or of its bytes, it lost at least (`shrunk` 0: sizes
    are not compared).
    """

    tables: tuple[Text, ...] = ()
    ignore: tuple[Text, ...] = ()
    rows: int = Field(default=20, ge=1)
    lost: float = Field(default=90.0, gt=0, le=100)
    shrunk: float = Field(default=95.0, ge=0, lt=100)


class Releases(Section):
    """Which tags are releases (a glob), and whether they must be signed."""

    tags: str = ""
    signed: bool = False


class CopyTo(Section):
    """Where restore points are copied to: exactly one of a restic repository, an rclone remote."""

    restic: str = ""
    rclone: str = ""

    @model_validator(mode="after")
    def _one(self) -> "CopyTo":
        if bool(self.restic) == bool(self.rclone):
            raise ValueError("a copy goes to exactly one of restic, rclone")
        return self


class BackupsSection(Section):
    """Which restore points are deleted by themselves after a backup or an upgrade (without any limit, none is), and
    where those that `upgrader backup` makes are copied to.
    """

    keep: int | None = Field(default=None, ge=1)
    max_age: Duration | None = None
    max_size: Bytes | None = None
    copy_to: CopyTo | None = None


class HookSection(Section):
    """A command of the operator's around a phase, or on failure."""

    when: Annotated[str, WithJsonSchema({"enum": list(_HOOK_TIMES)})]
    run: Argv
    timeout: Duration = 300.0

    @model_validator(mode="after")
    def _known_time(self) -> "HookSection":
        if self.when not in _HOOK_TIMES:
            raise ValueError(f"{self.when!r} is no time for a hook: write before or after and a phase, or on failure")
        return self


class Facts(Section):
    """What a playbook says of an app."""

    requires: str = ""
    name: Name
    detect: Detect | None = None
    stack: StackSection = StackSection()
    databases: Mapping[Name, DatabaseSection] = Field(default_factory=dict)
    volumes: tuple[VolumeSection, ...] = ()
    migrations: MigrationsSection = MigrationsSection()
    health: tuple[HealthSection, ...] = ()
    healthy: Healthy = Healthy()
    canary: CanarySection = CanarySection()
    writers: tuple[Text, ...] = ()
    releases: Releases = Releases()
    backups: BackupsSection = BackupsSection()
    hooks: tuple[HookSection, ...] = ()


RawStep = dict[str, Any]


class ProcedureSection(Section):
    """The steps of an upgrade, a rollback, a backup or a restore, by phase."""

    preflight: tuple[RawStep, ...] = ()
    prepare: tuple[RawStep, ...] = ()
    cutover: tuple[RawStep, ...] = ()
    verify: tuple[RawStep, ...] = ()
    finish: tuple[RawStep, ...] = ()


class Amendment(Section):
    """One change to the base's procedure: `replace` `with`, `before` or `after` `add`, or `remove`."""

    replace: str = ""
    with_: RawStep | None = Field(default=None, alias="with")
    before: str = ""
    after: str = ""
    add: RawStep | tuple[RawStep, ...] = ()
    remove: str = ""

    @model_validator(mode="after")
    def _one(self) -> "Amendment":
        form = self.model_fields_set
        if form not in ({"replace", "with_"}, {"before", "add"}, {"after", "add"}, {"remove"}):
            raise ValueError(
                "a change is {replace: ID, with: STEP}, {before: ID, add: STEP}, {after: …} or {remove: ID}"
            )
        return self


class ChangeSection(Section):
    """What a playbook changes in the procedures of the one that it extends."""

    upgrade: tuple[Amendment, ...] = ()
    rollback: tuple[Amendment, ...] = ()
    backup: tuple[Amendment, ...] = ()
    restore: tuple[Amendment, ...] = ()


class Document(Facts):
    """A whole playbook, as it is written."""

    extends: str = ""
    upgrade: ProcedureSection = ProcedureSection()
    rollback: ProcedureSection = ProcedureSection()
    backup: ProcedureSection = ProcedureSection()
    restore: ProcedureSection = ProcedureSection()
    change: ChangeSection = ChangeSection()
