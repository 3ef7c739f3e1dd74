"""What dumps and restores are expected to take on disk, against what they take."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.steps.proof_world import Stand, standing
from upgrader.model.manifest import SavedDatabase, SavedFile
from upgrader.steps.disk import dumped, no_room, share_of, unfolded
from upgrader.steps.points import every_file

MIXED = """
CREATE TABLE prose AS SELECT repeat('word ', 40) || i AS t FROM generate_series(1, 20000) AS i;
CREATE TABLE noise AS SELECT decode(string_agg(md5((i * 97 + k)::text), ''), 'hex') AS t
    FROM generate_series(1, 1500) AS i, generate_series(1, 90) AS k GROUP BY i;
"""


def test_a_dump_is_expected_to_be_like_the_last_one() -> None:
    files = (SavedFile("databases/app.dump", "0" * 64, 40),)
    assert share_of(SavedDatabase("app", "db", "app", "app", "17.1", "dump", files, size=100)) == pytest.approx(0.48)


def test_old_servers_need_room_for_plain_text_too() -> None:
    assert [unfolded(major, 100) for major in (9, 15, 16, 17)] == [100, 100, 0, 0]


@pytest.fixture(scope="module", params=["postgres:15", "postgres:17"])
def stand(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(request.param, tmp_path_factory.mktemp("stand")) as made:
        yield made


@pytest.mark.docker
def test_the_first_dump_tells_what_the_second_takes_and_a_restore(stand: Stand) -> None:
    name = stand.database(MIXED)
    ctx = stand.context(name)
    assert dumped(ctx) == ctx.world.sizes[name] // 2, "nothing is known yet"
    point = stand.point(ctx)
    took = sum(file.size for file in every_file(point))
    assert took <= dumped(stand.context(name)) <= took * 1.3

    (saved,), (spec,) = point.databases, ctx.app.databases.values()
    assert no_room(ctx, [(spec, saved)]) is None
    assert no_room(ctx, []) is None
    refused = no_room(ctx, [(spec, replace(saved, size=1 << 60))])
    assert refused
    assert " free, and the old data may take " in refused.why
    assert refused.hint.startswith("make room: df -h /")
