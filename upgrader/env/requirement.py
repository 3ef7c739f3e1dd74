"""Whether a key is needed at all, from the strongest evidence to the weakest."""

from collections.abc import Sequence
from typing import NamedTuple

from upgrader.env import evidence, prose
from upgrader.env.annotations import Annotations
from upgrader.env.case import Need
from upgrader.env.compose_text import fatal, stops
from upgrader.env.document import Disabled, Entry
from upgrader.env.facts import Facts
from upgrader.env.keypairs import is_half
from upgrader.env.places import place_of
from upgrader.env.references import Reference

UNSAID = "nothing says that it is required, and its value reads like the app's default"


class Requirement(NamedTuple):
    """`strong`: said in so many words, by an annotation, the comment or Compose, rather than read from the value.

    `choice`: whatever the example says, only the operator knows what holds here.
    """

    need: Need
    why: tuple[str, ...]
    strong: bool = False
    choice: bool = False


def optional(*why: str) -> Requirement:
    return Requirement("none", why)


def requirement(facts: Facts, each: Entry | Disabled, value: str, said: Annotations) -> Requirement:
    """What says that the key is needed, or that it is not. `value` is the example's."""
    return (
        demanded(facts, each.key, value, said)
        or named_as_source(facts, each.key)
        or _judged(facts, each.key, value)
        or _left_to_installers(facts, each, value)
        or _read_from_value(facts, each.key, value)
    )


def demanded(facts: Facts, key: str, value: str, said: Annotations) -> Requirement | None:
    """What needs no judgement: an annotation, Compose."""
    return (
        _annotated(facts, key, value, said)
        or _demanded_by_compose(facts, key)
        or (_by_default(facts, key) if key in facts.example else None)
    )


def _annotated(facts: Facts, key: str, value: str, said: Annotations) -> Requirement | None:
    need: Need = "security" if _is_secret(key, value, said) else "feature"
    if said.removed or said.deprecated:
        return optional(f"it is on its way out: {said.removed or said.deprecated}")
    if said.required is False:
        return optional("annotated @optional")
    if said.when and not said.when.holds(facts.effective(said.when.key)):
        return optional(f"annotated for {said.when} only, which is not the case here")
    if said.required:
        why = f"annotated @required, and here {said.when}" if said.when else "annotated @required"
        return Requirement("boot", (why, *facts.overlay_words(key)), strong=True)
    if said.generate or said.human is not None or said.same_as or said.derive:
        why = "annotated with where its value comes from"
        return Requirement(need, (why, *facts.overlay_words(key)), strong=True)
    return None


def _by_default(facts: Facts, key: str) -> Requirement | None:
    """What the overlay says of the keys that it does not name."""
    overlay = facts.case.overlay
    if overlay is None or overlay.default == "evidence" or key in overlay.said:
        return None
    if overlay.default == "required":
        return Requirement("boot", ("the overlay calls all other keys required",), strong=True)
    return optional("the overlay calls all other keys optional")


def _demanded_by_compose(facts: Facts, key: str) -> Requirement | None:
    for reference in facts.references(key):
        if not stops(reference):
            continue
        place = f"{reference.file}:{reference.line}"
        asleep = "" if facts.runs(reference.service) else ", also while its profile is off"
        if reference.operator:
            why = f"Compose refuses to start without it{asleep}: ${{{key}{reference.operator}…}} in {place}"
        else:
            why = f"Compose refuses an empty {reference.section} ({place}){asleep}"
        return Requirement("boot", (why,), strong=True)
    return None


def named_as_source(facts: Facts, key: str) -> Requirement | None:
    """A variable that Compose must find, were it empty: a line is needed, and perhaps no value."""
    source = facts.compose.sources.get(key)
    if source is None:
        return None
    place = f"{source.section}.{source.name} in {source.file}:{source.line}"
    return Requirement("boot", (f"Compose refuses to start without a line for it: it fills {place}",), strong=True)


def _judged(facts: Facts, key: str, value: str) -> Requirement | None:
    said = said_in_prose(facts, key)
    return said if said and said.strong else _choice(facts, key, value) or said


def _choice(facts: Facts, key: str, value: str) -> Requirement | None:
    """Choices that the installation has made already, and that the example makes otherwise for all that one knows."""
    if not value or key in facts.known or facts.default(key) is not None:
        return None
    if evidence.is_datastore_selector(key) and not facts.only_in_new_services(key):
        return Requirement("feature", ("it chooses the database or the storage, and data exists",), choice=True)
    family = key.removesuffix("_ENABLED") + "_"
    if key.endswith("_ENABLED") and evidence.is_off(value) and facts.uses_family(family):
        return Requirement("feature", (f"the example switches off what {family}… set up here",), choice=True)
    return None


def said_in_prose(facts: Facts, key: str) -> Requirement | None:
    text = facts.prose(key)
    if prose.must_add(key, "", text) is not None:
        return Requirement("boot", ("its comment says that existing installations must add it",), strong=True)
    if prose.says_unset_only(text):
        return Requirement("feature", ("its comment names leaving it out as the exception",), strong=True)
    if not prose.says_loudly(text) and (said := _conditional(facts, key, text)):
        return said
    if prose.says_required(text):
        if switch := facts.switched_off(key):
            return optional(f"it is part of what {switch} switches on, which is off here")
        return Requirement("boot", ("its comment says that it is required",), strong=True)
    if prose.says_optional(text):
        return optional("its comment says that it is optional")
    if prose.says_change(text):
        need: Need = "security" if evidence.is_secret(key) or is_half(key) else "feature"
        return Requirement(need, ("its comment says that it must be changed",))
    around = facts.around(key)
    if is_half(key) and prose.says_change(around.run):
        return Requirement("security", ("the comment above its lines says that they must be changed",))
    shared = (*around.run, *around.apart) if not evidence.is_secret(key) else ()
    if prose.says_optional(shared) or prose.says_optional(around.section):
        return optional("the comment above its lines says that they are optional")
    return None


def _conditional(facts: Facts, key: str, text: Sequence[str]) -> Requirement | None:
    condition = prose.says_condition(text)
    if condition is None or condition.key == key:
        return None
    if not condition.key:
        named = evidence.is_secret(key) and condition.required and facts.generator(key, facts.example.get(key) or "")
        return None if named else optional("its comment names a condition that only a person can judge")
    if not condition.holds(facts.effective(condition.key)):
        return optional(f"needed only when {condition}, which is not the case here")
    if condition.required or (facts.example.get(key) and not prose.says_optional(text)):
        return Requirement("boot", (f"needed because {condition}",), strong=True)
    return None


def _left_to_installers(facts: Facts, each: Entry | Disabled, value: str) -> Requirement | None:
    if value or each.key in facts.known or not facts.refers_to_itself(each):
        return None
    need: Need = "security" if evidence.is_secret(each.key) else "feature"
    return Requirement(need, ("the example leaves its value to an installer",))


def _read_from_value(facts: Facts, key: str, value: str) -> Requirement:
    secret = evidence.is_secret(key, value)
    need: Need = "security" if secret else "feature"
    default = facts.default(key)
    readers = [each for each in facts.references(key) if facts.reads(each)]
    if default and not any(not each.operator and each.section != "environment" for each in readers):
        return _defaulted(facts, key, value, default, secret=secret)
    if facts.references(key) and not readers:
        return optional("Compose files read it only together with a profile, or another key, that is off")
    if secret and facts.generator(key, value):
        return Requirement("security", ("its comment names how to generate it",))
    if secret and not facts.is_external(key, generator=False) and prose.says_random(facts.prose(key)):
        return Requirement("security", ("its comment says that a random value must be made for it",))
    if value and any(not each.operator and fatal(each) for each in readers):
        return Requirement("boot", (f"without it {_damage(facts, key)}",), strong=not facts.references_before(key))
    if not secret and readers and all(each.operator in ("-", ":-") for each in readers):
        return optional("Compose takes it as empty where it is not set")
    if not value:
        service = _logs_in_to_new(facts, key, readers)
        why = f"{service} is new and takes it for its own, and the example leaves it empty"
        return Requirement("security", (why,)) if service else optional("empty in the example")
    if facts.is_external(key, generator=False) and not any(not each.operator for each in readers):
        return optional("it belongs to an outside service, and nothing says that it must be set")
    if secret:
        kind = "a placeholder" if evidence.is_placeholder(value) else "a secret that everybody can read"
        return Requirement("security", (f"its example value is {kind}",))
    if prose.says_default(facts.prose(key)):
        return optional("its comment names the app's own default")
    if any(not each.operator for each in readers):
        return Requirement("feature", (f"Compose reads ${{{key}}} and has no default for it",))
    if facts.passed(key):
        return Requirement(need, ("Compose passes it on to " + ", ".join(facts.passed(key)),))
    if evidence.is_placeholder(value):
        return Requirement("boot", ("its example value is a placeholder",))
    if key not in facts.known and evidence.is_address_name(key) and evidence.is_local_address(value):
        return Requirement("feature", ("it is the installation's own address, and the example has the author's",))
    host = evidence.in_network_host(value) or (value if evidence.is_host_name(key) else "")
    if key not in facts.known and evidence.has_url_password(value) and _is_served(facts, evidence.url_host(value)):
        return Requirement("feature", ("its example value is an address inside the Compose network, with a password",))
    if host and _is_served(facts, host) and (host != value or facts.is_new(host)):
        return Requirement("feature", (f"its example value is the address of {host}, inside the Compose network",))
    return optional(UNSAID)


def _defaulted(facts: Facts, key: str, value: str, default: str, *, secret: bool) -> Requirement:
    if _is_asked_for(facts, key, default):
        return Requirement("boot", ("its heading says that it is required, and Compose's default fits nobody",))
    if default == value or not (value or secret) or evidence.is_version(key):
        return optional("Compose has a default for it")
    if facts.default_before(key) == default:
        return optional("Compose has the default for it that it has had")
    if secret:
        return Requirement("security", ("without it Compose falls back on a secret that everybody can read",))
    if evidence.is_placeholder(value) or evidence.is_own_address(key, value):
        return optional("Compose has a default for it, and the example only shows the form")
    shown = "has a password in it" if evidence.has_url_password(default) else f"is {default!r}"
    if any("$" in each.word for each in facts.references(key)):
        shown = "is made of other keys"  # whose values here may be secret
    return Requirement("feature", (f"Compose's default {shown}, the example has another value",))


def _is_asked_for(facts: Facts, key: str, default: str) -> bool:
    """Whether the key is the installation's own address, under a heading that demands it."""
    if key in facts.known or not evidence.is_local_address(default) or not evidence.is_address_name(key):
        return False
    around = facts.around(key)
    return prose.says_required(around.section) or prose.says_required((*around.run, *around.apart))


def _logs_in_to_new(facts: Facts, key: str, readers: Sequence[Reference]) -> str:
    """The new service that has a secret, or the name that goes with one, from the key; empty if there is none.

    What sounds like an outside service's counts where the new one has another name for it: that one is set up with it.
    """
    if key in facts.known or not (evidence.is_secret(key) or _has_secret_beside(facts, key)):
        return ""
    external = facts.is_external(key, generator=False)
    for each in readers:
        if each.operator or each.section != "environment" or not facts.is_new(each.service):
            continue
        if not external or place_of(each)[0][-1] != key:
            return each.service
    return ""


def _has_secret_beside(facts: Facts, key: str) -> bool:
    """Whether a key names who it is that has a secret: `RELAY_APP_ID` beside `RELAY_APP_SECRET`."""
    head, _, tail = key.rpartition("_")
    beside = (f"{head}_{each}" for each in ("SECRET", "KEY", "PASSWORD", "PASS"))
    return bool(head) and tail in ("ID", "USER", "USERNAME") and any(name in facts.example for name in beside)


def _damage(facts: Facts, key: str) -> str:
    return next(words for each in facts.references(key) if not each.operator and (words := fatal(each)))


def _is_served(facts: Facts, host: str) -> bool:
    """Whether a host is a service of the project; True where no Compose file is known."""
    return not facts.compose.services or host in facts.compose.services


def _is_secret(key: str, value: str, said: Annotations) -> bool:
    return evidence.is_secret(key, value) if said.sensitive is None else said.sensitive
