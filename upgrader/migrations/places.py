"""Where in a checkout the files of a migrator lie."""

import re
from collections.abc import Sequence

from upgrader.migrations.files import OWN

_FILES = {
    "drizzle": r"(?:(.*)/)?meta/_journal\.json",
    "prisma": r"(?:(.*)/)?[^/]+/migration\.sql",
    "sqlx": r"(?:(.*)/)?[0-9]+_[^/]*\.sql",
    "golang-migrate": r"(?:(.*)/)?[0-9]+_[^/]*\.up\.[^/]+",
    "dbmate": r"(?:(.*)/)?[0-9]+[^/]*\.sql",
    OWN: r"(?:(.*)/)?[0-9]+[^/]*\.sql",
    "rails": r"(?:(.*)/)?[0-9]+_[_a-z0-9]*\.?[_a-z0-9]*\.rb",
    "goose": r"(?:(.*)/)?[0-9]+_[^/]*\.(?:sql|go)",
    "knex": r"(?:(.*)/)?[0-9]{6,}[^/]*\.(?:[cm]?js|ts|coffee)",
    "flyway": r"(?:(.*)/)?(?:V[0-9][0-9._]*|R)__[^/]*\.sql",
    "alembic": r"(?:(.*/)?env\.py)",
    "django": r"(?:.*/)?[^/]+/migrations/[0-9]{4}_[^/]*\.py",
}
_NESTED = ("rails", "flyway")
"""Migrators that also look into subdirectories."""


def candidates(migrator: str, names: Sequence[str], preferred: str = "") -> list[str]:
    """Directories that may hold its files: the preferred one first, then the shorter; for Django, whose files lie in
    every app's, the whole checkout.
    """
    rule = re.compile(_FILES[migrator])
    found = {match[1] or "" if match.groups() else "" for name in names if (match := rule.fullmatch(name))}
    if migrator == "alembic":
        found = {f"{place}versions" for place in found if f"{place}script.py.mako" in names}
    if migrator in _NESTED:
        found = {place for place in found if not any(place.startswith(f"{other}/") for other in found if other)}
    if preferred and migrator not in ("django", "drizzle") and any(name.startswith(f"{preferred}/") for name in names):
        found.add(preferred)
    return sorted(found, key=lambda place: (place != preferred, place.count("/"), place))


def likely(names: Sequence[str], directory: str) -> str:
    """The migrator whose files lie in a directory, where their form leaves no doubt; else empty."""
    for migrator in ("drizzle", "prisma", "rails", "flyway", "alembic"):
        if directory and directory in candidates(migrator, names):
            return migrator
    return ""
