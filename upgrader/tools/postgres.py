"""Postgres: a server reached through its container, and a probe of the URL that an app would use."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from upgrader.errors import RefusedError
from upgrader.tools.postgres_archives import Member
from upgrader.tools.postgres_beside import Pace
from upgrader.tools.postgres_carry import Carrying, CarryResult
from upgrader.tools.postgres_catalog import Description, RowCount
from upgrader.tools.postgres_client import ServerInfo, Session
from upgrader.tools.postgres_dumps import DumpResult
from upgrader.tools.postgres_looks import Looks
from upgrader.tools.postgres_snapshots import Snapshot
from upgrader.tools.postgres_sql import name_for

__all__ = [
    "CarryResult",
    "Description",
    "DumpResult",
    "Looks",
    "Member",
    "Pace",
    "RowCount",
    "Server",
    "ServerInfo",
    "Session",
    "Snapshot",
    "WrongCredentialsError",
    "name_for",
    "probe",
]


class WrongCredentialsError(RefusedError):
    """The server answers, and does not know this role, password or database."""


_SCHEME = re.compile(r"^(postgres|postgresql)(\+\w+)?://")


class Server(Carrying):
    """A Postgres server inside a container: look, dump, prove, restore, copy, carry, swap."""


def probe(url: str, timeout: int = 5) -> None:
    """Connect to `url` and say hello; raises RefusedError, which names host, role and database but never the password;
    WrongCredentialsError, one of them, when the server itself turns them down.

    `timeout` is in seconds, at least 2. Accepts what drivers and ORMs add: `postgresql+asyncpg://…`, `?schema=…`.
    """
    import psycopg

    parts = _parts(url)
    where = f"{parts.get('host') or 'localhost'}:{parts.get('port') or 5432}"
    try:
        with psycopg.connect(**parts, connect_timeout=timeout, application_name="upgrader-probe") as connection:  # type: ignore[arg-type]  # strings all
            connection.execute("SELECT 1")
    except (psycopg.Error, UnicodeError) as error:
        # no cause: psycopg's own text may quote the connection string
        raise _refusal(str(error), where, parts, timeout) from None


def _parts(url: str) -> dict[str, str]:
    import psycopg
    from psycopg import conninfo, pq

    if not _SCHEME.match(url):
        raise RefusedError("The database URL does not begin with postgresql://", "Correct it in the env file")
    plain = _SCHEME.sub("postgresql://", url)
    base, _, query = plain.partition("?")
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    kept = [item for item in query.split("&") if item.partition("=")[0] in known]
    try:
        parts = conninfo.conninfo_to_dict(base + ("?" + "&".join(kept) if kept else ""))
        urlsplit(plain).port  # noqa: B018 (libpq finds a bad port only when it connects)
    except (psycopg.ProgrammingError, ValueError):
        raise RefusedError(
            "The database URL cannot be read", "Percent-encode special characters of the password (@ is %40, / is %2F)"
        ) from None
    return {name: str(value) for name, value in parts.items() if value is not None and name != "connect_timeout"}


def _refusal(said: str, where: str, parts: Mapping[str, str], timeout: int) -> RefusedError:
    role, database = parts.get("user", ""), parts.get("dbname", "")
    cases = (
        (r"password authentication failed|no password supplied", f"{where} refuses the password of role {role}",
         "Compare the password in the URL with the role's"),
        (r"role .* does not exist", f"{where} has no role {role}", "Correct the user in the URL"),
        (r"database .* does not exist", f"{where} has no database {database}", "Correct the database in the URL"),
        (r"timeout|timed out", f"{where} did not answer within {timeout} s",
         "Check the host, the port and the firewall"),
        (r"resolve|translate host name|Name or service|getaddrinfo|idna", f"The host of {where} is not known here",
         "Inside Compose networks a service's name is known, outside it is not"),
        (r"refused", f"Nothing listens on {where}", "Is the database running, and its port published?"),
        (r"[Uu]nreachable|No route", f"{where} cannot be reached", "Check the host and the network"),
        (r"SSL|certificate", f"{where} and the URL do not agree on encryption", "Check sslmode in the URL"),
        (r"starting up|shutting down|recovery mode", f"Postgres on {where} is still starting up", "Try again"),
    )  # fmt: skip
    for index, (pattern, message, hint) in enumerate(cases):
        if re.search(pattern, said):
            return (WrongCredentialsError if index < 3 else RefusedError)(message, hint)
    return RefusedError(f"Connecting to {where} as {role} failed", "Try it: psql with the same URL")
