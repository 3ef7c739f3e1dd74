"""What the Compose files of both versions say of a case's variables."""

import re
from collections.abc import Mapping
from functools import cached_property

from upgrader.env.case import Case
from upgrader.env.evidence import is_datastore_image
from upgrader.env.interpolate import InterpolationError, interpolate
from upgrader.env.references import Reference, References, ServiceText
from upgrader.env.regex import regex

_PROFILE = regex(r"--profile[ =]([\w-]+)")


class Variables:
    """References by name, profiles, defaults, and which services are new."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.live = case.live
        self.example = case.example
        self.compose = case.compose or References()
        self.before = case.previous_compose
        self.places_before: dict[str, dict[tuple[str, ...], str]] = {}

    @cached_property
    def text(self) -> str:
        """The example as it is written."""
        return self.example.data.decode("utf-8", "replace")

    @cached_property
    def _by_name(self) -> Mapping[str, list[Reference]]:
        return by_name(self.compose)

    @cached_property
    def _by_name_before(self) -> Mapping[str, list[Reference]]:
        return by_name(self.before or References())

    def references(self, key: str) -> list[Reference]:
        return self._by_name.get(key, [])

    def references_before(self, key: str) -> list[Reference]:
        return self._by_name_before.get(key, [])

    @cached_property
    def _passed(self) -> Mapping[str, list[str]]:
        passed: dict[str, list[str]] = {}
        for service in self.compose.services.values():
            for name, value in service.environment.items():
                if value is None:
                    passed.setdefault(name, []).append(service.name)
        return passed

    def passed(self, key: str) -> list[str]:
        """The services that take a variable from Compose's environment by its bare name."""
        return self._passed.get(key, [])

    @cached_property
    def profiles(self) -> frozenset[str]:
        """The profiles that are, or will be, active."""
        if self.case.profiles is not None:
            return frozenset(self.case.profiles)
        chosen = next((each for each in (self.live, self.example) if "COMPOSE_PROFILES" in each), None)
        if chosen is None:
            return self._likely_profiles()
        names = (chosen.get("COMPOSE_PROFILES") or "").split(",")
        return frozenset(name.strip() for name in names if name.strip())

    def _likely_profiles(self) -> frozenset[str]:
        """Profiles named on the command line, as the example shows it, or had by most services, or by the only
        readers of what the live file sets.
        """
        shown = _PROFILE.findall(self.text)
        services = self.compose.services
        every = [name for each in services.values() for name in each.profiles]
        common = {name for name in every if every.count(name) * 2 > len(services)}
        used: set[str] = set()
        for name, references in self._by_name.items():
            gates = [set(services[each.service].profiles) for each in references if each.service in services]
            if gates and all(gates) and self.live.get(name):
                used |= set.intersection(*gates)
        return frozenset({*shown, *common, *used})

    def runs(self, service: str) -> bool:
        """Whether a service is part of the project as it is run; True for what stands outside services."""
        found = self.compose.services.get(service)
        return not found or not found.profiles or "*" in self.profiles or not self.profiles.isdisjoint(found.profiles)

    def reads(self, reference: Reference) -> bool:
        """Whether a place that names a variable is one that counts: its service runs, and its condition holds."""
        return self.runs(reference.service) and self.is_given(reference)

    def is_given(self, reference: Reference) -> bool:
        """Whether all variables are set, or are about to be, without which Compose does not use the place."""
        return all((self.live if name in self.live else self.example).get(name) for name in reference.given)

    def is_new(self, service: str) -> bool:
        """Whether the service is known to be none of the installed version's."""
        if not service or self.before is None:
            return False
        return service not in self.before.services and self._image(service) not in self._images_before

    def only_in_new_services(self, key: str) -> bool:
        readers = {each.service for each in self.references(key)} | set(self.passed(key))
        return bool(readers) and all(self.is_new(service) for service in readers)

    def logs_in(self, key: str) -> bool:
        """Whether a database is given the key as the name of a user of its own."""
        if not re.search(r"_(USER|USERNAME|LOGIN)$", key):
            return False
        readers = {each.service for each in self.references(key)} | set(self.passed(key))
        return any(is_datastore_image(self._image(name)) or is_datastore_image(name) for name in readers)

    def _image(self, service: str) -> str:
        found = self.compose.services.get(service)
        return repository(found) if found else ""

    @cached_property
    def _images_before(self) -> frozenset[str]:
        services = self.before.services.values() if self.before else ()
        return frozenset(repository(each) for each in services) - {""}

    def default(self, key: str) -> str | None:
        """What Compose takes for an unset key, where all places that have a default agree; None where it has none."""
        return self._default(self.references(key))

    def default_before(self, key: str) -> str | None:
        return self._default(self.references_before(key))

    def _default(self, references: list[Reference]) -> str | None:
        words = {each.word for each in references if each.operator.endswith("-")}
        values = {self.resolved(word) for word in words}
        return values.pop() if len(values) == 1 else None

    def resolved(self, text: str) -> str | None:
        """A Compose file's text with the live values in it; None where it cannot be told."""
        try:
            return interpolate(text, self.live.get)
        except InterpolationError:
            return None


def by_name(references: References) -> dict[str, list[Reference]]:
    found: dict[str, list[Reference]] = {}
    for each in references.references:
        found.setdefault(each.name, []).append(each)
    return found


def repository(service: ServiceText) -> str:
    """The image without its tag and registry's variables: `postgres`; empty for what is built."""
    return re.sub(r"(@.*|:[^/]*)$", "", re.sub(r"\$\{[^}]*\}", "", service.image)).strip("/")
