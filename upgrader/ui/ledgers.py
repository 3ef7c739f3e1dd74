"""Migration ledgers as tables."""

from collections.abc import Sequence

from upgrader.model.duration import plural
from upgrader.model.migration import TROUBLES, LedgerStatus, Migration, State
from upgrader.ui.tables import columns
from upgrader.ui.words import DONE, FAILED, NEXT, POINT, clean


def ledgers_text(found: Sequence[LedgerStatus], version: str, *, all_of_them: bool) -> str:
    """One block for each ledger; without `all_of_them` what is applied is only counted."""
    return "\n\n".join("\n".join(_block(each, version, all_of_them)) for each in found)


def _block(status: LedgerStatus, version: str, all_of_them: bool) -> list[str]:
    compared = any(each.path for each in status.migrations)
    where = f", files in {status.directory or 'the whole checkout'} at {version}" if compared else ""
    kept = f" in {status.table}" if status.table else ""
    title = f"{status.database or 'no database'}: {status.migrator or 'no migrator'}{kept}{where}"
    lines = [clean(title)]
    shown = [each for each in status.migrations if all_of_them or each.state is not State.APPLIED]
    if shown:
        lines.append(columns([("  " + _mark(m), m.state.value, clean(m.name), clean(m.note)) for m in shown]))
    lines += [f"  {FAILED} {clean(status.trouble)}"] if status.trouble else []
    lines += [f"  {clean(status.note)}"] if status.note else []
    counts = [f"{count} {state}" for state, count in status.counts().items()]
    lines += [f"  {plural(len(status.migrations), 'migration')}: {', '.join(counts)}"] if counts else []
    return lines


def _mark(migration: Migration) -> str:
    if migration.state in TROUBLES:
        return FAILED
    return DONE if migration.state is State.APPLIED else NEXT if migration.runs else POINT
