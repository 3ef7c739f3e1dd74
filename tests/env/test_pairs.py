"""Pairs of releases in the shape of real ones: what is decided for each, and that nothing harmful is ever written."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from upgrader.env import evidence
from upgrader.env.compose_text import read_references
from upgrader.env.decide import Case, Decision, decide
from upgrader.env.document import Document
from upgrader.env.facts import keys
from upgrader.env.overlay import parse_overlay
from upgrader.env.reconcile import reconcile
from upgrader.env.references import References

PAIRS = sorted((Path(__file__).parent / "pairs").glob("*.pair"))
SECTIONS = ("live", "previous", "example", "compose", "previous-compose", "overlay", "expect")


@dataclass(frozen=True)
class Pair:
    """A file of sections, each below `=== name`; what stands before the first one says what it is about."""

    name: str
    sections: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> "Pair":
        title, *parts = re.split(r"^=== (\S+)\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        sections = dict(zip(parts[::2], parts[1::2], strict=True))
        assert title.strip(), f"{path.name} says what it is about"
        assert sections.keys() <= set(SECTIONS), f"{path.name} has sections that nobody reads"
        return cls(path.stem, sections)

    def document(self, section: str) -> Document | None:
        text = self.sections.get(section)
        return None if text is None else Document.parse(text.encode(), f"{section}.env")

    def references(self, section: str) -> References | None:
        text = self.sections.get(section)
        return None if text is None else read_references([(f"{section}.yml", text.encode())])

    @property
    def case(self) -> Case:
        live, example = self.document("live"), self.document("example")
        assert live is not None
        assert example is not None
        overlay = self.sections.get("overlay")
        return Case(
            live,
            example,
            self.document("previous"),
            self.references("compose"),
            self.references("previous-compose"),
            parse_overlay(overlay.encode(), "overlay.env") if overlay else None,
        )

    @property
    def expected(self) -> dict[str, str]:
        lines = (line.partition(": ") for line in self.sections["expect"].splitlines())
        return {key: said for key, _, said in lines}


def said(decision: Decision) -> str:
    return " ".join(filter(None, (decision.decision, decision.generator or decision.source)))


every_pair = pytest.mark.parametrize("pair", [Pair.read(path) for path in PAIRS], ids=[path.stem for path in PAIRS])


@every_pair
def test_what_is_decided(pair: Pair) -> None:
    found = decide(pair.case)
    assert {each.key: said(each) for each in found} == pair.expected
    assert all(each.evidence and all(each.evidence) for each in found)


@every_pair
def test_nothing_harmful_is_written(pair: Pair) -> None:
    case = pair.case
    known = keys(case.previous) if case.previous else frozenset()
    for each in decide(case):
        if each.decision == "copy":
            assert each.value is not None
            assert each.value or (case.compose and each.key in case.compose.sources)
            assert not evidence.is_placeholder(each.value)
            assert not evidence.is_published_key(each.value)
            assert not each.value or not evidence.is_secret(each.key, each.value)
            assert each.template or not evidence.has_url_password(each.value)
        if each.decision == "generate":
            assert evidence.is_secret(each.key) or "annotated" in each.evidence[0]
            assert each.key not in known
        if each.decision == "carry":
            assert each.source
            assert each.source.partition("#")[0] in case.live
            assert each.value
        assert (each.need == "none") is (each.decision == "skip")


@every_pair
def test_what_is_written_reads_back_and_nothing_more_is_missing(pair: Pair) -> None:
    case = pair.case
    decisions = decide(case)
    result = reconcile(case.live.data, decisions, run_label="now")
    assert result.new_bytes.startswith(case.live.data)
    after = Document.parse(result.new_bytes)
    assert [each.key for each in decisions if each.decision in ("copy", "carry", "generate")] == list(result.appended)
    again = decide(Case(after, case.example, case.previous, case.compose, case.previous_compose, case.overlay))
    assert {each.key for each in again} <= {each.key for each in decisions} - set(result.appended)


@every_pair
def test_no_live_value_is_shown(pair: Pair) -> None:
    case = pair.case
    shown = " ".join(f"{each} {each.shown} {' '.join(each.evidence)}" for each in decide(case))
    for key, value in case.live.values().items():
        if evidence.is_secret(key) or evidence.has_url_password(value):
            assert not re.search(rf"(?<!\w){re.escape(value)}(?!\w)", shown), key


def test_there_are_many_pairs() -> None:
    assert len(PAIRS) >= 30
