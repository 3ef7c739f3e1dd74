"""What a migrator's ledger and the migration files say together of each migration."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What is true of one migration."""

    APPLIED = "applied"
    PENDING = "pending"
    FAILED = "failed"
    """It broke off half done, or may have: the migrator's ledger says so."""
    ROLLED_BACK = "rolled back"
    """It broke off, and somebody told the migrator that its traces are gone."""
    EDITED = "edited"
    """Its file is not the one that was applied."""
    LATE = "out of order"
    """It is older than one that is applied, and was not applied itself."""
    UNKNOWN = "unknown"
    """The ledger has it, the checkout has not."""


TROUBLES = frozenset({State.FAILED, State.EDITED, State.LATE, State.UNKNOWN})


@dataclass(frozen=True)
class Migration:
    """One migration; `id` as the ledger writes it, `path` from the checkout's top, empty without a file."""

    id: str
    state: State
    path: str = ""
    note: str = ""
    runs: bool = False
    """Whether the migrator would run it the next time."""

    @property
    def name(self) -> str:
        """What people call it: its file, where that is named after it."""
        file = self.path.rpartition("/")[2]
        return self.id if file in ("", "migration.sql") or file.endswith(".py") else file


@dataclass(frozen=True)
class LedgerStatus:
    """One ledger compared with the files that belong to it."""

    database: str
    """The database's id in the playbook."""
    table: str
    """`schema.table`; empty where there is none yet."""
    migrator: str
    """Empty where there is none."""
    directory: str = ""
    """Where the files lie, from the checkout's top; empty: the top itself, or they are not known."""
    migrations: tuple[Migration, ...] = ()
    note: str = ""
    trouble: str = ""
    """Why the comparison was not possible, where that is a fault of the checkout's."""

    @property
    def failed(self) -> tuple[Migration, ...]:
        return tuple(each for each in self.migrations if each.state is State.FAILED)

    @property
    def troubled(self) -> bool:
        return bool(self.trouble) or any(each.state in TROUBLES for each in self.migrations)

    def counts(self) -> Mapping[str, int]:
        """How many there are in each state that occurs."""
        states = [each.state for each in self.migrations]
        return {state.value: states.count(state) for state in State if state in states}

    def to_json(self) -> dict[str, object]:
        return {
            "database": self.database,
            "ledger": self.table,
            "migrator": self.migrator,
            "directory": self.directory,
            "note": self.note,
            "trouble": self.trouble,
            "counts": self.counts(),
            "migrations": [
                {"id": m.id, "state": m.state.value, "path": m.path, "note": m.note, "runs": m.runs}
                for m in self.migrations
            ],
        }
