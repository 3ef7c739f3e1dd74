"""What the log of a throw-away server tells of its visitors, and of its own troubles."""

import pytest

from upgrader.tools.postgres_throwaway import ailment, was_visited

OURS = """\
[local] LOG:  connection authorized: user=app database=shop application_name=upgrader-1
127.0.0.1 LOG:  connection authorized: user=app database=shop application_name=upgrader-1
 LOG:  database system is ready to accept connections
"""


@pytest.mark.parametrize(
    ("line", "visited"),
    [
        ("", False),
        ("172.18.0.3 LOG:  connection received: host=172.18.0.3 port=40000", False),
        ('172.18.0.3 FATAL:  password authentication failed for user "app"', False),
        ("172.18.0.3 LOG:  connection authorized: user=app database=shop", True),
        ("fd00::3 LOG:  connection authorized: user=app database=shop", True),
    ],
)
def test_only_who_came_in_over_the_network_is_a_visitor(line: str, visited: bool) -> None:
    assert was_visited(OURS + line) == visited


@pytest.mark.parametrize(
    "line",
    [
        '172.18.0.3 ERROR:  could not extend file "base/16384/1": No space left on device',
        "172.18.0.3 ERROR:  out of memory",
        " LOG:  server process (PID 99) was terminated by signal 9: Killed",
    ],
)
def test_what_the_server_came_to_lack_is_told_in_its_words(line: str) -> None:
    assert ailment(OURS + line) == line.strip()


def test_a_migrations_own_error_is_no_ailment() -> None:
    assert ailment(OURS + '172.18.0.3 ERROR:  relation "notes" already exists') == ""
