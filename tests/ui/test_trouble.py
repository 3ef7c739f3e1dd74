"""How trouble looks."""

import io

from upgrader.errors import StepError, UpgraderError
from upgrader.ui.trouble import four_lines, show_error

ERROR = StepError(
    "git fetch failed with exit status 128 in /srv/shop",
    "git -C /srv/shop fetch origin",
    lines=["ssh: connect to host git.example.org port 22: \x1b[1mConnection timed out\x1b[0m\r", "", "fatal: no"],
)
HEALED = (
    'the migration 0007_workflows.sql failed: column "state" of relation "orders" already exists',
    "v1.0.0 serves and is healthy",
    "the database is as before the upgrade, all 1204 rows",
    "docker logs shop-upgrader-1a2b-migrate",
)


def shown(error: UpgraderError, *, color: bool = False) -> str:
    stream = io.StringIO()
    show_error(error, stream, color=color)
    return stream.getvalue()


def test_an_error_says_what_happened_shows_the_output_and_what_to_do_next() -> None:
    assert shown(ERROR) == (
        "✗ git fetch failed with exit status 128 in /srv/shop\n"
        "  │ ssh: connect to host git.example.org port 22: Connection timed out\n"
        "  │\n"
        "  │ fatal: no\n"
        "→ git -C /srv/shop fetch origin\n"
    )


def test_an_error_may_have_neither_output_nor_hint() -> None:
    assert shown(UpgraderError("the engine is down")) == "✗ the engine is down\n"


def test_problems_below_the_first_line_are_indented() -> None:
    error = UpgraderError("2 problems\nshop.yaml:3:1 no name\nshop.yaml:9:5 no such step", "upgrader playbook check")
    assert shown(error).splitlines() == [
        "✗ 2 problems",
        "  shop.yaml:3:1 no name",
        "  shop.yaml:9:5 no such step",
        "→ upgrader playbook check",
    ]


def test_colour_is_on_the_mark_and_the_message() -> None:
    assert shown(UpgraderError("no"), color=True) == "\x1b[1;31m✗\x1b[0m \x1b[1mno\x1b[0m\n"


def test_the_screen_after_a_run_that_healed_has_four_lines() -> None:
    assert four_lines(*HEALED, width=120).splitlines() == [
        f"What happened  {HEALED[0]}",
        f"State now      {HEALED[1]}",
        f"Data           {HEALED[2]}",
        f"Next           {HEALED[3]}",
    ]


def test_the_four_lines_wrap_under_themselves() -> None:
    assert four_lines(*HEALED, width=60).splitlines() == [
        "What happened  the migration 0007_workflows.sql failed:",
        '               column "state" of relation "orders" already',
        "               exists",
        "State now      v1.0.0 serves and is healthy",
        "Data           the database is as before the upgrade, all",
        "               1204 rows",
        "Next           docker logs shop-upgrader-1a2b-migrate",
    ]
