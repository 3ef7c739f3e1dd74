"""A decision for every key of the new example that the live env file lacks, with the evidence for it."""

from collections.abc import Iterator
from dataclasses import replace

from upgrader.env import evidence
from upgrader.env.case import BACKUPS, WRITES, Case, Decision, Need, Verb
from upgrader.env.document import Addition, Disabled, Document, Entry
from upgrader.env.facts import Facts
from upgrader.env.generate import fits
from upgrader.env.identity import COMPOSE_FILES, Identity, Past
from upgrader.env.obtain import Answer, Wanted, is_identity, length_demanded, obtain
from upgrader.env.requirement import UNSAID, Requirement, demanded, named_as_source, requirement, said_in_prose

__all__ = ["BACKUPS", "Case", "Decision", "Need", "Verb", "decide", "live_from"]

_COMPOSE_NAME = "COMPOSE_PROJECT_NAME"
_COMPOSE_SETTINGS = frozenset({"COMPOSE_PROFILES", "COMPOSE_FILE"})


def decide(case: Case) -> list[Decision]:
    """Decide for each key that is active in the example and not in the live file, in the example's order; then for
    those that the example has commented out although something demands them.
    """
    return _Decider(case).decisions()


def live_from(previous: Document) -> Document:
    """The live file that an operator of the previous example has: its keys, with each placeholder filled in."""
    filled = {
        key: _filled(key) if evidence.is_placeholder(value) or evidence.is_secret(key, value) else value
        for key, value in previous.values().items()
        if value
    }
    text = Document.parse(b"", previous.path).append([Addition(key, value) for key, value in filled.items()])
    bare = "".join(f"{entry.key}=\n" for entry in previous.entries if entry.key not in filled and not entry.bare)
    return Document.parse(text + bare.encode(), ".env")


def _filled(key: str) -> str:
    return f"set-by-the-operator-{key.lower()}"


class _Decider:
    """Each stage answers, or hands the key to the next one."""

    def __init__(self, case: Case) -> None:
        self.facts = Facts(case)
        self.identity = Identity(self.facts)
        self.entries = [
            entry
            for key in dict.fromkeys(each.key for each in case.example.entries)
            if key not in case.live and (entry := case.example.entry(key))
        ]

    def decisions(self) -> list[Decision]:
        carried = {entry.key: past for entry in self.entries if (past := self._carried(entry))}
        taken = frozenset(past.source for past in carried.values() if past.source)
        found = [self._decide(entry, carried.get(entry.key), taken) for entry in self.entries]
        taken |= {each.source for each in found if each.decision == "carry" and each.source in self.facts.removed}
        found = [
            self._decide(entry, None, taken) if entry.key not in carried and self._is_spent(each, taken) else each
            for entry, each in zip(self.entries, found, strict=True)
        ]
        found = self._with_siblings(found)
        found += self._demanded(taken)
        return [self._held_back(decision) for decision in found]

    def _is_spent(self, decision: Decision, taken: frozenset[str]) -> bool:
        """Whether what is proposed for a key is another one's by now."""
        return decision.decision == "ask" and decision.source in self.facts.removed and decision.source in taken

    def _decide(self, entry: Entry, past: Past | None, taken: frozenset[str]) -> Decision:
        if reserved := self._reserved(entry):
            return reserved
        if past:
            return self._from_past(entry, past)
        value = self.facts.value(entry)
        said = self.facts.said(entry)
        wanted = Wanted(entry, value, said, requirement(self.facts, entry, value, said), self._secret(entry), taken)
        return self._wanted(wanted)

    def _demanded(self, taken: frozenset[str]) -> Iterator[Decision]:
        """Keys that are commented out in the example, and needed here."""
        seen: set[str] = set()
        for each in self.facts.example.disabled:
            if each.prose or each.key in seen or each.key in self.facts.example or each.key in self.facts.live:
                continue
            seen.add(each.key)
            value = self.facts.value(each)
            said = self.facts.said(each)
            need = demanded(self.facts, each.key, value, said) or named_as_source(self.facts, each.key)
            if need is None and each.key not in self.facts.known:
                need = said_in_prose(self.facts, each.key)
            if need is None:
                continue
            if need.strong and need.need != "none":
                past = self.identity.renamed(said)
                wanted = Wanted(each, value, said, need, self._secret(each, value), taken)
                yield self._from_past(each, past) if past else self._wanted(wanted)
            elif said or each.key not in self.facts.known:
                yield _decision(each, Answer("skip"), need)

    def _with_siblings(self, found: list[Decision]) -> list[Decision]:
        """The settings of a new service come together: with its address, the plain ones beside it."""
        families = {
            (each.key.partition("_")[0], self.facts.around(each.key).block)
            for each in found
            if each.decision == "copy" and each.value and self.facts.is_new(each.value)
        }
        return [self._sibling(each) if self._is_sibling(each, families) else each for each in found]

    def _is_sibling(self, decision: Decision, families: set[tuple[str, int]]) -> bool:
        key, value = decision.key, self.facts.example.get(decision.key)
        family = (key.partition("_")[0], self.facts.around(key).block)
        if self.facts.is_own_name(key):
            return False
        plain = decision.decision == "skip" and decision.evidence[:1] == (UNSAID,)
        return plain and family in families and bool(value) and key not in self.facts.known

    def _sibling(self, decision: Decision) -> Decision:
        value = self.facts.example.get(decision.key)
        why = "it belongs to a new service, whose address is copied too"
        return Decision(decision.key, "copy", "feature", (why,), value, line=decision.line)

    # --- stages

    def _reserved(self, entry: Entry) -> Decision | None:
        if entry.bare:
            return _decision(entry, Answer("skip", ("it takes its value from the environment",)), _NONE)
        if entry.key == _COMPOSE_NAME:
            why = "a changed project name means new, empty volumes: it is never added, and if, then the running one"
            return _decision(entry, Answer("ask", (why,)), Requirement("feature", ()))
        if entry.key not in _COMPOSE_SETTINGS or entry.key in self.facts.known:
            return None
        template = self.facts.template(entry)
        value = self.facts.filled(template) if template else self.facts.value(entry)
        if not value or evidence.is_placeholder(value):
            return None
        return _decision(entry, Answer("copy", ("Compose itself reads it",), value), Requirement("boot", ()))

    def _carried(self, entry: Entry) -> Past | None:
        """A value that is the same thing under another name."""
        value = entry.value or ""
        return (
            self.identity.renamed(self.facts.said(entry))
            or self.identity.swapped(entry.key)
            or self.identity.moved(entry, value)
            or self.identity.resettled(entry.key, value)
            or self.identity.succeeded(entry.key, value)
            or self.identity.twin(entry.key, value)
        )

    def _from_past(self, each: Entry | Disabled, past: Past) -> Decision:
        secret = self._secret(each)
        need: Need = "security" if secret else self._need_of_old(each, past)
        verb: Verb = "carry" if past.sure and past.value else "ask"
        length = length_demanded(self.facts, each) if secret else None
        if verb == "carry" and not secret and (pin := self._pinned_anew(each, past)):
            return _decision(each, pin, Requirement(need, ()))
        if verb == "carry" and length and not fits(past.value or "", length):
            why = f"its value there has another length than the one it must have here: {length}"
            return _decision(each, Answer("ask", (past.why, why), source=past.source), Requirement(need, ()))
        return _decision(each, Answer(verb, (past.why,), past.value, source=past.source), Requirement(need, ()))

    def _pinned_anew(self, each: Entry | Disabled, past: Past) -> Answer | None:
        """What becomes of an image's pin that has another name now: the old value would keep the old version."""
        value, pins = self.facts.value(each), any(ref.section == "image" for ref in self.facts.references(each.key))
        if not pins or not past.source or not value or value == past.value or evidence.is_placeholder(value):
            return None
        shipped = self.facts.previous.get(past.source) if self.facts.previous else None
        if shipped == past.value:
            return Answer("copy", (past.why, "the value there is the one that the old version shipped"), value)
        return Answer(
            "ask", (past.why, "it pins an image, and the value there is a choice of yours"), source=past.source
        )

    def _need_of_old(self, each: Entry | Disabled, past: Past) -> Need:
        """What hangs on a setting that has another name now: by the names alone, no more than is said of it."""
        if (past.source, past.why) != self.facts.renamed.get(each.key):
            return "boot"
        said = requirement(self.facts, each, self.facts.value(each), self.facts.said(each)).need
        return "feature" if said == "none" else said

    def _wanted(self, wanted: Wanted) -> Decision:
        need, each = wanted.requirement, wanted.each
        if need.need == "none":
            return (
                self._addressed(wanted)
                or self._proposed(wanted)
                or self._moved_out(wanted)
                or _decision(each, Answer("skip"), need)
            )
        if wanted.key in self.facts.known and not need.strong and not self._is_promoted(wanted):
            why = "the installed version's example has it too, and the app runs without it"
            return _decision(each, Answer("skip", (why,)), _NONE)
        if disabled := self.facts.live_disabled.get(wanted.key):
            return self._disabled_here(wanted, disabled)
        answer = obtain(self.facts, self.identity, wanted)
        named = answer.source == COMPOSE_FILES and is_identity(self.facts, wanted.key, wanted.value)
        if named and need.need == "feature":
            need = need._replace(need="boot")  # without its name the database that is there is not found
        if answer.verb in ("ask", "copy") and not wanted.secret and answer.value in (None, wanted.value):
            answer = self._resembling(wanted) or answer
        return _decision(each, answer, need)

    def _proposed(self, wanted: Wanted) -> Decision | None:
        """A setting that has another name now, and that would be lost."""
        past = self.identity.proposed(wanted.key, wanted.value, wanted.taken)
        if past is None or not past.source or wanted.key in self.facts.known or not self.facts.previous:
            return None
        if not past.sure and past.value == self.facts.previous.get(past.source):
            return None
        verb: Verb = "carry" if past.sure else "ask"
        return _decision(
            wanted.each, Answer(verb, (past.why,), past.value, source=past.source), Requirement("feature", ())
        )

    def _is_promoted(self, wanted: Wanted) -> bool:
        """Whether a secret that the app has done without is one that it is given from now on."""
        return wanted.secret and self.facts.is_promoted(wanted.key)

    def _addressed(self, wanted: Wanted) -> Decision | None:
        past = self.identity.addressed(wanted.key)
        if past is None:
            return None
        answer = Answer("ask", (past.why,), past.value, source=past.source)
        return _decision(wanted.each, answer, Requirement("boot", ()))

    def _moved_out(self, wanted: Wanted) -> Decision | None:
        """A value that stood in the Compose files, and that nothing gives any more."""
        past = self.identity.externalised(wanted.key)
        if past is None or past.unchanged or self.facts.default(wanted.key) is not None:
            return None
        answer = obtain(self.facts, self.identity, wanted)
        return _decision(wanted.each, answer, Requirement("security" if wanted.secret else "feature", ()))

    def _resembling(self, wanted: Wanted) -> Answer | None:
        past = self.identity.proposed(wanted.key, wanted.value, wanted.taken)
        return Answer("carry" if past.sure else "ask", (past.why,), past.value, source=past.source) if past else None

    def _disabled_here(self, wanted: Wanted, disabled: Disabled) -> Decision:
        why = f"commented out on line {disabled.line} of {self.facts.live.path}"
        if wanted.requirement.strong or wanted.secret:
            return _decision(wanted.each, Answer("ask", (why,)), wanted.requirement)
        return _decision(wanted.each, Answer("skip", (*wanted.requirement.why, why)), _NONE)

    def _held_back(self, decision: Decision) -> Decision:
        """In a rewritten example nothing is taken for granted, nor in one that a person carries over."""
        if decision.decision not in WRITES:
            return decision
        overlay = self.facts.case.overlay
        why = overlay.by_hand(self.facts.case.versions) if overlay else None
        said = decision.decision == "carry" and "annotation" in decision.evidence[0]
        if not why and self.facts.rewritten and not said:
            why = "more than half of the keys that the example had are gone: it is another file, so nothing is written"
        if not why:
            return decision
        value = decision.value if decision.source else None
        return replace(decision, decision="ask", evidence=(*decision.evidence, why), generator=None, value=value)

    def _secret(self, each: Entry | Disabled, value: str | None = None) -> bool:
        sensitive = self.facts.said(each).sensitive
        text = value if value is not None else (each.value or "" if isinstance(each, Entry) else "")
        return evidence.is_secret(each.key, text) if sensitive is None else sensitive


_NONE = Requirement("none", ())


def _decision(each: Entry | Disabled, answer: Answer, need: Requirement) -> Decision:
    why = tuple(dict.fromkeys((*need.why, *answer.why)))
    if answer.verb == "skip":
        return Decision(each.key, "skip", "none", why, line=each.line)
    return Decision(
        each.key, answer.verb, need.need, why, answer.value, answer.generator, answer.source, each.line, answer.template
    )
