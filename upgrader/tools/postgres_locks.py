"""Tables that somebody has locked: who, since when, and what to say of it."""

import re
from collections.abc import Sequence

from upgrader.errors import StepError

LOCKERS = """
SELECT l.relation::regclass, a.pid, coalesce(nullif(a.application_name, ''), a.usename),
       date_trunc('second', clock_timestamp() - a.xact_start)
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.granted AND l.mode = 'AccessExclusiveLock' AND l.relation >= 16384
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY a.xact_start LIMIT 1;
"""
"""Who has had a table for longest: table, pid, name, since when."""
_GIVEN_UP = re.compile(r"lock timeout|statement timeout.*LOCK TABLE", re.DOTALL)


def waited_for_a_lock(said: str) -> bool:
    """Whether this is what psql or pg_dump says when it has given up waiting for a table."""
    return _GIVEN_UP.search(said) is not None


def lock_error(database: str, waited: float, found: Sequence[Sequence[str]], psql: str) -> StepError:
    """What to say after so many seconds; `found` by LOCKERS, `psql` is how to reach the database."""
    if not found:
        return StepError(f"A table of {database} was locked for {waited:g} s", "Try again")
    table, pid, holder, since = found[0]
    return StepError(
        f"{table} of {database} is locked by {holder} (pid {pid}) since {since}, so it cannot be read",
        f"Wait for it, or end it: {psql} -c 'SELECT pg_terminate_backend({pid})'",
    )
