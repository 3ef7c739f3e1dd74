"""The states that several migrators share, with the words for them."""

from upgrader.migrations.files import File
from upgrader.migrations.migrators import Entry, Migrator
from upgrader.model.migration import Migration, State


def applied(migrator: Migrator, file: File, row: Entry) -> Migration:
    """A file that the ledger has a row for."""
    if row.state == "failed":
        return Migration(file.id, State.FAILED, file.path, broken(migrator))
    if row.state == "rolled back":
        runs = migrator.name == "prisma"
        return Migration(file.id, State.ROLLED_BACK, file.path, "runs again" if runs else "", runs=runs)
    if file.checksums and row.checksum and row.checksum not in file.checksums:
        return Migration(file.id, State.EDITED, file.path, f"changed after it was applied; {migrator.edited}")
    return Migration(file.id, State.APPLIED, file.path)


def late(migrator: Migrator, file: File, newest: File) -> Migration:
    """A file that is older than what is applied."""
    name = newest.path.rpartition("/")[2]
    if name in ("", "migration.sql"):
        name = newest.id
    return Migration(
        file.id, State.LATE, file.path, f"older than {name}, which is applied; {migrator.late}", runs=migrator.runs_late
    )


def leftover(migrator: Migrator, row: Entry) -> Migration:
    """A row without a file."""
    match row.state:
        case "failed":
            return Migration(row.id, State.FAILED, note=broken(migrator))
        case "rolled back":
            return Migration(row.id, State.ROLLED_BACK, note="the checkout does not have it any more")
        case _:
            return Migration(row.id, State.UNKNOWN, note=f"not in the checkout; {migrator.unknown}")


def broken(migrator: Migrator) -> str:
    return f"broke off; {migrator.name} refuses to migrate until that is mended"
