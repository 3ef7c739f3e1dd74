"""The same place of a Compose service in two versions: what stood there, and what a variable there stands for."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from upgrader.env.compose_text import references_in
from upgrader.env.facts import Facts
from upgrader.env.references import Reference, ServiceText
from upgrader.env.regex import regex
from upgrader.env.variables import repository

Place = tuple[str, ...]
_REFERENCE = regex(r"\$(?:\$|[_a-zA-Z][_a-zA-Z0-9]*|\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})")


@dataclass(frozen=True, slots=True)
class Before:
    """What stood in the installed version where the new one has a key's variable.

    `variable` is the other variable of the same text, if only its name was swapped; `value` is what the key must be for
    the place to stay as it is now, None where that cannot be told. `same` says that it stays so without the key.
    """

    place: Place
    variable: str = ""
    value: str | None = field(default=None, repr=False)
    same: bool = False


def places(service: ServiceText) -> dict[Place, str]:
    """A service's texts by their meaning: environment by name, mounts and ports by the container's side, the rest by
    path.
    """
    found: dict[Place, str] = {("environment", name): text or "" for name, text in service.environment.items()}
    for path, text in service.places.items():
        match path:
            case ("environment", *_):
                continue
            case (("volumes" | "ports") as section, _):
                found[section, _inside(text, section)] = text
            case _:
                found[path] = text
    return found


def before(facts: Facts, key: str) -> Iterator[Before]:
    """Each place of the new Compose files that reads the key and that the installed version has too."""
    for reference in facts.references(key):
        service = service_before(facts, reference.service)
        if service is None:
            continue
        place, text = place_of(reference)
        old = _places(facts, service).get(place)
        if old is not None:
            yield _compare(facts, key, place, old, text)
    yield from _moved_to_env_file(facts, key)


def _moved_to_env_file(facts: Facts, key: str) -> Iterator[Before]:
    """Services that had the key in `environment:` and now have it from an env file."""
    if facts.before is None or facts.references(key):
        return
    for name, service in facts.before.services.items():
        now = facts.compose.services.get(name)
        old = service.environment.get(key)
        if old and now and now.env_files and key not in now.environment:
            yield _compare(facts, key, ("environment", key), old, f"${{{key}}}")


def _compare(facts: Facts, key: str, place: Place, old: str, new: str) -> Before:
    names = {each[0] for each in references_in(old)}
    value = facts.resolved(old)
    if key not in names and len(names) == 1 and masked(old) == masked(new):
        (name,) = names
        return Before(place, name, _solved(new, key, value), same=False)
    return Before(place, "", _solved(new, key, value), same=value is not None and value == facts.resolved(new))


def shown(place: Place) -> str:
    return ".".join(place).replace("\0", "…")


def masked(text: str) -> str:
    """A text without its variables: two that differ only in these are equal."""
    return _REFERENCE.sub("\0", text)


def _solved(text: str, key: str, value: str | None) -> str | None:
    """What the key must be for the text to become the value."""
    if value is None:
        return None
    pattern, at, seen = "", 0, False
    for found in _REFERENCE.finditer(text):
        pattern += re.escape(text[at : found.start()])
        names = [each[0] for each in references_in(found[0])]
        if names[:1] == [key]:
            pattern += "(?P=value)" if seen else "(?P<value>.*)"
            seen = True
        else:
            pattern += ".*?"
        at = found.end()
    solved = re.fullmatch(pattern + re.escape(text[at:]), value, re.DOTALL) if seen else None
    return solved["value"] if solved else None


def place_of(reference: Reference) -> tuple[Place, str]:
    """The place of a reference in its service, and the text there."""
    path = reference.path[2:]
    match path:
        case ("environment", name) if name.isdecimal():
            name, _, text = reference.value.partition("=")
            return ("environment", name), text
        case (("volumes" | "ports") as section, _):
            return (section, _inside(reference.value, section)), reference.value
        case _:
            return path, reference.value


def _inside(text: str, section: str) -> str:
    """The container's side of a short mount or port."""
    parts = masked(text).split(":")
    return parts[1] if section == "volumes" and len(parts) > 1 else parts[-1]


def service_before(facts: Facts, name: str) -> ServiceText | None:
    """The installed version's service of this name, or the only one of its image if that was renamed."""
    if not name or facts.before is None:
        return None
    if found := facts.before.services.get(name):
        return found
    now = facts.compose.services.get(name)
    image = repository(now) if now else ""
    gone = [each for each in facts.before.services.values() if each.name not in facts.compose.services]
    same = [each for each in gone if image and repository(each) == image]
    return same[0] if len(same) == 1 else None


def _places(facts: Facts, service: ServiceText) -> Mapping[Place, str]:
    if service.name not in facts.places_before:
        facts.places_before[service.name] = places(service)
    return facts.places_before[service.name]
