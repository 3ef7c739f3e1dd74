"""The appended block."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrader.env.decide import Case, decide
from upgrader.env.document import Document
from upgrader.env.reconcile import block_redacted, lines_to_add, reconcile
from upgrader.errors import RefusedError

EXAMPLE = Document.parse(
    b"# REQUIRED since 1.1\n"
    b"REDIS_URL=redis://valkey:6379\n"
    b"# openssl rand -hex 32\n"
    b"WORKFLOW_SECRET_KEY=CHANGE_ME\n"
    b"# @renamed-from OLD_TOKEN\n"
    b"NEW_TOKEN=\n"
    b"# REQUIRED\n"
    b"PUBLIC_URL=https://example.com\n"
    b"MEILI_ENV=production\n"
    b"UNUSED=\n"
)
LIVE = b"# mine\r\nOLD_TOKEN='pa$$word one'\r\nX=\"a\nb\""
LABEL = "2026-11-20 for v1.1.0"


def test_the_block() -> None:
    result = reconcile(LIVE, decide(Case(Document.parse(LIVE), EXAMPLE)), run_label=LABEL)
    assert result.new_bytes == LIVE + result.block
    assert result.appended == ("REDIS_URL", "WORKFLOW_SECRET_KEY", "NEW_TOKEN")
    assert [each.key for each in result.asked] == ["PUBLIC_URL"]
    assert result.blocking == result.asked
    secret = Document.parse(result.new_bytes).get("WORKFLOW_SECRET_KEY")
    assert secret is not None
    assert re.fullmatch("[0-9a-f]{64}", secret)
    assert result.secrets == (secret, "pa$$word one")
    assert result.block.decode().replace(secret, "SECRET").splitlines() == [
        "",
        "",
        "# added by upgrader 2026-11-20 for v1.1.0",
        "# from the example: its comment says that it is required",
        "REDIS_URL=redis://valkey:6379",
        "# generated (hex:32): its comment names how to generate it",
        "WORKFLOW_SECRET_KEY=SECRET",
        "# the value of OLD_TOKEN: it is OLD_TOKEN renamed, as its annotation says",
        "NEW_TOKEN='pa$$word one'",
    ]
    assert secret not in repr(result)
    assert "pa$$word" not in repr(result)


def test_again_changes_nothing() -> None:
    live = b"OLD_TOKEN=t\nPUBLIC_URL=https://ours.test\n"
    first = reconcile(live, decide(Case(Document.parse(live), EXAMPLE)), run_label=LABEL)
    second = reconcile(first.new_bytes, decide(Case(Document.parse(first.new_bytes), EXAMPLE)), run_label=LABEL)
    assert first.new_bytes != live
    assert second.new_bytes == first.new_bytes
    assert (second.block, second.appended, second.asked) == (b"", (), ())


def test_answers_are_written_too() -> None:
    decisions = decide(Case(Document.parse(b""), EXAMPLE))
    result = reconcile(b"", decisions, run_label=LABEL, answers={"PUBLIC_URL": "https://ours.test/a b"})
    assert Document.parse(result.new_bytes).get("PUBLIC_URL") == "https://ours.test/a b"
    assert "PUBLIC_URL" not in [each.key for each in result.asked]
    assert "PUBLIC_URL" in result.appended


def test_the_block_as_shown() -> None:
    decisions = decide(Case(Document.parse(LIVE), EXAMPLE))
    shown = block_redacted(decisions, run_label=LABEL)
    assert "REDIS_URL=redis://valkey:6379\n" in shown
    assert "WORKFLOW_SECRET_KEY=<generated: 64 hex digits>\n" in shown
    assert "NEW_TOKEN=<the value of OLD_TOKEN>\n" in shown
    assert "pa$$word" not in shown
    assert block_redacted([], run_label=LABEL) == ""


def test_lines_for_a_person() -> None:
    asked = reconcile(LIVE, decide(Case(Document.parse(LIVE), EXAMPLE)), run_label=LABEL).asked
    assert lines_to_add(asked) == [
        "# its comment says that it is required; its example value is a placeholder",
        "PUBLIC_URL=",
    ]


def test_a_stale_decision_never_overrides_a_line() -> None:
    decisions = decide(Case(Document.parse(b"A=1\n"), EXAMPLE))
    with pytest.raises(RefusedError, match="already has"):
        reconcile(b"A=1\nREDIS_URL=mine\n", decisions, run_label=LABEL)


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z]{1,3}", fullmatch=True),
        st.text(st.characters(exclude_characters="\0\r", codec="utf-8"), max_size=9),
    )
)
def test_every_copied_value_arrives(values: dict[str, str]) -> None:
    live = b"ZZZZ=1\n"
    example = Document.parse(b"").append([], None)
    for key, value in values.items():
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
        example += f'# @required\n{key}="{escaped}"\n'.encode()
    decisions = decide(Case(Document.parse(live), Document.parse(example)))
    result = reconcile(live, decisions, run_label=LABEL)
    after = Document.parse(result.new_bytes).values()
    assert {key: after[key] for key in result.appended} == {key: values[key] for key in result.appended}
    assert set(result.appended) | {each.key for each in result.asked} == set(values)
