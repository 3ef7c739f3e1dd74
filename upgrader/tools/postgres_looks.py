"""Looks at a Postgres server that share one psql, for as long as somebody is looking."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from upgrader.tools.conversation import Conversation
from upgrader.tools.shell import Command, Shell

_PLAIN = re.compile(r"\w+", re.ASCII)
"""Names of databases that psql's \\connect cannot misread."""


@dataclass
class Looks:
    """The psql programs that stay while somebody looks, one for each role and container.

    Outside `looking` there are none: a session that stays connected to a database keeps everybody, ourselves included,
    from copying, renaming or dropping it.
    """

    open: bool = False
    _conversations: dict[str, tuple[Conversation, str]] = field(default_factory=dict)
    """By role and container: the program, and the database it is connected to."""

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Within it questions share a program. Whoever is inside already stays inside."""
        if self.open:
            yield
            return
        self.open = True
        try:
            yield
        finally:
            self.open = False
            self.end()

    def end(self) -> None:
        """Leave every database; the next question begins anew."""
        while self._conversations:
            self._conversations.popitem()[1][0].close()

    def ask(self, shell: Shell, start: Command, where: str, database: str, sql: str) -> str | None:
        """What psql prints for `sql` in `database`; None where it has to be asked in a program of its own.

        `start` is psql reading its stdin, connected to `database`; `where` names the role and the server.
        """
        if not self.open or not _PLAIN.fullmatch(database):
            return None
        found = self._conversations.get(where)
        if found is None:
            made = shell.converse(start)
            if made is None:
                return None
            found = (made, database)
        conversation, connected = found
        end = f"upgrader-{secrets.token_hex(8)}"
        move = "" if connected == database else f"\\connect {database}\n"
        self._conversations[where] = (conversation, database)
        answer = conversation.ask(f"{move}{sql}\n;\n\\echo {end}\n".encode(), end.encode(), start.timeout)
        if answer is None:
            self._conversations.pop(where)[0].close()
        return answer
