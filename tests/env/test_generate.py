"""Native generators, and the commands in comments that they stand in for."""

import base64
import re
import uuid

import pytest

from upgrader.env.document import Document, quote
from upgrader.env.generate import GeneratorError, check_generator, generate


@pytest.mark.parametrize(
    ("spec", "form", "words"),
    [
        ("hex:32", r"[0-9a-f]{64}", "64 hex digits"),
        ("hex:1", r"[0-9a-f]{2}", "2 hex digits"),
        ("base64:33", r"[A-Za-z0-9+/]{44}", "33 bytes in base64"),
        ("base64:60", r"[A-Za-z0-9+/]{80}", "60 bytes in base64"),
        ("urlsafe:64", r"[A-Za-z0-9_-]{86}", "64 bytes in URL-safe base64"),
        ("alnum:28", r"[A-Za-z0-9]{28}", "28 letters and digits"),
        ("uuid4", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "a random UUID"),
    ],
)
def test_forms(spec: str, form: str, words: str) -> None:
    made = {generate(spec) for _ in range(20)}
    assert all(re.fullmatch(form, value) for value in made)
    assert len(made) == 20 or spec == "hex:1"
    assert check_generator(spec) == words
    assert all(quote(value) == value and Document.parse(f"K={value}".encode()).get("K") == value for value in made)


def test_sizes_are_bytes_where_the_command_says_bytes() -> None:
    assert len(bytes.fromhex(generate("hex:24"))) == 24
    assert len(base64.b64decode(generate("base64:24"))) == 24
    assert uuid.UUID(generate("uuid4")).version == 4


@pytest.mark.parametrize(
    "spec", ["", "hex", "hex:", "hex:0", "hex:-1", "hex:32 ", "hex:9999", "hex:٣", "uuid4:1", "md5:3", "Hex:32"]
)
def test_an_unknown_generator_names_itself_and_the_known_ones(spec: str) -> None:
    with pytest.raises(GeneratorError) as caught:
        generate(spec)
    assert repr(spec) in caught.value.message
    for known in ("hex:N", "base64:N", "urlsafe:N", "alnum:N", "uuid4"):
        assert known in caught.value.hint
