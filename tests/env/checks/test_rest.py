"""Duplicates, unset variables, what is missing, and who may read the file."""

import pytest

from tests.env.checks.scenes import LIVE, scene, told
from upgrader.env.checks import check_live
from upgrader.env.checks.duplicates import check_duplicates
from upgrader.env.checks.missing import check_missing
from upgrader.env.checks.mode import check_mode
from upgrader.env.checks.unset import check_unset
from upgrader.env.decide import Decision

COMPOSE = """\
services:
  web:
    image: {image}
    environment:
      FEATURE: ${{FEATURE}}
    labels:
      a.b: ${{LABEL}}
  other:
    image: other:${{OTHER_TAG}}
    profiles: [other]
"""


def test_the_last_line_wins() -> None:
    found = list(check_duplicates(scene("A=1\nB=1\nA=2\nC=1\nA=3\n")))
    assert told(found) == [("warning", "duplicate", "A", 1)]
    assert "lines 1, 3 and 5" in found[0].message
    assert "line 5 wins" in found[0].message
    assert f"+1 {LIVE}" in found[0].hint


def test_the_same_twice_is_only_noted() -> None:
    assert told(check_duplicates(scene("A=1\nA='1'\nB=2\n"))) == [("note", "duplicate", "A", 1)]


@pytest.mark.parametrize(
    ("image", "live", "wanted"),
    [
        ("${IMAGE}", "FEATURE=1\n", [("error", "unset-variable", "IMAGE", 3)]),
        ("web:${TAG}", "FEATURE=1\n", [("warning", "unset-variable", "TAG", 3)]),
        ("web:${TAG:?which}", "FEATURE=1\nTAG=\n", [("error", "unset-variable", "TAG", 3)]),
        ("web:${TAG:-1}", "FEATURE=1\n", []),
        ("web:${TAG}", "FEATURE=1\nTAG=1\n", []),
        ("web", "A=1\n", [("note", "unset-variable", "FEATURE", 5)]),
        ("web:${COMPOSE_PROJECT_NAME}", "FEATURE=1\n", []),
        ("web:${TLS:+$TAG}", "FEATURE=1\n", []),
        ("web:${TLS:+$TAG}", "FEATURE=1\nTLS=1\n", [("warning", "unset-variable", "TAG", 3)]),
        ("web:${TLS:+${TAG:?which}}", "FEATURE=1\n", [("error", "unset-variable", "TAG", 3)]),
    ],
)
def test_unset_variables_by_their_place(image: str, live: str, wanted: list[tuple[str, str, str, int]]) -> None:
    found = told(check_unset(scene(f"LABEL=1\n{live}", compose=COMPOSE.format(image=image))))
    assert found == wanted


def test_services_that_are_off_need_nothing() -> None:
    live = "FEATURE=1\nLABEL=1\n"
    assert not list(check_unset(scene(live, compose=COMPOSE.format(image="web"))))
    on = f"{live}COMPOSE_PROFILES=other\n"
    assert told(check_unset(scene(on, compose=COMPOSE.format(image="web")))) == [
        ("warning", "unset-variable", "OTHER_TAG", 9)
    ]


def test_what_was_decided_is_told_once() -> None:
    decisions = [
        Decision("TAG", "copy", "boot", ("Compose demands it",), value="1", line=4),
        Decision("EXTRA", "ask", "feature", ("for a feature",), line=5),
        Decision("SMTP", "ask", "boot", ("a person knows",), line=6),
        Decision("LEFT", "skip", "none", ("optional",)),
    ]
    compose = COMPOSE.format(image="web:${TAG}")
    here = scene("FEATURE=1\nLABEL=1\n", compose=compose, decisions=decisions)
    found = list(check_missing(here))
    assert told(found) == [
        ("error", "missing-required", "TAG", 0),
        ("note", "missing-feature", "EXTRA", 0),
        ("error", "missing-required", "SMTP", 0),
    ]
    assert "--fix" in found[0].hint
    assert ".env.example:6" in found[2].hint
    assert not list(check_unset(here))


@pytest.mark.parametrize(
    ("live", "mode", "wanted"),
    [
        ("SECRET_KEY=abc\n", 0o644, 1),
        ("URL=postgres://a:b@c/d\n", 0o604, 1),
        ("SECRET_KEY=abc\n", 0o602, 1),
        ("SECRET_KEY=abc\n", 0o600, 0),
        ("SECRET_KEY=abc\n", 0o640, 0),
        ("SECRET_KEY=\nPORT=80\n", 0o644, 0),
    ],
)
def test_secrets_in_a_file_that_everybody_can_read(live: str, mode: int, wanted: int) -> None:
    found = list(check_mode(scene(live), mode))
    assert len(found) == wanted
    assert all(each.hint == "chmod 600 .env" and each.severity == "warning" for each in found)


def test_a_clean_file_has_no_findings() -> None:
    example = "# @required\nSECRET_KEY=CHANGE_ME\nPORT=80\n# OPTIONAL=1\n"
    assert check_live(scene("SECRET_KEY=9f1c2c7be2c94a1f\nPORT=8080\nOPTIONAL=2\n", example)) == []


def test_the_worst_comes_first() -> None:
    found = check_live(scene("MY_OWN=1\nA=1\nA=2\nSECRET_KEY=changeme\n", "A=1\nSECRET_KEY=changeme\n"))
    assert [each.severity for each in found] == ["error", "warning", "note"]
