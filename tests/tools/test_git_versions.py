"""Which tags are releases, and in which order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrader.tools.git_versions import newest_first, version


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("v1.9.0", "v1.10.0"),
        ("1.2", "1.2.1"),
        ("v1.2.3", "1.3"),
        ("v2.0.0-rc.1", "v2.0.0"),
        ("v2.0.0-rc.2", "v2.0.0-rc.10"),
        ("v2.0.0-beta.3", "v2.0.0-rc.1"),
        ("v2.0.0-alpha", "v2.0.0-alpha.1"),
        ("1.0a2", "1.0b1"),
        ("1.0.dev5", "1.0a1"),
        ("1.0", "1.0.post1"),
        ("v1.4.2", "v1.4.2-1"),
        ("release-1.2.3", "release-1.2.4"),
        ("release/v9", "release/v10"),
        ("REL_1_9_0", "REL_1_10_0"),
        ("2024-09-30", "2024-10-01"),
        ("2024.9.1", "2024.10.0"),
        ("n8n@1.9.0", "n8n@1.10.0"),
        ("v1.0.0-rc1+build.9", "v1.0.0+build.1"),
    ],
)
def test_versions_are_ordered(older: str, newer: str) -> None:
    left, right = version(older), version(newer)
    assert left
    assert right
    assert left.key < right.key


@pytest.mark.parametrize("tag", ["latest", "stable", "main", "build", "v", "sha-cafe", "app1.2.3"])
def test_names_without_a_version_are_no_releases(tag: str) -> None:
    assert newest_first([tag]) == []


@pytest.mark.parametrize("tag", ["v2.0.0-rc.1", "2.0b1", "v2-preview", "nightly-20240101", "v1.0.0-alpine", "1.0.dev1"])
def test_pre_releases_are_left_out(tag: str) -> None:
    assert newest_first([tag, "v1.0.0"]) == ["v1.0.0"]
    assert tag not in newest_first([tag, "v1.0.0"], "*")


def test_a_pattern_that_names_the_word_gets_pre_releases() -> None:
    tags = ["v2.0.0-rc.2", "v2.0.0-rc.10", "v2.0.0-beta.1", "v1.0.0", "v2.0.0"]
    assert newest_first(tags, "v2*-rc*") == ["v2.0.0-rc.10", "v2.0.0-rc.2"]


def test_a_pattern_narrows_the_releases() -> None:
    assert newest_first(["v1.9.0", "v1.10.0", "v2.0.0", "web@1.11.0"], "v1.*") == ["v1.10.0", "v1.9.0"]


def test_the_packages_of_a_monorepo_are_not_mixed_with_its_releases() -> None:
    assert newest_first(["web@9.0.0", "v1.0.0", "chart-3.0.0"]) == ["v1.0.0"]
    assert newest_first(["web@9.0.0", "chart-3.0.0"]) == []
    assert newest_first(["web@9.0.0", "web@10.0.0"]) == ["web@10.0.0", "web@9.0.0"]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30)), unique=True))
def test_numbers_decide(numbers: list[tuple[int, int, int]]) -> None:
    tags = ["v{}.{}.{}".format(*each) for each in numbers]
    assert newest_first(tags) == ["v{}.{}.{}".format(*each) for each in sorted(numbers, reverse=True)]


@given(st.text(max_size=60))
def test_any_text_is_read(tag: str) -> None:
    found = version(tag)
    assert found is None or found.numbers
