"""Chooses the renderer, once, by asking the stream that it would draw on."""

from collections.abc import Mapping
from typing import Literal, Protocol, TextIO

from upgrader.model.events import Event
from upgrader.ui.plain import Plain

Mode = Literal["auto", "live", "plain", "json", "quiet"]


class Sink(Protocol):
    """Hears every event; `close` gives the terminal back. Neither raises when its stream is gone."""

    def __call__(self, event: Event) -> None: ...

    def close(self) -> None: ...


def choose(mode: Mode, stdout: TextIO | None, stderr: TextIO | None, environ: Mapping[str, str]) -> Sink:
    """The renderer for a mode. JSON goes to stdout; what is for people goes to stderr, so that `| tee` keeps the view.

    `live` on something that cannot move a cursor becomes `plain`.
    """
    match mode:
        case "json":
            from upgrader.ui.jsonl import Jsonl

            return Jsonl(stdout)
        case "quiet":
            from upgrader.ui.quiet import Quiet

            return Quiet(stderr, color=colorful(stderr, environ))
    movable = _is_terminal(stderr) and environ.get("TERM", "dumb") not in ("dumb", "unknown", "")
    if movable and (mode == "live" or (mode == "auto" and not _in_ci(environ))):
        from upgrader.ui.live import Live

        return Live(stderr, color=colorful(stderr, environ), environ=environ)
    return Plain(stderr, color=colorful(stderr, environ))


def colorful(stream: TextIO | None, environ: Mapping[str, str]) -> bool:
    """Whether to colour what goes to the stream: `NO_COLOR` forbids, `FORCE_COLOR` orders, else a terminal decides."""
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "0") not in ("", "0", "false"):
        return True
    return _is_terminal(stream) and environ.get("TERM") != "dumb"


def _in_ci(environ: Mapping[str, str]) -> bool:
    return environ.get("CI", "").lower() not in ("", "0", "false")


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False
