"""What two readers make of one line."""

import io
import subprocess
import sys

import pytest
from dotenv import dotenv_values

from tests.env.checks.scenes import scene, told
from tests.env.dialect_cases import CORNERS, MEASURED, REFUSED
from upgrader.env.case import Case
from upgrader.env.checks import Scene
from upgrader.env.checks.dialect import check_dialect
from upgrader.env.checks.values import is_comment
from upgrader.env.document import Document


@pytest.mark.parametrize(
    ("live", "code", "severity"),
    [
        ("V=pa$word\n", "unresolved-reference", "warning"),
        ("DB_PASSWORD=pa$word\n", "unresolved-reference", "error"),
        ("URL=redis://:pa$word@redis:6379\n", "unresolved-reference", "error"),
        ("V=a${B}c\nB=1\n", "unresolved-reference", "warning"),
        ("V=$2y$10$abcdefXYZ\n", "unresolved-reference", "warning"),
        ("W=1\nV=a$W\n", "dialect", "warning"),
        ("V=a$$b\n", "dialect", "warning"),
        ("W=1\nV='a${W}b'\n", "dialect", "warning"),
        ("V: abc\n", "dialect", "warning"),
        ('V="a"b\n', "dialect", "warning"),
        ("V=abc\t#c\n", "dialect", "warning"),
        ("W=\nV=${W:-d}\n", "dialect", "warning"),
        ('V="a\\$b"\n', "dialect", "warning"),
    ],
)
def test_lines_that_are_read_differently(live: str, code: str, severity: str) -> None:
    assert [(each[0], each[1]) for each in told(check_dialect(scene(live)))] == [(severity, code)]


@pytest.mark.parametrize(
    "live",
    [
        "V=abc # note\nW=a#b\nX='a b' # note\nY=\"a # b\"\n",
        "V='$2y$10$abcdefXYZ'\n",
        "W=1\nV=a${W}b\n",
        'V=a=b==\nW={"a": "b c"}\nX=C:\\new\\temp\n',
        "export V=abc\nBARE\nV2 = spaced\n",
        "V=\"a\nb\"\nW='x\ny'\n",
        "V=caf\u00e9 \u2615\n",
        "V=$(id)\nW=`id`\nX=5$\n",
        "V=${HOME}/data\n",
        "V=\r\nW=abc\r\n",
        "W=1\nV=${W:-x}\n",
    ],
)
def test_lines_that_both_read_the_same(live: str) -> None:
    assert not list(check_dialect(scene(live)))


@pytest.mark.parametrize("data", [data for data, outcome in (*MEASURED, *CORNERS) if outcome is not REFUSED], ids=repr)
def test_it_agrees_with_the_second_reader_itself(data: bytes) -> None:
    """Line by line as here, or the whole file at once: python-dotenv's answer must be the same."""
    live = Document.parse(data, ".env")
    entry = live.entry("V")
    try:
        other = dotenv_values(stream=io.StringIO(data.decode())).get("V")
    except UnicodeDecodeError:
        return
    if entry is None or entry.bare:
        return
    found = {each.code for each in check_dialect(Scene(Case(live, live))) if each.key == "V"}
    if entry.value == other:
        assert "dialect" not in found
    else:
        assert found or is_comment(Scene(Case(live, live)), entry)


def test_no_value_is_told() -> None:
    url = "DATABASE_URL=postgres://app:hunter$twofish@db/app\n"
    for live in (
        url,
        "DB_PASSWORD=hunter${twofish}\n",
        "DB_PASSWORD=hunter$twofish\n",
        "DB_PASSWORD=hunter$$twofish\n",
        'DB_PASSWORD="hunter"twofish\n',
    ):
        for found in check_dialect(scene(live)):
            assert "hunter" not in repr(found)
            assert "twofish" not in repr(found)


def test_ordinary_files_do_not_pay_for_the_second_reader() -> None:
    program = (
        "import sys\nfrom tests.env.checks.scenes import scene\nfrom upgrader.env.checks.dialect import check_dialect\n"
        "live = ''.join(f'KEY_{n}=value-{n}.example:80/x\\n' for n in range(50)) + 'A=\"b c\" # d\\nE=f # g\\n'\n"
        "assert not list(check_dialect(scene(live)))\nassert 'dotenv' not in sys.modules, 'imported'\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
