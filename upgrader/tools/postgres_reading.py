"""Opens archives for pg_restore where its server is, and reads them to their end."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from upgrader.errors import RefusedError, StepError
from upgrader.tools import postgres_archives as archives
from upgrader.tools.postgres_archives import TOC, Member
from upgrader.tools.postgres_beside import MOST_JOBS, ZSTD, NotBesideError, Pace, Place
from upgrader.tools.postgres_client import Client, reason
from upgrader.tools.postgres_compress import decoding, expanding
from upgrader.tools.postgres_progress import CHATTER, Heard, Progress, members
from upgrader.tools.postgres_snapshots import Snapshots
from upgrader.tools.postgres_sql import conninfo
from upgrader.tools.shell import Command, Result, Say

_DATA = re.compile(r"^(\d+); \d+ \d+ TABLE DATA ", re.MULTILINE)
_HINT = "Use another restore point: upgrader history"
_NEWER = re.compile(r"unsupported version \([\d.]+\) in file header")


@dataclass(frozen=True)
class Reading:
    """An archive that is open for pg_restore."""

    server: "Readings"
    archive: Path
    client: Client
    """Whose programs see it."""
    path: str
    """Where it is for them."""
    jobs: int

    def restore(self, into: str, *options: str, say: Say | None = None) -> None:
        """Restore into the database `into` whatever `options` choose; the first error raises StepError."""
        verbose = ("--verbose",) if say else ()
        argv = ("pg_restore", "-w", "--exit-on-error", *verbose, *options, "-d", conninfo(into), self.path)
        # what is lost with the server's power is dropped and made again; its new name is durable, and so is all before
        command = self.client.inside(*argv, changes=True, options="-c synchronous_commit=off")
        shell = self.client.shell
        if say:
            heard = Heard(members(self.archive))
            shell = replace(Progress(f"restoring {into}", heard.look, say).watching(shell), say=heard.hear)
        result = shell.attempt(command)
        if not result.ok:
            quiet = replace(result, out=CHATTER.sub("", result.out))
            raise self.server.restore_failure(quiet, f"restoring {into}")

    def listing(self) -> list[str]:
        """Its entries, as `--use-list` wants them."""
        return self._run(self.client.inside("pg_restore", "--list", self.path), "reading the dump").out.splitlines()

    def restore_entries(self, entries: Sequence[str], into: str) -> None:
        """Restore some of the `listing`."""
        path = f"{self.client.scratch}/list"
        write = 'umask 077; mkdir -p "${1%/*}" && cat > "$1"'
        put = self.client.inside("sh", "-c", write, "sh", path, stdin="\n".join(entries).encode(), changes=True)
        self._run(put, "choosing tables of the dump")
        self.restore(into, f"--use-list={path}")

    def _run(self, command: Command, doing: str) -> Result:
        result = self.client.shell.attempt(command)
        if not result.ok:
            raise self.server.restore_failure(result, doing)
        return result


class Readings(Snapshots):
    """Reads archives. What is restored is for Restores to say."""

    def verify(self, archive: Path, members: Sequence[Member]) -> None:
        """Check every byte of `archive` against its checksums, then let Postgres' own programs read it to its end.

        Raises RefusedError that names what is damaged.
        """
        archives.check(archive, members)
        if archive.is_file():
            self.read_file(archive)
            return
        try:
            with self.beside(archive, seen=archive / TOC) as place:
                self.read_members(place, archive, place.cores)
        except NotBesideError:
            with self.reading(archive) as reading:
                _see_all(archive, reading.listing())

    def read_file(self, archive: Path) -> None:
        """Let pg_restore read an archive of one file to its end."""
        result = self.shell.attempt(self.inside("pg_restore", "-f", "/dev/null", stdin=archive))
        if not result.ok:
            raise self._damaged(archive, result)

    def read_members(self, place: Place, archive: Path, jobs: int) -> None:
        """See that a directory archive has all that it lists, and that every member can be decoded."""
        command = place.client.inside(*decoding(place.path(archive), jobs, zstd=place.zstd))
        result = place.client.shell.attempt(command)
        if not result.ok:
            raise self._damaged(archive, result)
        _see_all(archive, result.out.splitlines())

    @contextmanager
    def reading(self, archive: Path, pace: Pace = Pace()) -> Iterator[Reading]:  # noqa: B008 (frozen)
        """An archive, open for pg_restore: seen from a container beside the server, or copied into the server's."""
        if not archive.exists():
            raise RefusedError(f"The dump {archive} is gone", _HINT)
        with ExitStack() as stack:
            seen = archive / TOC if archive.is_dir() else archive
            try:
                place = stack.enter_context(self.beside(seen.parent, seen=seen, niceness=pace.niceness))
            except NotBesideError:
                path = stack.enter_context(self.inside_copy(archive))
                yield Reading(self, archive, self, path, min(pace.jobs or os.cpu_count() or 1, MOST_JOBS))
            else:
                jobs = min(pace.jobs or place.cores, MOST_JOBS)
                path = self._expanded(archive, place.client, place.path(archive), jobs, place)
                yield Reading(self, archive, place.client, path, jobs)

    @contextmanager
    def inside_copy(self, archive: Path) -> Iterator[str]:
        """The path of a copy inside the server's container: a client that is killed cannot cut it short."""
        path = f"{self.scratch}/archive"
        try:
            if archive.is_dir():
                self._make_room()
                copy = Command(("docker", "cp", "--quiet", str(archive), f"{self.container}:{path}"), changes=True)
                self.attempt(copy, "copying the dump into the container")
                path = self._expanded(archive, self, path, os.cpu_count() or 1)
            else:
                self._send(archive, path)
            yield path
        finally:
            self.remove_scratch()

    def _expanded(self, archive: Path, client: Client, path: str, jobs: int, place: Place | None = None) -> str:
        """Where `client` has the archive as its pg_restore can read it."""
        if not archive.is_dir() or not any(archive.glob("*.zst")):
            return path
        built_in, zstd = (place.zstd_built_in, place.zstd) if place else self._zstd_inside()
        if built_in:
            return path
        if not zstd:
            raise RefusedError(
                f"The image of {self.container} has no zstd to expand the dump {archive} with",
                f"Restore by hand from a copy of it, after: zstd -d --rm {archive}/*.zst",
            )
        expanded = f"{client.scratch}/expanded"
        self.attempt(client.inside(*expanding(path, expanded, jobs), changes=True), "expanding the dump")
        return expanded

    def _zstd_inside(self) -> tuple[bool, bool]:
        """Whether the server's own container has zstd in its pg_restore, and a program of that name."""
        built_in, zstd, *_ = [*self.shell.attempt(self.inside("sh", "-c", ZSTD)).out.split(), "", ""]
        return built_in == "yes", zstd == "yes"

    def _make_room(self) -> None:
        make = 'umask 077; rm -rf -- "$1" && mkdir -p "$1"'
        self.attempt(self.inside("sh", "-c", make, "sh", self.scratch, changes=True), "making room for the dump")

    def _send(self, archive: Path, path: str) -> None:
        receive = 'umask 077; mkdir -p "${1%/*}" && cat > "$1" && wc -c < "$1"'
        command = self.inside("sh", "-c", receive, "sh", path, stdin=archive, changes=True)
        result = self.attempt(command, "copying the dump into the container")
        if result.out.split() != [str(archive.stat().st_size)]:
            raise StepError(f"Only a part of {archive} arrived in {self.container}", "Try again: upgrader resume")

    def restore_failure(self, result: Result, doing: str) -> StepError | RefusedError:
        """What to say when pg_restore fails."""
        if _NEWER.search(result.out + result.err):
            return RefusedError(
                f"Postgres {self.place} is older than the pg_dump that made the dump ({doing})",
                "Start the server in the image that the restore point notes",
            )
        return self.failure(result, doing)

    def _damaged(self, archive: Path, result: Result) -> RefusedError:
        failure = self.restore_failure(result, "reading the dump")
        if isinstance(failure, RefusedError):
            return failure
        text = result.err + result.out
        why = reason(text) or next((line for line in text.splitlines() if line.strip()), "it has no end")
        return RefusedError(f"The dump {archive} is damaged: {why}", _HINT, lines=failure.lines)


def _see_all(archive: Path, listing: Sequence[str]) -> None:
    """Raise RefusedError when a table's member is missing or empty."""
    there = {path.name.partition(".")[0] for path in archive.iterdir() if path.stat().st_size}
    for line in listing:
        if (found := _DATA.match(line)) and found[1] not in there:
            raise RefusedError(f"The dump {archive} is damaged: the member {found[1]} is not there", _HINT)
