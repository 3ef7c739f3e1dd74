"""Decisions, in the shape of real releases."""

import time
from typing import Any

import pytest

from upgrader.env.compose_text import read_references
from upgrader.env.decide import BACKUPS, Case, Decision, decide, live_from
from upgrader.env.document import Document
from upgrader.env.overlay import parse_overlay

OLD = "APP_URL=https://example.com\n"
LIVE = "APP_URL=https://ours.test\nAUTH_MODE=oidc\nDATABASE_URL=postgres://app:pw@db/app\n"


def decided(example: str, **more: Any) -> Decision:
    given: dict[str, Any] = {"previous": OLD, **more}
    texts = {name: Document.parse(given[name].encode()) for name in ("live", "previous") if given.get(name)}
    case = Case(
        **{
            **given,
            "live": texts.get("live", Document.parse(LIVE.encode())),
            "previous": texts.get("previous"),
            "example": Document.parse(example.encode(), ".env.example"),
        }
    )
    (found,) = decide(case)
    return found


def one(example: str, *, live: str = LIVE, previous: str | None = OLD) -> Decision:
    return decided(example, live=live, previous=previous)


@pytest.mark.parametrize(
    ("example", "value"),
    [
        ("# REQUIRED since 1.1: the broker inside the stack.\nREDIS_URL=redis://valkey:6379\n", "redis://valkey:6379"),
        ("# Broker inside the stack\nREDIS_URL=redis://valkey:6379\n", "redis://valkey:6379"),
        ("# @required\nWORKERS=4\n", "4"),
        ("# The API refuses to start without it.\nLOG_FORMAT='json lines'\n", "json lines"),
        ("# Existing installations MUST add `LOGIN_MODE=oidc` to keep their login.\nLOGIN_MODE=local\n", "oidc"),
        ("# needed when AUTH_MODE=oidc\nLOGIN_SCOPES='openid email'\n", "openid email"),
        ("COMPOSE_PROFILES=prod\n", "prod"),
    ],
)
def test_a_required_plain_value_is_copied(example: str, value: str) -> None:
    decision = one(example)
    assert (decision.decision, decision.value) == ("copy", value)
    assert decision.evidence


@pytest.mark.parametrize(
    ("example", "generator"),
    [
        ("# Generate with: openssl rand -hex 32\nWORKFLOW_SECRET_KEY=\n", "hex:32"),
        ("# REQUIRED. Encrypts stored credentials.\n# openssl rand -hex 32\nWORKFLOW_SECRET_KEY=CHANGE_ME\n", "hex:32"),
        ("# MANDATORY.\n# Generate with: openssl rand -base64 33\nAUTH_SECRET=CHANGE_ME_RANDOM\n", "base64:33"),
        ("SESSION_SECRET=CHANGE_ME_OPENSSL_RAND_HEX_32\n", "hex:32"),
        ("# @required @generate alnum:32 @unrotatable\nMASTERKEY=\n", "alnum:32"),
        ("# REQUIRED only when AUTH_MODE=oidc: openssl rand -hex 16\nCOOKIE_SECRET=\n", "hex:16"),
    ],
)
def test_a_new_secret_with_a_named_generator_is_generated(example: str, generator: str) -> None:
    decision = one(example)
    assert (decision.decision, decision.generator, decision.value) == ("generate", generator, None)
    assert decision.shown.startswith("<generated: ")


@pytest.mark.parametrize(
    "example",
    [
        '# @human "the key of your plan, from the vendor\'s portal"\n# @required\nLICENCE=\n',
        "PUBLIC_URL=https://app.example.com\n",
        "# REQUIRED\nSITE_ADDRESS=localhost\n",
        "# REQUIRED\nSESSION_SECRET=\n",
        "# REQUIRED\nSESSION_SECRET=a-published-secret\n",
        "MEILI_MASTER_KEY=CHANGE_ME_STRONG_MASTER_KEY\n",
        "# openssl rand -hex 32\nOIDC_CLIENT_SECRET=CHANGE_ME\n",
        "# openssl rand -hex 24\nPOSTGRES_PASSWORD=CHANGE_ME_STRONG_PASSWORD\n",
        "# REQUIRED\nQUEUE_URL=amqp://app:app@queue:5672\n",
        "# REQUIRED\nREPLICA_URL=postgres://app:CHANGE_ME@db/app\n",
        "# REQUIRED\nCALLBACK=${ELSEWHERE}/callback\n",
        "# REQUIRED\nDB_CLIENT=sqlite\n",
        "# @required\n# @generate rot13:3\nSESSION_SECRET=\n",
    ],
)
def test_what_only_a_person_knows_is_asked_before_the_upgrade(example: str) -> None:
    decision = one(example)
    assert (decision.decision, decision.value, decision.generator) == ("ask", None, None)
    assert decision.blocks
    assert len(decision.evidence) >= 1


@pytest.mark.parametrize(
    "example",
    [
        "NEW_FEATURE=\n",
        "API_TOKEN=\n",
        "PAGE_SIZE=50\n",
        "# Optional. openssl rand -hex 32\nMETRICS_SECRET=\n",
        "# @optional\nMETRICS_SECRET=changeme\n",
        "# Leave unset to disable\nSMTP_HOST=smtp.example.com\n",
        "# Defaults to 5 if unset.\nMAX_SIZE=5\n",
        "# REQUIRED only when AUTH_MODE=local: openssl rand -hex 32\nSESSION_SIGNING_SECRET=\n",
        "# @required when=AUTH_MODE:local\n# @generate hex:32\nSESSION_SIGNING_SECRET=\n",
        "# Only used when you run several nodes\nCLUSTER_SECRET=changeme\n",
        "INHERITED\n",
    ],
)
def test_what_nothing_demands_is_skipped(example: str) -> None:
    decision = one(example)
    assert (decision.decision, decision.need, decision.value) == ("skip", "none", None)
    assert decision.evidence


@pytest.mark.parametrize(
    ("example", "reference", "verb", "need"),
    [
        ("WORKERS=4\n", "${WORKERS:?}", "copy", "boot"),
        ("WORKERS=4\n", "${WORKERS}", "copy", "feature"),
        ("WORKERS=\n", "$WORKERS", "skip", "none"),
        ("WORKERS=\n", "${WORKERS?set it}", "ask", "boot"),
        ("WORKERS=4\n", "${WORKERS:-4}", "skip", "none"),
        ("WORKERS=4\n", "${WORKERS-}", "skip", "none"),
        ("MEILI_ENV=production\n", "${MEILI_ENV:-development}", "ask", "feature"),
        ("# openssl rand -hex 32\nAPP_SECRET=\n", "${APP_SECRET:?}", "generate", "boot"),
        ("APP_SECRET=secret\n", "${APP_SECRET:?}", "ask", "boot"),
        ("# openssl rand -hex 32\nAPP_SECRET=x\n", "${APP_SECRET:-postgres}", "ask", "security"),
    ],
)
def test_what_compose_says(example: str, reference: str, verb: str, need: str) -> None:
    text = f"services: {{app: {{image: app, environment: ['READ={reference}']}}}}"
    decision = decided(example, compose=read_references([("compose.yml", text.encode())]))
    assert (decision.decision, decision.need) == (verb, need)


@pytest.mark.parametrize("comment", ["", "# REQUIRED\n"])
def test_the_project_name_is_never_added(comment: str) -> None:
    decision = one(f"{comment}COMPOSE_PROJECT_NAME=app\n")
    assert (decision.decision, decision.value, decision.blocks) == ("ask", None, False)


def test_a_value_made_of_other_keys_has_the_live_ones_in_it() -> None:
    decision = one("# REQUIRED\nCALLBACK=${APP_URL}/callback  # with the live address\n")
    assert (decision.decision, decision.value, decision.shown) == (
        "copy",
        "https://ours.test/callback",
        "${APP_URL}/callback",
    )


def test_a_renamed_key_is_carried_and_never_generated() -> None:
    example = "# @renamed-from AUTH_SECRET\n# openssl rand -hex 32\nSESSION_SECRET=\n"
    decision = one(example, live="AUTH_SECRET=first\nAUTH_SECRET='the one'\n", previous="AUTH_SECRET=\n")
    assert (decision.decision, decision.value, decision.source) == ("carry", "the one", "AUTH_SECRET")
    assert "the one" not in decision.shown


def test_a_secret_that_left_the_example_may_be_the_one_meant() -> None:
    example = "# openssl rand -hex 32\nCOOKIE_SECRET=\n"
    decision = one(example, live="SIGNING_KEY=precious\n", previous="SIGNING_KEY=\n")
    assert (decision.decision, decision.source) == ("ask", "SIGNING_KEY")
    still_there = decide(
        Case(
            Document.parse(b"SIGNING_KEY=precious\n"),
            Document.parse(f"SIGNING_KEY=\n{example}".encode()),
            Document.parse(b"SIGNING_KEY=\n"),
        )
    )
    assert [each.decision for each in still_there] == ["generate"]


def test_a_secret_the_installed_version_knew_is_not_generated() -> None:
    example = "# REQUIRED openssl rand -hex 32\nAPP_SECRET=\n"
    assert one(example, previous=example).decision == "ask"
    assert one(example, previous="# APP_SECRET=\n").decision == "ask"
    assert one(example, previous=None).decision == "generate"


def test_an_unrotatable_key_needs_proof_that_it_is_new() -> None:
    example = "# @generate hex:32\n# @unrotatable\nAPP_SECRET=\n"
    assert one(example, previous=None).decision == "ask"
    assert one(example, previous=OLD).decision == "generate"


def test_what_the_app_already_runs_without_is_not_added() -> None:
    assert one("REDIS_URL=redis://valkey:6379\n", previous="REDIS_URL=redis://valkey:6379\n").decision == "skip"
    assert one("DOMAIN=app.example.com\n", previous="DOMAIN=app.example.com\n").decision == "skip"


def test_a_line_the_operator_commented_out() -> None:
    live = "# REDIS_URL=redis://elsewhere:6379\n# APP_SECRET=precious\n"
    assert one("REDIS_URL=redis://valkey:6379\n", live=live).decision == "skip"
    secret = one("# openssl rand -hex 32\nAPP_SECRET=\n", live=live)
    assert secret.decision == "ask"
    assert "line 2" in secret.evidence[-1]


def test_a_sentence_that_looks_like_a_disabled_line_is_none() -> None:
    live = "# APP_SECRET=see the manual for it\n"
    assert one("# openssl rand -hex 32\nAPP_SECRET=\n", live=live).decision == "generate"


def test_only_keys_that_the_live_file_lacks_in_the_order_of_the_example() -> None:
    example = Document.parse(b"B=\nAPP_URL=x\nA=1\nB=2\n# C=3\n")
    found = decide(Case(Document.parse(b"APP_URL=\n"), example))
    assert [(each.key, each.line) for each in found] == [("B", 4), ("A", 3)]


def test_no_value_in_a_repr() -> None:
    decision = one("# @required\nGREETING=hunter2\n")
    assert decision.value == "hunter2"
    assert "hunter2" not in repr(decision)


@pytest.mark.parametrize(
    "key", ["PASSWORD_MIN_LENGTH", "JWT_EXPIRES_IN", "BCRYPT_SALT_ROUNDS", "TOKEN_TTL", "RECAPTCHA_SITE_KEY"]
)
def test_names_that_only_sound_secret(key: str) -> None:
    assert one(f"# @required\n{key}=15\n").decision == "copy"


def test_a_value_of_an_older_restore_point_goes_before_a_fresh_one() -> None:
    decision = decided("# @generate hex:32 @unrotatable\nAPP_KEY=\n", found={"APP_KEY": "kept in a safe place"})
    assert (decision.decision, decision.source, decision.value) == ("carry", BACKUPS, "kept in a safe place")
    assert "kept" not in f"{decision}{decision.shown}"


def test_secrets_of_our_own_without_a_generator_where_that_is_wanted() -> None:
    plain = "# Signs sessions.\nSESSION_SECRET=CHANGE_ME\n"
    assert decided(plain).decision == "ask"
    assert decided(plain, assume_generators=True).generator == "hex:32"
    exact = "# Exactly 32 characters.\nSESSION_SECRET=CHANGE_ME\n"
    assert decided(exact, assume_generators=True).generator == "alnum:32"
    for other in ("DB_PASSWORD", "OIDC_CLIENT_SECRET", "ADMIN_PASSWORD"):
        assert decided(f"# Required\n{other}=CHANGE_ME\n", assume_generators=True).decision == "ask"


def test_where_no_data_exists_everything_may_be_made() -> None:
    example = "# REQUIRED openssl rand -hex 32\nDB_PASSWORD=\n"
    assert decided(example, data_exists=False).decision == "generate"
    assert decided(example, data_exists=True).decision == "ask"
    unrotatable = "# @generate hex:32 @unrotatable\nVAULT_KEY=\n"
    assert decided(unrotatable, previous=unrotatable, data_exists=True).decision == "ask"
    assert decided(unrotatable, previous=unrotatable, data_exists=False).decision == "generate"


def test_active_profiles_as_they_are_given() -> None:
    compose = read_references(
        [("c.yml", b"services: {a: {image: x}, b: {image: y, profiles: [more], environment: {K: '${K}'}}}")]
    )
    assert decided("K=4\n", compose=compose, profiles=()).decision == "skip"
    assert decided("K=4\n", compose=compose, profiles=("more",)).decision == "copy"
    assert decided("K=4\n", compose=compose, live="COMPOSE_PROFILES=some,more\n").decision == "copy"
    assert decided("# docker compose --profile more up\nK=4\n", compose=compose).decision == "copy"


@pytest.mark.parametrize(
    ("overlay", "verb", "value"),
    [
        ("# @required\nPAGE_SIZE=75\n", "copy", "75"),
        ("# @required\nPAGE_SIZE=\n", "copy", "50"),
        ("# @default required\n\n# @optional\nOTHER=\n", "copy", "50"),
        ("# @default optional\n\n# @required\nOTHER=\n", "skip", None),
    ],
)
def test_an_overlay_has_values_and_a_default(overlay: str, verb: str, value: str | None) -> None:
    decision = decided("PAGE_SIZE=50\n", overlay=parse_overlay(overlay.encode(), "overlay.env"))
    assert (decision.decision, decision.value) == (verb, value)


def test_a_live_file_as_the_operator_of_the_old_example_has_it() -> None:
    previous = Document.parse(b"URL=https://example.com\nAPP_SECRET=changeme\nEMPTY=\nSIZE=4\nBARE\nAPP_SECRET=x\n")
    live = live_from(previous)
    assert [entry.key for entry in live.entries] == ["URL", "APP_SECRET", "SIZE", "EMPTY"]
    assert (live.get("SIZE"), live.get("EMPTY")) == ("4", "")
    assert {live.get("URL"), live.get("APP_SECRET")}.isdisjoint({"https://example.com", "changeme", "x"})
    assert decide(Case(live, Document.parse(b"SIZE=4\n"), previous)) == []


def test_ten_thousand_keys_are_decided_in_under_a_second() -> None:
    example = Document.parse(b"".join(b"# about it\nKEY_%d=value\n# DISABLED_%d=x\n" % (n, n) for n in range(10_000)))
    started = time.process_time()
    assert len(decide(Case(Document.parse(b""), example, example))) == 10_000
    assert time.process_time() - started < 1


def test_a_carried_secret_must_have_the_length_that_is_demanded_now() -> None:
    example = "# @renamed-from OLD_KEY\n# Exactly 32 characters.\nVAULT_KEY=\n"
    fitting = one(example, live=f"OLD_KEY={'k' * 32}\n", previous="OLD_KEY=\n")
    assert (fitting.decision, fitting.source) == ("carry", "OLD_KEY")
    other = one(example, live="OLD_KEY=too-short\n", previous="OLD_KEY=\n")
    assert (other.decision, other.source, other.value) == ("ask", "OLD_KEY", None)
    assert "32" in other.evidence[-1]


def test_ten_thousand_keys_with_new_names_are_no_slower() -> None:
    old, new = (
        b"".join(b"%s_SECRET_%d=same\n%s_SIZE_%d=value\n" % (name, n, name, n) for n in range(5_000))
        for name in (b"OLD", b"NEW")
    )
    started = time.process_time()
    assert len(decide(Case(Document.parse(old), Document.parse(new), Document.parse(old)))) == 10_000
    assert time.process_time() - started < 3


def test_the_name_of_a_database_that_stood_in_the_compose_files_is_needed() -> None:
    def files(name: str) -> Any:
        text = f"services: {{db: {{image: 'postgres:16', environment: {{POSTGRES_DB: '{name}'}}}}}}"
        return read_references([("compose.yaml", text.encode())])

    found = decided("DB_NAME=shop\n", compose=files("${DB_NAME}"), previous_compose=files("ours"))
    assert (found.decision, found.need, found.value, found.blocks) == ("ask", "boot", "ours", True)


def test_a_secret_that_must_be_changed_is_a_matter_of_security() -> None:
    found = one("# You should change this: openssl rand -hex 16\nLINK_SECRET=published\n")
    assert (found.decision, found.need, found.generator) == ("generate", "security", "hex:16")


def test_many_keys_with_many_words_are_told_apart_in_good_time() -> None:
    words = ("ALPHA", "BETA", "GAMMA", "DELTA")
    names = [f"{words[n % 4]}_{words[n // 4 % 4]}_{words[n // 16 % 4]}_{n}" for n in range(3000)]
    old = Document.parse("".join(f"{name}=v\n" for name in names).encode())
    new = Document.parse("".join(f"X_{name}=v\n" for name in names).encode())
    began = time.process_time()
    assert len(decide(Case(old, new, old))) == 3000
    assert time.process_time() - began < 5


@pytest.mark.parametrize("line", ["JWT_SECRET=string:CHANGE_ME", "ADMIN_CREDENTIALS="])
def test_what_has_a_form_of_its_own_is_not_made_on_a_guess(line: str) -> None:
    assert decided(f"# Required\n{line}\n", assume_generators=True).decision == "ask"


def test_a_default_made_of_live_values_is_not_told() -> None:
    compose = b"services: {web: {image: a, environment: {BROKER: '${BROKER:-x-${RELAY_TOKEN}}'}}}"
    live = "APP_URL=https://ours.test\nRELAY_TOKEN=hunter2-hunter2\n"
    found = decided("BROKER=plain\n", live=live, compose=read_references([("c.yaml", compose)]))
    assert "hunter2" not in str(found)
    assert "is made of other keys" in found.evidence[0]


KEY = "# @generate hex:32 @unrotatable\nWORKFLOW_KEY=\n"
"""What the installed version's example has as well."""


@pytest.mark.parametrize(
    ("used", "decision"),
    [
        (None, "ask"),  # nobody looked
        ({"APP_URL", "AUTH_MODE"}, "generate"),
        ({"APP_URL", "WORKFLOW_KEY"}, "ask"),  # the line is lost, the value is not
        ({"PATH"}, "ask"),  # the containers get their settings another way
    ],
)
def test_a_key_that_the_app_never_had_may_be_made(used: set[str] | None, decision: str) -> None:
    found = decided(KEY, previous=OLD + KEY, data_exists=True, used=None if used is None else frozenset(used))
    assert found.decision == decision
    if decision == "generate":
        assert "the app has been running without it" in found.evidence


def test_a_key_that_compose_reads_may_have_been_given_elsewhere() -> None:
    compose = read_references([("compose.yaml", b"services: {api: {environment: {KEY: '${WORKFLOW_KEY:-}'}}}")])
    found = decided(KEY, previous=OLD + KEY, data_exists=True, used=frozenset({"APP_URL"}), compose=compose)
    assert found.decision == "ask"


def test_a_secret_without_an_annotation_is_not_made_because_it_was_never_used() -> None:
    plain = "# Generate with: openssl rand -hex 32\nWORKFLOW_KEY=\n"
    found = decided(plain, previous=OLD + plain, data_exists=True, used=frozenset({"APP_URL"}))
    assert found.decision in {"ask", "skip"}


def test_an_overlays_comment_is_a_reason() -> None:
    overlay = parse_overlay(
        b"# Without it every import fails.\n# @required\nREDIS_URL=redis://valkey:6379\n", "app.env"
    )
    found = decided("REDIS_URL=redis://valkey:6379\n", overlay=overlay)
    assert found.evidence[:2] == ("annotated @required", "Without it every import fails")


@pytest.mark.parametrize(
    ("live", "decision", "value"),
    [
        ("v4.1.2", "copy", "v4.1.3"),  # as shipped: it follows the release
        ("v4.0.0-patched", "ask", None),
    ],
)
def test_a_pin_under_another_name_does_not_keep_the_old_version(live: str, decision: str, value: str | None) -> None:
    old, new = (
        read_references([("compose.yaml", f"services: {{web: {{image: 'shop/web:${{{key}}}'}}}}".encode())])
        for key in ("SHOP_TAG", "FRONTEND_SHOP_VERSION")
    )
    found = decided(
        "FRONTEND_SHOP_VERSION=v4.1.3\n",
        live=f"SHOP_TAG={live}\n",
        previous="SHOP_TAG=v4.1.2\n",
        compose=new,
        previous_compose=old,
    )
    assert (found.decision, found.value) == (decision, value)


def test_the_switch_of_a_renamed_family_is_not_switched_off() -> None:
    names = ("", "_DOMAIN", "_DNS_TOKEN", "_PORT")
    old = "".join(f"TUNNELS{name}=\n" for name in names).replace("TUNNELS=", "TUNNELS=false")
    live = "".join(f"TUNNELS{name}=ours\n" for name in names).replace("TUNNELS=ours", "TUNNELS=true")
    case = Case(
        live=Document.parse(live.encode()),
        previous=Document.parse(old.encode()),
        example=Document.parse(old.replace("TUNNELS", "WEB_ENDPOINTS").encode()),
    )
    found = {each.key: each for each in decide(case)}
    assert (found["WEB_ENDPOINTS"].decision, found["WEB_ENDPOINTS"].source) in {
        ("ask", "TUNNELS"),
        ("carry", "TUNNELS"),
    }
    assert found["WEB_ENDPOINTS_DOMAIN"].source == "TUNNELS_DOMAIN"
