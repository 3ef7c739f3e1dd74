"""How a needed key gets its value: copied, generated, or from a person."""

import re
from dataclasses import dataclass, field

from upgrader.env import evidence, prose
from upgrader.env.annotations import Annotations
from upgrader.env.case import BACKUPS, Verb
from upgrader.env.commands import length_said
from upgrader.env.compose_text import references_in
from upgrader.env.document import Disabled, Entry
from upgrader.env.facts import Facts
from upgrader.env.generate import Length, fits, generator_fits, is_generator
from upgrader.env.identity import Identity, Past
from upgrader.env.keypairs import is_half, is_of_pair
from upgrader.env.requirement import Requirement
from upgrader.env.template import expand


@dataclass(frozen=True, slots=True)
class Answer:
    verb: Verb
    why: tuple[str, ...] = ()
    value: str | None = field(default=None, repr=False)
    generator: str | None = None
    source: str | None = None
    template: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A needed key, with what is known of it. `value` is the example's, `taken` are keys whose values others have."""

    each: Entry | Disabled
    value: str
    said: Annotations
    requirement: Requirement
    secret: bool
    taken: frozenset[str]

    @property
    def key(self) -> str:
        return self.each.key


def obtain(facts: Facts, identity: Identity, wanted: Wanted) -> Answer:
    """The strongest source first: what the vendor says, what the installation has, then the example."""
    if wanted.requirement.choice:
        return Answer("ask")
    if leap := identity.leap(wanted.key, wanted.value):
        return Answer("ask", (leap,))
    return (
        _as_annotated(facts, wanted)
        or _had_before(identity, wanted)
        or _may_be_empty(facts, identity, wanted)
        or (_secret(facts, identity, wanted) if wanted.said.generate or wanted.secret else _plain(facts, wanted))
    )


def _as_annotated(facts: Facts, wanted: Wanted) -> Answer | None:
    said = wanted.said
    if said.manual:
        return Answer("ask", ("annotated @manual: only a person writes it",))
    if said.misread:
        return Answer("ask", (f"its annotation {said.misread[0]} cannot be read",))
    if said.same_as or said.derive:
        template = said.derive or f"{{{said.same_as}}}"
        return _derived(facts, template, said)
    if said.human is not None:
        return Answer("ask", (said.human or "only a person knows the value",))
    return None if said.generate else _same_as_said(facts, wanted)


def _same_as_said(facts: Facts, wanted: Wanted) -> Answer | None:
    """`Must be the same as OTHER`, in prose."""
    other = prose.says_same_as(facts.prose(wanted.key))
    if not other or other == wanted.key:
        return None
    why = f"its comment says that it is the same as {other}"
    value = facts.live.get(other)
    return Answer("carry", (why,), value, source=other) if value else Answer("ask", (why,))


def _derived(facts: Facts, template: str, said: Annotations) -> Answer:
    value = expand(template, facts.live.get)
    if value is None:
        return Answer("ask", (f"it follows from {', '.join(said.derived_from)}, which is not set here",))
    if said.exactly and not fits(value, Length(said.exactly)):
        return Answer("ask", (f"it must have exactly {said.exactly} characters, unlike {said.same_as or template}",))
    if said.same_as:
        return Answer("carry", (f"it is the same as {said.same_as}",), value, source=said.same_as)
    return Answer("copy", (f"it follows from {', '.join(said.derived_from)}",), value, template=template)


def _had_before(identity: Identity, wanted: Wanted) -> Answer | None:
    past = identity.externalised(wanted.key)
    if past is None:
        return None
    if past.unchanged:
        return Answer("skip", (past.why,))
    known = past.value == wanted.value and not wanted.secret and not evidence.is_own_address(wanted.key, wanted.value)
    if known and past.value:
        return Answer("copy", (past.why, "the example has the same one"), past.value)
    logged_in = identity.logged_in_with(wanted.key, past.value) if past.value and wanted.secret else None
    return _proposal(logged_in or past)


def _may_be_empty(facts: Facts, identity: Identity, wanted: Wanted) -> Answer | None:
    """A config's content that the example leaves empty: Compose only wants the line."""
    source = facts.compose.sources.get(wanted.key)
    if source is None or wanted.value or facts.refers_to_itself(wanted.each) or facts.generator(wanted.key, ""):
        return None
    if wanted.secret and (source.section == "secrets" or wanted.key in facts.case.found):
        return None
    if wanted.secret and identity.lost_secret(wanted.key, "", wanted.taken):
        return None
    return Answer("copy", ("the example leaves it empty",), "")


def _proposal(past: Past) -> Answer:
    return Answer("ask", (past.why,), past.value, source=past.source)


def _secret(facts: Facts, identity: Identity, wanted: Wanted) -> Answer:
    """Identity before generation: a fresh value only where no older one can exist."""
    key, said = wanted.key, wanted.said
    if found := facts.case.found.get(key):
        return Answer("carry", (f"{BACKUPS} has the value that it had here",), found, source=BACKUPS)
    lost = None if said.generate else identity.lost_secret(key, wanted.value, wanted.taken)
    if lost:
        return _proposal(lost)
    if reason := _forbidden(facts, identity, wanted):
        return Answer("ask", (reason,))
    generator = said.generate or facts.generator(key, wanted.value)
    length = length_demanded(facts, wanted.each)
    if not generator and facts.case.assume_generators and not re.match(r"[A-Za-z][\w-]*:", wanted.value):
        generator = _assumed(length)
    if not generator:
        return Answer("ask", ("no generator is named for it",))
    if not is_generator(generator):
        return Answer("ask", (f"its generator {generator} is unknown",))
    if length and not said.generate and not generator_fits(generator, length):
        return Answer("ask", (f"its comment names a generator, and a length that does not go with it: {length}",))
    unused = facts.never_used(key) and (facts.previous is None or key in facts.known | facts.case.lived)
    return Answer("generate", ("the app has been running without it",) if unused else (), generator=generator)


def length_demanded(facts: Facts, each: Entry | Disabled) -> Length | None:
    """The length that an annotation, or the comment of a secret, demands."""
    exactly = facts.said(each).exactly
    return Length(exactly) if exactly else length_said(facts.prose(each.key))


def _forbidden(facts: Facts, identity: Identity, wanted: Wanted) -> str | None:
    """Why no fresh value may be made, if so."""
    key, said = wanted.key, wanted.said
    unused = bool(said.generate) and facts.never_used(key)
    fresh = facts.case.data_exists is False or facts.only_in_new_services(key) or unused
    if not fresh and (key in facts.known or key in facts.case.lived):
        return "the installed version knows it already, so a value may exist elsewhere"
    if not fresh and said.unrotatable and facts.previous is None:
        return "it can never be replaced, and whether data under it exists is unknown"
    if facts.case.data_exists is not False and not said.generate and (store := identity.datastore(key)):
        return f"{store} may have been initialised with another password"
    if said.generate:
        return None
    if facts.is_external(key, generator=True):
        return "another system issues the value"
    if is_of_pair(key, wanted.value, facts.kept):
        return "it is one of a pair of keys, and those are made together"
    if evidence.is_account_password(key):
        return "a person logs in with it, and it may be set already"
    if not fresh and facts.default_before(key):
        return "the app may have been running with Compose's default"
    if facts.before is None and facts.default(key):
        return "the app may have been running with Compose's default"
    return None


def _assumed(length: Length | None) -> str:
    return f"alnum:{length.count}" if length and length.unit == "characters" and length.bound != "at most" else "hex:32"


def _plain(facts: Facts, wanted: Wanted) -> Answer:
    key, value, said = wanted.key, wanted.value, wanted.said
    demanded = prose.must_add(key, value, facts.prose(key))
    if demanded is not None and not evidence.is_placeholder(demanded):
        return Answer("copy", (), demanded)
    if template := facts.template(wanted.each):
        return _expanded(facts, template)
    named = bool(said.required)
    external = facts.is_external(key, generator=False)
    for matches, reason in (
        (not value, "the example gives no value"),
        (evidence.is_placeholder(value), "its example value is a placeholder"),
        (prose.says_change(facts.prose(key)), "its example value is not meant to be used"),
        (evidence.has_url_password(value), "its example value holds a password"),
        (is_half(key) or evidence.is_published_key(value), "its example value looks like somebody's key"),
        (
            external and not named and (evidence.is_account(key) or not wanted.requirement.strong),
            "another system issues the value",
        ),
        (evidence.is_own_address(key, value), "its example value is an address that only a person knows"),
        (facts.default(key) not in (None, value), "which of the two is meant here, only a person knows"),
        (evidence.is_selector(key) and not named, "it chooses a way of running"),
        (_is_mount(facts, key), "it says where data lies, and where it lies now is not known"),
        (is_identity(facts, key, value), "it names a database or its user, which exists under its own name"),
    ):
        if matches:
            return Answer("ask", (reason,))
    return Answer("copy", (), value)


def _is_mount(facts: Facts, key: str) -> bool:
    """Whether data lies at a path that the key names, and has lain elsewhere for all that the files tell."""
    mounted = any(each.section == "volumes" for each in facts.references(key))
    return mounted and (facts.before is None or any(each.section == "volumes" for each in facts.references_before(key)))


def is_identity(facts: Facts, key: str, value: str) -> bool:
    """Whether the key names a database, or who logs in to it, that there has been already."""
    named = evidence.is_datastore_identity(key) or evidence.is_database_name(key, value)
    return (named or facts.logs_in(key)) and not facts.only_in_new_services(key)


def _expanded(facts: Facts, template: str) -> Answer:
    """A value made of other keys: with the live ones in it, as long as they are all there."""
    names = list(dict.fromkeys(each[0] for each in references_in(template)))
    value = facts.filled(template)
    if value is None:
        return Answer("ask", ("its example value refers to other keys, which are not all set here",))
    if evidence.is_placeholder(value):
        return Answer("ask", ("its example value is a placeholder",))
    return Answer("copy", (f"made of {', '.join(names)} as they are here",), value, template=template)
