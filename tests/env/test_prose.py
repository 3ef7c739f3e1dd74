"""Sentences in comments, as vendors write them."""

import pytest

from upgrader.env.prose import (
    Condition,
    must_add,
    says_change,
    says_condition,
    says_default,
    says_optional,
    says_random,
    says_required,
    says_same_as,
    says_unset_only,
)


@pytest.mark.parametrize(
    "text",
    [
        "REQUIRED. Signs the sessions.",
        "[REQUIRED] the public address",
        "(required)",
        "Required - the address of the site",
        "MANDATORY: generate it",
        "This must be set before the first start.",
        "The API refuses to start without it.",
        "The server panics without it.",
        "The worker exits if this is not set",
        "crashes when unset",
        "REQUIRED. If UNSET the API falls back to localhost, where nothing listens.",
        "is required",
    ],
)
def test_required(text: str) -> None:
    assert says_required([text])


@pytest.mark.parametrize(
    "text",
    [
        "Required only when AUTH_MODE=local",
        "Not required",
        "Optional, required for S3 only",
        "No registration is required for this",
        "Required if you use S3",
        "It is required for e-mail",
        "How many requests are allowed",
        "Exits after this many seconds without work",
        "Fails over to the next host when one is slow",
    ],
)
def test_not_simply_required(text: str) -> None:
    assert not says_required([text])


@pytest.mark.parametrize(
    "text",
    [
        "Optional",
        "(optional)",
        "Leave empty to disable",
        "leave it blank if you have none",
        "Defaults to 5 if unset",
        "If unset, the default is used",
        "Uncomment to enable",
        "Can be left empty",
        "You don't need to set this",
    ],
)
def test_optional(text: str) -> None:
    assert says_optional([text])


@pytest.mark.parametrize(
    "text",
    [
        "Leave UNSET only if the API is reached directly",
        "LAN mode: LEAVE UNSET",
        "Leave UNSET in oidc mode",
        "The option that decides",
    ],
)
def test_not_simply_optional(text: str) -> None:
    assert not says_optional([text])


def test_the_exception_is_to_leave_it_out() -> None:
    assert says_unset_only(["Set 1 behind a proxy. Leave UNSET only if there is none."])
    assert not says_unset_only(["Leave unset if there is none."])


@pytest.mark.parametrize(
    ("text", "key", "value", "negated", "required"),
    [
        ("REQUIRED only when AUTH_MODE=local.", "AUTH_MODE", "local", False, True),
        ("Required if STORAGE_TYPE is set to s3", "STORAGE_TYPE", "s3", False, True),
        ("Only used when MAIL_ENABLED=true", "MAIL_ENABLED", "true", False, False),
        ("Only used if MAIL_ENABLED is enabled", "MAIL_ENABLED", "true", False, False),
        ("needed when `DB_TYPE` is `postgres`", "DB_TYPE", "postgres", False, True),
        ("Required unless AUTH_MODE=oidc", "AUTH_MODE", "oidc", True, True),
        ("Required when AUTH_MODE is not oidc", "AUTH_MODE", "oidc", True, True),
        ("Required when AUTH_MODE != oidc", "AUTH_MODE", "oidc", True, True),
        ("Used only if REDIS_URL is set", "REDIS_URL", "", True, False),
        ("Used only if REDIS_URL is unset", "REDIS_URL", "", False, False),
        ("required for STORAGE_TYPE=s3", "STORAGE_TYPE", "s3", False, True),
    ],
)
def test_conditions(text: str, key: str, value: str, negated: bool, required: bool) -> None:
    assert says_condition([text]) == Condition(key, value, negated, required)


@pytest.mark.parametrize(
    "text",
    ["Only needed for push messages", "Required if you use S3", "Only used in clusters", "If you run several nodes"],
)
def test_conditions_that_only_a_person_can_judge(text: str) -> None:
    condition = says_condition([text])
    assert condition is not None
    assert not condition.key


@pytest.mark.parametrize(
    "text", ["Signs the session cookies", "Used for signing tokens", "REQUIRED.", "Is used to encrypt what is stored"]
)
def test_no_condition(text: str) -> None:
    assert says_condition([text]) is None


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        (Condition("K", "true"), "1", True),
        (Condition("K", "true"), "Yes", True),
        (Condition("K", "true"), None, False),
        (Condition("K", "s3"), "S3", True),
        (Condition("K", "s3", negated=True), "disk", True),
        (Condition("K", "", negated=True), "something", True),
        (Condition("K", "", negated=True), "", False),
        (Condition("K", ""), None, True),
    ],
)
def test_whether_a_condition_holds(condition: Condition, value: str | None, holds: bool) -> None:
    assert condition.holds(value) is holds


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Existing installations MUST add `MODE=oidc` before upgrading.", "oidc"),
        ("Upgrade note: you have to add MODE=oidc.", "oidc"),
        ("UPGRADE NOTE: a deployment that predates this line MUST add it by hand.", "example"),
        ("You must set MODE=local for tests.", None),
        ("Existing installations MUST add OTHER=1", None),
        ("Everybody must add it", None),
    ],
)
def test_upgrade_notes(text: str, value: str | None) -> None:
    assert must_add("MODE", "example", [text]) == value


def test_what_is_the_same_as_another_key() -> None:
    assert says_same_as(["Must be the same value as POSTGRES_PASSWORD."]) == "POSTGRES_PASSWORD"
    assert says_same_as(["must match `REALTIME_KEY`"]) == "REALTIME_KEY"
    assert says_same_as(["Keep this and DATABASE_URL's password IDENTICAL."]) is None
    assert says_same_as(["the same as FIRST_KEY or identical to SECOND_KEY"]) is None


def test_what_is_to_be_changed() -> None:
    assert says_change(["You should change this to a random password"])
    assert says_change(["Change this!"])
    assert not says_change(["Default is every minute, but you can change it to another value"])
    assert says_change(["This default NEEDS to be changed."])
    assert not says_change(["The port must be changed only if it is taken"])
    assert not says_change(["Change this only if you know why"])


def test_what_has_to_be_made_up() -> None:
    assert says_random(["Encrypts the mails, choose a random string"])
    assert says_random(["Must be a long random value"])
    assert not says_random(["Whether keys are random"])


def test_the_apps_own_default() -> None:
    assert says_default(["Defaults to 30 seconds"])
    assert says_default(["How long to wait (default: 5)"])
    assert not says_default(["Set the theme"])
