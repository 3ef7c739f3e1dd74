"""Retention: what may go by each limit, and what stays whatever the limits say."""

from dataclasses import replace

import pytest

from upgrader.model.app import Retention
from upgrader.model.events import RunFinished
from upgrader.model.manifest import Proved, RestorePoint, SavedDatabase
from upgrader.model.run import Run, StepState
from upgrader.playbook.schema import bytes_of, seconds
from upgrader.steps.retention import Shelf, last_back, must_stay

NOW = "2026-11-20T00:00:00.000Z"


def point(day: int, *, how: str = "read", method: str = "dump") -> RestorePoint:
    """Made on that day of November."""
    proved = Proved(how, NOW) if method == "dump" else None
    database = SavedDatabase("app", "db", "app", "app", "17.1", method, proved=proved)
    made = f"2026-11-{day:02}T00:00:00.000Z"
    name = f"202611{day:02}T000000-0000"
    return RestorePoint(name, name, "app", "/srv/app", made, "0.1.0", "c0ffee", None, "v1", databases=(database,))


def run(day: int, kind: str, outcome: str = "done", **arguments: object) -> Run:
    ended = RunFinished(outcome, 0, "", 1.0) if outcome else None
    committed = "yes" if outcome == "done" else None
    name = f"202611{day:02}T000000-0000"
    return Run(name, kind, "app", "/srv/app", kind, NOW, committed=committed, finished=ended, arguments=arguments)


def shelf(*points: RestorePoint, kept: tuple[int, ...] = ()) -> Shelf:
    return Shelf(points, {each.id: 100 for each in points}, {point(day).id: "it stays" for day in kept})


def days(found: dict[str, str]) -> list[int]:
    return [int(name[6:8]) for name in found]


DAYS = [point(day) for day in (1, 5, 10, 15, 19)]


@pytest.mark.parametrize(
    ("policy", "gone"),
    [
        (Retention(), []),
        (Retention(keep=5), []),
        (Retention(keep=2), [1, 5, 10]),
        (Retention(max_age=10 * 86400), [1, 5]),
        (Retention(max_age=0.5), [1, 5, 10, 15, 19]),
        (Retention(max_size=250), [1, 5, 10]),
        (Retention(max_size=500), []),
        (Retention(keep=4, max_age=12 * 86400, max_size=450), [1, 5]),
    ],
)
def test_each_limit(policy: Retention, gone: list[int]) -> None:
    assert days(shelf(*DAYS).expendable(policy, NOW)) == gone


def test_what_must_stay_is_counted_but_never_goes() -> None:
    assert days(shelf(*DAYS, kept=(1, 10)).expendable(Retention(keep=1), NOW)) == [5, 15]
    assert days(shelf(*DAYS, kept=(1, 5, 10, 15, 19)).expendable(Retention(1, 0.1, 1), NOW)) == []


def test_notes_of_databases_kept_aside_go_by_age_alone() -> None:
    points = [point(1, method="aside"), point(2), point(18, method="aside"), point(19)]
    assert days(shelf(*points).expendable(Retention(keep=1), NOW)) == [2]
    assert days(shelf(*points).expendable(Retention(max_size=1), NOW)) == [2, 19]
    assert days(shelf(*points).expendable(Retention(max_age=86400 * 5), NOW)) == [1, 2]


def test_one_that_does_not_restore_counts_for_nothing() -> None:
    points = [point(1), point(2), point(3, how="failed"), point(4, how="failed")]
    assert days(shelf(*points).expendable(Retention(keep=1), NOW)) == [1]
    assert days(shelf(*points, point(5)).expendable(Retention(keep=1), NOW)) == [1, 2, 3, 4]
    assert must_stay(points, [], set()) == {points[1].id: "the last one that is proved"}


def test_the_last_that_was_restored_stays_before_any_newer_that_was_only_read() -> None:
    points = [point(1, how="full"), point(2, how="data"), point(3), point(4)]
    assert must_stay(points, [], set()) == {points[1].id: "the last one that is proved"}
    assert list(must_stay([points[2], points[3]], [], set())) == [points[3].id]
    assert must_stay([point(5, method="aside")], [], set()) == {}


def test_what_ways_back_need_stays() -> None:
    runs = [
        run(1, "upgrade"),
        run(2, "upgrade"),
        run(3, "rollback", point=point(1).id),
        run(4, "rollback", point=point(2).id, heal=True),
        run(5, "upgrade", "rolled-back"),
        run(6, "backup"),
    ]
    assert must_stay([], runs, {point(6).id}) == {
        point(2).id: "the way back from the last upgrade",
        point(3).id: "the way back from the last rollback",
        point(1).id: "the last rollback went to it",
        point(6).id: "pinned",
    }


def test_a_restore_that_was_abandoned_after_its_swap_can_be_taken_back() -> None:
    swapped = {"database.swap": StepState("finished", facts={"aside": {"app": "app_upgrader_x_aside"}})}
    early, late = run(3, "restore", "abandoned"), replace(run(4, "restore", "abandoned"), steps=swapped)
    first = run(1, "rollback")
    assert last_back([first, early]) == first
    assert last_back([first, late]) == late
    assert last_back([first, replace(late, kind="rollback")]) == first
    assert last_back([]) is None


def test_what_unfinished_runs_need_stays() -> None:
    healing = replace(run(8, "rollback", "", point=point(7).id, heal=True), of=run(7, "upgrade", "").id)
    kept = must_stay([], [run(7, "upgrade", ""), healing], set())
    assert kept == {point(8).id: f"run {healing.id} is unfinished", point(7).id: f"run {healing.id} is unfinished"}


@pytest.mark.parametrize(
    ("text", "count"), [("50GiB", 50 << 30), ("1.5 MB", 1_500_000), ("10kiB", 10240), ("7", 7), ("7B", 7), (7, 7)]
)
def test_sizes(text: object, count: int) -> None:
    assert bytes_of(text) == count


@pytest.mark.parametrize("text", ["", "GiB", "-1", -1, True, "5 apples", "1,5GB", None])
def test_what_is_no_size(text: object) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        bytes_of(text)


def test_days() -> None:
    assert (seconds("90d"), seconds("1d2h")) == (90 * 86400, 93600)
