"""How events and runs read in words; nothing else formats an event."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from upgrader.model import events as e
from upgrader.model.duration import duration
from upgrader.model.run import Run

DONE, FAILED, POINT, NEXT, SKIPPED, OUTPUT = "✓", "✗", "•", "→", "–", "│"  # noqa: RUF001
LINES = 12
"""How many last lines of a failed program are shown; its log has all of them."""

_NARROWEST, _WIDEST = 28, 48


@dataclass(frozen=True)
class Line:
    """One line of telling: a mark, the text, and an aside (a reason, a duration) set off from it.

    `tone` is plain, heading, good, bad, warning or quiet. `aligned` puts the aside into the column that all steps
    share.
    """

    text: str
    mark: str = ""
    aside: str = ""
    tone: str = "plain"
    depth: int = 0
    aligned: bool = False
    above: bool = False
    """Whether an empty line goes before it."""


class Telling:
    """Puts events into words. It remembers titles, because most events name their step by its id only."""

    def __init__(self) -> None:
        self.kind = "upgrade"
        self.phase = ""
        self.column = _NARROWEST
        self._titles: dict[str, str] = {}
        self._question = ""

    def title(self, step: str) -> str:
        return self._titles.get(step, step)

    def tell(self, event: e.Event) -> list[Line]:
        """The lines for an event; none for those that only a live view shows."""
        return list(self._lines(event))

    def _lines(self, event: e.Event) -> Iterator[Line]:
        match event:
            case e.RunStarted():
                self._learn(event)
                yield Line(clean(event.title), tone="heading", above=bool(event.of))
                yield Line(f"run {event.run} in {event.directory}", tone="quiet")
            case e.PhaseStarted():
                self.phase = event.phase
                yield Line(event.phase, aside=phase_words(event.phase, self.kind), tone="heading", above=True)
            case e.StepStarted():
                self._titles[event.step] = clean(event.title)
                yield self._step(event.step, POINT, event.why)
            case e.StepSkipped():
                self._titles[event.step] = clean(event.title)
                yield self._step(event.step, SKIPPED, event.why, "quiet")
            case e.StepFinished():
                yield self._step(event.step, DONE, duration(event.seconds), "good")
            case e.StepFailed():
                yield from self._failure(event)
            case e.Said():
                yield Line(clean(event.text), depth=2)
            case e.Output():
                yield Line(clean(event.line), OUTPUT, tone="quiet", depth=2)
            case e.Asked():
                self._question = clean(event.question)
            case e.Answered():
                answer = {"y": "yes", "n": "no"}.get(event.answer, clean(event.answer))
                yield Line(self._question, aside=f"{NEXT} {answer}", depth=2)
            case e.Retrying():
                again = f"attempt {event.attempt} of {event.attempts} failed, the next one in {duration(event.wait)}"
                yield Line(again, aside=clean(event.why), tone="warning", depth=2)
            case e.Turned():
                yield Line("Going back", NEXT, clean(event.why), "warning", above=True)
            case e.Committed():
                yield Line(clean(event.summary), DONE, tone="good", depth=1)
            case e.Interrupted():
                where = f"in the middle of “{self.title(event.step)}”" if event.step else "at a safe place"
                yield Line(f"Stopped by {event.signal} {where}", SKIPPED, tone="warning", above=True)
                yield Line("upgrader resume", NEXT, tone="plain")
            case e.Resumed():
                yield Line("Resumed", NEXT, f"attempt {event.attempt}", above=True)
            case e.RunFinished():
                mark, tone = _OUTCOMES.get(event.outcome, (FAILED, "bad"))
                text = clean(event.message) or event.outcome
                yield Line(text, mark, f"in {duration(event.seconds)}", tone, above=True)

    def _learn(self, event: e.RunStarted) -> None:
        self.kind = event.kind
        self.phase = ""
        self._titles = {step: clean(title) for _, steps in event.outline for step, title in steps}
        longest = max(map(len, self._titles.values()), default=0)
        self.column = min(max(longest, _NARROWEST), _WIDEST)

    def _step(self, step: str, mark: str, aside: str, tone: str = "plain") -> Line:
        return Line(self.title(step), mark, clean(aside), tone, depth=1, aligned=True)

    def _failure(self, event: e.StepFailed) -> Iterator[Line]:
        yield self._step(event.step, FAILED, event.why, "bad")
        for line in event.lines[-LINES:]:
            yield Line(clean(line), OUTPUT, tone="quiet", depth=2)
        if event.log:
            yield Line(f"all of its output: {event.log}", tone="quiet", depth=2)
        if event.hint:
            yield Line(clean(event.hint), NEXT, depth=2)

    def still(self, seconds: float, text: str = "") -> Line:
        """What to say of the step that runs for so long without a word."""
        about = f", {clean(text)}" if text else ""
        return Line(f"still at it, {elapsed(seconds)}{about}", tone="quiet", depth=2)


_OUTCOMES = {
    "done": (DONE, "good"),
    "nothing": (SKIPPED, "plain"),
    "refused": (FAILED, "bad"),
    "rolled-back": (FAILED, "warning"),
    "failed": (FAILED, "bad"),
    "abandoned": (SKIPPED, "warning"),
}

_PHASES = {
    "upgrade": {
        "preflight": "looking, changing nothing",
        "prepare": "the old version is serving",
        "cutover": "downtime window",
        "verify": "watching the new version",
        "finish": "the new version is serving",
    },
    "rollback": {
        "preflight": "looking, changing nothing",
        "prepare": "nothing is swapped yet",
        "cutover": "downtime window",
        "verify": "watching what is restored",
        "finish": "what is restored is serving",
    },
}


def phase_words(phase: str, kind: str = "upgrade") -> str:
    """What a phase of a run of this kind means for the app: who serves now. Empty if there is nothing to say."""
    return _PHASES.get(kind, {}).get(phase, "")


def outcome_words(run: Run) -> str:
    """How a run ended, or where it stands."""
    match run.outcome:
        case "unfinished":
            return f"unfinished, in {run.phase}" if run.phase else "unfinished"
        case "nothing":
            return "nothing to do"
        case "refused":
            return "refused, nothing changed"
        case "rolled-back":
            return "failed, rolled back"
        case "failed":
            return "failed, needs a person"
        case other:
            return other


def outcome_mark(run: Run) -> str:
    """The mark of a run that ended; `•` for one that has not."""
    return _OUTCOMES.get(run.outcome, (FAILED, "bad"))[0] if run.finished else POINT


def elapsed(seconds: float) -> str:
    """A running clock: whole seconds, so that it does not flutter."""
    return f"{int(seconds)}s" if seconds < 60 else duration(int(seconds))


_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_a-z])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """One line that is safe on a terminal: what programs and upstream wrote may carry control sequences."""
    text = _ESCAPE.sub("", text).rstrip("\r\n")
    # a progress bar redraws itself with carriage returns: its last state is the line
    text = text.rsplit("\r", 1)[-1].expandtabs(4)
    return _CONTROL.sub(" ", text).rstrip()
