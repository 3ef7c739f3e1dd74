"""Moments of databases, held open so that data, counts and schema are read of the same one while the app writes on."""

# ruff: noqa: S608 (names are quoted by postgres_sql; they cannot be parameters in SQL that psql reads)

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from upgrader.errors import StepError
from upgrader.tools.conversation import Conversation
from upgrader.tools.postgres_beside import Beside
from upgrader.tools.postgres_catalog import RowCount, count_rows, counting
from upgrader.tools.postgres_client import rows_of
from upgrader.tools.postgres_sql import literal

_BEGIN = """\
SELECT count(set_config(name, '0', false)) AS limits FROM pg_settings WHERE name = 'transaction_timeout' \\gset
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_export_snapshot(), txid_current_snapshot(),
       to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
"""


@dataclass(frozen=True)
class Snapshot:
    """A moment of a database. It lasts as long as our session that holds it."""

    database: str
    id: str
    """What `pg_dump --snapshot` takes."""
    taken_at: str
    """By the server's clock: UTC, ISO 8601, with milliseconds."""
    transactions: str
    """By its transactions, as `Moment.snapshot`."""
    _session: Conversation = field(compare=False, repr=False)

    def query(self, sql: str) -> list[list[str]]:
        """The rows of `sql`, seen at that moment."""
        return _ask(self._session, sql, self.database)

    def row_counts(self, exact_below_bytes: int | None = None) -> dict[str, RowCount]:
        """As `Catalog.row_counts`, of that moment."""
        return count_rows(self.query(counting(exact_below_bytes)))


@dataclass(frozen=True)
class Session:
    """A session of ours in `database` that is ready to hold a snapshot."""

    database: str
    _session: Conversation = field(compare=False, repr=False)

    def take(self) -> Snapshot:
        """The present moment: a matter of milliseconds."""
        [[name, transactions, at]] = _ask(self._session, _BEGIN, self.database)
        return Snapshot(self.database, name, at, transactions, self._session)

    def query(self, sql: str) -> list[list[str]]:
        """The rows of `sql`, now; not once a moment was taken."""
        return _ask(self._session, sql, self.database)


class Snapshots(Beside):
    """Takes snapshots of databases."""

    @contextmanager
    def snapshot(self, database: str) -> Iterator[Snapshot]:
        """The present moment of `database`, held until the end of the block."""
        with self.holding(database) as session:
            yield session.take()

    @contextmanager
    def holding(self, database: str) -> Iterator[Session]:
        """A session that can take a snapshot at once, and holds it until the end of the block."""
        conversation = self.shell.converse(replace(self.psql("", database), stdin=None))
        if conversation is None:
            raise StepError("There is no docker command", "apt-get install docker.io")
        try:
            self._greet(conversation, database)
            yield Session(database, conversation)
        finally:
            conversation.close()

    def _greet(self, conversation: Conversation, database: str) -> None:
        try:
            _ask(conversation, "SELECT 1;", database)
        except StepError:
            self.require(patience=5)
            self.oid(database)  # these two say more clearly what is wrong
            raise

    def settle(self, patience: float = 2.0) -> bool:
        """Wait until no statement of anybody else's is at work in the server; False if one still is."""
        busy = (
            "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'client backend' AND state = 'active'"
            f" AND coalesce(wait_event_type, '') <> 'Client' AND application_name <> {literal(self.application)}"
            " LIMIT 1;"
        )
        deadline = time.monotonic() + patience
        while self.query(busy):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


def _ask(session: Conversation, sql: str, database: str) -> list[list[str]]:
    end = f"upgrader-{secrets.token_hex(8)}"
    answer = session.ask(f"{sql}\n\\echo {end}\n".encode(), end.encode())
    if answer is None:
        raise StepError(
            f"The session that holds a snapshot of {database} was ended", "Look at the server's log, then try again"
        )
    return rows_of(answer)
