"""The vocabulary above a key."""

import pytest

from upgrader.env.annotations import Annotations, When, parse_annotations


@pytest.mark.parametrize(
    ("comments", "expected"),
    [
        ([], Annotations()),
        (["prose about @required things"], Annotations()),
        (["@required"], Annotations(required=True)),
        (["@optional"], Annotations(required=False)),
        (["@required when=AUTH_MODE:oidc"], Annotations(required=True, when=When("AUTH_MODE", "oidc"))),
        (["@required @generate hex:32", "@unrotatable"], Annotations(required=True, generate="hex:32", unrotatable=True)),
        (['@human "ask your provider, e.g. @acme"'], Annotations(human="ask your provider, e.g. @acme")),
        (["@human"], Annotations(human="")),
        (["@renamed-from OLD_KEY"], Annotations(renamed_from="OLD_KEY")),
        (["@sensitive @type=url @required"], Annotations(required=True, sensitive=True, unknown=("@type=url",))),
        (["@generate"], Annotations(unknown=("@generate",))),
        (["@required sometimes"], Annotations(unknown=("@required sometimes",))),
        (["@required=false"], Annotations(required=False)),
    ],
)  # fmt: skip
def test_what_is_read(comments: list[str], expected: Annotations) -> None:
    assert parse_annotations(comments) == expected


def test_nothing_said_is_falsy() -> None:
    assert not parse_annotations(["text"])
    assert parse_annotations(["@since 1.2"])
