"""Ledgers that do not list what was applied: one version, one time, the ends of a chain."""

from collections.abc import Collection, Iterator, Sequence

from upgrader.migrations.files import File
from upgrader.migrations.migrators import Entry, Migrator
from upgrader.migrations.verdicts import applied, broken, late, leftover
from upgrader.model.migration import Migration, State


def by_one_version(
    migrator: Migrator, files: Sequence[File], entries: Sequence[Entry], installed: Collection[str]
) -> Iterator[Migration]:
    """golang-migrate goes on from the version in its one row: all up to it count as applied."""
    row = next(iter(entries), None)
    known = {file.id: file for file in files}
    for file in files:
        if row is None or file.order > (int(row.id),):
            yield Migration(file.id, State.PENDING, file.path, runs=row is None or row.id in known or int(row.id) < 0)
        elif file.id == row.id:
            yield applied(migrator, file, row)
        elif row.id in installed and file.id not in installed:
            yield late(migrator, file, known.get(row.id, File(row.id, "", (int(row.id),))))
        else:
            yield Migration(file.id, State.APPLIED, file.path)
    if row is not None and row.id not in known and int(row.id) >= 0:
        yield leftover(migrator, row)
    elif row is not None and row.id not in known and row.state == "failed":
        yield Migration(row.id, State.FAILED, note=broken(migrator))


def by_last_time(
    migrator: Migrator, files: Sequence[File], entries: Sequence[Entry], _installed: Collection[str]
) -> Iterator[Migration]:
    """drizzle runs what its journal dates after the latest `created_at`, and looks at nothing else."""
    times = {entry.id: entry for entry in entries if entry.id.isdecimal()}
    hashes = {entry.checksum for entry in entries}
    last = max((int(time) for time in times), default=None)
    matched: set[str] = set()
    for file in files:
        row = times.get(file.id)
        newer = last is None or file.order > (last,)
        if row is not None:
            matched.add(row.checksum)
            yield applied(migrator, file, row)
        elif same := hashes & file.checksums:
            matched |= same
            again = "drizzle runs it again: its time in the journal was moved after it was applied"
            yield (
                Migration(file.id, State.EDITED, file.path, again, runs=True)
                if newer
                else Migration(file.id, State.APPLIED, file.path, "under another time")
            )
        elif newer:
            yield Migration(file.id, State.PENDING, file.path, runs=True)
        else:
            newest = next((each for each in files if each.order == (last,)), File(str(last), ""))
            yield late(migrator, file, newest)
    ids = {file.id for file in files}
    for entry in entries:
        if entry.id not in ids and entry.checksum not in matched:
            yield leftover(migrator, entry)


def by_parents(
    migrator: Migrator, files: Sequence[File], entries: Sequence[Entry], installed: Collection[str]
) -> Iterator[Migration]:
    """alembic keeps the newest revision of each branch: those that it comes after count as applied."""
    known = {file.id: file for file in files}
    ends = [entry.id for entry in entries if entry.id in known]
    lost = [entry for entry in entries if entry.id not in known]
    done: set[str] = set()
    waiting = list(ends)
    while waiting:
        name = waiting.pop()
        if name in known and name not in done:
            done.add(name)
            waiting.extend(known[name].after)
    for file in files:
        if file.id not in done:
            note = "alembic cannot tell while it does not know the revision in its ledger" if lost else ""
            yield Migration(file.id, State.PENDING, file.path, note, runs=not lost)
        elif not lost and file.id not in installed and set(ends) <= set(installed):
            yield late(migrator, file, known[ends[0]])
        else:
            yield Migration(file.id, State.APPLIED, file.path)
    for row in lost:
        yield leftover(migrator, row)
