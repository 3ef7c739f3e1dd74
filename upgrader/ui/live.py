"""The live renderer: what is settled scrolls up, what is going on stays below, on a terminal."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TextIO

from upgrader.model import events as e
from upgrader.ui.layout import Span, cut, lay
from upgrader.ui.outlet import Outlet
from upgrader.ui.words import OUTPUT, POINT, Line, Telling, clean, elapsed, phase_words

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live as RichLive
    from rich.text import Text

TAIL = 5
"""How many last lines of the running step's output are shown."""
FRAME = 0.08
"""Seconds between two drawings at least."""

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Live:
    """Draws a run on a terminal, in the thread that feeds it: each event and each tick is a chance to draw.

    Finished lines are printed once and belong to the scrollback; only the running step, its last output and the footer
    are drawn anew. `console` and `clock` (seconds) are for those who want to see what is drawn.
    """

    def __init__(
        self,
        stream: TextIO | None,
        *,
        color: bool = True,
        console: "Console | None" = None,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out = Outlet(stream)
        self._console = console or _console(self._out, environ, color=color)
        self._clock = clock
        self._began = self._drawn = clock()
        self._telling = Telling()
        self._known: set[str] = set()
        self._reached: set[str] = set()
        self._running = ""
        self._started = 0.0
        self._progress = ""
        self._tail: deque[str] = deque(maxlen=TAIL)
        self._said: list[Line] = []
        self._drawing: RichLive | None = None
        self._over = False

    def __call__(self, event: e.Event) -> None:
        lines = self._telling.tell(event)
        match event:
            case e.Output():
                self._tail.append(lines[0].text)
                self._draw()
            case e.Ticked():
                self._tick(event)
            case e.StepStarted():
                self._run(event.step)
            case e.Said() | e.Retrying():
                # told below the step once it is settled; its own line is not printed yet
                self._said += lines
                self._draw()
            case e.Asked():
                self._pause()
            case e.Turned() | e.Resumed():
                self._pause()  # a run that heals this one may follow, and draws on a screen of its own
                self._print(lines)
            case _:
                self._settle(event, lines)

    def close(self) -> None:
        """Take the moving part off the screen and give the cursor back. Safe to call twice."""
        self._pause()

    def _run(self, step: str) -> None:
        self._reached.add(step)
        self._running, self._started, self._progress = step, self._clock(), ""
        self._tail.clear()
        self._draw(now=True)

    def _tick(self, event: e.Ticked) -> None:
        if event.step and event.step != self._running:
            self._running, self._started = event.step, self._clock()
            self._tail.clear()
        self._progress = clean(event.text)
        self._draw()

    def _settle(self, event: e.Event, lines: list[Line]) -> None:
        match event:
            case e.RunStarted():
                self._began, self._over = self._clock(), False
                self._known = {step for _, steps in event.outline for step, _ in steps}
                self._reached = set()
            case e.StepSkipped() | e.StepFailed() | e.StepFinished():
                self._reached.add(event.step)
                lines = [lines[0], *self._said, *lines[1:]]
                self._said = []
                self._running = ""
                self._tail.clear()
            case e.RunFinished() | e.Interrupted():
                lines = [*self._said, *lines]
                self._said = []
                self._running, self._over = "", True
        self._print(lines)
        self._draw(now=True)

    def _print(self, lines: list[Line]) -> None:
        from rich.text import Text

        width = self._console.width
        column = min(self._telling.column, width // 2)
        rows: list[list[Span]] = []
        for line in lines:
            rows += [[]] if line.above else []
            rows += lay(line, column, width)
        if rows and not self._out.dead:
            self._console.print(Text("\n").join(_text(row) for row in rows), soft_wrap=True)

    def _draw(self, *, now: bool = False) -> None:
        if self._out.dead or (not now and self._clock() - self._drawn < FRAME):
            return
        self._drawn = self._clock()
        if self._drawing is None:
            from rich.live import Live as RichLive

            self._drawing = RichLive(
                console=self._console,
                auto_refresh=False,  # one thread: sh forks
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._drawing.start()
        self._drawing.update(self.frame(), refresh=True)

    def _pause(self) -> None:
        drawing, self._drawing = self._drawing, None
        if drawing is not None:
            drawing.stop()

    def frame(self) -> "Text":
        """The moving part: the running step, the end of its output, and the footer."""
        from rich.text import Text

        if self._over:
            return Text("")
        width = max(self._console.width - 1, 20)
        rows = [*self._step_rows(width), [], [("  ", ""), (self._footer(width - 2), "dim")]]
        return Text("\n", no_wrap=True, overflow="crop").join(_text(row) for row in rows)

    def _step_rows(self, width: int) -> list[list[Span]]:
        if not self._running:
            return []
        seconds = self._clock() - self._started
        about = elapsed(seconds) + (f"  {self._progress}" if self._progress else "")
        column = min(self._telling.column, width // 2)
        step = Line(self._telling.title(self._running), self._spinner(), about, depth=1, aligned=True)
        said = [Line(cut(line.text, width - 4), depth=2) for line in self._said[-2:]]
        output = [Line(cut(line, width - 6), OUTPUT, tone="quiet", depth=2) for line in self._shown_tail()]
        return [row for line in (step, *said, *output) for row in lay(line, column, width)]

    def _shown_tail(self) -> list[str]:
        room = min(TAIL, max(self._console.height - 6, 0))
        return list(self._tail)[-room:] if room else []

    def _spinner(self) -> str:
        if not self._out.encoding.lower().startswith("utf"):
            return POINT
        return _SPINNER[int(self._clock() / 0.1) % len(_SPINNER)]

    def _footer(self, width: int) -> str:
        serving = phase_words(self._telling.phase, self._telling.kind)
        clock = elapsed(self._clock() - self._began)
        step = f"step {len(self._reached & self._known)} of {len(self._known)}" if self._known else ""
        stop = "Ctrl-C stops at the next safe point"
        for parts in ((serving, step, clock, stop), (serving, clock, stop), (serving, clock, "Ctrl-C stops safely")):
            text = f" {POINT} ".join(part for part in parts if part)
            if len(text) <= width:
                return text
        return cut(f"{serving} {POINT} {clock}", width)


def _console(out: Outlet, environ: Mapping[str, str] | None, *, color: bool) -> "Console":
    from rich.console import Console

    return Console(
        file=out,  # type: ignore[arg-type]  # it has what rich asks of a file
        force_terminal=True,
        no_color=not color,
        highlight=False,
        markup=False,
        emoji=False,
        _environ=environ,
    )


def _text(spans: list[Span]) -> "Text":
    from rich.text import Text

    return Text.assemble(*spans)
