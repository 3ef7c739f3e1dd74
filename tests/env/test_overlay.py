"""Overlays: what they say, and that nothing in them is lost or misread in silence."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrader.env.annotations import Annotations, When
from upgrader.env.checks import Scene
from upgrader.env.decide import Case, decide
from upgrader.env.document import Document
from upgrader.env.gate import Release, Source
from upgrader.env.overlay import DIRECTIVES, Overlay, parse_overlay, stale
from upgrader.errors import RefusedError

GOOD = b"""\
# An app.
# @example-file deploy/.env.example
# @live-file deploy/.env
# @default optional
# @manual-upgrade 2.0.0 "the queue moved: see the release notes"

# @required
REDIS_URL=redis://valkey:6379

# @required @generate hex:32 @unrotatable
# @since 1.0.0
MASTER_KEY=

# ---- sessions ----
# @required when=AUTH_MODE:local
# @generate hex:32
SESSION_SECRET=

# @removed "nobody reads it"
OLD=
"""


def test_what_an_overlay_says() -> None:
    overlay = parse_overlay(GOOD, "app.env")
    assert (overlay.example, overlay.live, overlay.default) == ("deploy/.env.example", "deploy/.env", "optional")
    assert overlay.manual_upgrades == {"2.0.0": "the queue moved: see the release notes"}
    assert (overlay.value("REDIS_URL"), overlay.value("MASTER_KEY"), overlay.value("ELSE")) == (
        "redis://valkey:6379",
        None,
        None,
    )
    assert overlay.said == {
        "REDIS_URL": Annotations(required=True),
        "MASTER_KEY": Annotations(required=True, generate="hex:32", unrotatable=True, since="1.0.0"),
        "SESSION_SECRET": Annotations(required=True, when=When("AUTH_MODE", "local"), generate="hex:32"),
        "OLD": Annotations(removed="nobody reads it"),
    }


def test_an_overlay_speaks_of_the_example_in_its_head() -> None:
    overlay = parse_overlay(GOOD, "app.env")
    assert overlay.speaks_of("deploy/.env.example")
    assert not overlay.speaks_of(".env.example")
    assert parse_overlay(b"# @optional\nA=\n", "a.env").speaks_of(".env.example")


def test_an_overlay_without_a_head() -> None:
    overlay = parse_overlay(b"# @required\nA=1\n", "a.env")
    assert (overlay.example, overlay.live, overlay.default, overlay.manual_upgrades) == (None, None, "evidence", {})


def test_all_problems_are_told_at_once_each_with_its_line() -> None:
    bad = b"""\
# @exampel-file x
# @default sometimes

# @requird
A=1

# @required when=
B=1

# @generate hex:0
C=

# @required

D=1
# @optional
E=1
E=2
# @live-file .env
# @optional
F=
# @optional
# G=1
"""
    with pytest.raises(RefusedError) as caught:
        parse_overlay(bad, "app.env")
    assert list(caught.value.lines) == [
        "app.env:1: @exampel-file is no word for the head of an overlay",
        "app.env:2: @default does not take 'sometimes'",
        "app.env:4: @requird is no annotation",
        "app.env:7: @required does not take 'when='",
        "app.env:10: unknown generator 'hex:0'",
        "app.env:13: @required belongs to no key",
        "app.env:15: D has no annotation",
        "app.env:17: E stands here and on line 18 as well",
        "app.env:21: @live-file speaks of the whole file, not of F",
        "app.env:23: G is commented out, so what is said of it is lost",
    ]
    assert caught.value.message == caught.value.lines[0]


def test_the_hint_of_a_single_problem_says_what_to_write() -> None:
    with pytest.raises(RefusedError) as caught:
        parse_overlay(b"# @requird\nA=1\n", "app.env")
    assert (caught.value.message, caught.value.hint) == ("app.env:1: @requird is no annotation", "Write @required")


def test_what_compose_refuses_is_refused_with_its_place() -> None:
    with pytest.raises(RefusedError, match=r"^app\.env:2:"):
        parse_overlay(b'# @required\nA="1\n', "app.env")


@pytest.mark.parametrize("word", DIRECTIVES)
def test_a_directive_without_its_argument_is_a_problem(word: str) -> None:
    with pytest.raises(RefusedError) as caught:
        parse_overlay(f"# @{word}\n\n# @optional\nA=\n".encode(), "a.env")
    assert caught.value.message.startswith(f"a.env:1: @{word} does not take")
    assert f"@{word} " in caught.value.hint


def test_a_stale_overlay() -> None:
    example = Document.parse(b"REDIS_URL=\n# SESSION_SECRET=\nOLD=1\n", ".env.example")
    found = [
        (each.code, each.severity, each.key, each.line, each.message)
        for each in stale(parse_overlay(GOOD, "app.env"), example)
    ]
    assert found == [
        ("overlay-stale", "error", "MASTER_KEY", 12, ".env.example has no MASTER_KEY"),
        (
            "overlay-stale",
            "error",
            "SESSION_SECRET",
            17,
            "SESSION_SECRET depends on AUTH_MODE, which .env.example does not have",
        ),
        ("overlay-stale", "error", "OLD", 20, "OLD is said to be removed, and .env.example still has it"),
    ]


def test_an_overlay_that_fits_its_example_is_not_stale() -> None:
    example = Document.parse(b"REDIS_URL=\nMASTER_KEY=\n# SESSION_SECRET=\nAUTH_MODE=local\n", ".env.example")
    assert stale(parse_overlay(GOOD, "app.env"), example) == []


LINES = st.sampled_from(
    ["# @required", "# @required when=", "# @default x", "# @generate hex:32 @exactly 1", "# @human", "# ---", "", "A=1", "# A=1", "B=", "A='", "x y", "# @ü(", "export C=$A"]
)  # fmt: skip


def read(data: bytes) -> Overlay | RefusedError:
    try:
        return parse_overlay(data, "app.env")
    except RefusedError as error:
        return error


@given(st.lists(LINES, max_size=12).map("\n".join))
def test_any_text_is_an_overlay_or_refused_with_its_places(text: str) -> None:
    found = read(text.encode())
    if isinstance(found, Overlay):
        assert set(found.said) == {entry.key for entry in found.document.entries}
        assert stale(found, found.document) == []
    else:
        assert found.hint
        assert all(re.match(r"app\.env:[1-9]\d*:", line) for line in found.lines or (found.message,))


@given(st.binary(max_size=60))
def test_any_bytes_are_an_overlay_or_refused(data: bytes) -> None:
    found = read(data)
    assert isinstance(found, Overlay) or found.message.startswith("app.env:")


@pytest.mark.parametrize(
    ("old", "new", "by_hand"),
    [
        ("v1.9.0", "v2.0.0", True),
        ("v1.9.0", "v2.1.3", True),
        ("app@1.9.0", "app@2.0.0-rc.1", True),
        ("v1.9.0-3-g1234567", "v2.0.0", True),
        ("", "v2.0.0", True),
        ("v2.0.0", "v2.1.0", False),
        ("v1.8.0", "v1.9.0", False),
        ("v2.1.0", "v1.9.0", False),
        ("", "v2.1.0", False),
        ("v1.9.0", "main", False),
        ("v1.9.0", "1234567", False),
        ("", "", False),
    ],
)
def test_what_a_person_changes_by_hand_on_the_way(old: str, new: str, by_hand: bool) -> None:
    found = parse_overlay(b'# @manual-upgrade 2.0.0 "the queue moved"\n\n', "o.env").by_hand((old, new))
    assert found == ("a person changes the env file for 2.0.0: the queue moved" if by_hand else None)


def test_nothing_is_written_on_such_a_way() -> None:
    overlay = parse_overlay(b"# @manual-upgrade 2.0.0\n\n# @required @generate hex:16\nKEY=\n", "o.env")
    case = Case(Document.parse(b""), Document.parse(b"KEY=\n"), overlay=overlay, versions=("v1.0.0", "v2.0.0"))
    (held,) = decide(case)
    assert (held.decision, held.generator, held.blocks) == ("ask", None, True)
    assert held.evidence[-1] == "a person changes the env file for 2.0.0"
    (free,) = decide(replace(case, versions=("v2.0.0", "v2.1.0")))
    assert free.decision == "generate"


def test_what_it_leaves_unsaid_the_example_says() -> None:
    example = Document.parse(b"# @required @generate hex:16 @exactly 32\nKEY=\n")
    (here,) = decide(Case(Document.parse(b""), example, overlay=parse_overlay(b"# @since 1.0.0\nKEY=\n", "o.env")))
    assert (here.decision, here.generator) == ("generate", "hex:16")
    (person,) = decide(Case(Document.parse(b""), example, overlay=parse_overlay(b'# @human "mine"\nKEY=\n', "o.env")))
    assert (person.decision, person.need) == ("ask", "boot")


def test_checks_and_gate_lay_it_over_the_example_too() -> None:
    example, over = b"# @required @exactly 32\nKEY=\n", b"# @generate hex:16\nKEY=\n"
    release = Release("now", Source(".env.example", example), overlay=Source("o.env", over))
    case = Case(Document.parse(b""), Document.parse(example), overlay=parse_overlay(over, "o.env"))
    together = Annotations(required=True, generate="hex:16", exactly=32)
    assert release.said("KEY") == Scene(case).said("KEY") == together
