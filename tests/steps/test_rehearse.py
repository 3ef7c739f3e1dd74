"""What a rehearsal tells of the changes that it saw."""

from upgrader.steps.rehearse import moved, reshaped
from upgrader.tools.docker_model import seconds_between
from upgrader.tools.postgres_shape import Shape, Table


def shape(**tables: dict[str, str]) -> Shape:
    return Shape(
        tuple(Table("public", name, False, columns) for name, columns in tables.items()), frozenset(), (), False
    )


def test_tables_and_columns_that_came_went_and_changed_are_told() -> None:
    before = shape(notes={"id": "bigint", "body": "text", "at": "date"}, old={"a": "text"}, same={"a": "text"})
    after = shape(notes={"id": "bigint", "seal": "text", "at": "timestamp"}, new={}, same={"a": "text"})
    assert reshaped(before, after) == [
        "public.new: new table",
        "public.old: dropped",
        "public.notes: seal added, body dropped, at is timestamp now",
    ]
    assert reshaped(before, before) == []


def test_rows_that_came_went_and_were_rewritten_are_told() -> None:
    before, after = {"a": 1, "b": 2, "c": 3, "gone": 4}, {"a": 1, "b": 5, "c": 3, "new": 7}
    assert moved(before, after, {"b": 2, "c": 1}) == ["b: 5 rows, 2 before; 2 rows rewritten", "c: 1 row rewritten"]
    assert moved(before, before, {}) == []


def test_the_engines_clock_counts_nanoseconds() -> None:
    assert seconds_between("2026-08-01T12:00:00.999999999Z", "2026-08-01T12:01:01.5Z") == 60.5
    assert seconds_between("2026-08-01T12:00:00Z", "2026-08-01T12:00:00.25Z") == 0.25
