"""Where sinks write: a stream that may die at any time without stopping a run."""

import os
from contextlib import suppress
from typing import TextIO


class Outlet:
    """Writes through until the stream is gone (terminal closed, pipe broken); after that it swallows.

    It has as much of a text file's interface as rich's console asks for, so that rich never sees an error: on a broken
    pipe it would end the process.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    @property
    def dead(self) -> bool:
        return self._stream is None

    @property
    def encoding(self) -> str:
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        with suppress(OSError, ValueError):
            return self._stream is not None and self._stream.isatty()
        return False

    def fileno(self) -> int:
        if self._stream is None:
            raise OSError("the stream is gone")
        return self._stream.fileno()

    def write(self, text: str) -> int:
        if self._stream is None:
            return len(text)
        try:
            self._stream.write(encodable(text, self.encoding))
            self._stream.flush()
        except BlockingIOError:
            pass  # a terminal that somebody made non-blocking is full: this text is lost, the next may pass
        except (OSError, ValueError):
            self._give_up(self._stream)
        return len(text)

    def line(self, text: str = "") -> None:
        self.write(text + "\n")

    def flush(self) -> None:
        """Nothing to do: every write is flushed at once."""

    def _give_up(self, stream: TextIO) -> None:
        self._stream = None
        # What is still buffered must go somewhere, or the interpreter's last flush fails and spoils the exit code.
        with suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)


def encodable(text: str, encoding: str) -> str:
    """The text with everything that the encoding cannot say replaced by `?`."""
    return text.encode(encoding, "replace").decode(encoding, "replace")
