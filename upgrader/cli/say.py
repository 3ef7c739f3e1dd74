"""What commands tell at their end: plans, outcomes, the four lines after a failure that healed."""

import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from upgrader.cli.wiring import Desk
from upgrader.engine.runner import Outcome
from upgrader.errors import ExitCode
from upgrader.model.duration import size
from upgrader.model.plan import Plan
from upgrader.model.run import Run
from upgrader.ui.choose import colorful
from upgrader.ui.report import show_plan
from upgrader.ui.trouble import four_lines


def width() -> int:
    return min(shutil.get_terminal_size((100, 24)).columns, 120)


def tell(text: str) -> None:
    """To the person: stderr, so that what programs read stays clean."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the command line's own voice


def out(text: str) -> None:
    """The command's answer: stdout."""
    print(text, flush=True)  # noqa: T201 - the command line's own voice


@contextmanager
def looking(desk: Desk) -> Iterator[Callable[[str], None]]:
    """Shows on a terminal what is being looked at, in one line that goes away again."""
    shown = desk.common.output in ("auto", "live") and sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    def show(title: str) -> None:
        if shown:
            print(f"\r\x1b[2K  {title} …", end="", file=sys.stderr, flush=True)  # noqa: T201 - one line, drawn over

    try:
        yield show
    finally:
        if shown:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)  # noqa: T201 - and gone


def plan(desk: Desk, made: Plan) -> None:
    """The plan, as the output mode wants it."""
    if desk.common.output == "json":
        return
    if desk.common.output != "quiet":
        show_plan(made, sys.stderr, color=colorful(sys.stderr, os.environ), width=width())


def plan_answer(desk: Desk, made: Plan) -> None:
    """The plan as the answer of `upgrader plan`."""
    if desk.common.output == "json":
        out(json.dumps(made.to_json(), indent=1))
    else:
        show_plan(made, sys.stdout, color=colorful(sys.stdout, os.environ), width=width())


def outcome(desk: Desk, ended: Outcome) -> int:
    """Say how it ended; returns the exit code."""
    run = ended.run
    assert run.finished is not None  # noqa: S101 - runs are told when they have ended
    code = run.finished.code
    if desk.common.output == "json":
        return code
    if ended.healed_by is not None:
        tell("")
        tell(_healed(desk, run, ended.healed_by))
    elif code == ExitCode.DONE and run.kind == "upgrade" and desk.common.output != "quiet":
        tell(_upgraded(run))
    elif code == ExitCode.DONE and run.kind == "rollback" and desk.common.output != "quiet":
        tell(_rolled_back(run))
    elif code == ExitCode.DONE and run.kind == "backup" and desk.common.output != "quiet":
        tell(_backed_up(desk, run))
    elif code == ExitCode.DONE and run.kind == "restore" and desk.common.output != "quiet":
        tell(_rolled_back(run))
    elif code == ExitCode.REFUSED:
        tell("→ nothing was changed; mend what it says, and run again")
    return code


def _healed(desk: Desk, run: Run, back: Run) -> str:
    step, state = run.failed_step() or ("", None)
    title = run.title.replace("Upgrade to ", "the upgrade to ")
    why = state.why if state else "it was interrupted"
    old = run.arguments.get("origin", {}).get("name", "the old version")
    services = ", ".join(back.facts("health").get("healthy", [])) or "the app"
    logs = desk.state.directory(back if back.facts("evidence").get("logs") else run) / "logs"
    return four_lines(
        f"{title} failed in {step}: {why}" if step else f"{title}: {why}",
        f"{old} is serving again, healthy: {services}" if run.touched("compose.up") else f"{old} is serving",
        _data(run, back),
        f"less {shlex.quote(str(logs))}/* · upgrader history show {run.id}",
        width=width(),
        color=colorful(sys.stderr, os.environ),
    )


_DATA = {
    "untouched": "as before: nothing in the database had changed",
    "copy": "as before: back to the copy made right before the migrations",
    "carry": "the old schema, with every row written meanwhile carried over",
    "dump": "restored from the dump; what was written since it was made is not in it",
    "aside": "as before",
}


def _data(run: Run, back: Run) -> str:
    ways = set(back.facts("database.stage").get("ways", {}).values())
    kept = back.facts("database.swap").get("aside", {})
    files = back.facts("volumes.swap").get("aside", {})
    text = "; ".join(_DATA[way] for way in sorted(ways)) or "the app has no database"
    if "copy" in ways and run.touched("compose.up"):
        text += "; what the failed version itself took in is not in it"
    text += f". The failed version's database is kept as {', '.join(kept.values())}" if kept else ""
    return text + (f". Its files are kept as {', '.join(files.values())}" if files else "")


def _upgraded(run: Run) -> str:
    old = run.arguments.get("origin", {}).get("name", "")
    return f"To go back: upgrader rollback --to {old}"


_PROVED = {
    "full": "restored in full elsewhere, and compared",
    "data": "restored elsewhere without indexes, and compared",
    "read": "read back in full",
}


def _backed_up(desk: Desk, run: Run) -> str:
    facts = run.facts("backup")
    how = _PROVED.get(run.facts("proof").get("how", ""), "")
    path = desk.state.points / str(facts.get("point", ""))
    return f"Restore point {path.name}, {size(facts.get('bytes', 0))}" + (f", {how}" if how else "") + f", in {path}"


def _rolled_back(run: Run) -> str:
    kept = {**run.facts("database.swap").get("aside", {}), **run.facts("volumes.swap").get("aside", {})}
    aside = f"What was live is kept as {', '.join(kept.values())}. " if kept else ""
    return f"{aside}To return: upgrader rollback --undo"
