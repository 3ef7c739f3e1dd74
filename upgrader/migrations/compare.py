"""A ledger against the migration files of a checkout: the state of each migration."""

from collections.abc import Callable, Collection, Iterator, Sequence

from upgrader.migrations.chains import by_last_time, by_one_version, by_parents
from upgrader.migrations.files import File
from upgrader.migrations.graph import by_dependencies
from upgrader.migrations.history import by_flyways_rules
from upgrader.migrations.migrators import MIGRATORS, Entry, Migrator, Row
from upgrader.migrations.verdicts import applied, late, leftover
from upgrader.model.migration import Migration, State

Comparison = Callable[[Migrator, Sequence[File], Sequence[Entry], Collection[str]], Iterator[Migration]]


def compare(
    migrator: str, files: Sequence[File], entries: Sequence[Entry], installed: Collection[str] = ()
) -> tuple[Migration, ...]:
    """The state of each file, in the migrator's order, then of what the ledger has beyond them.

    `installed` are the ids of the version that is installed, where `files` are another's: migrators that keep no list
    are taken to have applied those alone.
    """
    return tuple(_RULES.get(migrator, by_list)(MIGRATORS[migrator], files, entries, installed))


def failures(migrator: str, rows: Sequence[Row]) -> list[str]:
    """The ids that a ledger calls failed or dirty; most migrators keep no such word."""
    known = MIGRATORS.get(migrator)
    found = [entry.id for entry in known.entries(rows) if entry.state == "failed"] if known else []
    return [each[1:] for each in found] if migrator == "flyway" else found


def matching(migrator: str, files: Sequence[File], entries: Sequence[Entry]) -> tuple[int, int]:
    """How many files the ledger has with the same content, and how many at all: whose ledger it is."""
    rows = {entry.id[1:] if migrator == "flyway" else entry.id: entry for entry in entries}
    known = [file for file in files if file.id in rows]
    return sum(rows[file.id].checksum in file.checksums for file in known), len(known)


def by_list(
    migrator: Migrator, files: Sequence[File], entries: Sequence[Entry], _installed: Collection[str]
) -> Iterator[Migration]:
    """Migrators whose ledger lists each migration that was applied."""
    rows: dict[str, Entry] = {}
    for entry in entries:
        # prisma keeps the row of each attempt: one that is applied or failed outweighs what was rolled back
        if entry.id not in rows or (rows[entry.id].state != "applied" and entry.state != "rolled back"):
            rows[entry.id] = entry
    newest = _newest(migrator, files, rows)
    for file in files:
        row = rows.pop(file.id, None)
        if row is not None:
            yield applied(migrator, file, row)
        elif newest is not None and file.order < newest.order:
            yield late(migrator, file, newest)
        else:
            yield Migration(file.id, State.PENDING, file.path, runs=True)
    for row in rows.values():
        yield leftover(migrator, row)


def _newest(migrator: Migrator, files: Sequence[File], rows: dict[str, Entry]) -> File | None:
    """The last of what is applied, in the migrator's order; goose also counts what has no file."""
    done = [file for file in files if file.id in rows and rows[file.id].state == "applied"]
    if migrator.name == "goose":
        done += [File(row.id, row.id, (int(row.id),)) for row in rows.values()]
    return max(done, key=lambda file: file.order, default=None)


_RULES: dict[str, Comparison] = {
    "golang-migrate": by_one_version,
    "drizzle": by_last_time,
    "alembic": by_parents,
    "django": by_dependencies,
    "flyway": by_flyways_rules,
}
