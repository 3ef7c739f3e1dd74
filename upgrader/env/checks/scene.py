"""What the checks look at: the live env file and everything that says what should be in it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from upgrader.env import evidence
from upgrader.env.annotations import Annotations
from upgrader.env.case import Case, Decision
from upgrader.env.document import Disabled, Document, Entry
from upgrader.env.facts import Facts
from upgrader.env.finding import Finding, Severity
from upgrader.env.references import Reference, References
from upgrader.env.regex import regex
from upgrader.env.requirement import Requirement, demanded, said_in_prose

_NONE = Annotations()
_STORAGE = regex(r"(^|_)(S3|AWS|MINIO)_", re.IGNORECASE)
"""Mostly a server of the stack's own, which takes whatever password it is given."""


@dataclass(frozen=True)
class Scene:
    """The files of one installation, read, and what was decided about them. Nothing here touches a disk.

    `history` are the values that earlier examples had for a key; what the documents and Compose files at hand say is
    added to it. `live_is_guess` tells that there is no live file: it is what an operator of the previous version would
    have. `fix` is the command that appends what can be decided.
    """

    case: Case
    decisions: Sequence[Decision] = ()
    history: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    live_is_guess: bool = False
    fix: str = "upgrader env-check --fix"

    @property
    def live(self) -> Document:
        return self.case.live

    @property
    def example(self) -> Document:
        return self.case.example

    @property
    def previous(self) -> Document | None:
        return self.case.previous

    @cached_property
    def facts(self) -> Facts:
        return Facts(self.case)

    @property
    def references(self) -> References:
        return self.facts.compose

    def said(self, key: str) -> Annotations:
        """What is said of a key for machines; the overlay goes before the example."""
        if key not in self._said:
            here = self._shipped_line(key)
            over = self.case.overlay.said.get(key, _NONE) if self.case.overlay else _NONE
            self._said[key] = self.facts.said(here) if here else over
        return self._said[key]

    def comments(self, key: str) -> tuple[str, ...]:
        """The comment above the key in the example, be it active or not."""
        found = self._shipped_line(key)
        return found.comments if found else ()

    def is_secret(self, key: str) -> bool:
        """Whether the key holds a secret: so it is said, or so its name and its value read."""
        if key not in self._secret:
            said = self.said(key).sensitive
            self._secret[key] = evidence.is_secret(key, self.values.get(key, "")) if said is None else said
        return self._secret[key]

    def is_issued(self, key: str) -> bool:
        """Whether another system issues the value: one that is left at the example's only means that it is not used."""
        if _STORAGE.search(key) or self.required(key):
            return False
        return evidence.is_external(key, generator=False)

    def required(self, key: str) -> str:
        """Why the app must have a value for the key, in words; empty if nothing says so outright."""
        need = self._demand(key)
        return "; ".join(need.why) if need and need.strong and need.need == "boot" else ""

    def is_unneeded(self, key: str) -> bool:
        """Whether something says that the app does without the key here."""
        need = self._demand(key)
        return need is not None and need.need == "none"

    def _demand(self, key: str) -> Requirement | None:
        if key not in self._demands:
            here = self._shipped_line(key)
            value = (self.example.get(key) or "") if here else ""
            found = demanded(self.facts, key, value, self.said(key)) or said_in_prose(self.facts, key)
            self._demands[key] = found
        return self._demands[key]

    def _shipped_line(self, key: str) -> Entry | Disabled | None:
        return self.example.entry(key) or self._disabled.get(key)

    @cached_property
    def settings(self) -> Sequence[Entry]:
        """The lines that count: the last one of each key that has a value."""
        last = {entry.key: entry for entry in self.live.entries}
        return [entry for entry in self.live.entries if not entry.bare and last[entry.key] is entry]

    def finding(self, code: str, severity: Severity, entry: Entry, message: str, do: str) -> Finding:
        """A finding about a line of the live file; `do` is what to do there, in a few words."""
        return Finding(code, severity, message, self.edit(entry.line, do), entry.key, self.live.path, entry.line)

    def edit(self, line: int, do: str) -> str:
        """The command that opens the live file at a line, and what to do there."""
        return f"${{EDITOR:-vi}} +{line} {quoted(self.live.path)}  # {do}"

    @cached_property
    def values(self) -> Mapping[str, str]:
        """The live file's values."""
        return self.live.values()

    @cached_property
    def example_passwords(self) -> Mapping[str, Sequence[str]]:
        """The example's values of keys that hold secrets → these keys."""
        found: dict[str, list[str]] = {}
        for entry in self.example.entries:
            if entry.value and evidence.is_secret(entry.key, entry.value):
                found.setdefault(entry.value, []).append(entry.key)
        return found

    @cached_property
    def wanted(self) -> frozenset[str]:
        """Variables that services which are on take without a default."""
        return frozenset(each.name for each in self.active_references if each.operator in ("", "?", ":?"))

    @cached_property
    def active_references(self) -> tuple[Reference, ...]:
        """The references outside services, and those in services that run."""
        return tuple(each for each in self.references.references if self.runs(each.service))

    def runs(self, service: str) -> bool:
        """Whether a service is known to run: unlike a decision, a finding does not go by what is likely."""
        found = self.references.services.get(service)
        return not found or not found.profiles or "*" in self._profiles or not self._profiles.isdisjoint(found.profiles)

    @cached_property
    def _profiles(self) -> frozenset[str]:
        named = self.case.profiles or (self.live.get("COMPOSE_PROFILES") or "").split(",")
        return frozenset(name.strip() for name in named if name.strip())

    @cached_property
    def referenced(self) -> frozenset[str]:
        """The variables that Compose files name."""
        return frozenset(each.name for each in self.references.references)

    @cached_property
    def known(self) -> frozenset[str]:
        """The keys of the example, commented-out ones included."""
        return self.facts.kept

    @cached_property
    def before(self) -> frozenset[str]:
        """The keys of the previous example, and of all earlier ones that are known of."""
        return frozenset(self.history) | self.facts.known

    @cached_property
    def shipped(self) -> Mapping[str, frozenset[str]]:
        """Every value that was ever published for a key: by examples, and as a default in Compose files."""
        values: dict[str, set[str]] = {key: set(known) for key, known in self.history.items()}
        for document in (self.example, self.previous):
            for entry in document.entries if document else ():
                values.setdefault(entry.key, set()).add(entry.value or "")
            for disabled in document.disabled if document else ():
                if not disabled.prose:
                    values.setdefault(disabled.key, set()).add(disabled.text.strip("\"'"))
        for references in (self.case.compose, self.case.previous_compose):
            for each in references.references if references else ():
                if each.operator in ("-", ":-"):
                    values.setdefault(each.name, set()).add(each.word)
        return {key: frozenset(known - {""}) for key, known in values.items()}

    @cached_property
    def _demands(self) -> dict[str, Requirement | None]:
        return {}

    @cached_property
    def _said(self) -> dict[str, Annotations]:
        return {}

    @cached_property
    def _secret(self) -> dict[str, bool]:
        return {}

    @cached_property
    def _disabled(self) -> Mapping[str, Disabled]:
        return {each.key: each for each in self.example.disabled if not each.prose}


def quoted(path: str) -> str:
    """A path as a word for a shell."""
    return path if path.replace("/", "").replace(".", "").replace("-", "").replace("_", "").isalnum() else f"'{path}'"
