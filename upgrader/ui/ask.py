"""Puts questions to a person, or says which flag would have answered."""

import getpass
import signal
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Protocol, TextIO

from upgrader.errors import RefusedError
from upgrader.ui.outlet import Outlet


class Question(Protocol):
    """A choice for a person: `choices` maps each answer to its meaning, `flag` answers it without a terminal.

    With a `phrase`, only who types exactly that says `y`.
    """

    @property
    def id(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def flag(self) -> str: ...
    @property
    def choices(self) -> Mapping[str, str]: ...
    @property
    def default(self) -> str: ...
    @property
    def phrase(self) -> str: ...


class Ask(Protocol):
    """Answers a question by a key of its choices, or a request for a secret. Raises RefusedError where nobody can."""

    def __call__(self, question: Question) -> str: ...

    def secret(self, text: str, flag: str) -> str: ...


class Terminal:
    """Asks the person at the terminal. Ctrl-C and end of input decline: `n` if that is a choice, else RefusedError."""

    def __init__(self, stdin: TextIO, stderr: TextIO | None) -> None:
        self._in = stdin
        self._out = Outlet(stderr)

    def __call__(self, question: Question) -> str:
        plain = set(question.choices) == {"y", "n"} and not question.phrase
        if not plain:
            self._out.line(question.text)
            for key, meaning in question.choices.items() if not question.phrase else ():
                self._out.line(f"  {key}  {meaning}")
        prompt = f"{question.text} {_keys(question)} " if plain else f"{_keys(question)} "
        if question.phrase:
            prompt = f"Type {question.phrase} to agree, or just Enter to leave it: "
        self._forget_typed_ahead()
        try:
            with _interruptible():
                return self._answer(question, prompt)
        except (EOFError, KeyboardInterrupt, OSError):
            self._out.line()
            if "n" in question.choices:
                return "n"
            raise RefusedError(f"{question.text} Nobody decided", hint=_pass(question.flag)) from None

    def secret(self, text: str, flag: str) -> str:
        """A value that is not shown while it is typed; never empty."""
        try:
            with _interruptible(), warnings.catch_warnings():
                warnings.simplefilter("error", getpass.GetPassWarning)
                while not (value := getpass.getpass(f"{text}: ")):
                    self._out.line("It cannot be empty.")
                return value
        except (EOFError, KeyboardInterrupt, OSError, getpass.GetPassWarning):
            self._out.line()
            raise RefusedError(f"{text} was not given", hint=_pass(flag)) from None

    def _answer(self, question: Question, prompt: str) -> str:
        while True:
            self._out.write(prompt)
            line = self._in.readline()
            if not line:
                raise EOFError
            if answer := understand(line, question):
                return answer
            wanted = f"{question.phrase}, letter for letter" if question.phrase else _listed(list(question.choices))
            self._out.line(f"Please answer {wanted}.")

    def _forget_typed_ahead(self) -> None:
        """A key pressed minutes ago must not answer a question that nobody had read."""
        import termios

        with suppress(OSError, ValueError, termios.error):
            termios.tcflush(self._in.fileno(), termios.TCIFLUSH)


class Nobody:
    """There is no terminal: every question is refused with the flag that answers it."""

    def __call__(self, question: Question) -> str:
        raise RefusedError(f"“{question.text}” needs an answer and there is no terminal", hint=_pass(question.flag))

    def secret(self, text: str, flag: str) -> str:
        raise RefusedError(f"“{text}” needs an answer and there is no terminal", hint=_pass(flag))


class Yes:
    """Answers `y` to what `--yes` is meant for; every other question goes on to the next."""

    def __init__(self, following: Ask) -> None:
        self._following = following

    def __call__(self, question: Question) -> str:
        return "y" if question.flag == "--yes" else self._following(question)

    def secret(self, text: str, flag: str) -> str:
        return self._following.secret(text, flag)


def asker(*, yes: bool, stdin: TextIO | None = None, stderr: TextIO | None = None) -> Ask:
    """Who answers: the person if stdin is a terminal, else nobody; `--yes` goes first. Defaults: the process's own."""
    stdin = stdin or sys.stdin
    there = stdin is not None and not stdin.closed and stdin.isatty()
    ask: Ask = Terminal(stdin, stderr or sys.stderr) if there else Nobody()
    return Yes(ask) if yes else ask


def understand(line: str, question: Question) -> str:
    """The choice that a typed line means: its key, its meaning, or the default on a bare Enter; empty if none.

    Where a phrase is asked for, nothing else is a yes, and only `n` or `no` is a no.
    """
    typed = line.strip().casefold()
    if not typed:
        return question.default
    if question.phrase:
        return "y" if line.strip() == question.phrase else "n" if typed in ("n", "no") else ""
    for key, meaning in question.choices.items():
        if typed in (key.casefold(), meaning.casefold()):
            return key
    return ""


def _keys(question: Question) -> str:
    keys = (key.upper() if key == question.default else key for key in question.choices)
    return f"[{'/'.join(keys)}]"


def _listed(keys: list[str]) -> str:
    return f"{', '.join(keys[:-1])} or {keys[-1]}" if len(keys) > 1 else keys[0]


def _pass(flag: str) -> str:
    return f"pass {flag}" if flag else "run it in a terminal"


@contextmanager
def _interruptible() -> Iterator[None]:
    """During a question Ctrl-C means no; the run's own handler would only take a note and leave us waiting."""
    try:
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)
