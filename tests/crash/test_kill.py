"""Kill it anywhere: whatever is killed, and whenever, `upgrader resume` ends in a good state with every row.

Every event of an upgrade, of its rollback, and of a healing is a kill point. One run is killed several times, some events
apart, so that each recovery has to carry it on before the next kill. With `UPGRADER_CRASH=all` each run is killed just
once, at every event in every way; that takes hours.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

import pytest

from tests.crash.conftest import Stage
from tests.crash.killer import Moment
from tests.crash.world import KILLED, World

pytestmark = [pytest.mark.docker, pytest.mark.timeout(7200)]

ALL = os.environ.get("UPGRADER_CRASH") == "all"
STRIDE, HEALING_STRIDE = 3, 3
"""The kills of one run are so many events apart; a run is resumed 20 times at most."""
OFFLINE, DUMP = '{"online": "never"}', '{"data": "restore"}'
"""The ways forward and back with the most steps: writers stopped and the database copied; the dump restored."""
WAYS = [(after, tree) for after in (False, True) for tree in (False, True)]


@pytest.mark.parametrize("lane", range(STRIDE))
def test_every_event_of_an_upgrade_and_of_its_rollback(stage: Stage, world: World, lane: int) -> None:
    forward, back = _course(stage, world)
    for there, again in zip_longest(_kills(forward, lane, STRIDE), _kills(back, lane, STRIDE), fillvalue=()):
        left = (list(there), list(again))
        while left != ([], []):
            missed = _there_and_back(world, *left)
            assert missed != left, "these moments never come"
            left = missed


# one fails before any container is swapped, and its rows are carried; the other after, and has a copy to go back to
@pytest.mark.parametrize(
    ("release", "options"), [("v1.2.0", '{"online": "always", "rehearsal": false}'), ("v1.3.0", "{}")]
)
@pytest.mark.parametrize("lane", range(HEALING_STRIDE))
def test_every_event_of_a_healing(stage: Stage, world: World, lane: int, release: str, options: str) -> None:
    course = _failing_course(stage, world, release, options)
    for points in _kills(course, lane, HEALING_STRIDE):
        left = points
        while left:
            missed = _fail(world, release, options, left)
            assert missed != left, "these moments never come"
            left = missed


@pytest.mark.parametrize(("delay", "tree"), [(0.05, False), (0.3, True), (0.9, True)])
def test_the_middle_of_each_slow_step(stage: Stage, world: World, delay: float, tree: bool) -> None:
    there = ["backup", "proof", "compose.build", "rehearse", "database.copy", "migrate", "compose.up"]
    again = ["database.stage", "database.swap", "git.restore", "compose.up"]
    if delay > 0.5:  # a short step would be over, and the next one too
        there, again = ["backup", "proof", "compose.build", "rehearse", "migrate"], ["database.stage", "compose.up"]
    missed = _there_and_back(
        world,
        _middles("upgrade", delay, tree, *there),
        _middles("rollback", delay, tree, *again),
        stage.slow_release(),
    )
    assert missed == ([], []), "these moments never came"


def test_git_in_the_middle_of_a_checkout(world: World) -> None:
    there, again = (
        Moment(kind, "StepStarted", step, tree=True, delay=0.9)
        for kind, step in (("upgrade", "git.checkout"), ("rollback", "git.restore"))
    )
    with world.slow_checkouts():
        ended = world.drive("upgrade", "v1.1.0", there)
        assert ended.code == KILLED, ended.text
        back = world.upgrader("rollback", "--yes", "--output", "plain")
        assert back.code == 0, back.text
        world.assert_good("1.0.0")
        _there_and_back(world, [there], [again])


def _course(stage: Stage, world: World) -> tuple[list[Moment], list[Moment]]:
    """Every moment of an upgrade and of its rollback, learnt from a pair of runs that nobody kills."""
    if "v1.1.0" not in stage.courses:
        _there_and_back(world, [], [])
        *_, upgrade, rollback = world.state.all()
        stage.courses["v1.1.0"] = [*world.moments(upgrade), *world.moments(rollback)]
    course = stage.courses["v1.1.0"]
    return [m for m in course if m.kind == "upgrade"], [m for m in course if m.kind == "rollback"]


def _failing_course(stage: Stage, world: World, release: str, options: str) -> list[Moment]:
    """Every moment from the failure on."""
    if release not in stage.courses:
        _fail(world, release, options, [])
        *_, upgrade, healing = world.state.all()
        failing = world.moments(upgrade)
        begin = next(index for index, moment in enumerate(failing) if moment.event == "StepFailed")
        turned, end = failing[begin:-1], failing[-1]
        stage.courses[release] = [*turned, *world.moments(healing), end]
    return stage.courses[release]


def _kills(course: Sequence[Moment], lane: int, stride: int) -> Iterator[list[Moment]]:
    """For each run of this lane, the moments at which it is killed."""
    if ALL:
        yield from ([_killed(moment, way)] for moment in course[lane::stride] for way in WAYS)
        return
    # neighbours are killed in different ways
    yield [_killed(moment, WAYS[index % len(WAYS)]) for index, moment in enumerate(course)][lane::stride]


def _killed(moment: Moment, way: tuple[bool, bool]) -> Moment:
    after, tree = way
    return replace(moment, after=after, tree=tree)


def _there_and_back(
    world: World, there: list[Moment], again: list[Moment], release: str = "v1.1.0"
) -> tuple[list[Moment], list[Moment]]:
    """An upgrade and a rollback, killed at these moments while somebody writes; returns the moments that never came."""
    before = world.rows()
    with world.writing() as written:
        missed = world.chain("upgrade", release, there, OFFLINE)
        world.assert_good(release.removeprefix("v"))
    world.assert_rows(before | set(written))
    with world.writing() as later:
        missed_again = world.chain("rollback", "v1.0.0", again, DUMP)
        world.assert_good("1.0.0")
    world.assert_rows(before)
    world.assert_rows(before | {*written, *later}, aside=True)
    return missed, missed_again


def _fail(world: World, release: str, options: str, points: list[Moment]) -> list[Moment]:
    """An upgrade that must fail and heal, killed at these moments; returns those that never came."""
    before = world.rows()
    with world.writing() as written:
        missed = world.chain("upgrade", release, points, options, code=5)
        world.assert_good("1.0.0")
    world.assert_rows(before)
    world.assert_rows(before | set(written), aside=True)
    return missed


def _middles(kind: str, delay: float, tree: bool, *steps: str) -> list[Moment]:
    return [Moment(kind, "StepStarted", step, tree=tree, delay=delay) for step in steps]
