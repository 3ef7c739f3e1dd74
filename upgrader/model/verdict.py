"""Verdicts: what a step's check says of the world."""

from dataclasses import dataclass, field

from upgrader.model.events import Facts


@dataclass(frozen=True)
class Needed:
    """There is something to do. `before` is what a way back would need; it is journaled before the first effect."""

    why: str
    before: Facts = field(default_factory=dict)


@dataclass(frozen=True)
class Satisfied:
    """The world already is so; `facts` are what apply would have returned."""

    why: str
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """It must not be done; `hint` is the next command to type."""

    why: str
    hint: str = ""
    lines: tuple[str, ...] = ()


Verdict = Needed | Satisfied | Refused
