"""Problems of a playbook: each with its place and a suggestion, all of them in one error."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from upgrader.errors import RefusedError

_FEW = 12


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in a playbook. Line and column count from 1; `hint` is a suggestion or a command."""

    file: str
    line: int
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.file}:{self.line}:{self.column}: {self.message}"
        return f"{text} ({self.hint})" if self.hint else text


class PlaybookError(RefusedError):
    """A playbook that cannot be used. `problems` are all that was found, in the order of the file."""

    def __init__(self, problems: Iterable[Problem], hint: str = "") -> None:
        self.problems = tuple(sorted(set(problems)))
        lines = [str(problem) for problem in self.problems]
        message = lines[0] if len(lines) == 1 else "\n  ".join([f"{len(lines)} problems in the playbook:", *lines])
        files = list(dict.fromkeys(problem.file for problem in self.problems))
        super().__init__(message, hint or f"Correct it, then: upgrader playbook check {files[0]}")


def suggest(word: str, known: Sequence[str]) -> str:
    """`did you mean "files"?`, or what is known when nothing is close; empty when that would be a long list."""
    if close := get_close_matches(word, known, n=1, cutoff=0.6):
        return f'did you mean "{close[0]}"?'
    return f"known: {', '.join(sorted(known))}" if 0 < len(known) <= _FEW else ""
