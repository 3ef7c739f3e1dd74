"""Where a database URL leads: read as libpq reads it, handed to its programs by their environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from upgrader.errors import RefusedError

ENCODE = "Percent-encode special characters of the password (@ is %40, / is %2F)"
_SCHEME = re.compile(r"^(postgres|postgresql)(\+\w+)?://")
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_OTHERS_WORDS = {"no-verify": "require"}
"""What drivers call a mode that libpq has another name for."""
# What is said elsewhere, or would lead the programs to files and services that the app does not mean.
_NOT_HANDED = {
    *("user", "password", "dbname", "options", "application_name", "client_encoding", "connect_timeout"),
    *("service", "passfile", "sslkeylogfile"),
}
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl", "sslcrldir")
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1")


class WrongCredentialsError(RefusedError):
    """The server answers, and does not know this role, password or database."""


@dataclass(frozen=True)
class Address:
    """Where a URL leads, and as whom."""

    user: str = ""
    database: str = ""
    host: str = "localhost"
    """A name, an address, the directory of a socket, or several with commas between."""
    port: str = "5432"
    password: str = field(default="", repr=False)
    options: str = ""
    """For the session, as libpq's parameter of this name has them."""
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What tells libpq the rest, host and port included."""
    files: tuple[str, ...] = ()
    """Certificates and keys that it names."""

    @staticmethod
    def of(url: str) -> "Address":
        """Raises RefusedError, which never quotes the URL. Accepts what drivers and ORMs add to URLs."""
        parts = parameters(url)
        user = parts.get("user", "")
        if not user:
            raise RefusedError(
                "The database URL names no user", "Write it as postgresql://USER:PASSWORD@HOST:5432/NAME"
            )
        host, port = parts.get("host") or "localhost", parts.get("port") or "5432"
        return Address(
            user,
            parts.get("dbname") or user,
            host,
            port,
            parts.get("password", ""),
            parts.get("options", ""),
            {"PGHOST": host, "PGPORT": port, **_environment(parts)},
            tuple(parts[name] for name in _FILES if parts.get(name, "system") != "system"),
        )

    @property
    def socket(self) -> str:
        """The directory of the socket; empty where it is reached by TCP."""
        return self.host if self.host.startswith("/") else ""

    @property
    def loopback(self) -> bool:
        """Whether it is on the very machine, or in the very container, that the URL is used on."""
        return bool(self.socket) or all(_LOOPBACK.fullmatch(host) for host in self.host.split(","))

    @property
    def place(self) -> str:
        """In words that stand after `at`."""
        return place(self.host, self.port)


def place(host: str, port: str) -> str:
    if host.startswith("/"):
        return f"the socket in {host}"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parameters(url: str) -> dict[str, str]:
    """libpq's parameters, by their keywords. Raises RefusedError, which never quotes the URL."""
    import psycopg
    from psycopg import conninfo, pq

    if not _SCHEME.match(url):
        raise RefusedError("The database URL does not begin with postgresql://", "Correct it in the env file")
    plain = _SCHEME.sub("postgresql://", url)
    base, _, query = plain.partition("?")
    if _astray(base.removeprefix("postgresql://"), query):
        raise RefusedError("The database URL cannot be read", ENCODE)
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    items = ["sslmode=require" if item == "ssl=true" else item for item in query.split("&")]
    kept = [item for item in items if item.partition("=")[0] in known]
    try:
        parts = conninfo.conninfo_to_dict(base + ("?" + "&".join(kept) if kept else ""))
        if "," not in base:
            urlsplit(plain).port  # noqa: B018 (libpq finds a bad port only when it connects)
    except (psycopg.ProgrammingError, ValueError):
        raise RefusedError("The database URL cannot be read", ENCODE) from None
    found = {name: str(value) for name, value in parts.items() if value is not None and name != "connect_timeout"}
    if mode := found.get("sslmode"):
        found["sslmode"] = _OTHERS_WORDS.get(mode, mode)
        if found["sslmode"] not in _SSL_MODES:
            raise RefusedError(f"The database URL has an unknown sslmode, {mode}", f"One of {', '.join(_SSL_MODES)}")
    return found


def _astray(rest: str, query: str) -> bool:
    """Whether the password ended the part that it belongs to, which would make the remainder a host or a database."""
    authority, _, path = rest.partition("/")
    return authority.count("@") > 1 or "@" in path or "@" in query


def _environment(parts: Mapping[str, str]) -> dict[str, str]:
    from psycopg import pq

    names = {o.keyword.decode(): o.envvar.decode() for o in pq.Conninfo.get_defaults() if o.envvar}
    return {names[word]: value for word, value in parts.items() if word in names and word not in _NOT_HANDED and value}


@dataclass(frozen=True)
class Cause:
    """Why a connection failed. `kind`: `login` (the server turned it down), `edit` (the URL is to be corrected),
    `reach`, `resolve` (the server was not found by its address, its name), `wait`, or `other`.
    """

    kind: str
    message: str
    advice: str


def cause(said: str, where: str, user: str, database: str, timeout: int) -> Cause:
    """What a failed connection means, by libpq's or the server's words; `timeout` is in seconds."""
    cases = (
        (r"password authentication failed|no password supplied", "login",
         f"{where} refuses the password of role {user}", "Compare the password in the URL with the role's"),
        (r"role .* does not exist", "login", f"{where} has no role {user}", "Correct the user in the URL"),
        (r"database .* does not exist", "login", f"{where} has no database {database}",
         "Correct the database in the URL"),
        (r"no pg_hba.conf entry|rejects connection|authentication failed", "edit",
         f"{where} does not let role {user} in",
         "Allow it in the server's pg_hba.conf; where that wants encryption, add sslmode=require to the URL"),
        (r"timeout|timed out", "reach", f"{where} did not answer within {timeout} s",
         "Check the host, the port and the firewall"),
        (r"resolve|translate host name|Name or service|getaddrinfo|idna", "resolve",
         f"The host of {where} is not known here",
         "Inside Compose networks a service's name is known, outside it is not"),
        (r"refused|No such file", "reach", f"Nothing listens on {where}",
         "Is the database running, and its port published?"),
        (r"[Uu]nreachable|No route", "reach", f"{where} cannot be reached", "Check the host and the network"),
        (r"SSL|certificate", "edit", f"{where} and the URL do not agree on encryption", "Check sslmode in the URL"),
        (r"unsupported startup parameter", "edit", f"{where} is a pooler, which passes no settings on",
         "Give the URL of the server itself"),
        (r"starting up|shutting down|recovery mode", "wait", f"Postgres on {where} is still starting up", "Try again"),
    )  # fmt: skip
    for pattern, *words in cases:
        if re.search(pattern, said):
            return Cause(*words)
    return Cause("other", f"Connecting to {where} as {user} failed", "Try it: psql with the same URL")


def refusal(said: str, where: str, user: str, database: str, timeout: int) -> RefusedError:
    """As `cause`; WrongCredentialsError where the server itself turned the connection down."""
    found = cause(said, where, user, database, timeout)
    return (WrongCredentialsError if found.kind == "login" else RefusedError)(found.message, found.advice)
