"""The commands shown to people make what the native generators make: run in a real shell."""

import subprocess

import pytest

from upgrader.env.formats.commands import command_for
from upgrader.env.generate import generate

SPECS = [
    "hex:32", "hex:1", "base64:33", "base64:60", "urlsafe:64", "alnum:28", "uuid4", "rails", "laravel-key", "fernet",
    "kek-v1:base64:32", "v1:hex:16",
]  # fmt: skip


@pytest.mark.parametrize("spec", SPECS)
def test_the_command_makes_a_value_of_the_same_form(spec: str) -> None:
    command = command_for(spec)
    assert command
    made = [
        subprocess.run(["sh", "-c", f'printf %s "$({command})"'], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert made[0] != made[1]
    ours = generate(spec)
    for value in made:
        assert len(value) == len(ours)
        assert "\n" not in value
        assert value.partition(":")[0] == ours.partition(":")[0] or ":" not in ours


@pytest.mark.parametrize("spec", ["rot:13", "hex:x", "hex", "", "$(id):hex:4", "a b:hex:2"])
def test_what_is_no_generator_has_no_command(spec: str) -> None:
    assert command_for(spec) is None
