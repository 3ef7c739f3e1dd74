"""Flyway's schema history: versions, repeatable migrations and a baseline."""

from collections.abc import Collection, Iterator, Sequence

from upgrader.migrations.files import File, version
from upgrader.migrations.migrators import Entry, Migrator
from upgrader.migrations.verdicts import applied, late, leftover
from upgrader.model.migration import Migration, State


def by_flyways_rules(
    migrator: Migrator, files: Sequence[File], entries: Sequence[Entry], _installed: Collection[str]
) -> Iterator[Migration]:
    """https://github.com/flyway/flyway, MigrationInfoImpl.java; with its defaults for validation and order."""
    versions = {version(entry.id[1:]): entry for entry in entries if entry.id[0] == "V"}
    again = {entry.id[1:]: entry for entry in entries if entry.id[0] == "R"}
    base = max((version(entry.id[1:]) for entry in entries if entry.id[0] == "B"), default=None)
    done = [number for number, entry in versions.items() if entry.state == "applied"]
    top = max(done, default=None)
    shipped = [file.order[1] for file in files if not file.order[0]]
    for file in files:
        yield (
            _repeated(migrator, file, again.pop(file.id, None))
            if file.order[0]
            else _versioned(migrator, file, versions, base, top)
        )
    highest = max(shipped, default=None)
    for number, entry in versions.items():
        if number not in shipped:
            future = highest is not None and number > highest and entry.state == "applied"
            yield _without_file(migrator, entry, future=future)
    for entry in again.values():
        yield _without_file(migrator, entry, future=False)


def _versioned(
    migrator: Migrator,
    file: File,
    rows: dict[tuple[int, ...], Entry],
    base: tuple[int, ...] | None,
    top: tuple[int, ...] | None,
) -> Migration:
    number = file.order[1]
    if row := rows.get(number):
        # below the baseline nothing is compared
        return applied(migrator, file, Entry(row.id, row.state) if _opaque(row) or _under(number, base) else row)
    if _under(number, base):
        return Migration(file.id, State.APPLIED, file.path, "part of the baseline: Flyway never runs it")
    if top is not None and number < top:
        return late(migrator, file, File(".".join(map(str, top)), ""))
    return Migration(file.id, State.PENDING, file.path, runs=True)


def _repeated(migrator: Migrator, file: File, row: Entry | None) -> Migration:
    if row is None:
        return Migration(file.id, State.PENDING, file.path, "repeatable", runs=True)
    if row.state == "failed":
        return applied(migrator, file, row)
    if not file.checksums:
        return Migration(file.id, State.APPLIED, file.path, "repeatable; runs again if a placeholder's value changes")
    if row.checksum and not _opaque(row) and row.checksum not in file.checksums:
        return Migration(file.id, State.PENDING, file.path, "repeatable, and changed: it runs again", runs=True)
    return Migration(file.id, State.APPLIED, file.path, "repeatable")


def _without_file(migrator: Migrator, row: Entry, *, future: bool) -> Migration:
    name = row.id[1:]
    if row.state == "applied" and _opaque(row):
        return Migration(name, State.APPLIED, note=f"{row.checksum}; not compared")
    if future:
        return Migration(name, State.UNKNOWN, note="not in the checkout, newer than all there; Flyway does not mind")
    return leftover(migrator, Entry(name, row.state))


def _opaque(row: Entry) -> bool:
    return row.checksum.startswith("not SQL")


def _under(number: tuple[int, ...], base: tuple[int, ...] | None) -> bool:
    return base is not None and number <= base
