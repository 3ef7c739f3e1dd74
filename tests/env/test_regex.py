"""Expressions that are compiled late: every one of the package can be, and behaves as if it had been at once."""

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

import upgrader.env
from upgrader.env.regex import _Regex, regex


def late() -> Iterator[tuple[str, _Regex]]:
    for module in pkgutil.walk_packages(upgrader.env.__path__, "upgrader.env."):
        for name, value in vars(importlib.import_module(module.name)).items():
            values = (
                value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else [value]
            )
            for each in values:
                for part in each if isinstance(each, tuple) else (each,):
                    if isinstance(part, _Regex):
                        yield f"{module.name}.{name}", part


def test_every_expression_compiles() -> None:
    found = list(late())
    assert len(found) > 40
    for name, each in found:
        assert re.compile(each.pattern, each.flags).pattern == each.pattern, name


def test_it_is_compiled_once_and_only_when_it_is_used() -> None:
    each = regex(r"(?P<word>a+)", re.IGNORECASE)
    assert "search" not in vars(each)
    assert each.search("xAAy") is not None
    assert {"search", "sub", "fullmatch"} <= vars(each).keys()
    assert each.sub("-", "xAAy") == "x-y"
    assert each.pattern == r"(?P<word>a+)"


def test_a_mistake_is_found_by_the_first_use() -> None:
    with pytest.raises(re.error):
        regex("(").search("")
