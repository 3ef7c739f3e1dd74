"""How one comment line is split into decorators."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrader.env.decorators import Decorator, decorators, is_divider, unquoted


def plain(name: str, *words: str, text: str) -> Decorator:
    return Decorator(name, "plain", "", words, text)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("prose about @required things", []),
        ("", []),
        ("@", []),
        ("@ required", []),
        ("@required", [plain("required", text="@required")]),
        ("  @required  ", [plain("required", text="@required")]),
        ("@required @sensitive", [plain("required", text="@required"), plain("sensitive", text="@sensitive")]),
        ("@required # a remark @optional", [plain("required", text="@required")]),
        ("@generate hex:32 @x", [plain("generate", "hex:32", text="@generate hex:32"), plain("x", text="@x")]),
        ('@human "a @b # c"', [plain("human", "a @b # c", text='@human "a @b # c"')]),
        ("@human don't, @x won't", [plain("human", "don't,", text="@human don't,"), plain("x", "won't", text="@x won't")]),
        ("@see don't", [plain("see", "don't", text="@see don't")]),
        ('@required when=A:"b c"', [plain("required", 'when=A:"b c"', text='@required when=A:"b c"')]),
        ("@mail a#b", [plain("mail", "a#b", text="@mail a#b")]),
        ("@type=url", [Decorator("type", "value", "url", (), "@type=url")]),
        ('@docs="a b"', [Decorator("docs", "value", "a b", (), '@docs="a b"')]),
        ("@type=string(a=1, b=')')", [Decorator("type", "value", "string(a=1, b=')')", (), "@type=string(a=1, b=')')")]),
        ("@docs(a, (b)) @x", [Decorator("docs", "call", "(a, (b))", (), "@docs(a, (b))"), plain("x", text="@x")]),
        ("@import(a,", [Decorator("import", "call", "(a,", (), "@import(a,")]),
        ("@type=", [Decorator("type", "value", "", (), "@type=")]),
        ("@type= url", [Decorator("type", "value", "", ("url",), "@type= url")]),
    ],
)  # fmt: skip
def test_a_line(line: str, expected: list[Decorator]) -> None:
    assert decorators(line) == expected


@given(st.text(alphabet="@aZ=()#\"'` \\:-_1\t", max_size=40))
def test_any_line_is_split_without_losing_its_order(line: str) -> None:
    at = 0
    for each in decorators(line):
        found = line.index(each.text, at)
        assert each.text.startswith(f"@{each.name}")
        at = found + len(each.text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [('"a"', "a"), ("'a b'", "a b"), ('"a\\"b"', 'a"b'), ('"a" "b"', '"a" "b"'), ("a", "a"), ('"', '"'), ('""', "")],
)
def test_quotes(text: str, expected: str) -> None:
    assert unquoted(text) == expected


@pytest.mark.parametrize("line", ["---", "=== title ===", "####", "*** x"])
def test_a_divider(line: str) -> None:
    assert is_divider(line)


@pytest.mark.parametrize("line", ["--", "- - -", "text ---", "", "@required"])
def test_no_divider(line: str) -> None:
    assert not is_divider(line)
