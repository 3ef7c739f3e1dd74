"""Postgres: a server reached through its container, and a probe of the URL that an app would use."""

from upgrader.tools.postgres_address import Address, WrongCredentialsError, parameters, place, refusal
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
    "Address",
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


class Server(Carrying):
    """A Postgres server inside a container: look, dump, prove, restore, copy, carry, swap."""


def probe(url: str, timeout: int = 5) -> None:
    """Connect to `url` and say hello; raises RefusedError, which names host, role and database but never the password;
    WrongCredentialsError, one of them, when the server itself turns them down.

    `timeout` is in seconds, at least 2. Accepts what drivers and ORMs add: `postgresql+asyncpg://…`, `?schema=…`.
    """
    import psycopg

    parts = parameters(url)
    where = place(parts.get("host") or "localhost", parts.get("port") or "5432")
    try:
        with psycopg.connect(**parts, connect_timeout=timeout, application_name="upgrader-probe") as connection:  # type: ignore[arg-type]  # strings all
            connection.execute("SELECT 1")
    except (psycopg.Error, UnicodeError) as error:
        # no cause: psycopg's own text may quote the connection string
        raise refusal(str(error), where, parts.get("user", ""), parts.get("dbname", ""), timeout) from None
