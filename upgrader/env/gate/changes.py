"""What operators have to know of a release's settings, for its notes."""

import posixpath
import re
from dataclasses import dataclass

from upgrader.env.annotations import When
from upgrader.env.case import Decision
from upgrader.env.decorators import is_divider
from upgrader.env.document import Entry
from upgrader.env.gate.comparison import Comparison
from upgrader.env.gate.published import is_public
from upgrader.env.gate.required import is_required

_EXAMPLE_SUFFIX = re.compile(r"[._-](?:example|sample|dist|template|tpl|default)$")
_LONGEST = 240  # characters


@dataclass(frozen=True, slots=True)
class Setting:
    """A new key that existing installations need. `value` is its public default, None where there is none."""

    key: str
    about: str
    why: str
    when: When | None = None
    generator: str | None = None
    human: str | None = None
    source: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Default:
    """A key whose default changed. Values of secrets are not told: None."""

    key: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything that the section for the release notes tells. `file` is the operator's env file."""

    label: str = ""
    file: str = ".env"
    required: tuple[Setting, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    removed: tuple[tuple[str, str], ...] = ()
    defaults: tuple[Default, ...] = ()


def changes_in(pair: Comparison) -> Changes:
    renamed = _renamed(pair)
    gone = dict(renamed)
    return Changes(
        pair.new.label,
        live_path(pair.new.example.path),
        tuple(_setting(pair, entry) for entry in pair.demandable if is_required(pair, entry)),
        renamed,
        tuple((key, why) for key, why in _removed(pair) if key not in gone),
        tuple(_defaults(pair)),
    )


def live_path(example: str) -> str:
    """The file that operators make of the example: `infra/.env.prod.example` → `infra/.env.prod`."""
    folder, name = posixpath.split(example)
    stem = _EXAMPLE_SUFFIX.sub("", name)
    return posixpath.join(folder, stem if stem != name and stem not in {"env", "example"} else ".env")


def _setting(pair: Comparison, entry: Entry) -> Setting:
    said = pair.new.said(entry.key)
    decided = pair.decisions.get(entry.key)
    value = decided.value if decided and decided.decision == "copy" else None
    return Setting(
        entry.key,
        _about(entry),
        "; ".join(decided.evidence) if decided and decided.decision != "skip" else "",
        said.when,
        None if said.human is not None else pair.generator(entry) or said.generate,
        said.human,
        _source(pair, decided, entry),
        value if value and is_public(entry.key, value) else None,
    )


def _source(pair: Comparison, decided: Decision | None, entry: Entry) -> str | None:
    return pair.new.said(entry.key).renamed_from or (
        decided.source if decided and decided.decision == "carry" else None
    )


def _about(entry: Entry) -> str:
    """The comment above the key as a text, without rulers and headlines, and no longer than a reader stands."""
    below = max((index + 1 for index, line in enumerate(entry.comments) if is_divider(line)), default=0)
    lines = [line for line in entry.comments[below:] if not line.startswith("@") and re.search(r"[a-z]{2}", line)]
    text = " ".join(lines)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rsplit(" ", 1)[0] + " …"


def _renamed(pair: Comparison) -> tuple[tuple[str, str], ...]:
    """Old name and new name."""
    said = {each.renamed_from: key for key, each in pair.new.all_said.items() if each.renamed_from}
    carried = {each.source: key for key, each in pair.decisions.items() if each.decision == "carry" and each.source}
    known = pair.old.entries if pair.old else {}
    return tuple((old, new) for old, new in {**carried, **said}.items() if old in known)


def _removed(pair: Comparison) -> list[tuple[str, str]]:
    old = pair.old.entries if pair.old else {}
    gone = [key for key in old if key not in pair.new.entries and key not in pair.new.disabled]
    said = [
        key for key, each in pair.new.all_said.items() if each.removed is not None and key in old and key not in gone
    ]
    return [(key, pair.new.said(key).removed or "") for key in (*gone, *said)]


def _defaults(pair: Comparison) -> list[Default]:
    found = []
    for key, before in (pair.old.entries if pair.old else {}).items():
        after = pair.new.entries.get(key)
        if after is None or after.value == before.value:
            continue
        values = (before.value or "", after.value or "")
        public = all(is_public(key, value) for value in values)
        found.append(Default(key, *(values if public else (None, None))))
    return found
