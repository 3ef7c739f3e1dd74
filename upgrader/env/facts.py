"""One case, looked up from every side: each table is made once."""

import re
from collections import Counter
from collections.abc import Mapping
from functools import cached_property

from upgrader.env.annotations import Annotations, parse_annotations
from upgrader.env.case import Case
from upgrader.env.commands import generator_for, generator_in, generator_in_value, generators_by_key
from upgrader.env.compose_text import references_in
from upgrader.env.document import Disabled, Document, Entry
from upgrader.env.evidence import (
    is_external,
    is_host_name,
    is_off,
    is_own_address,
    is_placeholder,
    is_secret,
    speaks_of_several,
    url_host,
)
from upgrader.env.families import Renamed, renamed
from upgrader.env.interpolate import InterpolationError, interpolate
from upgrader.env.regex import regex
from upgrader.env.surroundings import Surroundings, surroundings
from upgrader.env.variables import Variables

_NOTHING = Surroundings()
_PLAIN = Annotations()
_COMMAND = regex(r"ra?nd|tr -|pwgen|secret|uuid|token|generate", re.IGNORECASE)
"""A word of every command that makes a secret: most comments have none, and need no closer look."""
_PROFILE = regex(r"--profile[ =]([\w-]+)")


class Facts(Variables):
    """What is known of the keys of one case."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.previous = case.previous
        self._generators: dict[tuple[str, str], str | None] = {}
        self._said: dict[int, Annotations] = {}

    # --- the documents

    @cached_property
    def live_disabled(self) -> Mapping[str, Disabled]:
        return {each.key: each for each in self.live.disabled if not each.prose}

    @cached_property
    def known(self) -> frozenset[str]:
        """Keys that the installed version's example has, commented-out ones included."""
        return keys(self.previous) if self.previous else frozenset()

    @cached_property
    def kept(self) -> frozenset[str]:
        return keys(self.example)

    @cached_property
    def removed(self) -> tuple[str, ...]:
        """Active keys of the previous example that the new one does not name any more."""
        if self.previous is None:
            return ()
        return tuple(dict.fromkeys(each.key for each in self.previous.entries if each.key not in self.kept))

    @cached_property
    def rewritten(self) -> bool:
        """Whether more than half of the previous example's keys are gone: it is another file by now."""
        if self.previous is None:
            return False
        active = {each.key for each in self.previous.entries}
        gone = set(self.removed) - {old for old, _ in self.renamed.values()}
        return len(active) >= 8 and len(gone) * 2 > len(active)

    @cached_property
    def renamed(self) -> Mapping[str, Renamed]:
        """New keys that have an old one's place, or its name with another prefix."""
        return renamed(self.previous, self.example) if self.previous else {}

    @cached_property
    def _around(self) -> Mapping[str, Surroundings]:
        return surroundings(self.example)

    def around(self, key: str) -> Surroundings:
        return self._around.get(key, _NOTHING)

    def run(self, key: str) -> tuple[str, ...]:
        """The comment that heads the unbroken run of lines in which a key stands."""
        around = self.around(key)
        return around.run or around.own or around.apart

    def prose(self, key: str) -> tuple[str, ...]:
        """What is written directly at the key, annotations left out."""
        return tuple(line for line in self.around(key).own if not line.startswith("@"))

    def said(self, each: Entry | Disabled) -> Annotations:
        """The overlay's word on a key, then that of the decorators in the example."""
        if each.start not in self._said:
            self._said[each.start] = self._read_annotations(each)
        return self._said[each.start]

    def _read_annotations(self, each: Entry | Disabled) -> Annotations:
        here = parse_annotations(each.comments) if any("@" in line for line in each.comments) else _PLAIN
        over = self.case.overlay.said.get(each.key) if self.case.overlay else None
        return over.laid_over(here) if over else here

    def overlay_words(self, key: str) -> tuple[str, ...]:
        """What the overlay's comment says of a key to a reader, as one reason; none where it says nothing."""
        entry = self.case.overlay.document.entry(key) if self.case.overlay else None
        words = " ".join(line for line in entry.comments if not line.startswith("@")) if entry else ""
        return (words.rstrip("."),) if words else ()

    def value(self, each: Entry | Disabled) -> str:
        """The overlay's value for a key, else the example's; empty where a comment has become the value."""
        over = self.case.overlay.document.get(each.key) if self.case.overlay else None
        value = over or (each.value or "" if isinstance(each, Entry) else _unquoted(each.text))
        return "" if re.match(r"#(\s|$)", value) else value

    @cached_property
    def _templates(self) -> Mapping[int, str]:
        return {each.start: each.template for each in self.example.statements if each.template and each.quote != "'"}

    def template(self, each: Entry | Disabled) -> str | None:
        """The example's value as written, if it has references to other keys in it."""
        if self.case.overlay and self.case.overlay.document.get(each.key):
            return None
        text = self._templates.get(each.start)
        names = {found[0] for found in references_in(text)} if text else set()
        return text if names - {each.key} else None

    def refers_to_itself(self, each: Entry | Disabled) -> bool:
        """Whether the example's value is the key's own name: an installer puts its value there."""
        text = self._templates.get(each.start, "").strip()
        return text in (f"${each.key}", f"${{{each.key}}}")

    def filled(self, template: str) -> str | None:
        """An example's value with the live values in it, and with the example's own plain ones where the live file has
        none; None where one is missing.
        """
        missing = False

        def lookup(name: str) -> str | None:
            nonlocal missing
            value = self.live.get(name) or self.plain(name)
            missing = missing or not value
            return value

        try:
            value = interpolate(template, lookup)
        except InterpolationError:
            return None
        return None if missing else value

    def plain(self, key: str) -> str | None:
        """The example's value of a key, if an app may well run with it: no placeholder, no secret, no address."""
        value = self.example.get(key)
        if not value or is_placeholder(value) or is_secret(key, value) or is_own_address(key, value):
            return None
        return value

    @cached_property
    def _own_names(self) -> frozenset[str]:
        """The first words of names that are the app's own: many keys begin so."""
        words = [_first_word(each.key) for each in self.example.entries]
        return frozenset(word for word, count in Counter(words).items() if count >= 5 and count * 3 >= len(words))

    def is_external(self, key: str, *, generator: bool) -> bool:
        """Whether another system issues the value; the app's own name may sound like one."""
        return is_external(self.own_part(key), generator=generator)

    def own_part(self, key: str) -> str:
        """A key without the app's own name in front: `_ADMIN_PASSWORD` of `SHOP_ADMIN_PASSWORD`."""
        return key.strip("_")[len(_first_word(key)) :] if self.is_own_name(key) else key

    def is_own_name(self, key: str) -> bool:
        """Whether a key begins with the app's own name."""
        first = _first_word(key)
        return first in self._own_names and len(key) > len(first)

    def effective(self, key: str) -> str | None:
        """What the app would see for a key: the live value, else Compose's default, else the example's value."""
        if key in self.live:
            return self.live.get(key)
        default = self.default(key)
        value = self.example.get(key) if default is None else default
        return None if value is None or is_placeholder(value) else value

    def switched_off(self, key: str) -> str | None:
        """The commented-out switch of the key's family that the live file leaves off: `ENABLE_TLS` for `TLS_EMAIL`."""
        heads = [key[:at] for at, letter in enumerate(key) if letter == "_" and at]
        switches = [name for head in heads for name in (f"ENABLE_{head}", f"{head}_ENABLED", f"{head}_ENABLE")]
        off = (name for name in switches if name in self._disabled_switches and is_off(self.live.get(name) or "false"))
        return next(off, None)

    @cached_property
    def _disabled_switches(self) -> frozenset[str]:
        names = (each.key for each in self.example.disabled if "ENABLE" in each.key and not each.prose)
        return frozenset(name for name in names if name not in self.example)

    def uses_family(self, prefix: str) -> bool:
        """Whether the live file sets up something whose keys begin so."""
        return any(key.startswith(prefix) and self.live.get(key) for key in self.live_keys)

    @cached_property
    def live_keys(self) -> frozenset[str]:
        return frozenset(each.key for each in self.live.entries)

    def never_used(self, key: str) -> bool:
        """Whether the app is known to run without the key: its containers have other lines of the env file."""
        used = self.case.used
        if used is None or key in used or self.references(key) or self.references_before(key):
            return False
        return any(name in used and not self.references(name) for name in self.live_keys)

    def is_promoted(self, key: str) -> bool:
        """Whether a key that the previous example had commented out is active now, and Compose takes it bare."""
        if self.previous is None or key in self.previous or key not in self.known:
            return False
        readers = [each for each in self.references(key) if not each.operator and self.runs(each.service)]
        return bool(readers or self.passed(key))

    @cached_property
    def live_hosts(self) -> tuple[tuple[str, str], ...]:
        """The keys of the live file that name a host, each with that host."""
        named = ((each.key, each.value or "") for each in self.live.entries)
        return tuple((key, url_host(value) or (value if is_host_name(key) else "")) for key, value in named if value)

    @cached_property
    def around_before(self) -> Mapping[str, Surroundings]:
        return surroundings(self.previous) if self.previous else {}

    # --- generators

    @cached_property
    def _table(self) -> Mapping[str, str]:
        return generators_by_key(self.example) if _COMMAND.search(self.text) else {}

    def generator(self, key: str, value: str) -> str | None:
        """The generator that the example names for a secret: at the key, in its value, in a table, above its run."""
        if (key, value) not in self._generators:
            self._generators[key, value] = self._generator(key, value)
        return self._generators[key, value]

    def _generator(self, key: str, value: str) -> str | None:
        around = self.around(key)
        texts = (around.own, around.apart, around.run)
        if key not in self._table and not any(_COMMAND.search(line) for text in ((value,), *texts) for line in text):
            return None
        return (
            generator_in_value(value)
            or generator_for(key, around.own, self._table)
            or generator_for(key, around.apart, self._table)
            or (generator_in(around.run) if self._run_speaks_of(key, around.run) else None)
        )

    def _run_speaks_of(self, key: str, run: tuple[str, ...]) -> bool:
        """Whether a comment above an earlier line of the run is about this key as well."""
        return bool(run) and (speaks_of_several(run) or any(key in line for line in run) or self._only_secret(key))

    def _only_secret(self, key: str) -> bool:
        """Whether the key is the only secret of its run: a hint above it can mean nothing else."""
        return self._secrets_by_run.get(self.around(key).run, 0) == 1

    @cached_property
    def _secrets_by_run(self) -> Mapping[tuple[str, ...], int]:
        counts: dict[tuple[str, ...], int] = {}
        for entry in self.example.entries:
            if is_secret(entry.key, entry.value or ""):
                head = self.run(entry.key)
                counts[head] = counts.get(head, 0) + 1
        return counts


def _first_word(key: str) -> str:
    return key.strip("_").partition("_")[0]


def _unquoted(text: str) -> str:
    text = text.partition(" #")[0].strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def keys(document: Document) -> frozenset[str]:
    """The keys it has, commented-out ones included."""
    return frozenset({each.key for each in document.entries} | {e.key for e in document.disabled if not e.prose})
