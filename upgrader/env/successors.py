"""A variable that came into a service's environment for another one, with a new name on both sides."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from upgrader.env import evidence
from upgrader.env.compose_text import references_in
from upgrader.env.document import Document
from upgrader.env.facts import Facts
from upgrader.env.places import masked, place_of, service_before
from upgrader.env.regex import regex

_CHOICE = regex(r"(.+)_(MODE|DRIVER|ENGINE|ADAPTER|BACKEND|CLIENT|PROVIDER|DIALECT|VENDOR|TYPE|DEFAULT|CONNECTION)")


class Predecessor(NamedTuple):
    """The old variable. `sure` says that it is the same setting; `likeness` orders those that may be."""

    sure: bool
    likeness: float
    name: str
    why: str


def predecessor(facts: Facts, key: str, value: str) -> Predecessor | None:
    """The variable that a service has lost and that a key of the example stands for now; None where none is likely, or
    where Compose gives its live value anyway.
    """
    found = [each for old in sorted(set(_lost(facts, key))) if (each := _compared(facts, key, value, old))]
    if not found:
        return None
    best = max(found)
    if facts.live.get(best.name) == facts.default(key):
        return None
    rivals = [each for each in found if (each.sure, each.likeness) == (best.sure, best.likeness)]
    return best._replace(sure=best.sure and len(rivals) == 1)


def _lost(facts: Facts, key: str) -> Iterator[str]:
    """Variables that are set here, of names that the services reading the key had and have not any more."""
    for service, name, text in _given(facts, key):
        before, now = service_before(facts, service), facts.compose.services.get(service)
        if before is None or now is None or name in before.environment:
            continue
        for gone in before.environment.keys() - now.environment.keys():
            old = _sole_variable(gone, before.environment[gone], text)
            lives = old in facts.kept or facts.references(old) or facts.passed(old)
            if facts.live.get(old) and not lives:
                yield old


def _given(facts: Facts, key: str) -> Iterator[tuple[str, str, str]]:
    """The services that have the key in their environment, each with the name there and the text behind it."""
    for reference in facts.references(key):
        if reference.section == "environment":
            place, text = place_of(reference)
            yield reference.service, place[-1], text
    for service in facts.passed(key):
        yield service, key, f"${key}"


def _sole_variable(name: str, text: str | None, like: str) -> str:
    """The only variable of a text that is like another one but for its variable; empty if there is none."""
    text = f"${name}" if text is None else text
    names = {each[0] for each in references_in(text)}
    return names.pop() if len(names) == 1 and masked(text) == masked(like) else ""


def _compared(facts: Facts, key: str, value: str, old: str) -> Predecessor | None:
    likeness = evidence.name_likeness(old, key)
    if _letters(old) == _letters(key):
        return Predecessor(True, 1, old, f"a service reads it now, and read {old} until now: only the spelling differs")
    had = facts.previous.get(old) if facts.previous else None
    if had == value and _is_plain(key, value) and _tail(old, key) >= 2:
        return Predecessor(True, likeness, old, f"a service read {old} until now, which had the same default")
    if not _related(old, key) and likeness < 0.5:
        return None
    live = facts.live.get(old) or ""
    why = f"a service read {old} until now, which is set here and gone"
    known = facts.previous is not None and live in _written(facts.previous, old) & _written(facts.example, key)
    if known and evidence.is_telling(live) and not evidence.is_switch(live):
        return Predecessor(True, likeness, old, f"{why}, and the example names its value here too")
    return Predecessor(False, likeness, old, why)


def _letters(name: str) -> str:
    return name.replace("_", "").casefold()


def _is_plain(key: str, value: str) -> bool:
    """Whether a default that two keys share tells that they are one: no switch, no placeholder, no secret."""
    telling = evidence.is_telling(value) and not evidence.is_switch(value)
    return telling and not evidence.is_placeholder(value) and not evidence.is_secret(key, value)


def _tail(old: str, key: str) -> int:
    """How many words at their ends two names share."""
    count = 0
    for mine, theirs in zip(reversed(key.split("_")), reversed(old.split("_")), strict=False):
        if mine != theirs:
            break
        count += 1
    return count


def _related(old: str, key: str) -> bool:
    """Whether both names choose a way of running of the same thing: `DB_ENGINE` and `DB_DRIVER`."""
    one, other = _CHOICE.fullmatch(old), _CHOICE.fullmatch(key)
    return bool(one and other and one[1] == other[1])


def _written(document: Document, key: str) -> set[str]:
    """The values that a file shows for a key, commented-out ones included."""
    shown = {each.text.partition(" #")[0].strip(" \"'") for each in document.disabled if each.key == key}
    return {value for value in {document.get(key) or "", *shown} if value and not re.search(r"[<>$]", value)}
