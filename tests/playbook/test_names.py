"""The expressions of playbooks."""

from typing import Any

import pytest

from upgrader.errors import RefusedError
from upgrader.playbook.names import ExpressionError, parse, render

WORLD: dict[str, Any] = {
    "env": {"AUTH_MODE": "oidc", "PORT": "8443", "EMPTY": "", "DB_PASSWORD": "geheim"},
    "target": {"tag": "v1.1.0", "commit": "abc"},
    "run": {
        "git.checkout": {"before": {"commit": "fedcba", "clean": True, "files": 3}},
        "git": {"checkout": {"before": {}}},
    },
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("env.AUTH_MODE == 'oidc'", True),
        ('env.AUTH_MODE != "oidc"', False),
        ("env.UNSET == ''", True),
        ("not env.AUTH_MODE == 'oidc'", False),
        ("env.PORT == '1' or env.PORT == '8443' and env.AUTH_MODE == 'oidc'", True),
        ("(env.PORT == '8443' or env.PORT == '1') and env.AUTH_MODE == 'local'", False),
        ("env_has('DB_PASSWORD')", True),
        ("env_has('EMPTY') or env_has('UNSET')", False),
        ("not env_has('UNSET') and not env_has('EMPTY')", True),
        ("env.UNSET or '443'", "443"),
        ("env.PORT or '443'", "8443"),
        ("target.tag", "v1.1.0"),
        ("run.git.checkout.before.commit", "fedcba"),
        ("run.git.checkout.before.clean", "true"),
        ("run.git.checkout.before.files == '3'", True),
        ("run.git.checkout.before.nothing", ""),
        ("'text'", "text"),
    ],
)
def test_values(text: str, value: str | bool) -> None:
    assert parse(text).evaluate(WORLD) == value


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("env.A == env.B or env.A == 'x'", ("env.A", "env.B")),
        ("not (target.tag == 'v1')", ("target.tag",)),
        ("env_has('A')", ()),
    ],
)
def test_names_are_known_before_evaluation(text: str, names: tuple[str, ...]) -> None:
    assert parse(text).names == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a name or a 'text' is expected at the end: "),
        ("env.A ==", "a name or a 'text' is expected at the end: env.A =="),
        ("env.A = 'x'", "'=' is not expected here: env.A = 'x'"),
        ("env.A | upper", "'|' is not expected here: env.A | upper"),
        ("env.A == 'x", "a name or a 'text' is expected before \"'\": env.A == 'x"),
        ("env['A']", "'[' is not expected here: env['A']"),
        ("(env.A == 'x'", "')' is missing: (env.A == 'x'"),
        ("env.A and env.B", "a value is not a condition, compare it with == '…': env.A and env.B"),
        ("not env.A", "a value is not a condition, compare it with == '…': not env.A"),
        ("env.A or env.B == 'x'", "or needs two conditions or two values: env.A or env.B == 'x'"),
        ("open('x')", "open() is not known, only env_has('KEY'): open('x')"),
        ("env_has(env.A)", "env_has wants the key in quotes: env_has(env.A)"),
        ("(" * 50 + "env.A" + ")" * 50, "nested too deeply"),
        ("not not env.A == 'x'", "a name or a 'text' is expected before 'not': not not env.A == 'x'"),
    ],
)
def test_what_cannot_be_read_is_told(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert str(caught.value) == message


def test_rendering_reaches_every_string() -> None:
    value = {
        "http": "https://localhost:${{ env.PORT }}/${{target.tag}}",
        "list": ["${{ env.AUTH_MODE == 'oidc' }}", 5, None],
    }
    assert render(value, WORLD) == {"http": "https://localhost:8443/v1.1.0", "list": ["true", 5, None]}


def test_other_brackets_are_left_alone() -> None:
    text = "$HOME ${HOME} {{ x }} $${"
    assert render(text, WORLD) == text


def test_a_value_is_not_read_again() -> None:
    assert render("${{ env.A }}", {"env": {"A": "${{ env.B }}", "B": "secret"}}) == "${{ env.B }}"


def test_an_env_key_that_is_needed_and_not_set_is_refused() -> None:
    with pytest.raises(RefusedError) as caught:
        render("http://localhost:${{ env.WEB_PORT }}/", WORLD)
    assert caught.value.message == "WEB_PORT has no value, and the playbook needs it"
    assert caught.value.hint == "Set WEB_PORT in the env file"


def test_what_is_not_known_yet_stays_for_later() -> None:
    early = {"env": WORLD["env"]}
    assert render("${{ env.PORT }} ${{target.tag}}", early, partly=True) == "8443 ${{ target.tag }}"
