"""Runs programs. The one module that imports `sh`; `FACTS.md` of the design has the reasons for each habit."""

import os
import re
import signal
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from upgrader.errors import StepError
from upgrader.model.secret import Redactor
from upgrader.tools.conversation import CancelledError, Conversation

SPOOL = ".spool"
TIMED_OUT = 124
_BEAT = 0.1
"""Seconds between two looks at what a program prints and whether it is to be cancelled."""
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}|")
"""A line that nobody reads: the id that a program answers to programs, or nothing at all."""
TAIL = 25
"""How many last lines of output an error carries."""

# A stray exported variable beats the env file in Compose, so the environment is built from these alone.
_INHERITED = (
    "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "SSH_AUTH_SOCK",
    "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "CURL_CA_BUNDLE", "SUDO_UID", "BUILDX_BUILDER", "BUILDKIT_HOST",
)  # fmt: skip


@dataclass(frozen=True)
class Command:
    """A program to run. `changes` says that it alters something outside this process.

    `env` is added to a clean environment: secrets go there (and are named, not valued, in argv) or into `stdin`.
    `timeout` is in seconds; a command that changes things has none by default, because cutting it off is a change too.
    """

    argv: tuple[str, ...]
    cwd: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    stdin: bytes | Path | None = field(default=None, repr=False)
    stdout: Path | None = None
    changes: bool = False
    timeout: float | None = None
    label: str = ""

    def __str__(self) -> str:
        return " ".join(self.argv)


@dataclass(frozen=True)
class Result:
    """How a program ended. `out` is empty when the output went to a file of the caller's."""

    command: Command
    code: int
    out: str
    err: str
    seconds: float

    @property
    def ok(self) -> bool:
        return self.code == 0

    @property
    def tail(self) -> tuple[str, ...]:
        """The last lines it printed, errors after output."""
        lines = [line.rstrip() for line in (self.out + "\n" + self.err).splitlines() if line.strip()]
        return tuple(lines[-TAIL:])


class CommandFailedError(StepError):
    """A program ended with an exit status other than zero. Callers translate it where they know what it means."""

    def __init__(self, result: Result, lines: Sequence[str]) -> None:
        what = result.command.label or result.command.argv[0]
        super().__init__(f"{what} failed with exit status {result.code}", lines=lines)
        self.result = result


class ReadOnlyError(RuntimeError):
    """A bug: a step's check tried to change something."""


Say = Callable[[str], None]


@dataclass(frozen=True)
class Shell:
    """The one way out of this process.

    `lock` is a descriptor that children of Docker and Compose inherit, so that the lock outlives us as long as they do.
    `log` collects the output of every command that changes something. `tick` is called about ten times a second while a
    program runs, and returns True to cancel it.
    """

    redactor: Redactor = field(default_factory=Redactor)
    lock: int | None = None
    log: Path | None = None
    read_only: bool = False
    tick: Callable[[], bool] | None = None
    say: Say | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    spent: list[float] = field(default_factory=lambda: [0.0])
    """Seconds spent waiting for programs, in one shared cell: what is left of a run is our own overhead."""

    def reading(self) -> "Shell":
        """This shell, refusing commands that change things."""
        return replace(self, read_only=True)

    def changing(self, log: Path, say: Say | None = None) -> "Shell":
        """This shell with a log file, for a step's apply."""
        return replace(self, read_only=False, log=log, say=say)

    def run(self, command: Command) -> Result:
        """Run it; raises CommandFailedError when it ends with anything but zero."""
        result = self.attempt(command)
        if not result.ok:
            raise CommandFailedError(result, [self.redactor.text(line) for line in result.tail])
        return result

    def attempt(self, command: Command) -> Result:
        """Run it and report how it ended, whatever that is. 127: no such program; 124: it ran into its timeout."""
        if command.changes and self.read_only:
            raise ReadOnlyError(str(command))
        started = time.monotonic()
        try:
            return self._attempt(command, started)
        finally:
            self.spent[0] += time.monotonic() - started

    def _attempt(self, command: Command, started: float) -> Result:
        import sh

        spool = self._spool(command)
        with _input(command.stdin) as stdin, _output(spool) as out, tempfile.TemporaryFile() as err:
            same = command.changes and command.stdout is None
            try:
                program = sh.Command(command.argv[0])
            except sh.CommandNotFound:
                return Result(command, 127, "", f"{command.argv[0]}: no such program", 0.0)
            process = program(
                *command.argv[1:],
                _in=stdin,
                _out=out,
                _err=out if same else err,
                _cwd=str(command.cwd) if command.cwd else None,
                _env=self._environment(command),
                _new_session=True,
                _bg=True,
                _bg_exc=False,
                _pass_fds=self._descriptors(command),
                _return_cmd=True,
            )
            code = self._wait(process, command, out, started)
            text = "" if command.stdout else _text(out)
            result = Result(command, code, text, "" if same else _text(err), time.monotonic() - started)
        self._remember(result, spool)
        return result

    def converse(self, command: Command) -> Conversation | None:
        """Start a program that reads what it is asked on its stdin; None where it cannot even start. Close it."""
        import sh

        try:
            program = sh.Command(command.argv[0])
        except sh.CommandNotFound:
            return None
        theirs, ours = os.pipe()
        out = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the conversation
        with os.fdopen(theirs, "rb") as stdin, open(os.devnull, "wb") as nowhere:
            process = program(
                *command.argv[1:],
                _in=stdin,
                _out=out,
                _err=nowhere,
                _env=self._environment(command),
                _new_session=True,
                _bg=True,
                _bg_exc=False,
                _return_cmd=True,
            )
        return Conversation(process.is_alive, lambda: _stop(process), ours, out, self.tick, self.spent)

    def _spool(self, command: Command) -> Path | None:
        """Where the output goes. An orphan of ours must keep a place to write to, hence a named file."""
        if command.stdout or self.log is None or not command.changes:
            return command.stdout
        return self.log.with_name(f"{self.log.stem}.{os.getpid()}-{time.monotonic_ns()}{SPOOL}")

    def _environment(self, command: Command) -> dict[str, str]:
        base = {name: self.environ[name] for name in _INHERITED if name in self.environ}
        return {**base, "LC_ALL": "C.UTF-8", **command.env}

    def _descriptors(self, command: Command) -> set[int]:
        # git must not keep the lock: its background maintenance would hold it for minutes
        if self.lock is None or not command.changes or command.argv[0] == "git":
            return set()
        os.set_inheritable(self.lock, True)
        return {self.lock}

    def _wait(self, process: Any, command: Command, out: IO[bytes], started: float) -> int:
        shown, looked = 0, started
        while process.is_alive():
            now = time.monotonic()
            # hundreds of quick programs make an upgrade: we are late by a twentieth of what one took, at most
            time.sleep(min(max((now - started) / 20, 0.002), _BEAT))
            if now - looked < _BEAT:
                continue
            looked = now
            if command.changes and self.say:
                shown = self._follow(out, shown)
            if self.tick and self.tick():
                _stop(process)
                raise CancelledError
            if command.timeout is not None and time.monotonic() - started > command.timeout:
                _stop(process)
                return TIMED_OUT
        if command.changes and self.say:
            self._follow(out, shown, last=True)
        code = process.process.exit_code
        return int(code) if code is not None else 1

    def _follow(self, out: IO[bytes], shown: int, *, last: bool = False) -> int:
        """Say the lines written since `shown`; returns the new offset. The file's own position belongs to the child."""
        data = os.pread(out.fileno(), 1 << 20, shown)
        if not last:
            data = data[: data.rfind(b"\n") + 1]
        for line in data.decode(errors="replace").splitlines():
            if self.say and not _ID.fullmatch(line.strip()):
                self.say(self.redactor.text(line.rstrip()))
        return shown + len(data)

    def _remember(self, result: Result, spool: Path | None) -> None:
        if self.log is None or not result.command.changes:
            return
        text = f"$ {result.command}\n{result.out}{result.err}[exit {result.code}, {result.seconds:.2f}s]\n"
        _append(self.log, self.redactor.text(text))
        if spool and spool != result.command.stdout:
            spool.unlink()


def attend(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> int:
    """Run a program on our own terminal, for a person to watch; returns its exit code, or minus the signal's number.

    A Ctrl-C reaches the program too, and it is waited for: whoever wants to outlive one catches the signal.
    """
    import subprocess

    return subprocess.Popen(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL).wait()


def collect_spools(logs: Path, redactor: Redactor) -> None:
    """Fold what the children of a killed run printed into the logs, redacted. Call it with the lock held."""
    for spool in sorted(logs.glob(f"*{SPOOL}")):
        text = spool.read_text(encoding="utf-8", errors="replace")
        _append(logs / f"{spool.name.split('.')[0]}.log", redactor.text(f"[cut off]\n{text}\n"))
        spool.unlink()


def _append(log: Path, text: str) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.write(text)


def _input(stdin: bytes | Path | None) -> IO[bytes]:
    if isinstance(stdin, Path):
        return stdin.open("rb")
    if stdin is None:
        return open(os.devnull, "rb")
    spool = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it; unlinked at once, nobody opens it by name
    spool.write(stdin)
    spool.seek(0)
    return spool


def _output(stdout: Path | None) -> IO[bytes]:
    # always a file: a pipe whose reader dies takes the child with it in mid-change
    if stdout is None:
        return tempfile.TemporaryFile()
    descriptor = os.open(stdout, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    return os.fdopen(descriptor, "w+b")


def _text(file: IO[bytes]) -> str:
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), size, 0).decode(errors="replace")


def _stop(process: Any) -> None:
    for number, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience
        while process.is_alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        if not process.is_alive():
            return
