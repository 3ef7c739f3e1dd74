"""What two readers make of one line."""

import subprocess
import sys

import pytest

from tests.env.checks.scenes import scene, told
from upgrader.env.checks.dialect import check_dialect


@pytest.mark.parametrize(
    ("live", "code", "severity"),
    [
        ("V=pa$word\n", "unresolved-reference", "warning"),
        ("DB_PASSWORD=pa$word\n", "unresolved-reference", "error"),
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


def test_no_value_is_told() -> None:
    for live in ("DB_PASSWORD=hunter$twofish\n", "DB_PASSWORD=hunter$$twofish\n", 'DB_PASSWORD="hunter"twofish\n'):
        for found in check_dialect(scene(live)):
            assert "hunter" not in repr(found)


def test_ordinary_files_do_not_pay_for_the_second_reader() -> None:
    program = (
        "import sys\nfrom tests.env.checks.scenes import scene\nfrom upgrader.env.checks.dialect import check_dialect\n"
        "live = ''.join(f'KEY_{n}=value-{n}.example:80/x\\n' for n in range(50)) + 'A=\"b c\" # d\\nE=f # g\\n'\n"
        "assert not list(check_dialect(scene(live)))\nassert 'dotenv' not in sys.modules, 'imported'\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
