"""What a failed migration says."""

import pytest

from upgrader.steps.migrate import telling


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["0005.sql: applied", "0006.sql: duplicate key value", "DETAIL: Key exists"], "0006.sql: duplicate key value"),
        (["> migrate", "  Error: P3009 ", "  at main.js:1"], "Error: P3009"),
        (["one", "two "], "two"),
        (["0003_error_log.sql: applied", "NOTICE: schema already exists, skipping", "TypeError: x"], "TypeError: x"),
        (
            [
                "  message: 'relation already exists, skipping',",
                "Migration failed: error: check constraint is violated by some row",
                "    at Client._handleErrorMessage (client.js:535:17) {",
                "  severity: 'ERROR',",
                "}",
            ],
            "Migration failed: error: check constraint is violated by some row",
        ),
        (["  severity: 'ERROR',", "}"], "severity: 'ERROR',"),
    ],
)
def test_the_line_that_tells_most_is_the_first_about_an_error_or_else_the_last(lines: list[str], told: str) -> None:
    assert telling(lines) == told
