"""Names of pins, and the engine's JSON as data."""

import re

import pytest

from upgrader.tools.docker_model import HALF_REPLACED, pin_name

# as the engine's own grammar has it: path components, then a tag
REFERENCE = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*:[\w][\w.-]{0,127}")


def test_a_plain_name_stays_as_it_is() -> None:
    assert pin_name("shop_1", "web.api", "20261120t1200-ab12") == "upgrader-pin/shop_1-web.api:20261120t1200-ab12"


@pytest.mark.parametrize("service", ["Web", "web_", "web..api", "_web", "web-_-api", "WEB__x", "a___b"])
@pytest.mark.parametrize("point", ["20261120T120000Z-ab12", ".x", "a b/c", "x" * 200])
def test_a_pin_is_a_valid_reference(service: str, point: str) -> None:
    assert REFERENCE.fullmatch(pin_name("shop", service, point))


def test_services_that_differ_in_case_alone_have_different_pins() -> None:
    assert len({pin_name("shop", name, "p") for name in ("web", "Web", "WEB", "web_", "_web")}) == 5


@pytest.mark.parametrize(
    ("name", "half"),
    [
        ("297db9d5b090_shop-web-1", ("297db9d5b090", "shop-web-1")),
        ("shop-web-1", None),
        ("297db9d5b09_shop-web-1", None),
        ("297DB9D5B090_shop-web-1", None),
        ("x297db9d5b090_shop-web-1", None),
    ],
)
def test_half_replaced_containers_are_known_by_their_name(name: str, half: tuple[str, str] | None) -> None:
    match = HALF_REPLACED.fullmatch(name)
    assert (match.groups() if match else None) == half
