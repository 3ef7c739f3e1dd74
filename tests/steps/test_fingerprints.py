"""Keys that data is written under: the data does not come back where they are other ones, or none."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fixtures.points import FIRST, two_points
from tests.steps.proof_world import Stand
from upgrader.model.verdict import Refused
from upgrader.steps.base import Context, Options
from upgrader.steps.fingerprints import fingerprint, foreign_keys


@pytest.fixture
def known() -> dict[str, str]:
    return {"MASTERKEY": fingerprint("the one")}


def restoring(home: Path, env: str) -> Context:
    """A restore of data that was written under a master key, with this env file."""
    two_points(home / "state")
    (home / ".env").write_text(env)
    ctx = Stand("none", "app", home).context(options=Options(point=FIRST, data="restore"))
    return replace(ctx, run=replace(ctx.run, kind="restore"))


def test_the_key_is_there(tmp_path: Path, known: dict[str, str]) -> None:
    assert foreign_keys(restoring(tmp_path, "PORT=1\nMASTERKEY=the one\n"), known) is None


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ("MASTERKEY=another\n", "MASTERKEY in .env is not the one that the data of v1.0.0 was written under"),
        ("MASTERKEY=\n", "MASTERKEY in .env is not the one that the data of v1.0.0 was written under"),
        ("PORT=1\n", "MASTERKEY is missing in .env: it is the one that the data of v1.0.0 was written under"),
    ],
)
def test_the_key_is_another_one_or_gone(tmp_path: Path, known: dict[str, str], env: str, said: str) -> None:
    refused = foreign_keys(restoring(tmp_path, env), known)
    assert isinstance(refused, Refused)
    assert refused.why == said
    assert str(tmp_path / "state" / "restore-points" / FIRST / "files/.env") in refused.hint
