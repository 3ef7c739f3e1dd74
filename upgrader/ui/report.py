"""Reports: a plan, and one run in full."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from upgrader.model.duration import duration, plural
from upgrader.model.run import Run, StepState
from upgrader.ui.layout import Span, paint, wrapped
from upgrader.ui.outlet import Outlet
from upgrader.ui.tables import columns, when
from upgrader.ui.words import (
    DONE,
    FAILED,
    LINES,
    NEXT,
    OUTPUT,
    POINT,
    SKIPPED,
    clean,
    outcome_mark,
    outcome_words,
)

if TYPE_CHECKING:
    from upgrader.model.plan import Plan, Row


def show_plan(plan: "Plan", stream: TextIO | None, *, color: bool = False, width: int = 80) -> None:
    """Print what `str(plan)` says, wrapped within the width, with the grave things in red."""
    outlet = Outlet(stream)
    for spans in plan_rows(plan, width):
        outlet.line(paint(spans, color=color).rstrip())


def plan_rows(plan: "Plan", width: int) -> Iterator[list[Span]]:
    """The plan from top to bottom."""
    yield [(clean(plan.headline), "bold")]
    yield [("  ", ""), (clean(plan.origin), "dim")]
    for section in plan.sections():
        yield []
        yield [(clean(section.title), "bold red" if section.grave else "bold")]
        for row in section.shown:
            yield from _cells(row, section.widths, width)
        if section.rest:
            yield [("  ", ""), (section.rest, "dim")]
    yield []
    yield [(clean(plan.conclusion), "bold red" if plan.refusals else "bold")]


def _cells(row: "Row", widths: Sequence[int], width: int) -> Iterator[list[Span]]:
    """A row whose last cell wraps below itself."""
    *firsts, last = (clean(cell) for cell in row)
    head: list[Span] = [("  ", "")]
    for cell, room in zip(firsts, widths, strict=False):
        head.append((cell.ljust(room) + "  ", _CELL_STYLE.get(cell, "")))
    indent = sum(len(text) for text, _ in head)
    style = "dim" if len(row) > 2 and FAILED not in row else ""
    if width - indent < _ROOM:
        yield head
        head, indent = [(" " * 6, "")], 6
    first, *more = wrapped(last, max(width - indent, _ROOM)) or [""]
    yield [*head, (first, style)]
    for part in more:
        yield [(" " * indent, ""), (part, style)]


_ROOM = 16
"""The fewest columns that a wrapped text may have."""
_CELL_STYLE = {DONE: "green", FAILED: "bold red"}


def run_details(run: Run) -> str:
    """Everything that a journal tells of a run: where, when, each step, how it ended, what to do."""
    facts = [("Run", run.id), ("In", run.directory), ("Started", when(run.started_at))]
    facts += [("Way back of", run.of)] if run.of else []
    facts += [("Resumed", plural(run.resumed, "time"))] if run.resumed else []
    facts += (
        [("Ended", f"{when(run.finished_at)}, {outcome_words(run)}")]
        if run.finished
        else [("Stands", outcome_words(run))]
    )
    lines = [clean(run.title), *_indented(columns(facts))]
    phase = ""
    width = max((len(name) for name in run.steps), default=0)
    for name, step in run.steps.items():
        if step.phase and step.phase != phase:
            phase = step.phase
            lines += ["", phase]
        lines += _step_lines(name, step, width)
    if run.finished:
        lines += ["", f"{outcome_mark(run)} {clean(run.finished.message) or outcome_words(run)}"]
    elif run.steps:
        lines += ["", f"{NEXT} upgrader resume, upgrader rollback or upgrader abandon"]
    return "\n".join(lines)


_STATES = {"finished": DONE, "failed": FAILED, "skipped": SKIPPED, "started": POINT}


def _step_lines(name: str, step: StepState, width: int) -> list[str]:
    aside = duration(step.seconds) if step.state == "finished" else clean(step.why)
    lines = [f"  {_STATES.get(step.state, POINT)} {name.ljust(width)}  {aside}".rstrip()]
    if step.state != "failed":
        return lines
    lines += [f"    {OUTPUT} {clean(line)}".rstrip() for line in step.lines[-LINES:]]
    lines += [f"    all of its output: {step.log}"] if step.log else []
    lines += [f"    {NEXT} {clean(step.hint)}"] if step.hint else []
    return lines


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]
