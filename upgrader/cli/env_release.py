"""`upgrader env-check --since TAG`: the checkout as the next release, against an earlier one."""

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from upgrader.cli.crash import REDACTOR
from upgrader.env.case import Decision
from upgrader.env.finding import Finding
from upgrader.env.formats import render
from upgrader.env.gate import Release, Source, check_release, release_changes
from upgrader.env.gate.files import choose_compose, choose_example
from upgrader.errors import ExitCode, RefusedError, UsageError
from upgrader.tools.git import Git
from upgrader.tools.shell import Shell

LAST_TAG = "last-tag"


@dataclass(frozen=True)
class Request:
    """What was asked for. Paths are as given on the command line; empty ones are looked for."""

    directory: Path
    since: str
    notes: str = ""
    example: str = ""
    compose: tuple[str, ...] = ()
    overlay: str = ""
    format: str = "text"


def answer(request: Request) -> tuple[str, int]:
    """What to print, and the exit code: 3 for errors and warnings, 0 for notes alone.

    Raises UsageError for a tag or file that is not there, RefusedError for a clone without its tags.
    """
    checkout = _Checkout(request)
    new = checkout.new
    old = checkout.old(new)
    findings, decisions = check_release(old, new, _text(request.notes) if request.notes else None)
    code = int(ExitCode.FOUND) if any(each.severity != "note" for each in findings) else 0
    if request.format == "text":
        return _screen(findings, decisions, old, new), code
    changes = release_changes(old, new) if request.format == "markdown" else None
    return render(request.format, findings, decisions, changes).removesuffix("\n"), code


def _screen(findings: Sequence[Finding], decisions: Sequence[Decision], old: Release | None, new: Release) -> str:
    from upgrader.ui.choose import colorful
    from upgrader.ui.env_report import env_screen

    return env_screen(
        findings,
        decisions,
        live=new.example.path,
        example=old.label if old else "no earlier release",
        next_command=next((each.hint for each in findings if each.severity != "note" and each.hint), ""),
        color=colorful(sys.stdout, os.environ),
        width=min(shutil.get_terminal_size((100, 24)).columns, 120),
    )


class _Checkout:
    """The repository that the release is made from. All of its paths are relative to its top."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._git = Git(Shell(redactor=REDACTOR), request.directory)
        self._top = self._git.top.resolve()

    @cached_property
    def new(self) -> Release:
        """The files as they lie there."""
        request = self._request
        paths = self._git.fields("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        example = self._tracked(request.example) if request.example else choose_example(self._beneath(paths))
        compose = tuple(map(self._tracked, request.compose)) or choose_compose(paths, example)
        overlay = Source(self._seen(request.overlay), _bytes(self._given(request.overlay))) if request.overlay else None
        files = tuple(Source(path, data) for path in compose if (data := self._here(path)) is not None)
        return Release("this release", self._named(example), files, overlay, self._here)

    def old(self, new: Release) -> Release | None:
        """The same files at the tag; None where there is no earlier release, or it had no example."""
        tag = self._request.since if self._request.since != LAST_TAG else self._last_tag()
        if not tag:
            return None
        commit = self._git.git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{tag}^{{commit}}").out.strip()
        if not commit:
            raise UsageError(f"there is no tag {tag} in {self._top}", "git fetch --tags")
        read = partial(self._at, commit)
        path = new.example.path
        data = read(path)
        if data is None:
            try:
                path = choose_example(self._beneath(self._listed(commit)))
            except UsageError:
                return None
            data = read(path) or b""
        compose = [source.path for source in new.compose if read(source.path) is not None]
        compose = compose or list(choose_compose(self._listed(commit), path))
        files = tuple(Source(each, found) for each in compose if (found := read(each)) is not None)
        return Release(tag, Source(path, data), files, read=read)

    def _last_tag(self) -> str:
        """The newest tag before what is being released; empty where there is none."""
        if self._git.run("rev-parse", "--is-shallow-repository") == "true":
            raise RefusedError(
                "the clone is shallow: its earlier tags are not there",
                'git fetch --unshallow --tags; in a workflow: actions/checkout with "fetch-depth: 0"',
            )
        tagged = self._git.git("describe", "--tags", "--exact-match", "HEAD").ok
        clean = not self._git.run("status", "--porcelain", "--untracked-files=no")
        found = self._git.git("describe", "--tags", "--abbrev=0", "HEAD^" if tagged and clean else "HEAD")
        return found.out.strip() if found.ok else ""

    def _beneath(self, paths: Sequence[str]) -> list[str]:
        """Those in the directory that was named."""
        place = os.path.relpath(self._request.directory.resolve(), self._top)
        return [path for path in paths if place == "." or path.startswith(f"{place}/")]

    def _listed(self, commit: str) -> list[str]:
        return self._git.fields("ls-tree", "-r", "-z", "--name-only", commit)

    def _tracked(self, path: str) -> str:
        """A path given on the command line, from the repository's top."""
        place = self._seen(path)
        if os.path.isabs(place) or place.startswith(".."):
            raise UsageError(f"{path} is not in {self._top}", "Name a file of the repository")
        return place

    def _seen(self, path: str) -> str:
        """The path from the repository's top; as given, where it lies outside."""
        place = os.path.relpath(self._given(path).absolute(), self._top)
        return str(self._given(path).absolute()) if place.startswith("..") else place

    def _given(self, path: str) -> Path:
        """Beside the app, else beside the person."""
        beside = self._request.directory.resolve() / path
        return beside if beside.exists() else Path(path)

    def _named(self, path: str) -> Source:
        return Source(path, _bytes(self._top / path))

    def _here(self, path: str) -> bytes | None:
        try:
            return (self._top / path).read_bytes()
        except OSError:
            return None

    def _at(self, commit: str, path: str) -> bytes | None:
        """The file at the commit, through symbolic links; None where there is none."""
        name = os.fsencode(f"{commit}:{path}\n")
        head, _, rest = self._git.data("cat-file", "--batch", "--follow-symlinks", stdin=name).partition(b"\n")
        kind, _, size = head.partition(b" ")[2].partition(b" ")
        return rest[: int(size)] if kind == b"blob" else None


def _text(path: str) -> str:
    return _bytes(Path(path)).decode("utf-8", "replace")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", f"ls -l {path}") from error
