"""Mistakes of real releases, each found on its line, and what looks like them and is none."""

import pytest

from tests.env.gate.releases import found, places, release
from upgrader.env.gate import Release, Source, check_release
from upgrader.env.gate.codes import RULES

OLD = "# The address of the app\nAPP_URL=https://app.example.com\nWORKERS=4\n"
SERVICE = "services:\n  web:\n    image: web:1\n    environment:\n"


def of_example(new: str, old: str = OLD, notes: str | None = None) -> list[str]:
    return places(found(release(old, label="v1"), release(new), notes))


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ("ROOMS=3\nROOMS=4\n", ["duplicate-key ROOMS deploy/.env.example:5"]),
        ("ROOMS=3\nPAGE=1\nROOMS=3\n", ["duplicate-key ROOMS deploy/.env.example:6"]),
        ("TOKEN_FILE= # where it lies\n", ["comment-as-value TOKEN_FILE deploy/.env.example:4"]),
        ("TOKEN_FILE=# where it lies\n", ["comment-as-value TOKEN_FILE deploy/.env.example:4"]),
        ("/* the mail server */\nSMTP_HOST=\n", ["example-refused deploy/.env.example:4"]),
        ("A_KEY='open\nB=1\n", ["example-refused deploy/.env.example:4"]),
        ("/* one */\nB=1\n/* two */\n", ["example-refused deploy/.env.example:4", "example-refused deploy/.env.example:6"]),
        ("<<<<<<< HEAD\nA=1\n=======\nA=2\n>>>>>>> main\n", ["conflict-marker deploy/.env.example:4", "duplicate-key A deploy/.env.example:7"]),
        ("# LOGIN=local — the app keeps the passwords\n", ["prose-as-key LOGIN deploy/.env.example:4"]),
        ("# API_KEY= # from your account\n", ["comment-as-value API_KEY deploy/.env.example:4"]),
        ("COMPOSE_PROJECT_NAME=app\n", ["project-name COMPOSE_PROJECT_NAME deploy/.env.example:4"]),
        ("# REQUIRED\nQUEUE_NAME=\n", ["required-without-source QUEUE_NAME deploy/.env.example:5"]),
        ("# REQUIRED when WORKERS=4\n# RING_KEY=\n", ["required-without-source RING_KEY deploy/.env.example:5"]),
        ("# REQUIRED\nSESSION_SECRET=\n", ["required-without-source SESSION_SECRET deploy/.env.example:5"]),
        ("SMS_SECRET=changeme\n", ["required-without-source SMS_SECRET deploy/.env.example:4"]),
        ("# Optional.\nSMS_SECRET=changeme\n", ["secret-without-generator SMS_SECRET deploy/.env.example:5"]),
        ("# @generate rot:13\nSMS_SECRET=\n", ["annotation SMS_SECRET deploy/.env.example:4"]),
        ("# @requird\nQUEUE=a\n", ["annotation QUEUE deploy/.env.example:4"]),
    ],
)  # fmt: skip
def test_a_mistake_in_the_example_is_found_on_its_line(added: str, expected: list[str]) -> None:
    assert sorted(of_example(OLD + added)) == sorted(expected)


@pytest.mark.parametrize(
    "added",
    [
        "ROOMS=\n",
        "ROOMS=4 # a note\n",
        'ROOMS="" # a note\n',
        "COLOUR=#ff0000\n",
        "# =======\n# LOGIN=local\n",
        "# LOGIN='a b'\n",
        "# JAVA_OPTS=-Xms1g -Xmx1g\n",
        "# MESSAGE=Sorry, we'll be back soon.\n",
        "# COLOUR=#ff0000\n",
        "# @required\n# @generate hex:32\nSESSION_SECRET=\n",
        '# @required @human "the licence key, from your account"\nLICENCE_KEY=\n',
        "# REQUIRED. Make one with: openssl rand -hex 32\nSESSION_SECRET=CHANGE_ME\n",
        "# REQUIRED: the broker inside the stack\nREDIS_URL=redis://valkey:6379\n",
        "# @required when=AUTH_MODE:local\n# @generate hex:32\nSIGNING_SECRET=\n",
        "# @sensitive=false\nROW_KEY=id\n",
        "CALLBACK=${APP_URL}/callback\n",
    ],
)
def test_what_is_well_done_passes(added: str) -> None:
    assert of_example(OLD + added) == []


@pytest.mark.parametrize("marker", [b"<<<<<<< HEAD\n", b"=======\n>>>>>>> main\n", b"<<<<<<< HEAD\r\n"])
def test_half_a_conflict_is_one_too(marker: bytes) -> None:
    findings = found(None, release(marker + b"A=1\n"))
    assert places(findings) == ["conflict-marker deploy/.env.example:1"]


def test_a_conflict_in_a_compose_file_is_told_once() -> None:
    compose = "services:\n  web:\n<<<<<<< HEAD\n    image: a\n=======\n    image: b\n>>>>>>> x\n"
    assert places(found(None, release(OLD, compose))) == ["conflict-marker compose.yaml:3"]


def test_a_compose_file_that_is_no_yaml_leaves_the_others_readable() -> None:
    new = Release(
        "v2",
        Source("deploy/.env.example", OLD.encode()),
        (Source("compose.yaml", b"services: [\n"), Source("more.yaml", b"services: {web: {image: 'x:${TAG:?}'}}\n")),
    )
    assert places(found(release(OLD), new)) == ["compose-refused compose.yaml:2", "compose-key-missing TAG more.yaml:1"]


@pytest.mark.parametrize(
    ("notes", "named"),
    [
        ("Set SESSION_SECRET before you start.", True),
        ("```sh\necho SESSION_SECRET=$(openssl rand -hex 32) >> .env\n```", True),
        ("**SESSION\\_SECRET** is new", True),
        ("`SESSION_SECRET=…`", True),
        ("MY_SESSION_SECRET and SESSION_SECRETS are new", False),
        ("session_secret", False),
        ("<!-- SESSION_SECRET -->", False),
        ("```\n<!-- SESSION_SECRET -->\n```", True),
        ("", False),
    ],
)
def test_a_required_key_is_named_in_the_notes(notes: str, named: bool) -> None:
    new = OLD + "# @required @generate hex:32\nSESSION_SECRET=\n"
    assert of_example(new, notes=notes) == ([] if named else ["not-in-notes SESSION_SECRET deploy/.env.example:5"])


def test_notes_name_required_keys_only() -> None:
    assert of_example(OLD + "PAGE_SIZE=50\n# Optional\nSMTP_HOST=\n", notes="") == []


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ("APP_URL=https://app.example.com\n", ["removed-key WORKERS deploy/.env.example:1"]),
        ("APP_URL=https://app.example.com\n# WORKERS=4\n", ["demoted-key WORKERS deploy/.env.example:2"]),
        ("WORKERS=4\n# @renamed-from APP_URL\nPUBLIC_URL=https://app.example.com\n", []),
    ],
)
def test_a_key_that_is_gone_must_be_explained(new: str, expected: list[str]) -> None:
    assert of_example(new) == expected


def test_notes_and_overlay_explain_a_removed_key() -> None:
    new = "APP_URL=https://app.example.com\n"
    assert of_example(new, notes="`WORKERS` is gone: the app counts the cores.") == []
    overlay = '# @removed "the app counts the cores"\nWORKERS=\n'
    assert places(found(release(OLD), release(new, overlay=overlay))) == []


def test_a_removed_key_that_compose_still_reads_is_less() -> None:
    compose = SERVICE + "      W: ${WORKERS:-4}\n"
    (finding,) = found(release(OLD, compose), release("APP_URL=https://app.example.com\n", compose))
    assert (finding.code, finding.severity) == ("removed-key", "warning")
    assert "compose.yaml reads it on line 5" in finding.message


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "MYSQL_PORT=5455\n",
            "MYSQL_PORT=3306\nEXPOSE_MYSQL_PORT=5455\n",
            ["value-moved MYSQL_PORT deploy/.env.example:1"],
        ),
        ("PORT=80\n", "PORT=8080\nHTTP_PORT=80\n", ["value-moved PORT deploy/.env.example:1"]),
        ("MYSQL_PORT=5455\n", "MYSQL_PORT=3306\nEXPOSE_MYSQL_PORT=3306\n", []),
        ("MAIL=true\n", "MAIL=false\nSIGNUP=true\n", []),
        ("TAG=1.2.3\n", "TAG=1.2.4\nPAGE=50\n", []),
    ],
)
def test_a_default_whose_meaning_moved(old: str, new: str, expected: list[str]) -> None:
    assert of_example(new, old) == expected


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("      K: ${NEW_KEY:?set it}\n", "error"),
        ("      K: ${NEW_KEY?}\n", "error"),
        ("    mem_limit: ${NEW_KEY}\n", "error"),
        ("      K: ${NEW_KEY}\n", "warning"),
        ("      K: $NEW_KEY\n", "warning"),
        ("      K: ${NEW_KEY:-x}\n", None),
        ("      K: ${PWD}\n", None),
        ("      K: $${NEW_KEY}\n", None),
    ],
)
def test_a_variable_that_the_example_lacks(line: str, severity: str | None) -> None:
    compose = SERVICE + "      A: b\n" + line
    findings = found(release(OLD, SERVICE + "      A: b\n"), release(OLD, compose))
    assert [(each.code, each.severity, each.file, each.line) for each in findings] == (
        [("compose-key-missing", severity, "compose.yaml", 6)] if severity else []
    )


def test_a_gap_that_the_old_release_had_does_not_stop_this_one() -> None:
    compose = SERVICE + "      A: ${GAP:?}\n      B: ${HOLE}\n"
    findings = found(release(OLD, compose), release(OLD, compose))
    assert [(each.key, each.severity) for each in findings] == [("GAP", "warning")]


def test_an_overlay_knows_variables_that_the_example_lacks() -> None:
    compose = SERVICE + "      A: ${GAP}\n"
    new = release(OLD + "# GAP=\n", compose, overlay="# @optional\nGAP=\n")
    assert places(found(release(OLD), new)) == []


@pytest.mark.parametrize(
    ("example", "default", "differs"),
    [
        ("MEILI_ENV=production\n", "development", True),
        ("MEILI_ENV=production\n", "production", False),
        ("MEILI_ENV=production\n", "${OTHER}", False),
        ("MEILI_ENV=\n", "development", False),
        ("# Compose falls back on development where it is unset\nMEILI_ENV=production\n", "development", False),
        ("# @optional\nMEILI_ENV=production\n", "development", False),
    ],
)
def test_two_defaults_for_one_key(example: str, default: str, differs: bool) -> None:
    compose = SERVICE + f"      E: ${{MEILI_ENV:-{default}}}\n"
    codes = [each.code for each in found(release(OLD, SERVICE + "      A: b\n"), release(OLD + example, compose))]
    assert codes.count("compose-default-differs") == differs


def test_two_defaults_that_the_old_release_had_are_no_news() -> None:
    compose = SERVICE + "      E: ${WORKERS:-2}\n"
    assert places(found(release(OLD, compose), release(OLD, compose))) == []


def test_secrets_are_compared_and_not_told() -> None:
    compose = SERVICE + "      E: ${DB_PASSWORD:-hunter2}\n"
    findings = found(release(OLD), release(OLD + "DB_PASSWORD=correct-horse\n", compose))
    assert any(each.code == "compose-default-differs" for each in findings)
    assert not any(word in repr(findings) for word in ("hunter2", "correct-horse"))


def test_a_demand_behind_a_profile_is_a_demand_of_everyone() -> None:
    compose = "services:\n  idp:\n    image: i\n    profiles: [oidc]\n    environment:\n      K: ${IDP_KEY:?}\n"
    example = OLD + "# @generate hex:32\n# IDP_KEY=\n"
    new = release(example, compose)
    assert places(found(release(OLD), new)) == ["gated-requirement IDP_KEY compose.yaml:6"]
    assert places(found(release(OLD, compose), new)) == []
    assert places(found(release(OLD), release(example, compose.replace("    profiles: [oidc]\n", "")))) == []


@pytest.mark.parametrize(("old", "new", "found_there"), [("", "name: shop\n", True), ("name: a\n", "name: b\n", True), ("name: a\n", 'name: "a"\n', False)])  # fmt: skip
def test_another_project_name_means_empty_volumes(old: str, new: str, found_there: bool) -> None:
    findings = places(found(release(OLD, old + SERVICE), release(OLD, "# the app\n" + new + SERVICE)))
    assert findings == (["project-name compose.yaml:2"] if found_there else [])


def test_a_changed_project_name_in_the_example() -> None:
    named = "COMPOSE_PROJECT_NAME="
    assert of_example(named + "b\n", named + "a\n") == ["project-name COMPOSE_PROJECT_NAME deploy/.env.example:1"]
    assert of_example(named + "a\n", named + "a\n") == []


@pytest.mark.parametrize(
    ("overlay", "expected"),
    [
        ("# @required\nGONE=\n", ["overlay-stale GONE deploy/overlay.env:2"]),
        ("# @required\nWORKERS=4\n", []),
        ("# @generate rot:13\nWORKERS=\n", ["overlay-refused deploy/overlay.env:1"]),
        ("/* no */\n", ["overlay-refused deploy/overlay.env:1"]),
    ],
)
def test_the_overlay_is_held_to_the_example(overlay: str, expected: list[str]) -> None:
    assert places(found(release(OLD), release(OLD, overlay=overlay))) == expected


def test_an_overlay_says_where_a_new_key_comes_from() -> None:
    new = OLD + "# REQUIRED\nSESSION_SECRET=\n"
    overlay = "# @required @generate hex:32\nSESSION_SECRET=\n"
    assert places(found(release(OLD), release(new, overlay=overlay))) == []


def test_sins_of_the_past_do_not_stop_a_release_but_are_told() -> None:
    example = OLD + "SMS_SECRET=changeme\n# LOGIN=local — the app keeps the passwords\n"
    findings = found(release(example), release(example))
    assert places(findings) == []
    assert {each.code for each in findings} == {"secret-without-generator", "prose-as-key"}


def test_an_old_example_that_compose_refuses_can_be_compared_with() -> None:
    assert of_example(OLD, "<<<<<<< HEAD\n" + OLD + "=======\n>>>>>>> x\n") == []


def test_without_an_old_release_only_what_is_wrong_in_itself_counts() -> None:
    findings, decisions = check_release(None, release(OLD + "A=1\nA=2\n# REQUIRED\nNEW=\n"))
    assert places(findings) == ["duplicate-key A deploy/.env.example:5"]
    assert decisions == []


def test_the_decisions_are_those_for_a_follower_of_the_old_example() -> None:
    new = OLD + "# REQUIRED. Make one with: openssl rand -hex 32\nSESSION_SECRET=\nPAGE=50\n"
    _, decisions = check_release(release(OLD), release(new))
    assert {each.key: (each.decision, each.generator) for each in decisions} == {
        "SESSION_SECRET": ("generate", "hex:32"),
        "PAGE": ("skip", None),
    }


@pytest.mark.parametrize("code", sorted(RULES))
def test_every_rule_is_whole_sentences(code: str) -> None:
    rule = RULES[code]
    for text in (rule.what, rule.why, rule.help):
        assert text[0].isupper()
        assert text[-1] in ".`"
