"""Makes, copies, swaps and drops whole databases of a server; one that an app may use is only ever renamed."""

# ruff: noqa: S608 (names are quoted by postgres_sql; they cannot be parameters in SQL that psql reads)

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar

from upgrader.errors import RefusedError, StepError
from upgrader.tools.postgres_catalog import Catalog, Description
from upgrader.tools.postgres_sql import identifier, is_making, is_ours, literal, making, setting

_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}
PATIENCE = 30.0
"""Seconds within which ended sessions must be gone."""


class Databases(Catalog):
    """Whole databases. One of ours (`name_for`) has its name only once it is whole; it is built under another."""

    in_the_way: ClassVar[str] = ""
    """Which of the sessions in a database must end before it is renamed or copied, as a further condition; all."""

    def is_complete(self, database: str) -> bool:
        """Whether a copy or a restore into `database` came to its end, and no drop of it began."""
        return self._states(database) == {database: False}

    def shut_out(self, *databases: str, patience: float = PATIENCE) -> None:
        """Refuse new connections and end the present ones; returns when none is left. `let_in` is the way back.

        Our own connections are refused too. Safe to call again.
        """
        close = "".join(f"ALTER DATABASE {identifier(name)} ALLOW_CONNECTIONS false;\n" for name in databases)
        names = ", ".join(literal(name) for name in databases)
        sessions = f"pg_stat_activity WHERE datname IN ({names}){self.in_the_way}"
        end = (
            "SELECT count(pg_terminate_backend(pid)) > 0 AS waiting"
            f" FROM {sessions} \\gset\n"
            "\\if :waiting\nSELECT pg_sleep(0.02) AS slept \\gset\n\\endif\n"
            f"SELECT pid FROM {sessions};"
        )
        if not self.execute(close + end):
            return
        self.until(lambda: not self.execute(end), patience, f"Connections to {', '.join(databases)} do not end")

    def let_in(self, database: str) -> None:
        """Accept connections again."""
        self.execute(f"ALTER DATABASE {identifier(database)} ALLOW_CONNECTIONS true;")

    def drop(self, database: str) -> None:
        """Drop a database of ours, whoever is connected; nothing happens when there is none."""
        if not is_ours(database):
            raise RefusedError(f"{database} is not a database of upgrader's, so it is not dropped", "Drop it by hand")
        for name, cut_off in self._states(database).items():
            if not cut_off:
                self.shut_out(name)
            self.execute(f"DROP DATABASE {identifier(name)};")

    def _states(self, *databases: str) -> dict[str, bool]:
        """Those that are there, and whether a drop was cut off: Postgres then allows nothing but another drop."""
        names = ", ".join(literal(name) for name in databases)
        rows = self.query(f"SELECT datname, datconnlimit = -2 FROM pg_database WHERE datname IN ({names});")
        return {name: cut_off == "t" for name, cut_off in rows}

    def create_like(self, new: str, like: str) -> None:
        """An empty database with the owner, encoding, locale, limits, grants and settings of `like`."""
        self.create(new, self.describe(like))

    def create(self, new: str, description: Description) -> None:
        """An empty database as `description` says."""
        self.execute(_create(new, description) + _dress(new, description))

    def copy(self, database: str, to: str, *, stay_shut: bool = False) -> None:
        """Copy `database` inside the server, file by file; nobody can connect to it meanwhile.

        A copy that is there already is left as it is: it was taken earlier, from what the database was then. Whatever
        happens, `database` accepts connections afterwards, unless it is to `stay_shut`. Only after a kill it does not:
        call again, or `let_in`.
        """
        description = self.describe(database)
        try:
            with self.making(to, lambda name: self._create_copy(database, name, description)):
                pass
        finally:
            if not stay_shut:
                self.let_in(database)

    def _create_copy(self, database: str, name: str, description: Description) -> None:
        # older servers know this way of copying only
        strategy = " STRATEGY FILE_COPY" if self.require().major >= 15 else ""
        self.shut_out(database)
        # in the tablespace of the original: to name it would take a right of its own
        create = (
            f"CREATE DATABASE {identifier(name)} TEMPLATE {identifier(database)}{strategy}"
            f" OWNER {identifier(description.owner)};\n"
        )
        self.execute(create + _dress(name, description))

    @contextmanager
    def making(self, database: str, create: Callable[[str], None]) -> Iterator[str | None]:
        """Build `database` under another name, which is yielded; None if it is there already.

        What an earlier attempt left half made is dropped first, and so is what fails now.
        """
        if not is_ours(database):
            raise RefusedError(f"{database} is not a name for a database of upgrader's", "Report this: it is a bug")
        name = making(database)
        states = self._states(database, name)
        if states.get(database) is False:
            yield None
            return
        self.end_leftovers()
        for rest in states:
            self.drop(rest)
        try:
            create(name)
            yield name
            self.shut_out(name)
            self.execute(_in_one(_rename(name, database)))
        except StepError:
            self.end_leftovers()
            self.drop(name)
            raise

    def swap(self, current: str, staged: str, aside: str, *, staged_oid: int | None = None) -> None:
        """Put `staged` in the place of `current`, which is kept as `aside`: all or nothing, with connections ended.

        Safe to call again after a kill at any point: with `staged_oid` (its `oid`) a swap that has happened is told
        from one that has not. `aside` accepts connections: nobody knows its name. A missing `current` is no obstacle.
        """
        if is_making(staged):
            raise RefusedError(f"{staged} is not whole", "Restore again")
        with self.looks.looking():
            self._swap(current, staged, aside, staged_oid)

    def _swap(self, current: str, staged: str, aside: str, staged_oid: int | None) -> None:
        there = {current, staged, aside}.intersection(self.databases())
        if current in there and self._swapped(current, staged_oid, there, aside, staged):
            self.let_in(current)
            return
        if staged not in there:
            raise self.no_database(staged)
        if aside in there and current in there:
            raise RefusedError(
                f"{aside} exists already, so {current} cannot be kept under that name", "Drop or rename it"
            )
        comment = self.describe(current if current in there else staged).comment
        present = [name for name in (current, staged) if name in there]
        try:
            self.shut_out(*present)
            self.execute(_exchange(current, staged, aside, comment, present))
        except StepError:
            for name in filter(self.exists, present):
                self.let_in(name)
            raise

    def _swapped(self, current: str, staged_oid: int | None, there: set[str], aside: str, staged: str) -> bool:
        if staged_oid is not None:
            return self.oid(current) == staged_oid
        return staged not in there and aside in there


def _exchange(current: str, staged: str, aside: str, comment: str | None, present: list[str]) -> str:
    steps = [_rename(current, aside), f"ALTER DATABASE {identifier(aside)} ALLOW_CONNECTIONS true;\n"]
    return _in_one(
        *(steps if current in present else ()),
        _rename(staged, current),
        f"COMMENT ON DATABASE {identifier(current)} IS {literal(comment) if comment else 'NULL'};\n",
    )


def _rename(name: str, to: str) -> str:
    """Rename and open in one go: while it has the other name nobody can get between."""
    return (
        f"ALTER DATABASE {identifier(name)} RENAME TO {identifier(to)};\n"
        f"ALTER DATABASE {identifier(to)} ALLOW_CONNECTIONS true;\n"
    )


def _in_one(*statements: str) -> str:
    return f"BEGIN;\n{''.join(statements)}COMMIT;\n"


def _create(new: str, description: Description) -> str:
    row = {name: str(value) for name, value in description.row.items() if value is not None}
    options = [
        f"OWNER {identifier(description.owner)}",
        "TEMPLATE template0",
        f"ENCODING {literal(description.encoding)}",
        f"LC_COLLATE {literal(row['datcollate'])}",
        f"LC_CTYPE {literal(row['datctype'])}",
    ]
    if description.tablespace != "pg_default":
        options.append(f"TABLESPACE {identifier(description.tablespace)}")
    if provider := _PROVIDERS.get(row.get("datlocprovider", "")):
        options.append(f"LOCALE_PROVIDER {provider}")
        # the column lost its ICU name when a second provider came to use it
        locale = row.get("datlocale", row.get("daticulocale"))
        if locale and provider != "libc":
            options.append(f"{provider.upper()}_LOCALE {literal(locale)}")
        if rules := row.get("daticurules"):
            options.append(f"ICU_RULES {literal(rules)}")
    return f"CREATE DATABASE {identifier(new)} {' '.join(options)};\n"


def _dress(new: str, description: Description) -> str:
    """What CREATE DATABASE takes from no template: limit, comment, grants, settings."""
    name = identifier(new)
    text = f"ALTER DATABASE {name} CONNECTION LIMIT {description.row['datconnlimit']};\n"
    if description.comment:
        text += f"COMMENT ON DATABASE {name} IS {literal(description.comment)};\n"
    if description.grants is not None:
        text += f"REVOKE ALL ON DATABASE {name} FROM PUBLIC, {identifier(description.owner)};\n"
        for role, privilege, grantable in description.grants:
            to = identifier(role) if role else "PUBLIC"
            text += f"GRANT {privilege} ON DATABASE {name} TO {to}{' WITH GRANT OPTION' if grantable else ''};\n"
    for role, item in description.settings:
        key, _, value = item.partition("=")
        whose = f"ROLE {identifier(role)} IN DATABASE {name}" if role else f"DATABASE {name}"
        text += f"ALTER {whose} SET {setting(key, value)};\n"
    return text
