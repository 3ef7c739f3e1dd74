"""Django's migrations: each after its dependencies, some standing for several earlier ones."""

from collections.abc import Collection, Iterator, Sequence

from upgrader.migrations.files import File
from upgrader.migrations.migrators import Entry, Migrator
from upgrader.migrations.verdicts import late, leftover
from upgrader.model.migration import Migration, State


def by_dependencies(
    migrator: Migrator, files: Sequence[File], entries: Sequence[Entry], _installed: Collection[str]
) -> Iterator[Migration]:
    """https://github.com/django/django, django/db/migrations/loader.py: build_graph, check_consistent_history.

    Rows of apps that the checkout does not have are left out: Django's own and those of packages.
    """
    rows = {entry.id for entry in entries}
    known = {file.id for file in files}
    squashed = {name: file for file in files for name in file.replaces}
    done = {file.id for file in files if (rows.issuperset(file.replaces) if file.replaces else file.id in rows)}
    dependents = {parent: file for file in files if file.id in done for parent in file.after}
    for file in files:
        parts = rows.intersection(file.replaces)
        if file.id in done:
            yield Migration(file.id, State.APPLIED, file.path)
        elif parts and not known.issuperset(file.replaces):
            gone = "only some of those that it replaces were applied, and their files are gone: Django cannot use it"
            yield Migration(file.id, State.LATE, file.path, gone)
        elif parts or _replaced(file, squashed, rows):
            continue
        elif file.id in dependents:
            yield late(migrator, file, File(dependents[file.id].id, ""))
        else:
            yield Migration(file.id, State.PENDING, file.path, runs=True)
    apps = {app(file.id) for file in files}
    for entry in entries:
        if entry.id not in known and entry.id not in squashed and app(entry.id) in apps:
            yield leftover(migrator, entry)


def app(name: str) -> str:
    """The app of `app.name`."""
    return name.partition(".")[0]


def _replaced(file: File, squashed: dict[str, File], rows: set[str]) -> bool:
    """Whether the one that replaces it runs instead: it does where none of its parts was applied."""
    by = squashed.get(file.id)
    return by is not None and not rows.intersection(by.replaces)
