"""The vocabulary above a key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrader.env.annotations import Annotations, When, loose_comments, parse_annotations, read_annotations, said_in
from upgrader.env.document import Document
from upgrader.env.vocabulary import OF_OTHERS, WORDS


@pytest.mark.parametrize(
    ("comments", "expected"),
    [
        ([], Annotations()),
        (["prose about @required things"], Annotations()),
        (["@required"], Annotations(required=True)),
        (["@required=true"], Annotations(required=True)),
        (["@required=false"], Annotations(required=False)),
        (["@optional"], Annotations(required=False)),
        (["@optional=true"], Annotations(required=False)),
        (["@optional=false"], Annotations(required=True)),
        (["@required when=AUTH_MODE:oidc"], Annotations(required=True, when=When("AUTH_MODE", "oidc"))),
        (["@required when=AUTH_MODE!:oidc"], Annotations(required=True, when=When("AUTH_MODE", "oidc", negated=True))),
        (["@required when=SMTP_HOST"], Annotations(required=True, when=When("SMTP_HOST", "", negated=True))),
        (["@required when=SMTP_HOST:"], Annotations(required=True, when=When("SMTP_HOST", ""))),
        (['@required when=MODE:"two words"'], Annotations(required=True, when=When("MODE", "two words"))),
        (["@required when=URL:redis://x:1"], Annotations(required=True, when=When("URL", "redis://x:1"))),
        (["@required=eq($AUTH_MODE, oidc)"], Annotations(required=True, when=When("AUTH_MODE", "oidc"))),
        (['@required=if(eq($AUTH_MODE, "oidc"))'], Annotations(required=True, when=When("AUTH_MODE", "oidc"))),
        (["@required=not(eq($A, b))"], Annotations(required=True, when=When("A", "b", negated=True))),
        (["@required @generate hex:32", "@unrotatable"], Annotations(required=True, generate="hex:32", unrotatable=True)),
        (["@generate=hex:32"], Annotations(generate="hex:32")),
        (["@generate kek-v1:base64:32"], Annotations(generate="kek-v1:base64:32")),
        (['@human "ask your provider, e.g. @acme"'], Annotations(human="ask your provider, e.g. @acme")),
        (['@human="ask your provider"'], Annotations(human="ask your provider")),
        (["@human ask your provider @sensitive"], Annotations(human="ask your provider", sensitive=True)),
        (["@human"], Annotations(human="")),
        (["@renamed-from OLD_KEY"], Annotations(renamed_from="OLD_KEY")),
        (["@renamed-from OLD_KEY transform=ask"], Annotations(renamed_from="OLD_KEY", transform="ask")),
        (["@renamed-from=OLD_KEY transform=none"], Annotations(renamed_from="OLD_KEY")),
        (["@exactly 32"], Annotations(exactly=32)),
        (["@exactly=32 characters"], Annotations(exactly=32)),
        (["@same-as OTHER"], Annotations(same_as="OTHER")),
        (["@same-as DATABASE_URL#password"], Annotations(same_as="DATABASE_URL#password")),
        (['@derive "https://auth.{DOMAIN}"'], Annotations(derive="https://auth.{DOMAIN}")),
        (["@derive auth.{DOMAIN}"], Annotations(derive="auth.{DOMAIN}")),
        (["@since 1.3.0"], Annotations(since="1.3.0")),
        (['@deprecated "use NEW"'], Annotations(deprecated="use NEW")),
        (["@deprecated"], Annotations(deprecated="")),
        (['@removed "nobody reads it"'], Annotations(removed="nobody reads it")),
        (["@sensitive"], Annotations(sensitive=True)),
        (["@sensitive=false"], Annotations(sensitive=False)),
        (["@manual"], Annotations(manual=True)),
        (["@type=url @required"], Annotations(required=True, unknown=("@type=url",))),
        (["@required # remark @optional"], Annotations(required=True)),
        (["@generate hex:32", "------", "@required"], Annotations(required=True)),
    ],
)  # fmt: skip
def test_what_is_read(comments: list[str], expected: Annotations) -> None:
    assert read_annotations(comments) == (expected, [])


@pytest.mark.parametrize(
    ("comments", "expected", "line", "message"),
    [
        (["@generate"], Annotations(unknown=("@generate",)), 7, "@generate lacks its argument"),
        (["@required sometimes"], Annotations(unknown=("@required sometimes",)), 7, "@required does not take 'sometimes'"),
        (["text", "@required when="], Annotations(unknown=("@required when=",)), 8, "@required does not take 'when='"),
        (["@required when=A=b"], Annotations(unknown=("@required when=A=b",)), 7, "@required does not take 'when=A=b'"),
        (["@required when=A:b when=C:d"], Annotations(unknown=("@required when=A:b when=C:d",)), 7, "@required does not take 'when=A:b when=C:d'"),
        (["@required(true)"], Annotations(unknown=("@required(true)",)), 7, "@required takes no brackets"),
        (["@generate md5:3"], Annotations(generate="md5:3"), 7, "unknown generator 'md5:3'"),
        (["@exactly 32 bytes"], Annotations(unknown=("@exactly 32 bytes",)), 7, "@exactly does not take '32 bytes'"),
        (["@exactly many"], Annotations(unknown=("@exactly many",)), 7, "@exactly does not take 'many'"),
        (["@same-as A#user"], Annotations(unknown=("@same-as A#user",)), 7, "@same-as does not take 'A#user'"),
        (["@derive auth"], Annotations(unknown=("@derive auth",)), 7, "@derive 'auth' names no key in braces"),
        (["@derive {A}{"], Annotations(unknown=("@derive {A}{",)), 7, "@derive '{A}{' names no key in braces"),
        (["@renamed-from A transform=upper"], Annotations(unknown=("@renamed-from A transform=upper",)), 7, "@renamed-from does not take 'A transform=upper'"),
        (["@optional really"], Annotations(unknown=("@optional really",)), 7, "@optional does not take 'really'"),
        (["@since"], Annotations(unknown=("@since",)), 7, "@since lacks its argument"),
        (["@requird"], Annotations(unknown=("@requird",)), 7, "@requird is no annotation"),
        (["@Required"], Annotations(unknown=("@Required",)), 7, "@Required is no annotation"),
        (["@renamed_from A"], Annotations(unknown=("@renamed_from A",)), 7, "@renamed_from is no annotation"),
        (["@unrotateable"], Annotations(unknown=("@unrotateable",)), 7, "@unrotateable is no annotation"),
        (["@required", "", "@optional"], Annotations(required=False), 9, "@optional contradicts or repeats what is said above it: required"),
        (["@generate hex:16", "@exactly 16"], Annotations(generate="hex:16", exactly=16), 8, "@generate hex:16 does not make @exactly 16 characters"),
        (["@generate hex:16 @human x"], Annotations(generate="hex:16", human="x"), 7, "@generate and @human contradict each other"),
        (["@generate hex:16 @same-as A"], Annotations(generate="hex:16", same_as="A"), 7, "@generate and @same-as both say where the value comes from"),
        (["@removed x @required"], Annotations(required=True, removed="x"), 7, "a key that is @removed cannot be required or generated"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant(comments: list[str], expected: Annotations, line: int, message: str) -> None:
    said, problems = read_annotations(comments, line=7)
    assert said == expected
    assert [(each.line, each.message) for each in problems] == [(line, message)]
    assert problems[0].hint
    assert parse_annotations(comments) == expected


def test_words_of_ours_that_could_not_be_read_are_told_from_those_of_others() -> None:
    said = parse_annotations(["@type=url @required=forEnv(production)", "@since @requird"])
    assert said.unknown == ("@type=url", "@required=forEnv(production)", "@since", "@requird")
    assert said.misread == ("@required=forEnv(production)", "@since", "@requird")


@pytest.mark.parametrize("word", sorted(OF_OTHERS))
def test_words_of_other_tools_are_no_misspellings(word: str) -> None:
    assert read_annotations([f"@{word}=x"]) == (Annotations(unknown=(f"@{word}=x",)), [])


@pytest.mark.parametrize("word", WORDS)
def test_the_usage_of_a_word_can_be_read(word: str) -> None:
    example = WORDS[word].usage.partition(",")[0]
    said, problems = read_annotations([example])
    assert problems == []
    assert said
    assert not said.unknown


def test_nothing_said_is_falsy() -> None:
    assert not parse_annotations(["text"])
    assert parse_annotations(["@since 1.2"])


@pytest.mark.parametrize(
    ("when", "live", "holds", "words"),
    [
        (When("A", "b"), "b", True, "A=b"),
        (When("A", "b"), "B", True, "A=b"),
        (When("A", "b"), "", False, "A=b"),
        (When("A", "b"), None, False, "A=b"),
        (When("A", "b", negated=True), "c", True, "A!=b"),
        (When("A", "b", negated=True), None, True, "A!=b"),
        (When("A", "b", negated=True), "b", False, "A!=b"),
        (When("A", "", negated=True), "x", True, "A is set"),
        (When("A", "", negated=True), "", False, "A is set"),
        (When("A", "", negated=True), None, False, "A is set"),
        (When("A", ""), None, True, "A is empty"),
    ],
)  # fmt: skip
def test_a_condition(when: When, live: str | None, words: str, *, holds: bool) -> None:
    assert when.holds(live) is holds
    assert str(when) == words


@pytest.mark.parametrize(
    ("over", "below", "expected"),
    [
        ([], ["@required @generate hex:32 @type=url"], ["@required @generate hex:32 @type=url"]),
        (["@required"], ["@required when=A:b @generate hex:32"], ["@required @generate hex:32"]),
        (["@optional"], ["@required when=A:b"], ["@optional"]),
        (["@human x"], ["@required @generate hex:32 @unrotatable"], ["@required @human x @unrotatable"]),
        (["@human"], ["@renamed-from OLD transform=ask"], ["@human"]),
        (["@exactly 64"], ["@exactly 32 @sensitive"], ["@exactly 64 @sensitive"]),
        (["@sensitive=false"], ["@sensitive"], ["@sensitive=false"]),
        (["@required"], ["@required=forEnv(production)"], ["@required"]),
    ],
)  # fmt: skip
def test_an_overlay_goes_before_what_the_example_says(over: list[str], below: list[str], expected: list[str]) -> None:
    assert parse_annotations(over).laid_over(parse_annotations(below)) == parse_annotations(expected)


def test_every_field_is_laid_over() -> None:
    full = Annotations(
        True, When("A", "b"), "hex:1", "h", True, "OLD", "ask", 1, "S", "{D}", "1", "d", True, "r", True
    )  # fmt: skip
    assert Annotations().laid_over(full) == full
    assert full.laid_over(Annotations()) == full


def test_the_keys_that_a_value_is_made_of() -> None:
    assert parse_annotations(["@derive {A}-{B}-{A}"]).derived_from == ("A", "B")
    assert parse_annotations(["@derive https://auth.{A#host}"]).derived_from == ("A",)
    assert parse_annotations(["@same-as A#password"]).derived_from == ("A",)
    assert parse_annotations(["@required"]).derived_from == ()


FILE = b"""\
# @since 0.9

# The first.
# @required
A=1
# @generate hex:16
# B=

# @optional
# A=2
# @required
# ----
C=3
# @sinse 2
D=4
"""


def test_a_file_with_its_disabled_keys() -> None:
    said, findings = said_in(Document.parse(FILE, ".env.example"))
    assert said == {
        "A": Annotations(required=True),
        "B": Annotations(generate="hex:16"),
        "D": Annotations(unknown=("@sinse 2",)),
    }
    assert [(each.file, each.line, each.key, each.severity, each.message) for each in findings] == [
        (".env.example", 14, "D", "error", "@sinse is no annotation")
    ]


def test_decorators_that_belong_to_no_key() -> None:
    assert loose_comments(Document.parse(FILE)) == [(1, "@since 0.9"), (11, "@required")]
    assert loose_comments(Document.parse(b"\xef\xbb\xbf# @a\r\n\r\nA='x\n# @b'\r\n# @c")) == [(1, "@a"), (5, "@c")]


@given(st.text(alphabet="@requidonalhmstkp=:!()\"'`{}#$ -_1A,", max_size=60).map(lambda text: f"@{text}"))
def test_any_comment_is_read_and_its_problems_have_hints(comment: str) -> None:
    said, problems = read_annotations([comment])
    assert parse_annotations([comment]) == said
    assert all(problem.message and problem.hint and problem.line == 1 for problem in problems)
    assert set(said.misread) <= set(said.unknown)
