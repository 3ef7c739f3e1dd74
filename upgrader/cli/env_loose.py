"""`upgrader env-check` on files that are named: no git, no Docker, no typer, so that it starts fast."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from upgrader.env.case import Case, Decision
from upgrader.env.checks import Scene, check_live
from upgrader.env.checks.mode import check_mode
from upgrader.env.checks.scene import quoted
from upgrader.env.decide import decide, live_from
from upgrader.env.document import Document, EnvSyntaxError
from upgrader.env.finding import Finding, in_order
from upgrader.env.references import References
from upgrader.errors import ExitCode, RefusedError, UpgraderError, UsageError

if TYPE_CHECKING:
    from upgrader.env.overlay import Overlay

FORMATS = ("text", "json", "github", "sarif", "markdown")


@dataclass(frozen=True)
class Files:
    """The files that were named, and how to answer. Without `env` the previous example stands for it."""

    env: str = ""
    example: str = ""
    previous_example: str = ""
    compose: tuple[str, ...] = ()
    previous_compose: tuple[str, ...] = ()
    overlay: str = ""
    format: str = "text"
    assume_generators: bool = False


@dataclass(frozen=True)
class Looked:
    """The files as they were read, and what was found."""

    scene: Scene
    findings: Sequence[Finding]
    live_bytes: bytes = field(repr=False)

    @property
    def decisions(self) -> Sequence[Decision]:
        return self.scene.decisions

    @property
    def exit_code(self) -> int:
        """3 for anything that has to be done; notes alone are no reason."""
        return int(ExitCode.FOUND) if any(each.severity != "note" for each in self.findings) else 0


_SINGLE = ("env", "example", "previous_example", "overlay", "format")
_MANY = ("compose", "previous_compose")


def at_once(argv: Sequence[str]) -> tuple[str, int] | None:
    """The answer and the exit code for named files; None for anything unusual, which the whole command line answers."""
    files = parse(argv)
    if files is None:
        return None
    try:
        return answer(files)
    except UpgraderError as error:
        from upgrader.ui.choose import colorful
        from upgrader.ui.trouble import show_error

        show_error(error, sys.stderr, color=colorful(sys.stderr, os.environ))
        return "", int(error.exit_code)
    except Exception:  # noqa: BLE001 - the whole command line meets it again, and writes the report
        return None


def parse(argv: Sequence[str]) -> Files | None:
    """What `env-check --example FILE …` says; `--compose` takes one file or several. None where it says more."""
    if not argv or argv[0] != "env-check":
        return None
    words = list(argv[1:])
    said: dict[str, str | bool | tuple[str, ...]] = {}
    while words:
        flag, equals, value = words.pop(0).partition("=")
        name = flag.removeprefix("--").replace("-", "_")
        if not flag.startswith("--") or "_" in flag:
            return None
        if name == "assume_generators" and not equals:
            said[name] = True
            continue
        given = [value] if equals else []
        while words and not equals and not words[0].startswith("-") and (not given or name in _MANY):
            given.append(words.pop(0))
        if not given or not all(given):
            return None
        if name in _MANY:
            before = said.get(name, ())
            said[name] = (*(before if isinstance(before, tuple) else ()), *given)
        elif name in _SINGLE:
            said[name] = given[0]
        else:
            return None
    files = Files(**said)  # type: ignore[arg-type]
    return files if files.example and files.format in FORMATS and files.format != "markdown" else None


def answer(files: Files) -> tuple[str, int]:
    """What to print, and the exit code. Raises UsageError and RefusedError; in JSON a refusal is a finding."""
    try:
        looked = look(files)
    except RefusedError as error:
        if files.format not in ("json", "sarif", "github"):
            raise
        return rendered(files.format, [refusal(error)], ()), int(error.exit_code)
    if files.format == "text":
        return screen(looked), looked.exit_code
    return rendered(files.format, looked.findings, looked.decisions), looked.exit_code


def look(files: Files) -> Looked:
    """Read the files and check them."""
    example = Document.parse(_bytes(files.example), files.example)
    previous = _readable(files.previous_example) if files.previous_example else None
    if files.env:
        data = _bytes(files.env)
        live = Document.parse(data, files.env)
    elif previous is not None:
        live = live_from(previous)
        data = live.data
    else:
        raise UsageError("there is nothing to compare with", "upgrader env-check --env FILE --example FILE")
    case = Case(
        live=live,
        example=example,
        previous=previous,
        compose=references(files.compose),
        previous_compose=references(files.previous_compose),
        overlay=overlay_of(files.overlay),
        assume_generators=files.assume_generators,
    )
    scene = Scene(case, decide(case), live_is_guess=not files.env, fix=_fix(files))
    findings = check_live(scene)
    if files.env:
        findings = in_order([*findings, *check_mode(scene, os.stat(files.env).st_mode, "note")])
    return Looked(scene, findings, data)


def rendered(format_name: str, findings: Sequence[Finding], decisions: Sequence[Decision]) -> str:
    """The answer in a format for machines, without its last newline."""
    if format_name == "json":
        from upgrader.env.formats import json

        return json.render(in_order(findings), decisions).removesuffix("\n")
    from upgrader.env.formats import render

    return render(format_name, findings, decisions).removesuffix("\n")


def screen(looked: Looked) -> str:
    """The answer for people."""
    from upgrader.ui.env_report import env_screen

    color, width = False, 100
    if sys.stdout.isatty():
        import shutil

        from upgrader.ui.choose import colorful

        color = colorful(sys.stdout, os.environ)
        width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    scene = looked.scene
    return env_screen(
        looked.findings,
        looked.decisions,
        live=scene.live.path,
        example=scene.example.path,
        next_command=next_command(looked),
        color=color,
        width=width,
    )


def next_command(looked: Looked) -> str:
    """The one thing to do next; empty where nothing is left to do."""
    scene = looked.scene
    if scene.live_is_guess:
        return ""
    if any(each.decision != "skip" and each.need in {"boot", "security"} for each in looked.decisions):
        return scene.fix
    return next((each.hint for each in looked.findings if each.severity != "note" and each.hint), "")


def _fix(files: Files) -> str:
    named = [
        ("--env", files.env or "FILE"),
        ("--example", files.example),
        ("--previous-example", files.previous_example),
    ]
    named += [("--compose", path) for path in files.compose]
    named += [("--previous-compose", path) for path in files.previous_compose]
    named += [("--overlay", files.overlay)]
    flags = "".join(f" {flag} {quoted(path)}" for flag, path in named if path)
    return f"upgrader env-check --fix{flags}"


def refusal(error: RefusedError) -> Finding:
    """A file that Compose refuses, as a finding."""
    if isinstance(error, EnvSyntaxError):
        return Finding("syntax", "error", error.message, error.hint, "", error.path, error.line)
    file, _, rest = error.message.partition(":")
    line = rest.partition(":")[0]
    if not line.isdecimal():
        return Finding("syntax", "error", error.message, error.hint)
    return Finding("syntax", "error", error.message, error.hint, "", file, int(line))


def references(paths: Sequence[str]) -> References | None:
    """What these Compose files say of variables; None without files."""
    if not paths:
        return None
    from upgrader.env.compose_text import read_references

    return read_references([(path, _bytes(path)) for path in paths], _if_any)


def overlay_of(path: str) -> "Overlay | None":
    if not path:
        return None
    from upgrader.env.overlay import parse_overlay

    return parse_overlay(_bytes(path), path)


def _bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", f"ls -l {path}") from error


def _if_any(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def _readable(path: str) -> Document | None:
    """The previous example; one that Compose refuses says nothing, and nobody can mend it any more."""
    try:
        return Document.parse(_bytes(path), path)
    except EnvSyntaxError:
        return None
