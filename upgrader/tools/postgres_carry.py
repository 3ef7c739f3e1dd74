"""Carries the present rows of a database into its old schema, so that undoing a migration need not lose any."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from upgrader.errors import StepError
from upgrader.tools.postgres_reading import Reading
from upgrader.tools.postgres_restores import Restores
from upgrader.tools.postgres_shape import Shape, carrying
from upgrader.tools.postgres_sql import name_for

_CARRIED = "upgrader: carried"
# One producer in one snapshot writes the script that one consumer runs in one transaction, and the producer says
# COMMIT: whichever of the two dies, and wherever the text is cut, nothing is committed.
_PIPE = (
    "psql -X -q -w -At -v ON_ERROR_STOP=1 -f - |"
    ' PGDATABASE="$1" PGOPTIONS="$PGOPTIONS -c synchronous_commit=off" psql -X -q -w -At -v ON_ERROR_STOP=1 -f -'
)


@dataclass(frozen=True)
class CarryResult:
    """Rows by `schema.table` in the database that was made, and what of the source the old schema has no place for."""

    rows: Mapping[str, int]
    left: tuple[str, ...]


class Carrying(Restores):
    """Rows of now, schema of then."""

    def can_carry(self, source: str, archive: Path) -> str | None:
        """Why the present rows of `source` do not fit the schema in `archive`; None if they do, as far as shapes tell.

        Builds an empty database for the comparison, and drops it.
        """
        scratch = name_for(source, self.run, "shape")
        self.drop(scratch)
        try:
            self.create_like(scratch, source)
            with self.reading(archive) as reading:
                reading.restore(scratch, "--section=pre-data")
            return self._shape(source).misfit(self._shape(scratch))
        finally:
            self.drop(scratch)

    def carry(self, source: str, into: str, restore_from: Path) -> CarryResult:
        """Make `into` with the schema of the archive `restore_from` and the present rows of `source`, in one snapshot.

        The migrator's own tables and those of extensions come from the archive. What is written to `source` after the
        start stays behind: stop the writers. Raises StepError, and leaves nothing behind, when the rows do not fit.
        An `into` that is there already stays as it is.
        """
        left: tuple[str, ...] = ()
        with self.making(into, lambda name: self.create_like(name, source)) as name:
            if name is not None:
                with self.reading(restore_from) as reading:
                    left = self._carry(source, name, reading)
                self.execute("ANALYZE;", name)
        return CarryResult({table: rows.count for table, rows in self.row_counts(into).items()}, left)

    def _carry(self, source: str, name: str, reading: Reading) -> tuple[str, ...]:
        reading.restore(name, "--section=pre-data")
        now, old = self._shape(source), self._shape(name)
        if reason := now.misfit(old):
            raise StepError(f"The rows of {source} do not fit its old schema: {reason}", "Restore the dump instead")
        kept = self.migrators_tables(name)
        self._restore_rows(reading, name, kept)
        self._pipe(source, name, carrying(old, kept, _CARRIED))
        reading.restore(name, "--section=post-data", f"--jobs={reading.jobs}")
        return now.beyond(old)

    def _pipe(self, source: str, name: str, script: str) -> None:
        command = self.inside(
            "sh", "-c", _PIPE, "sh", name, database=source, stdin=script.encode(), changes=True, utf8=True
        )
        result = self.attempt(command, f"carrying rows into {name}")
        if _CARRIED not in result.out.splitlines():
            raise self.failure(result, f"carrying rows into {name}")

    def _restore_rows(self, reading: Reading, name: str, tables: set[tuple[str, str]]) -> None:
        """Restore the rows of `tables` and of the extensions' tables from the archive."""
        shape = self._shape(name)
        carried = ({(table.schema, table.name) for table in shape.tables} | shape.partitions) - tables
        skipped = {f" TABLE DATA {schema} {table} " for schema, table in carried}
        data = (line for line in reading.listing() if " TABLE DATA " in line)
        if wanted := [line for line in data if not any(entry in line for entry in skipped)]:
            reading.restore_entries(wanted, name)

    def _shape(self, database: str) -> Shape:
        return Shape.of(self.query(Shape.QUERY, database))
