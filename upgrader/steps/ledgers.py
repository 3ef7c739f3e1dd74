"""The migrators' ledgers in the app's databases, compared with the migration files of a commit."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from upgrader.migrations.compare import compare, failures, matching
from upgrader.migrations.files import File, Tree
from upgrader.migrations.graph import app
from upgrader.migrations.migrators import MIGRATORS, Entry, Migrator
from upgrader.migrations.places import candidates, likely
from upgrader.model.migration import LedgerStatus, Migration, State
from upgrader.model.verdict import Refused

if TYPE_CHECKING:
    from upgrader.model.app import DatabaseSpec
    from upgrader.steps.world import World
    from upgrader.tools.postgres_ledgers import Kept


def survey(world: "World", commit: str, installed: str) -> list[LedgerStatus]:
    """Every ledger of every database against the files of `commit`; `installed` is the commit that is checked out."""
    seen = _Checkout(world, _tree(world, commit), _tree(world, installed) if installed != commit else None)
    found: list[LedgerStatus] = []
    for spec in world.app.databases.values():
        server = world.server(spec)
        server.require()
        found += [seen.status(spec.id, kept) for kept in server.ledgers(world.database(spec))] or [
            LedgerStatus(spec.id, "", "", note="no migrator's ledger in it")
        ]
    return list(_with_missing(seen, found))


def broken_in(world: "World", spec: "DatabaseSpec") -> Refused | None:
    """The refusal of an upgrade over a ledger that calls a migration failed or dirty; None where none does."""
    name = world.database(spec)
    for kept in world.server(spec).ledgers(name):
        for migrator in kept.migrators:
            if failed := failures(migrator, kept.rows):
                mend = MIGRATORS[migrator].repair.format(id=failed[0], table=kept.name)
                return Refused(
                    f"the migration {failed[0]} broke off: {migrator} says so in {kept.name} of the database {name}",
                    f"mend by hand what it left half done, then: {mend}",
                    tuple(failed) if len(failed) > 1 else (),
                )
    return None


@dataclass(frozen=True)
class _Checkout:
    """The migration files at one commit, and at the one that is checked out."""

    world: "World"
    tree: Tree
    installed: Tree | None
    """None where it is the same."""

    @property
    def preferred(self) -> str:
        """Where the playbook says that the files are, as git names it; empty where it says nothing."""
        path = self.world.app.migrations.path.rstrip("/")
        return self.world.tracked(path) if path else ""

    def status(self, database: str, kept: "Kept") -> LedgerStatus:
        if not kept.compared:
            count = f"{len(kept.ids)} applied, the last {kept.ids[-1]}" if kept.ids else "nothing applied"
            note = f"{count}; upgrader does not know how {kept.migrators[0]} compares them with its files"
            return LedgerStatus(database, kept.name, kept.migrators[0], note=note)
        fits = [
            (MIGRATORS[name], *self._best(MIGRATORS[name], MIGRATORS[name].entries(kept.rows)))
            for name in kept.migrators
        ]
        migrator, place, files, trouble = max(fits, key=lambda fit: (bool(fit[2]), -fits.index(fit)))
        entries = migrator.entries(kept.rows)
        if not files:
            return _alone(database, kept, migrator, entries, trouble)
        compared = compare(migrator.name, files, entries, self._installed_ids(migrator, place))
        return LedgerStatus(database, kept.name, migrator.name, place, compared, _foreign(migrator, files, entries))

    def expected(self, migrator: str) -> tuple[str, Sequence[File]]:
        """The directory and the files of a migrator without a ledger."""
        place, files, _ = self._best(MIGRATORS[migrator], [])
        return place, files

    def _best(self, migrator: Migrator, entries: Sequence[Entry]) -> tuple[str, Sequence[File], str]:
        """The directory whose files the ledger speaks of, its files, and why they cannot be read; empty where none."""
        best: tuple[tuple[int, int], str, Sequence[File]] | None = None
        trouble = ""
        for place in candidates(migrator.name, self.tree.names, self.preferred):
            try:
                files = migrator.files(self.tree, place)
            except ValueError as error:
                trouble = str(error)
                continue
            score = matching(migrator.name, files, entries)
            fits = bool(files) and (score > (0, 0) or not entries or place == self.preferred)
            if fits and (best is None or score > best[0]):
                best = (score, place, files)
        return (best[1], best[2], "") if best else ("", (), trouble)

    def _installed_ids(self, migrator: Migrator, place: str) -> Collection[str]:
        """The ids of the version that is checked out; none where that is the one compared."""
        if self.installed is None or place not in candidates(migrator.name, self.installed.names, place):
            return ()
        try:
            return {file.id for file in migrator.files(self.installed, place)}
        except ValueError:
            return ()


def _tree(world: "World", commit: str) -> Tree:
    return Tree(tuple(world.git.list_files(commit)), lambda paths: world.git.read_all(commit, paths))


def _alone(database: str, kept: "Kept", migrator: Migrator, entries: Sequence[Entry], trouble: str) -> LedgerStatus:
    """A ledger without files to compare it with: what broke off is told all the same."""
    failed = tuple(each for each in compare(migrator.name, (), entries) if each.state is State.FAILED)
    who = " or ".join(kept.migrators)
    note = f"{len(entries)} rows; no files of {who} that fit it: the playbook's migrations.path says where they are"
    return LedgerStatus(database, kept.name, who, migrations=failed, note="" if trouble else note, trouble=trouble)


def _foreign(migrator: Migrator, files: Sequence[File], entries: Sequence[Entry]) -> str:
    """A word on rows that are none of the checkout's."""
    if migrator.name != "django":
        return ""
    apps = {app(file.id) for file in files}
    others = sorted({app(entry.id) for entry in entries} - apps)
    return f"not compared, for their apps are not in the checkout: {', '.join(others)}" if others else ""


def _with_missing(seen: _Checkout, found: Sequence[LedgerStatus]) -> Iterator[LedgerStatus]:
    """What was found, and the migrator that ought to be there but has left no ledger yet."""
    said = seen.world.app.migrations.ledger
    expected = said or likely(seen.tree.names, seen.preferred)
    empty = [each for each in found if not each.table]
    if not expected or any(each.migrator == expected for each in found):
        yield from found
        return
    database = empty[0].database if len(empty) == 1 else ""
    yield from (each for each in found if each.table or each.database != database)
    if expected not in MIGRATORS:
        known = ", ".join(MIGRATORS)
        yield LedgerStatus(database, "", expected, note=f"a migrator that upgrader does not know; it knows {known}")
        return
    place, files = seen.expected(expected)
    migrations: tuple[Migration, ...] = compare(expected, files, ())
    yield LedgerStatus(database, "", expected, place, migrations, f"no ledger of {expected} yet: it never ran here")
