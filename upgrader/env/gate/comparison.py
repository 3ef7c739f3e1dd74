"""Two releases side by side, and what the families of checks ask of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from upgrader.env.annotations import Annotations
from upgrader.env.case import Decision
from upgrader.env.commands import generator_for, generator_in_value, generators_by_key
from upgrader.env.document import Entry
from upgrader.env.finding import Finding, Severity
from upgrader.env.gate.notes import Notes
from upgrader.env.gate.release import Release
from upgrader.env.generate import is_generator


@dataclass(frozen=True)
class Comparison:
    """`old` is None where there is nothing to compare with: only what is wrong in itself counts then."""

    old: Release | None
    new: Release
    notes: Notes | None
    decisions: Mapping[str, Decision]

    @cached_property
    def added(self) -> tuple[Entry, ...]:
        """Keys that the example has now and had not, in its order."""
        return tuple(entry for entry in self.new.entries.values() if self.is_new(entry.key))

    @cached_property
    def demandable(self) -> tuple[Entry, ...]:
        """Keys that installations of the new release may need: the active ones, and those that are commented out but
        that something demands, in the example's order.
        """
        disabled = [
            Entry(each.key, each.text, "", each.line, each.start, each.end, each.comments)
            for each in self.new.document.disabled
            if each.key in self.decisions and each.key not in self.new.entries and not each.prose
        ]
        return tuple(sorted((*self.new.entries.values(), *disabled), key=lambda entry: entry.line))

    def is_new(self, key: str) -> bool:
        """Whether the key is there now and was not, or is active now and was commented out."""
        if self.old is None or key in self.old.entries:
            return False
        return key in self.new.entries or key not in self.old.disabled

    def is_as_before(self, entry: Entry) -> bool:
        """Whether the old example has the key with the same value."""
        before = self.old.entries.get(entry.key) if self.old else None
        return before is not None and before.value == entry.value

    def generator(self, entry: Entry) -> str | None:
        """What the vendor says that makes the value: the annotation, or the command in the comment."""
        said = self.new.said(entry.key)
        decided = self.decisions.get(entry.key)
        if said.generate:
            return said.generate if is_generator(said.generate) else None
        if decided and decided.generator:
            return decided.generator
        table = generators_by_key(self.new.document)
        return generator_for(entry.key, prose(entry), table) or generator_in_value(entry.value or "")

    def at(self, code: str, severity: Severity, entry: Entry, message: str, hint: str) -> Finding:
        return Finding(code, severity, message, hint, entry.key, self.new.example.path, entry.line)

    def place_of_removed(self, key: str) -> int:
        """The line of the new example behind which the key stood: that of its nearest neighbour that is still there."""
        if self.old is None:
            return 0
        here = {**self.new.disabled, **{name: entry.line for name, entry in self.new.entries.items()}}
        before: list[str] = []
        for entry in self.old.document.entries:
            if entry.key == key:
                break
            before.append(entry.key)
        return next((here[name] for name in reversed(before) if name in here), 1)


def prose(entry: Entry) -> list[str]:
    return [line for line in entry.comments if not line.startswith("@")]


def is_sourced(said: Annotations) -> bool:
    """Whether the vendor says where a person, or upgrader, gets the value."""
    return bool(said.generate or said.human is not None or said.renamed_from or said.derive or said.same_as)
