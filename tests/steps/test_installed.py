"""How migrations that are not installed are listed (E1)."""

import pytest

from upgrader.model.migration import Migration, State
from upgrader.steps.installed import MISSING, listed


@pytest.mark.parametrize(
    ("migration", "line"),
    [
        (Migration("20240201000000", State.PENDING, "m/003_new.sql"), "20240201000000/pending: 003_new.sql (NEW)"),
        (Migration("7", State.FAILED, "m/7_x.sql"), "7/failed: 7_x.sql"),
        (Migration("3", State.LATE, "m/3_y.up.sql"), "3/out of order: 3_y.up.sql"),
    ],
)
def test_E1_what_is_pending_is_listed_as_the_runbook_has_it(migration: Migration, line: str) -> None:  # noqa: N802
    assert migration.state in MISSING
    assert listed(migration) == line


def test_what_is_there_in_whatever_form_is_not_missing() -> None:
    assert MISSING.isdisjoint({State.APPLIED, State.EDITED, State.UNKNOWN})
