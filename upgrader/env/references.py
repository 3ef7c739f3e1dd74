"""What Compose files say of variables, read from their text: no Docker, no values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Operator = Literal["", "-", ":-", "?", ":?", "+", ":+"]


@dataclass(frozen=True, slots=True)
class Reference:
    """One `$K` or `${K…}`: where it stands, and what an unset variable would make of that place.

    `path` leads to the value from the file's top: `("services", "web", "ports", "0")`; a reference in a mapping's key
    has the key as its last part. `whole` says that the value is this reference and nothing else. `word` is what stands
    behind the operator, as written. `line` and `column` count from 1. `value` is the whole text it stands in. `given`
    are the variables without which the place is not used: in `${X:+$K}`, X.
    """

    name: str
    operator: Operator
    word: str
    file: str
    line: int
    column: int
    path: tuple[str, ...]
    whole: bool
    value: str = field(default="", repr=False)
    given: tuple[str, ...] = ()

    @property
    def service(self) -> str:
        """The service it belongs to; empty elsewhere."""
        return self.path[1] if len(self.path) > 1 and self.path[0] == "services" else ""

    @property
    def section(self) -> str:
        """The part of its service in which it stands: `ports`; outside services the top-level key."""
        at = 2 if self.service else 0
        return self.path[at] if len(self.path) > at else ""


@dataclass(frozen=True, slots=True)
class ServiceText:
    """What one service's text says. `environment` values are as written; None passes the variable through.

    `places` has every scalar of the service by the path that leads to it from the service on, as written.
    """

    name: str
    image: str = ""
    profiles: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    environment: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    places: Mapping[tuple[str, ...], str] = field(default_factory=lambda: MappingProxyType({}), repr=False)


@dataclass(frozen=True, slots=True)
class Source:
    """A variable that gives a config or a secret of Compose its content: it may be empty, and must be there."""

    section: Literal["configs", "secrets"]
    name: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class References:
    """All of one version's Compose files, merged in their order. `sources` are by the variable's name."""

    references: tuple[Reference, ...] = ()
    services: Mapping[str, ServiceText] = field(default_factory=lambda: MappingProxyType({}))
    files: tuple[str, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=lambda: MappingProxyType({}))
