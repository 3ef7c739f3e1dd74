"""The checks of a live env file: one module per family, and here all of them."""

from collections.abc import Callable, Iterator

from upgrader.env.checks.dialect import check_dialect
from upgrader.env.checks.duplicates import check_duplicates
from upgrader.env.checks.form import check_form
from upgrader.env.checks.keys import check_keys
from upgrader.env.checks.missing import check_missing
from upgrader.env.checks.passwords import check_passwords
from upgrader.env.checks.pins import check_pins
from upgrader.env.checks.published import check_published
from upgrader.env.checks.scene import Scene
from upgrader.env.checks.unset import check_unset
from upgrader.env.checks.values import check_comments, check_empty, check_placeholders, check_wrapped
from upgrader.env.finding import Finding, in_order

__all__ = ["Scene", "check_live"]

_OF_LIVE: tuple[Callable[[Scene], Iterator[Finding]], ...] = (
    check_placeholders,
    check_published,
    check_empty,
    check_comments,
    check_wrapped,
    check_duplicates,
    check_form,
    check_passwords,
    check_dialect,
    check_pins,
    check_keys,
)
_OF_LACKING: tuple[Callable[[Scene], Iterator[Finding]], ...] = (check_missing, check_unset)


def check_live(scene: Scene) -> list[Finding]:
    """Everything that is found, worst first. Of a live file that is only guessed, nothing but what it lacks."""
    checks = _OF_LACKING if scene.live_is_guess else (*_OF_LACKING, *_OF_LIVE)
    return in_order(finding for check in checks for finding in check(scene))
