"""A restore point whose databases are of one moment, while clients go on writing."""

import pytest

from tests.e2e.scenario import PLAYBOOK, Client, Operator
from upgrader.demo.host import Installation

pytestmark = pytest.mark.docker
CONSISTENT = PLAYBOOK.replace(
    "change: {upgrade: [",
    "change: {upgrade: [{replace: backup, with: {uses: backup, consistent: true, jobs: 1, nice: 5}}, ",
)


def test_writers_stand_still_for_a_moment(app: Installation) -> None:
    operator = Operator.at(app, CONSISTENT)
    with Client(app) as client:
        told = operator.upgrade("v1.1.0")
    point = operator.point(operator.last())
    [saved] = point.databases
    assert (point.consistent, point.apart) == (True, 0.0)
    assert "web, worker stood still for " in told.err
    assert "in parallel by 1" in told.err
    assert (operator.points.path(point.id) / saved.archive / "toc.dat").is_file()
    assert set(client.acknowledged) <= set(app.notes())


def test_without_the_wish_for_it_nobody_is_stopped(app: Installation) -> None:
    operator = Operator.at(app, PLAYBOOK)
    told = operator.upgrade("v1.1.0")
    point = operator.point(operator.last())
    assert not point.consistent
    assert "stood still" not in told.err
