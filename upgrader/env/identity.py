"""Whose value a new key may already have: found before anything is copied or generated."""

from dataclasses import dataclass, field
from functools import cached_property

from upgrader.env import evidence
from upgrader.env.annotations import Annotations
from upgrader.env.document import Disabled, Entry
from upgrader.env.facts import Facts
from upgrader.env.families import shares_tail
from upgrader.env.keypairs import is_half, is_key_document
from upgrader.env.places import Before, before, place_of, shown
from upgrader.env.references import ServiceText
from upgrader.env.successors import predecessor
from upgrader.env.surroundings import Surroundings

COMPOSE_FILES = "the installed version's Compose files"

_COMMON = 50  # names: a word or a value that more of them share tells nothing


@dataclass(frozen=True, slots=True)
class Past:
    """A value that the installation has already for what the key means now.

    `sure` says that it is the same thing under another name; else it is a proposal. `unchanged` says that Compose
    gives that value anyway.
    """

    why: str
    source: str | None = None
    value: str | None = field(default=None, repr=False)
    sure: bool = False
    unchanged: bool = False


class Identity:
    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    def renamed(self, said: Annotations) -> Past | None:
        """What an annotation says."""
        old = said.renamed_from
        value = self.facts.live.get(old) if old else None
        if old is None or value is None:
            return None
        return Past(f"it is {old} renamed, as its annotation says", old, value, sure=said.transform == "none")

    def swapped(self, key: str) -> Past | None:
        """The variable that stood in the same place of the Compose files."""
        swaps = {each.variable: each for each in self._before(key) if each.variable}
        mine = {name: value for name in swaps if (value := self.facts.live.get(name))}
        if not mine:
            return None
        name, value = next(iter(mine.items()))
        place = shown(swaps[name].place)
        if evidence.is_version(key) and self._lives(name):
            return None  # what has got a version of its own has a tag of its own form
        if self._lives(name) and _is_own(key, value):
            return Past(
                f"the Compose files read {name} in its place until now, and still have that one too", name, value
            )
        if len(set(mine.values())) > 1:
            return Past(f"Compose files had {' and '.join(mine)} in its places, with different values", name)
        return Past(f"the Compose files now read it where they read {name} ({place})", name, value, sure=True)

    def _lives(self, name: str) -> bool:
        """Whether the new version has the old variable still."""
        return name in self.facts.example or bool(self.facts.references(name))

    def resettled(self, key: str, value: str) -> Past | None:
        """The old name of a key that moved with its whole family, or that stands where the old one stood."""
        old, why = self.facts.renamed.get(key, ("", ""))
        live = self.facts.live.get(old)
        if not live or self.facts.previous is None:
            return None
        if not shares_tail(old, key) and evidence.name_likeness(old, key) < 0.5:  # two halves of a setting, perhaps
            return None if live == value else Past(why, old, live)
        same = self.facts.previous.get(old) == value
        switch = bool(value) and evidence.is_switch(value) != evidence.is_switch(live)
        return Past(why, old, live, sure=same or not switch)

    def succeeded(self, key: str, value: str) -> Past | None:
        """The variable that a service has lost while it got this one."""
        if key in self.facts.known or evidence.is_version(key) or not (old := predecessor(self.facts, key, value)):
            return None
        return Past(old.why, old.name, self.facts.live.get(old.name), sure=old.sure)

    def twin(self, key: str, value: str) -> Past | None:
        """The key of the stack's own object store with the same example value: a client's name or key for it."""
        if not evidence.is_storage_key(key) or not evidence.is_telling(value) or len(value) < 6:
            return None
        if evidence.is_placeholder(value) or key in (self.facts.previous.values() if self.facts.previous else {}):
            return None
        secret = evidence.is_secret(key, value)
        names = [
            each.key
            for each in self.facts.example.entries
            if each.value == value
            and evidence.is_secret(each.key, value) == secret
            and self.facts.live.get(each.key)
            and evidence.is_storage_root(each.key)
        ]
        if len(names) != 1:
            return None
        why = f"the example gives it the value of {names[0]}, which is set here"
        return Past(why, names[0], self.facts.live.get(names[0]))

    def addressed(self, key: str) -> Past | None:
        """A container's literal name of until now that the live file still speaks to, and that has a variable now."""
        if self.facts.before is None:
            return None
        named = [each for each in self._before(key) if each.place[0] in ("container_name", "hostname") and each.value]
        for each in named:
            user = next((name for name, text in self.facts.live_hosts if text == each.value), None)
            if user and not each.same and self.facts.default(key) != each.value:
                why = f"{user} here speaks to the container by the name that it has had"
                return Past(why, COMPOSE_FILES, each.value)
        return None

    def externalised(self, key: str) -> Past | None:
        """What stood in the Compose files themselves."""
        found = [each for each in self._before(key) if each.value and each.place[0] != "image"]
        if not found:
            return None
        values = {each.value for each in found}
        place = shown(found[0].place)
        if all(each.same for each in found):
            return Past(f"Compose's own default gives {place} the value it has now", None, None, unchanged=True)
        if len(values) > 1:
            return Past(f"the installed version's Compose files have their own values for it ({place})")
        why = f"the installed version's Compose files have a value of their own for it ({place})"
        return Past(why, COMPOSE_FILES, values.pop())

    def leap(self, key: str, value: str) -> str | None:
        """Whether the example's version of a database's image is another major one than the one that has run."""
        for reference in self.facts.references(key):
            service = self.facts.compose.services.get(reference.service)
            if reference.section != "image" or not service or not evidence.is_datastore_image(service.image):
                continue
            ran = {each.value for each in self._before(key) if each.place == ("image",) and each.value}
            if any(evidence.major(old) != evidence.major(value) for old in ran if old):
                return f"{reference.service} has run another major version, whose data the new one may not read"
        return None

    def moved(self, entry: Entry | Disabled, value: str) -> Past | None:
        """The key whose old default it takes over, while that key gets another one."""
        if entry.key in self.facts.known or not evidence.is_telling(value) or evidence.is_placeholder(value):
            return None
        changed = self._changed.get(value, [])
        named = [name for name in changed[:_COMMON] if evidence.name_likeness(name, entry.key) >= 0.5]
        if len(named) != 1 or not (live := self.facts.live.get(named[0])):
            return None
        why = f"it takes over the default that {named[0]} had, and {named[0]} gets another one"
        return Past(why, named[0], live, sure=True)

    def proposed(self, key: str, value: str, taken: frozenset[str]) -> Past | None:
        """A key that left the example, is set here, and resembles this one."""
        if evidence.is_version(key):
            return None
        ranked = [(self._likeness(key, value, name), name) for name in self._alike(key) if name not in taken]
        score, name = max(ranked, default=(0.0, ""))
        if score < 0.5:
            return None
        live = self.facts.live.get(name)
        gone, secret = f"{name} is gone from the example", evidence.is_secret(key, value)
        if not secret and self._same_words(key, name):
            return Past(f"{gone}, and its comment stands above this key now", name, live, sure=True)
        if not secret and live == value and evidence.name_likeness(key, name) >= 0.5:
            return Past(f"{gone}, and had this value under a name like it", name, live, sure=True)
        return Past(f"{gone}, and it may be the one meant", name, live)

    def _same_words(self, key: str, name: str) -> bool:
        """Whether a key has the last line of the comment that another one had in the previous example."""
        mine, theirs = self.facts.prose(key), self.facts.around_before.get(name, Surroundings()).own
        return bool(mine and theirs) and mine[-1] == theirs[-1] and len(mine[-1]) >= 12

    def lost_secret(self, key: str, value: str, taken: frozenset[str]) -> Past | None:
        """A secret that left the example and is set here: a new secret may be the same one."""
        pair = is_half(key) or is_key_document(value)
        external = self.facts.is_external(key, generator=False)
        lost = [name for name in (*self._alike(key), *self._first_lost_secrets) if evidence.is_secret(name)]
        lost = [name for name in lost if name not in taken and (external or name not in self._lost_external)]
        if pair:
            lost = [name for name in lost if is_half(name) or is_key_document(self.facts.live.get(name) or "")]
        mine = self.facts.own_part(key)
        lost = [name for name in lost if evidence.may_be_one_secret(self.facts.own_part(name), mine)]
        if not lost:
            return None
        name = max(lost, key=lambda each: evidence.name_likeness(each, key))
        why = f"{name} is gone from the example, and its value may be the one meant"
        return Past(why, name, self.facts.live.get(name))

    def logged_in_with(self, key: str, value: str) -> Past | None:
        """The password with which the app has logged in to its database, where it is another than Compose gave that."""
        if not evidence.is_database_password(key):
            return None
        names = [name for name in self.facts.live_keys if evidence.is_database_password(name)]
        names = [name for name in names if self.facts.live.get(name) not in (None, "", value)]
        gone = sorted(name for name in names if name in self.facts.removed) or names
        if len(gone) != 1:
            return None
        why = f"the app has logged in to its database with {gone[0]}"
        return Past(why, gone[0], self.facts.live.get(gone[0]))

    def datastore(self, key: str) -> str | None:
        """The database whose password a key is, if that database may hold data already; else None."""
        stores = self._stores(key)
        if any(not evidence.keeps_password(service.image) for service in stores):
            return None  # its server reads the password at each start
        if stores:
            return next((service.name for service in stores if not self.facts.is_new(service.name)), None)
        if not evidence.is_datastore_password(key) or self.facts.only_in_new_services(key):
            return None
        return "a database"

    def _stores(self, key: str) -> list[ServiceText]:
        """The database services that set their password from the key."""
        return [
            service
            for each in self.facts.references(key)
            if (service := self.facts.compose.services.get(each.service))
            and evidence.is_datastore_image(service.image)
            and (each.section in ("command", "entrypoint") or evidence.is_store_variable(place_of(each)[0][-1]))
        ]

    def _before(self, key: str) -> list[Before]:
        return list(before(self.facts, key)) if self.facts.before else []

    @cached_property
    def _lost(self) -> tuple[str, ...]:
        return tuple(name for name in self.facts.removed if self.facts.live.get(name))

    @cached_property
    def _lost_by_word(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name in self._lost:
            for word in evidence.words(name):
                found.setdefault(word, []).append(name)
        return {word: names for word, names in found.items() if len(names) <= _COMMON}

    def _alike(self, key: str) -> list[str]:
        """Lost keys that share a word with this one, as long as it is no word that they all have."""
        words = evidence.words(key)
        return list(dict.fromkeys(name for word in sorted(words) for name in self._lost_by_word.get(word, ())))

    @cached_property
    def _first_lost_secrets(self) -> tuple[str, ...]:
        secrets = [name for name in self._lost if evidence.is_secret(name)]
        own = [name for name in secrets if name not in self._lost_external]
        return (*own[:_COMMON], *secrets[:_COMMON])

    @cached_property
    def _lost_external(self) -> frozenset[str]:
        return frozenset(name for name in self._lost if self.facts.is_external(name, generator=False))

    @cached_property
    def _changed(self) -> dict[str, list[str]]:
        """Keys by the default they had, of those that have another one now."""
        found: dict[str, list[str]] = {}
        if self.facts.previous:
            for name in {each.key for each in self.facts.previous.entries}:
                old, new = self.facts.previous.get(name), self.facts.example.get(name)
                if old and new and old != new:
                    found.setdefault(old, []).append(name)
        return found

    def _likeness(self, key: str, value: str, name: str) -> float:
        """How likely a removed key is this one: by its name, and by the default they share."""
        if self.facts.previous is None:
            return 0
        default = self.facts.previous.get(name) or ""
        same = bool(default) and default == value and evidence.is_telling(value)
        switch = evidence.is_switch(value) != evidence.is_switch(self.facts.live.get(name) or "")
        return 0 if switch and value else evidence.name_likeness(key, name) + (0.4 if same else 0)


def _is_own(key: str, value: str) -> bool:
    """Whether two keys are unlikely to have one value: each secret, identity and address is something's own."""
    named = key.endswith("_ID") or evidence.is_address_name(key)
    return named or evidence.is_secret(key, value) or evidence.is_identity(value)
