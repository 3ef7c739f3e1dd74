"""Native generators: their forms, their lengths, and that their values break nothing they are put into."""

import base64
import re
import shlex
import uuid
from urllib.parse import quote as percent
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrader.env.document import Document, quote
from upgrader.env.generate import (
    FIXED,
    KINDS,
    SIZED,
    GeneratorError,
    Length,
    check_generator,
    fits,
    generate,
    generator_fits,
    is_generator,
)

PLAIN = st.one_of(
    st.builds(lambda kind, size: f"{kind}:{size}", st.sampled_from(SIZED), st.integers(1, 200)),
    st.sampled_from(["uuid4", "rails", "fernet"]),
)
PREFIXES = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,8}", fullmatch=True).filter(
    lambda name: name not in {*SIZED, *FIXED}
)
RINGS = st.builds(lambda name, size: f"{name}:base64:{size}", PREFIXES, st.integers(1, 64))
ALL = st.one_of(PLAIN, RINGS, st.just("laravel-key"))


@pytest.mark.parametrize(
    ("spec", "form", "words"),
    [
        ("hex:32", r"[0-9a-f]{64}", "64 hex digits"),
        ("hex:1", r"[0-9a-f]{2}", "2 hex digits"),
        ("base64:32", r"[A-Za-z0-9]{43}=", "32 bytes in base64"),
        ("base64:33", r"[A-Za-z0-9]{44}", "33 bytes in base64"),
        ("base64:60", r"[A-Za-z0-9]{80}", "60 bytes in base64"),
        ("urlsafe:64", r"[A-Za-z0-9]{86}", "64 bytes in URL-safe base64"),
        ("alnum:28", r"[A-Za-z0-9]{28}", "28 letters and digits"),
        ("uuid4", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "a random UUID"),
        ("rails", r"[0-9a-f]{128}", "128 hex digits"),
        ("laravel-key", r"base64:[A-Za-z0-9]{43}=", "base64: and 32 bytes in base64"),
        ("fernet", r"[A-Za-z0-9]{43}=", "32 bytes in base64"),
        ("kek-v1:base64:32", r"kek-v1:[A-Za-z0-9]{43}=", "kek-v1: and 32 bytes in base64"),
        ("v2:hex:16", r"v2:[0-9a-f]{32}", "v2: and 32 hex digits"),
    ],
)
def test_forms(spec: str, form: str, words: str) -> None:
    made = {generate(spec) for _ in range(20)}
    assert all(re.fullmatch(form, value) for value in made)
    assert len(made) == 20 or spec == "hex:1"
    assert check_generator(spec) == words


@given(ALL)
def test_a_value_needs_no_quoting_anywhere(spec: str) -> None:
    value = generate(spec)
    assert shlex.quote(value) == value
    assert quote(value) == value
    assert Document.parse(f"A=1\nK={value}\nB=2".encode()).values() == {"A": "1", "K": value, "B": "2"}
    assert not value.startswith("-")
    assert not set(value) & set("$\n#'\"` +/@?&")


@given(PLAIN)
def test_a_value_can_stand_in_a_url_as_it_is(spec: str) -> None:
    value = generate(spec)
    url = urlsplit(f"postgres://user:{value}@db:5432/name?schema=public")
    assert (url.password, url.hostname, url.port, url.path) == (value, "db", 5432, "/name")
    assert percent(value, safe="=") == value


@given(st.integers(1, 200), st.sampled_from(["base64", "urlsafe"]))
def test_base64_stands_for_its_bytes_in_either_alphabet(size: int, kind: str) -> None:
    value = generate(f"{kind}:{size}")
    padded = value + "=" * (-len(value) % 4)
    decoded = base64.b64decode(padded, validate=True)
    assert len(decoded) == size
    assert base64.urlsafe_b64decode(padded) == decoded
    # canonical: no bit behind the last byte is set, or a strict decoder refuses it
    assert base64.b64encode(decoded).decode() == padded


def test_sizes_are_bytes_where_the_command_says_bytes() -> None:
    assert len(bytes.fromhex(generate("hex:24"))) == 24
    assert uuid.UUID(generate("uuid4")).version == 4


@given(ALL)
def test_the_length_of_a_generators_values_is_known(spec: str) -> None:
    value = generate(spec)
    length = Length(len(value))
    assert generator_fits(spec, length)
    assert fits(value, length)
    assert not generator_fits(spec, Length(len(value) + 1))
    assert not fits(value, Length(len(value) + 1))


@pytest.mark.parametrize(
    ("spec", "length", "expected"),
    [
        ("hex:32", Length(32, "bytes"), True),
        ("hex:16", Length(32, "bytes"), True),  # as text
        ("hex:24", Length(32, "bytes"), False),
        ("hex:32", Length(32), False),
        ("hex:16", Length(32), True),
        ("hex:32", Length(32, "characters", "at least"), True),
        ("hex:8", Length(32, "characters", "at least"), False),
        ("hex:32", Length(32, "characters", "at most"), False),
        ("base64:32", Length(32, "bytes"), True),
        ("alnum:32", Length(32, "bytes"), True),
        ("kek-v1:base64:32", Length(32, "bytes"), True),
        ("laravel-key", Length(51), True),
        ("md5:3", Length(3), False),
    ],
)
def test_whether_a_generator_fits(spec: str, length: Length, *, expected: bool) -> None:
    assert generator_fits(spec, length) is expected


@pytest.mark.parametrize(
    ("value", "length", "expected"),
    [
        ("a" * 32, Length(32), True),
        ("a" * 31, Length(32), False),
        ("00" * 32, Length(32, "bytes"), True),
        ("00" * 31, Length(32, "bytes"), False),
        ("ü" * 16, Length(32, "bytes"), True),
        ("kek-v1:" + base64.b64encode(bytes(32)).decode(), Length(32, "bytes"), True),
        (base64.urlsafe_b64encode(b"\xff" * 32).decode().rstrip("="), Length(32, "bytes"), True),
        ("abcde", Length(3, "bytes"), False),  # no base64 has this length
        ("", Length(1, "characters", "at least"), False),
        ("12345678", Length(8, "characters", "at least"), True),
    ],
)
def test_whether_a_value_fits(value: str, length: Length, *, expected: bool) -> None:
    assert fits(value, length) is expected


@given(st.text(max_size=80), st.integers(1, 64), st.sampled_from(["bytes", "characters"]))
def test_any_value_can_be_measured(value: str, count: int, unit: str) -> None:
    text_length = len(value.encode()) if unit == "bytes" else len(value)
    assert fits(value, Length(count, "bytes" if unit == "bytes" else "characters")) or text_length != count


@pytest.mark.parametrize(
    "spec",
    [
        *[
            "",
            "hex",
            "hex:",
            "hex:0",
            "hex:-1",
            "hex:32 ",
            "hex:9999",
            "hex:\u0663",
            "uuid4:1",
            "md5:3",
            "Hex:32",
            "hex:032",
        ],
        *[
            "hex:hex:32",
            "a:b:hex:32",
            ":hex:32",
            "kek v1:base64:32",
            "kek-v1:uuid4",
            "kek-v1:",
            "fernet:32",
            "rails:hex:3",
        ],
    ],
)
def test_an_unknown_generator_names_itself_and_the_known_ones(spec: str) -> None:
    with pytest.raises(GeneratorError) as caught:
        generate(spec)
    assert not is_generator(spec)
    assert repr(spec) in caught.value.message
    for known in (*(f"{kind}:N" for kind in SIZED), "uuid4", *FIXED, "PREFIX:base64:N"):
        assert known in caught.value.hint


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_made(kind: str) -> None:
    assert is_generator(kind.replace("PREFIX", "v1").replace("N", "16"))
