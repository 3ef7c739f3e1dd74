"""A short-lived container beside a server: its image, its network, a directory of ours, and gone when we are."""

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from upgrader.tools.postgres_client import Client, Door
from upgrader.tools.postgres_databases import Databases
from upgrader.tools.shell import Command

MOUNT = "/upgrader"
"""Where the directory of ours is inside the container."""
MOST_JOBS = 8
"""More of them wait for the server's disk and for each other."""
PATIENCE = 60.0
"""Seconds for the container to start."""
UP = "upgrader: up"
STAY = f"echo '{UP}'; exec cat >/dev/null"
"""What such a container runs: the end of its input is its end, and its input is a pipe of ours."""

_KNOWN = (
    "printf '%s\\n' \"$PGPASSWORD\"; exec psql -X -A -t -q -w -v ON_ERROR_STOP=1 -c "
    "\"SELECT system_identifier || ' ' || current_setting('port') FROM pg_control_system()\""
)
# pg_dump judges the compression before it connects, so a server that is nowhere tells at once whether it was built in.
ZSTD = """\
pg_dump --format=custom --compress=zstd:1 -h /nowhere -d x 2>&1 | grep -q connection && echo yes || echo no
command -v zstd >/dev/null && echo yes || echo no
"""
_EXAMINE = f"""\
umask 077
nproc
{ZSTD}\
[ -e "$1" ] && echo yes || echo no
{{ [ "$2" = ro ] || {{ [ -e "$1" ] && : > "$1.back"; }}; }} 2>/dev/null && echo yes || echo no
psql -X -A -t -q -w -v ON_ERROR_STOP=1 -c 'SELECT system_identifier FROM pg_control_system()'
"""  # noqa: S608 (a constant)


@dataclass(frozen=True)
class Pace:
    """How much of the machine dumps and restores may take. `jobs` 0: as many as there are cores."""

    jobs: int = 0
    niceness: int = 10
    """Of the programs that compress and write, 0 to 19; the server's own processes are as they are."""


class NotBesideError(Exception):
    """A container beside the server cannot do the work here; the text says why."""


@dataclass(frozen=True)
class Place:
    """The server, reached from the container beside it, and what there is to work with."""

    client: Client
    directory: Path
    """The directory of ours that is mounted."""
    cores: int
    zstd_built_in: bool
    """Whether pg_dump and pg_restore know zstd."""
    zstd: bool
    """Whether there is a program of that name."""

    def path(self, path: Path) -> str:
        """The name inside the container of a path below the directory."""
        return f"{MOUNT}/{path.relative_to(self.directory)}"


class Beside(Databases):
    """Programs of the server's own version that read and write files of ours with no stream between."""

    @contextmanager
    def beside(self, directory: Path, *, seen: Path | None = None, niceness: int = 0) -> Iterator[Place]:
        """The place, with `directory` mounted: to write to, or to read only if `seen`, a file in it, is named.

        Raises NotBesideError where the engine has another file system than we, or the server cannot be reached over
        its own loopback. The container ends by itself when this process does.
        """
        password, identity, port = self._known()
        name, nice = f"{self.container}-{self.application}", ("nice", "-n", str(niceness)) if niceness else ()
        here = self.door or Door(name, {"PGHOST": "127.0.0.1", "PGPORT": port}, password)
        door = replace(here, container=name, prefix=nice)
        with ExitStack() as stack:
            # root inside is us where the engine is rootless
            users = tuple(dict.fromkeys([f"{os.geteuid()}:{os.getegid()}", "0:0"]))
            for user in users:
                try:
                    stack.enter_context(self._running(name, directory, user, writes=seen is None))
                    place = _examined(replace(self, door=door), identity, directory, seen)
                    break
                except NotBesideError:
                    stack.close()
                    if user == users[-1]:
                        raise
            yield place

    @property
    def _also_mounted(self) -> tuple[str, ...]:
        """Flags for what the programs need to reach the server, besides its network."""
        return ()

    def _known(self) -> tuple[str, str, str]:
        """The password that the container has, if any, the server's identity, and its port."""
        result = self.shell.attempt(self.inside("sh", "-c", _KNOWN))
        password, _, rest = result.out.removesuffix("\n").rpartition("\n")
        identity, _, port = rest.partition(" ")
        if not result.ok or not port.isdecimal():
            raise NotBesideError("the server does not tell its identity")
        return password, identity, port

    @contextmanager
    def _running(self, name: str, directory: Path, user: str, *, writes: bool) -> Iterator[None]:
        self._create(name, directory, user, writes=writes)
        conversation = self.shell.converse(Command(("docker", "start", "--attach", "--interactive", name)))
        try:
            if conversation is None or conversation.ask(b"", UP.encode(), PATIENCE) is None:
                raise NotBesideError(f"the container {name} does not start")
            yield
        finally:
            if conversation is not None:
                conversation.close()
            self.remove(name)

    def _create(self, name: str, directory: Path, user: str, *, writes: bool) -> None:
        image = self.shell.attempt(Command(("docker", "inspect", "--format", "{{.Image}}", self.container))).out.strip()
        mount = f'type=bind,"source={str(directory).replace(chr(34), chr(34) * 2)}",target={MOUNT}'
        create = Command(
            (
                *("docker", "create", "--interactive", "--rm", "--pull", "never", "--name", name, "--user", user),
                *("--network", f"container:{self.container}", "--log-driver", "none", "--cap-drop", "ALL"),
                *("--security-opt", "no-new-privileges", "--security-opt", "label=disable"),
                *("--mount", mount if writes else f"{mount},readonly", *self._also_mounted),
                *("--entrypoint", "sh", image, "-c", STAY),
            ),
            changes=True,
            label=f"making {name}",
        )
        result = self.shell.attempt(create)
        if not result.ok and "is already in use" in result.out:
            self.remove(name)  # a killed run's
            result = self.shell.attempt(create)
        if not result.ok:
            raise NotBesideError((result.tail or ("the container cannot be made",))[-1])

    def remove(self, name: str) -> None:
        """Remove a container of ours with its volumes, whatever it does; nothing happens when there is none."""
        self.shell.attempt(Command(("docker", "rm", "--force", "--volumes", name), changes=True))


def _examined(client: Client, identity: str, directory: Path, seen: Path | None) -> Place:
    place = Place(client, directory, 1, zstd_built_in=False, zstd=False)
    mark = seen or directory / f".{secrets.token_hex(8)}"
    back = mark.with_name(f"{mark.name}.back")
    try:
        if seen is None:
            mark.touch(0o600)
        script = ("sh", "-c", _EXAMINE, "sh", place.path(mark), "ro" if seen else "rw")
        result = client.shell.attempt(client.inside(*script))
        cores, built_in, zstd, visible, written, *found = [*result.out.split("\n"), "", "", "", "", ""]
        if visible != "yes" or written != "yes" or not (seen or _ours(back)):
            raise NotBesideError(f"the engine does not see {directory} as we do")
        if found[0] != identity:
            raise NotBesideError("the server cannot be reached over its loopback")
    finally:
        if seen is None:
            mark.unlink(missing_ok=True)
            back.unlink(missing_ok=True)
    return replace(place, cores=int(cores), zstd_built_in=built_in == "yes", zstd=zstd == "yes")


def _ours(path: Path) -> bool:
    return path.exists() and path.stat().st_uid == os.geteuid()
