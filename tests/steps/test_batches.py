"""The order of a swap."""

from upgrader.steps.batches import batches
from upgrader.tools.compose_model import Model


def model(**depends_on: list[str]) -> Model:
    services = {
        name: {"image": name, "depends_on": {other: {"condition": "service_started"} for other in others}}
        for name, others in depends_on.items()
    }
    return Model.of({"name": "app", "services": services})


def test_what_others_wait_for_comes_first() -> None:
    assert batches(model(web=["api"], api=["db"], db=[]), ["web", "api", "db"]) == [["db"], ["api"], ["web"]]


def test_services_that_need_nothing_of_each_other_are_swapped_together() -> None:
    assert batches(model(web=["db"], worker=["db"], db=[]), ["web", "worker"]) == [["web", "worker"]]


def test_a_service_in_between_that_stays_still_orders_its_neighbours() -> None:
    assert batches(model(web=["api"], api=["db"], db=[]), ["web", "db"]) == [["db"], ["web"]]


def test_services_that_the_model_does_not_know_come_last() -> None:
    assert batches(model(db=[]), ["gone", "db"]) == [["db"], ["gone"]]


def test_nothing_to_swap_is_no_batch() -> None:
    assert batches(model(db=[]), []) == []
