"""Restores archives into new databases, never into one that somebody uses."""

from collections.abc import Sequence
from pathlib import Path

from upgrader.tools.postgres_beside import Pace
from upgrader.tools.postgres_catalog import Description
from upgrader.tools.postgres_dumps import Dumps
from upgrader.tools.shell import Say


class Restores(Dumps):
    """Archives into new databases."""

    def restore(
        self,
        archive: Path,
        into: str,
        like: str | Description,
        *,
        sections: Sequence[str] = (),
        pace: Pace = Pace(),  # noqa: B008 (frozen)
        say: Say | None = None,
    ) -> None:
        """Restore `archive` into the new database `into`, made like `like`; one that is there already stays as it is.

        `sections` (`pre-data`, `data`, `post-data`): all by default. `into` exists only once it is whole, analysed and
        open. Raises StepError, and leaves nothing behind.
        """
        description = self.describe(like) if isinstance(like, str) else like
        with self.making(into, lambda name: self.create(name, description)) as name:
            if name is None:
                return
            with self.reading(archive, pace) as reading:
                chosen = [f"--section={section}" for section in sections]
                reading.restore(name, f"--jobs={reading.jobs}", *chosen, say=say)
            self.execute("ANALYZE;", name)
