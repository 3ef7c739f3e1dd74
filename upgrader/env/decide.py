"""A decision for every key of the new example that the live env file lacks, with the evidence for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from upgrader.env import evidence
from upgrader.env.annotations import Annotations, parse_annotations
from upgrader.env.commands import generator_in
from upgrader.env.document import Disabled, Document, Entry
from upgrader.env.generate import GeneratorError, check_generator

Verb = Literal["copy", "generate", "carry", "ask", "skip"]
Need = Literal["boot", "security", "feature", "none"]

_COMPOSE_NAME = "COMPOSE_PROJECT_NAME"
_COMPOSE_SETTINGS = frozenset({"COMPOSE_PROFILES", "COMPOSE_FILE"})


@dataclass(frozen=True, slots=True)
class ComposeEvidence:
    """What the new version's Compose files say: variables of `${K:?}`, of any `${K…}`, defaults of `${K:-d}`."""

    required: frozenset[str] = frozenset()
    referenced: frozenset[str] = frozenset()
    defaults: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about one key. `value` is set for copy and carry; a generated value exists only in the file.

    `source` is the live key whose value is carried, or may be the one meant. `line` is the key's line in the example.
    """

    key: str
    decision: Verb
    need: Need
    evidence: tuple[str, ...]
    value: str | None = field(default=None, repr=False)
    generator: str | None = None
    source: str | None = None
    line: int = 0

    @property
    def blocks(self) -> bool:
        """Whether the upgrade must not start before a person has answered."""
        return self.decision == "ask" and self.need in {"boot", "security"}

    @property
    def shown(self) -> str:
        """The value as it may be shown: a generated one by its form, a carried one by its source."""
        match self.decision:
            case "generate":
                return f"<generated: {check_generator(self.generator or '')}>"
            case "carry":
                return f"<the value of {self.source}>"
            case "copy":
                return self.value or ""
            case _:
                return ""


def decide(
    live: Document,
    example: Document,
    previous_example: Document | None = None,
    compose: ComposeEvidence | None = None,
) -> list[Decision]:
    """Decide for each key that is active in `example` and not in `live`, in the example's order.

    Without `previous_example` no key is known to be new, without `compose` no reference is known.
    """
    chosen = (example.entry(key) for key in dict.fromkeys(entry.key for entry in example.entries) if key not in live)
    case = _Case(live, example, previous_example, compose or ComposeEvidence())
    return [case.decide(entry) for entry in chosen if entry]


@dataclass(frozen=True)
class _Requirement:
    need: Need
    why: tuple[str, ...]
    strong: bool
    """Said in so many words, by an annotation, the comment or Compose, rather than read from the value."""


class _Case:
    """The documents of one comparison; each stage answers, or hands the key to the next one."""

    def __init__(self, live: Document, example: Document, previous: Document | None, compose: ComposeEvidence) -> None:
        self.live = live
        self.example = example
        self.previous = previous
        self.compose = compose
        self.live_disabled = {each.key: each for each in live.disabled if not each.prose}
        self.known = _keys(previous) if previous else set()
        self.lost_secrets = self._lost_secrets()

    def decide(self, entry: Entry) -> Decision:
        said = parse_annotations(entry.comments)
        return self._reserved(entry) or self._carried(entry, said) or self._needed(entry, said)

    def _reserved(self, entry: Entry) -> Decision | None:
        if entry.bare:
            return _decision(entry, "skip", "none", "it takes its value from the environment")
        if entry.key == _COMPOSE_NAME:
            why = "a changed project name means new, empty volumes: it is never added"
            return _decision(entry, "skip", "none", why)
        if entry.key in _COMPOSE_SETTINGS and entry.value and not evidence.is_placeholder(entry.value):
            return _decision(entry, "copy", "boot", "Compose itself reads it", value=entry.value)
        return None

    def _carried(self, entry: Entry, said: Annotations) -> Decision | None:
        old = said.renamed_from
        value = self.live.get(old) if old else None
        if value is None:
            return None
        return _decision(entry, "carry", "boot", f"the example says it is {old} renamed", value=value, source=old)

    def _needed(self, entry: Entry, said: Annotations) -> Decision:
        requirement = self._requirement(entry, said)
        if requirement.need == "none":
            return _decision(entry, "skip", "none", *requirement.why)
        if entry.key in self.known and not requirement.strong:
            return _decision(
                entry, "skip", "none", "the installed version's example has it too, and the app runs without it"
            )
        if disabled := self.live_disabled.get(entry.key):
            return self._disabled_here(entry, requirement, disabled)
        return self._value(entry, said, requirement)

    def _requirement(self, entry: Entry, said: Annotations) -> _Requirement:
        key, value = entry.key, entry.value or ""
        secret = evidence.is_secret(key, value)
        prose = _prose(entry)
        loose: Need = "security" if secret else "feature"
        if said.required is False:
            return _optional("annotated @optional")
        if said.when and not self._holds(said.when.key, said.when.value):
            return _optional(f"annotated for {said.when.key}={said.when.value} only, which is not the case here")
        if said.required:
            return _Requirement("boot", ("annotated @required",), strong=True)
        if key in self.compose.required:
            return _Requirement("boot", (f"Compose demands it: ${{{key}:?}}",), strong=True)
        if said.generate or said.human is not None:
            return _Requirement(loose, ("annotated with where its value comes from",), strong=True)
        if evidence.must_add(key, prose) is not None:
            return _Requirement("boot", ("its comment says that existing installations must add it",), strong=True)
        if evidence.says_required(prose):
            return _Requirement("boot", ("its comment says that it is required",), strong=True)
        if condition := evidence.says_condition(prose):
            if not condition.key:
                return _optional("its comment names a condition that only a person can judge")
            if not self._holds(condition.key, condition.value):
                return _optional(f"needed only when {condition.key}={condition.value}, which is not the case here")
            return _Requirement("boot", (f"needed because {condition.key}={condition.value}",), strong=True)
        if evidence.says_optional(prose):
            return _optional("its comment says that it is optional")
        if key in self.compose.defaults:
            return self._defaulted(value, self.compose.defaults[key], secret=secret)
        if secret and self._generator(entry):
            return _Requirement("security", ("its comment names how to generate it",), strong=False)
        if evidence.is_placeholder(value):
            return _Requirement("security" if secret else "boot", ("its example value is a placeholder",), strong=False)
        if value and key in self.compose.referenced:
            return _Requirement(loose, (f"Compose reads ${{{key}}} and has no default for it",), strong=False)
        if evidence.is_in_network(value):
            return _Requirement(
                "feature", ("its example value is an address inside the Compose network",), strong=False
            )
        if value and secret:
            return _Requirement("security", ("its example value is a published secret",), strong=False)
        return _optional("empty in the example" if not value else "nothing says that it is required")

    def _defaulted(self, value: str, default: str, *, secret: bool) -> _Requirement:
        if default == value or not value:
            return _optional("Compose has a default for it")
        if secret:
            return _Requirement("security", ("Compose would fall back on a published secret",), strong=False)
        return _Requirement("feature", ("Compose has another default than the example",), strong=False)

    def _value(self, entry: Entry, said: Annotations, requirement: _Requirement) -> Decision:
        value, need, why = entry.value or "", requirement.need, requirement.why
        demanded = evidence.must_add(entry.key, _prose(entry))
        secret = evidence.is_secret(entry.key, value)
        if said.human is not None:
            return _decision(entry, "ask", need, *why, said.human or "only a person knows the value")
        if said.generate or secret:
            return self._secret(entry, said, requirement)
        if demanded is not None and not evidence.is_placeholder(demanded):
            return _decision(entry, "copy", need, *why, value=demanded)
        for matches, reason in (
            (not value, "the example gives no value"),
            (evidence.is_placeholder(value), "its example value is a placeholder"),
            (evidence.has_url_password(value), "its example value holds a password"),
            (evidence.is_external(entry.key, generator=False) and not said.required, "another system issues the value"),
            (evidence.is_public_address(value), "its example value fits the author's machine only"),
            (_has_reference(self.example, entry), "its example value refers to other keys"),
            (entry.key in self.compose.defaults, "which of the two is meant here, only a person knows"),
            (evidence.is_selector(entry.key) and not said.required, "it chooses a way of running"),
        ):
            if matches:
                return _decision(entry, "ask", need, *why, *({reason} - set(why)))
        return _decision(entry, "copy", need, *why, value=value)

    def _secret(self, entry: Entry, said: Annotations, requirement: _Requirement) -> Decision:
        """Identity before generation: a fresh value only where no older one can exist."""
        need, why = requirement.need, requirement.why
        generator = said.generate or self._generator(entry)
        lost = self.lost_secrets
        if not generator:
            reason = "no generator is named for it"
        elif not _is_known(generator):
            reason = f"its generator {generator} is unknown"
        elif lost and not said.generate:
            named = f"{lost[0]} is gone from the example, and its value may be the one meant"
            return _decision(entry, "ask", need, *why, named, source=lost[0])
        elif entry.key in self.known:
            reason = "the installed version knows it already, so a value may exist elsewhere"
        elif said.unrotatable and self.previous is None:
            reason = "it can never be replaced, and whether data under it exists is unknown"
        elif not said.generate and evidence.is_external(entry.key, generator=True):
            reason = "another system issues the value"
        elif not said.generate and evidence.is_datastore_password(entry.key):
            reason = "a database may have been initialised with another password"
        elif entry.key in self.compose.defaults and not said.generate:
            reason = "the app may have been running with Compose's default"
        else:
            return _decision(entry, "generate", need, *why, generator=generator)
        return _decision(entry, "ask", need, *why, reason)

    def _disabled_here(self, entry: Entry, requirement: _Requirement, disabled: Disabled) -> Decision:
        why = (*requirement.why, f"commented out on line {disabled.line} of {self.live.path}")
        if requirement.strong or evidence.is_secret(entry.key, entry.value or ""):
            return _decision(entry, "ask", requirement.need, *why)
        return _decision(entry, "skip", "none", *why)

    def _generator(self, entry: Entry) -> str | None:
        # a placeholder may name it: CHANGE_ME_OPENSSL_RAND_HEX_32
        in_value = (entry.value or "").replace("_", " ").lower().replace("rand hex", "rand -hex")
        in_value = in_value.replace("rand base64", "rand -base64")
        return generator_in(_prose(entry)) or generator_in([entry.inline]) or generator_in([in_value])

    def _lost_secrets(self) -> list[str]:
        """Secrets of the live file that the new example no longer has, though the previous one had them."""
        if self.previous is None:
            return []
        kept = _keys(self.example)
        removed = dict.fromkeys(entry.key for entry in self.previous.entries if entry.key not in kept)
        return [key for key in removed if evidence.is_secret(key) and self.live.get(key)]

    def _holds(self, key: str, value: str) -> bool:
        return (self.live.get(key) or "").casefold() == value.casefold()


def _decision(
    entry: Entry,
    verb: Verb,
    need: Need,
    *why: str,
    value: str | None = None,
    generator: str | None = None,
    source: str | None = None,
) -> Decision:
    return Decision(entry.key, verb, need, why, value, generator, source, entry.line)


def _keys(document: Document) -> set[str]:
    """The keys it has, commented-out ones included."""
    return {entry.key for entry in document.entries} | {each.key for each in document.disabled if not each.prose}


def _prose(entry: Entry) -> list[str]:
    return [line for line in entry.comments if not line.startswith("@")]


def _optional(why: str) -> _Requirement:
    return _Requirement("none", (why,), strong=False)


def _has_reference(example: Document, entry: Entry) -> bool:
    return entry.quoted != "'" and b"$" in example.data[entry.start : entry.end].partition(b"=")[2]


def _is_known(generator: str) -> bool:
    try:
        check_generator(generator)
    except GeneratorError:
        return False
    return True
