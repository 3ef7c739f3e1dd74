"""YAML as a tree with places."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrader.playbook.problems import Problem
from upgrader.playbook.show import emit
from upgrader.playbook.source import Mark, Node, parse


def read(text: str) -> Node:
    problems: list[Problem] = []
    node = parse(text, "app.yaml", problems)
    assert problems == []
    assert node is not None
    return node


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("22:22", "22:22"),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("-3", -3),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1_000", "1_000"),
        ("2026-01-31", "2026-01-31"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("'10'", "10"),
        ('"true"', "true"),
        ("=", "="),
        ("9" * 500, float("inf")),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(written: str, value: object) -> None:
    found = read(f"key: {written}").entries["key"].value
    assert found == value
    assert type(found) is type(value)


def test_keys_stay_as_written() -> None:
    assert read("on: 1\n010: 2\nnull: 3").plain() == {"on": 1, "010": 2, "null": 3}


def test_every_value_knows_its_place() -> None:
    tree = read("name: app\nstack:\n  files:\n    - a.yaml\n    - {file: b.yaml}\n")
    node, depth = tree.at(("stack", "files", 1, "file"))
    assert (node.text, node.mark, depth) == ("b.yaml", Mark("app.yaml", 5, 14), 4)
    assert node.key == Mark("app.yaml", 5, 8)


def test_the_way_to_a_missing_value_ends_at_the_last_that_is_there() -> None:
    node, depth = read("stack: {env: {}}").at(("stack", "env", "file"))
    assert (node.mark.column, depth) == (14, 2)


def test_deep_nesting_is_a_problem_and_no_crash() -> None:
    problems: list[Problem] = []
    assert parse("[" * 5000 + "]" * 5000, "app.yaml", problems) is None
    assert [problem.message for problem in problems] == ["not YAML: nested too deeply"]


def test_a_control_character_is_a_problem() -> None:
    problems: list[Problem] = []
    assert parse("name: a\x07b", "app.yaml", problems) is None
    assert len(problems) == 1
    assert problems[0].message.startswith("not YAML: ")


def test_aliases_cannot_be_blown_up() -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60))]
    problems: list[Problem] = []
    tree = parse("\n".join(lines), "app.yaml", problems)
    assert tree is not None
    assert sum(1 for _ in tree.walk()) < 500
    assert len(problems) == 60 + 2 * 59


NOWHERE = Mark("app.yaml", 1, 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS


def node(value: object) -> Node:
    match value:
        case dict():
            return Node({key: node(inner) for key, inner in value.items()}, NOWHERE)
        case list():
            return Node(tuple(node(inner) for inner in value), NOWHERE)
        case None | bool() | int() | float() | str():
            return Node(value, NOWHERE)
        case _:
            raise TypeError(value)


@given(
    st.dictionaries(
        TEXTS,
        st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)),
        min_size=1,
        max_size=4,
    ),
    st.booleans(),
)
def test_what_is_emitted_reads_as_the_same(value: dict[str, object], origins: bool) -> None:
    assert read(emit(node(value), origins=origins)).plain() == value
