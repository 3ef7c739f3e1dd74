"""Lengths and forms."""

import pytest

from tests.env.checks.scenes import scene, told
from upgrader.env.checks.form import check_form

HEX64 = "9f1c2c7be2c94a1fb8d10a6a3f6f1c599f1c2c7be2c94a1fb8d10a6a3f6f1c59"
HEX32 = HEX64[:32]


@pytest.mark.parametrize(
    ("comment", "value", "severity"),
    [
        ("@exactly 32", HEX64, "error"),
        ("The key must be EXACTLY 32 bytes.", HEX32[:20], "warning"),
        ("Must be at least 32 characters", HEX32[:31], "warning"),
        ("EXACTLY 32 bytes", "k" * 33, "warning"),
    ],
)
def test_a_wrong_length_is_told_with_both_numbers(comment: str, value: str, severity: str) -> None:
    found = list(check_form(scene(f"MASTER_SECRET={value}\n", f"# {comment}\nMASTER_SECRET=\n")))
    assert told(found) == [(severity, "wrong-length", "MASTER_SECRET", 1)]
    assert f"{len(value)} characters" in found[0].message
    assert value not in f"{found[0]}"


@pytest.mark.parametrize(
    ("comment", "value"),
    [
        ("@exactly 32", HEX32),
        ("EXACTLY 32 bytes", HEX32),
        ("EXACTLY 32 bytes (openssl rand -hex 32)", HEX64),
        ("32 bytes, base64", "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k="),
        ("must be at least 16 characters", HEX64),
        ("Generate 32 characters with openssl rand -hex 32", HEX64),
        ("Rotated after 90 days, 5 bytes of it are logged", HEX32),
        ("@exactly 32", ""),
        ("@exactly 32", "CHANGE_ME"),
    ],
)
def test_lengths_that_fit_one_way_or_the_other(comment: str, value: str) -> None:
    assert not list(check_form(scene(f"MASTER_SECRET={value}\n", f"# {comment}\nMASTER_SECRET=\n")))


def test_sentences_about_lengths_bind_secrets_only() -> None:
    assert not list(check_form(scene("POSTGRES_USER=app\n", "# must be exactly 32 characters\nPOSTGRES_USER=\n")))


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("url", "https://a.b", "a.b"),
        ("port", "8080", "80800"),
        ("port", "1", "0"),
        ("number", "-1.5", "1,5"),
        ("boolean", "False", "maybe"),
        ("email", "a@b.c", "a.b.c"),
        ("enum(a, b)", "b", "c"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123"),
    ],
)
def test_types(kind: str, right: str, wrong: str) -> None:
    example = f"# @type={kind}\nKEY=\n"
    assert not list(check_form(scene(f"KEY={right}\n", example)))
    assert told(check_form(scene(f"KEY={wrong}\n", example))) == [("error", "wrong-form", "KEY", 1)]


@pytest.mark.parametrize(
    ("generator", "right", "wrong"),
    [
        ("laravel-key", f"base64:{'A' * 43}=", HEX32),
        ("fernet", f"{'A' * 43}=", HEX32),
        ("uuid4", "123e4567-e89b-12d3-a456-426614174000", HEX32),
    ],
)
def test_generators_whose_form_the_app_relies_on(generator: str, right: str, wrong: str) -> None:
    example = f"# @generate {generator}\nAPP_KEY=\n"
    assert not list(check_form(scene(f"APP_KEY={right}\n", example)))
    assert told(check_form(scene(f"APP_KEY={wrong}\n", example))) == [("warning", "wrong-form", "APP_KEY", 1)]


def test_other_generators_are_a_proposal() -> None:
    assert not list(check_form(scene("APP_KEY=my-own-long-secret\n", "# @generate hex:32\nAPP_KEY=\n")))
