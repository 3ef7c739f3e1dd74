"""The credentials that the app's services have for a database, and what is wrong with them."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from upgrader.errors import RefusedError
from upgrader.model.app import DatabaseSpec
from upgrader.steps.base import Context
from upgrader.tools.postgres import WrongCredentialsError, probe

_URL = re.compile(r"postgres(?:ql)?(?:\+\w+)?://[^@\s]+@(?P<host>[^/:?\s]+)(?::\d+)?(?=[/?]|$)")
_HOST = re.compile(r"(?P<prefix>PG|.*_|)(?:HOST|HOSTNAME|SERVER)")


@dataclass(frozen=True)
class Login:
    """How one service gets into a database. `key` names the variable that a person would correct."""

    service: str
    key: str
    url: str


def wrong_login(ctx: Context, spec: DatabaseSpec) -> str:
    """What is wrong with the login of a service, in words; empty when they all work, or when none can be tried.

    Only what the server itself says counts: where it cannot be reached from here, its services may well reach it.
    """
    address = _address(ctx, spec.service) if spec.service else ""
    tried: set[str] = set()
    for login in _logins(ctx, spec) if address else ():
        url = _URL.sub(lambda match: _at(match, address), login.url, count=1)
        if url in tried:
            continue
        tried.add(url)
        try:
            probe(url)
        except WrongCredentialsError as error:
            return f"{login.service} cannot use its {login.key}: {error.message}"
        except RefusedError:
            continue
    return ""


def _at(match: re.Match[str], address: str) -> str:
    """The URL's beginning with the address in place of the service's name."""
    return match[0][: match.start("host") - match.start()] + f"{address}:5432"


def _address(ctx: Context, service: str) -> str:
    """The container's address, where this machine can reach it: on Linux, with the engine on this host."""
    container = ctx.world.running(service)
    if container is None or not ctx.world.engine.local or os.uname().sysname != "Linux":
        return ""
    return container.addresses[0] if container.addresses else ""


def _logins(ctx: Context, spec: DatabaseSpec) -> Iterator[Login]:
    """Those of the services that are to run, as URLs or as separate variables."""
    for name, service in ctx.world.model.services.items():
        for key, value in service.environment.items():
            if not value:
                continue
            if (match := _URL.match(value)) and match["host"] == spec.service:
                yield Login(name, key, value)
            elif value == spec.service and (named := _HOST.fullmatch(key)):
                yield from _separate(ctx, spec, name, named["prefix"], service.environment)


def _separate(
    ctx: Context, spec: DatabaseSpec, service: str, prefix: str, values: Mapping[str, str | None]
) -> Iterator[Login]:
    """What `PGUSER`, `DB_PASSWORD` and their like say beside the host."""

    def said(*names: str) -> tuple[str, str]:
        return next(
            ((prefix + name, values[prefix + name] or "") for name in names if values.get(prefix + name)), ("", "")
        )

    _, user = said("USER", "USERNAME")
    key, password = said("PASSWORD", "PASS", "PASSWD")
    _, database = said("DATABASE", "NAME", "DBNAME", "DB")
    if user and password:
        name = quote(database or ctx.world.database(spec), safe="")
        yield Login(
            service, key, f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@{spec.service}/{name}"
        )
