"""Volumes and directories of the host: archived, filled and swapped, in a container of an image that is here."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from upgrader.errors import RefusedError, StepError
from upgrader.tools import postgres_archives as archives
from upgrader.tools import volume_scripts as scripts
from upgrader.tools.docker import Docker, NotOursError
from upgrader.tools.postgres_beside import Pace
from upgrader.tools.postgres_progress import Progress, of_file
from upgrader.tools.postgres_throwaway import labels
from upgrader.tools.shell import TIMED_OUT, Command, Result, Say, Shell

PROJECT, RUN = "upgrader.project", "upgrader.run"
"""The labels of each volume that we make. Compose's own are not on it: no `down` of whatever kind takes it along."""
PATIENCE = 600.0
"""Seconds that looking at a volume may take."""
MISSING = "it does not exist"
_INSIDE = "/upgrader-volume"
_READING = ("DAC_READ_SEARCH",)
_WRITING = ("DAC_READ_SEARCH", "DAC_OVERRIDE", "CHOWN", "FOWNER", "FSETID", "MKNOD", "SETFCAP")
_KEEPING = ("--numeric-owner", "--xattrs", "--acls")
OPTIONS = {
    "gnu": (
        *("--format=posix", "--sparse", "--one-file-system", "--warning=no-file-ignored", *_KEEPING),
        *("--xattrs-include=user.*", "--xattrs-include=security.capability"),
    ),
    "plain": ("--numeric-owner",),
}
BACK = {"gnu": ("--xattrs-include=*", "--same-owner", *_KEEPING), "plain": ("--numeric-owner",)}
PACKING = {"zstd": "zstd -q -1 -T{jobs} -c", "gzip": "gzip -1 -c"}
"""With as many threads as `jobs`; 0: as there are cores."""
UNPACKING = {"zstd": "zstd -q -d -c", "gzip": "gzip -d -c"}
SUFFIX = {"zstd": ".tar.zst", "gzip": ".tar.gz"}
_OURS = {
    "volume": re.compile(r"_upgrader_[^/]+$"),
    "bind": re.compile(r"\.upgrader_[^/]+_(restored|aside)$"),
}
_NO_SPACE = "no space left on device"


@dataclass(frozen=True)
class Store:
    """Where files of an app are: a `volume` by its real name, or a `bind`, a directory of the engine's machine."""

    kind: str
    source: str

    def beside(self, run: str, what: str) -> "Store":
        """One of ours beside it, for one purpose of one run; the same every time."""
        return Store(self.kind, f"{self.source}{'_' if self.kind == 'volume' else '.'}upgrader_{run}_{what}")

    def mount(self, *, writes: bool = False) -> tuple[str, ...]:
        """Flags that mount it."""
        more = ",volume-nocopy" if self.kind == "volume" else ""
        return _mount(self.kind, self.source, f"{more}{'' if writes else ',readonly'}")


@dataclass(frozen=True)
class Tar:
    """An image that can do the work. `tar`: `gnu`, or `plain`, which keeps no holes and no extended attributes."""

    image: str
    tar: str
    packer: str

    def reads(self, tar: str, packer: str) -> bool:
        """Whether it extracts what was made by these."""
        return (self.tar == "gnu" or tar == "plain") and packer in (self.packer, "gzip")


@dataclass(frozen=True)
class Look:
    """What a store holds: how many files, how many bytes on disk, and a digest of all names, sizes, times, modes and
    owners. `newer`: how many files were written after a moment that was asked for.
    """

    files: int
    size: int
    listing: str
    newer: int = 0


@dataclass(frozen=True)
class Archived:
    """An archive that was written and read back. `still`: nothing changed in the store while it was read."""

    look: Look
    still: bool
    tar: Tar


@dataclass
class Known:
    """What one process found out already, and need not ask again."""

    tars: dict[str, Tar | None] = field(default_factory=dict)
    troubles: dict[Store, str] = field(default_factory=dict)
    estimates: dict[Store, Look] = field(default_factory=dict)


@dataclass(frozen=True)
class Volumes:
    """Stores of one project, for one run. `images` may do the work, the likeliest first."""

    shell: Shell
    project: str
    run: str
    images: tuple[str, ...]
    known: Known = field(default_factory=Known, compare=False, repr=False)

    @property
    def docker(self) -> Docker:
        return Docker(self.shell)

    # --- looking

    def exists(self, store: Store) -> bool:
        if store.kind == "volume":
            return self.docker.volume(store.source) is not None
        parent, name = _split(store)
        result = self._attempt(scripts.IDENTITY, f"{_INSIDE}/{name}", mounts=_mount("bind", parent, ",readonly"))
        return result.ok and result.out.split() not in ([], ["0"])

    def estimate(self, store: Store) -> Look:
        """What it held when this process first looked."""
        if store not in self.known.estimates:
            self.known.estimates[store] = self.look(store)
        return self.known.estimates[store]

    def look(self, store: Store, since: float = 0.0) -> Look:
        """See what it holds; `since` is in seconds since the epoch. Raises StepError."""
        result = self._attempt(scripts.LOOK, _INSIDE, str(int(since)), mounts=store.mount())
        found = _looks(result.out)
        newer = re.search(r"^newer (\d+)$", result.out, re.MULTILINE)
        if not result.ok or not found or newer is None:
            raise self._failed(result, f"looking at {store.source}")
        return replace(found[0], newer=int(newer[1]))

    def trouble(self, store: Store) -> str:
        """Why it cannot be swapped for another one, so that no way back could bring it back; empty: it can be."""
        if self.known.troubles.get(store) is None:
            self.known.troubles[store] = self._trouble(store)
        return self.known.troubles[store]

    def _trouble(self, store: Store) -> str:
        if store.kind == "volume":
            volume = self.docker.volume(store.source)
            if volume is None:
                return MISSING
            if volume.driver != "local" or volume.options:
                kind = volume.options.get("type") or volume.driver
                return f"its files are not the engine's own: it is of the kind {kind}"
        root, paths = self._together([store])
        script = 'for path; do stat -c "%d %F" "$path" || echo; done'
        result = self._attempt(script, _INSIDE, *paths, mounts=_mount("bind", root, ",readonly"))
        above, _, here = result.out.strip("\n").partition("\n")
        if not here:
            return MISSING
        if not here.endswith("directory"):
            return f"it is a {here.partition(' ')[2]}"
        return "it is a disk of its own" if above.split()[0] != here.split()[0] else ""

    def identities(self, *stores: Store) -> tuple[int, ...]:
        """What each store's directory is, whatever it is called: its inode; 0 where there is none."""
        root, paths = self._together(stores)
        result = self._attempt(scripts.IDENTITY, *paths, mounts=_mount("bind", root, ",readonly"))
        found = [int(word) for word in result.out.split()]
        if not result.ok or len(found) != len(stores):
            raise self._failed(result, f"looking at {stores[0].source}")
        return tuple(found)

    # --- archives

    def archive(
        self,
        store: Store,
        into: Path,
        pace: Pace = Pace(),  # noqa: B008 (frozen)
        *,
        expected: int = 0,
        say: Say | None = None,
    ) -> Archived:
        """Write an archive of it, of about `expected` bytes, to `into`, and read that back in full: it is durable."""
        tar = self.tar()
        packing = PACKING[tar.packer].format(jobs=pace.jobs)
        shell = Progress(store.source, of_file(into, expected), say).watching(self.shell) if say else self.shell
        made = self._attempt(
            *(scripts.ARCHIVE, _INSIDE, packing, str(pace.niceness), *OPTIONS[tar.tar]),
            shell=shell,
            mounts=store.mount(),
            image=tar.image,
            stdout=into,
            changes=True,
        )
        archives.sync(into)
        looks, ended = _looks(made.err), _ended(made.err)
        # GNU's 1: a file changed, or went, while it was read
        if not made.ok or len(looks) != 2 or ended is None or ended[1] or ended[0] > (tar.tar == "gnu"):
            raise self._unwritten(made, store, into, expected)
        self.read(into, tar)
        return Archived(looks[1], still=looks[0] == looks[1] and not ended[0], tar=tar)

    def read(self, archive: Path, tar: Tar) -> None:
        """Read an archive to its end; raises StepError where it cannot be."""
        unpacking = UNPACKING[tar.packer]
        result = self._attempt(scripts.READ, unpacking, stdin=archive, image=tar.image, changes=True)
        if not result.ok or _ended(result.out) != (0, 0):
            raise self._failed(result, f"reading {archive} back")

    def extract(self, archive: Path, store: Store, tar: str, packer: str) -> Look:
        """Make a store of ours what the archive holds; whatever was in it goes. Raises StepError."""
        self._need_ours(store)
        if store.source.endswith("_aside"):
            msg = f"{store.source} is somebody's data"
            raise NotOursError(msg)
        able = self.tar(tar, packer)
        self.make(store)
        result = self._attempt(
            *(scripts.EXTRACT, _INSIDE, UNPACKING[packer], *BACK[able.tar]),
            mounts=store.mount(writes=True),
            image=able.image,
            caps=_WRITING,
            stdin=archive,
            changes=True,
        )
        looks, ended = _looks(result.out), _ended(result.out)
        if not result.ok or not looks or ended != (0, 0):
            raise self._failed(result, f"restoring {archive.name} into {store.source}")
        return looks[0]

    # --- stores of ours

    def ours(self) -> list[str]:
        """The names of the volumes that runs of this project made: what was live once, and is kept."""
        listing = ("docker", "volume", "ls", "--quiet", "--filter", f"label={PROJECT}={self.project}")
        return sorted(self.shell.run(Command(listing, timeout=60.0)).out.split())

    def make(self, store: Store) -> None:
        """An empty store of ours; one that is there stays as it is."""
        self._need_ours(store)
        if store.kind == "volume":
            flags = ("--label", f"{PROJECT}={self.project}", "--label", f"{RUN}={self.run}")
            self._change(("docker", "volume", "create", *flags, store.source), f"making {store.source}")
            return
        parent, name = _split(store)
        self._must(scripts.MAKE, f"{_INSIDE}/{name}", mounts=_mount("bind", parent), what=f"making {store.source}")

    def swap(self, live: Store, source: Store, keep: Store, identities: tuple[int, int]) -> None:
        """Put `source` in the place of `live`, whose files are kept as `keep`; `source` is no more.

        By renaming directories, so it takes no time and no room. Cut off anywhere, the same call ends it: what lies
        where is told by the `identities` that the first two had when it began.
        """
        self._need_ours(source)
        if self.swapped(live, source, keep, identities):
            return
        self.make(keep)
        root, paths = self._together((live, source, keep))
        old, new = map(str, identities)
        what = f"swapping {live.source}"
        self._must(scripts.SWAP, *paths, old, new, mounts=_mount("bind", root), what=what)
        if source.kind == "volume":
            self._drop_shell(source)

    def swapped(self, live: Store, source: Store, keep: Store, identities: tuple[int, int]) -> bool:
        """Whether a `swap` of these came to its end."""
        if self.exists(source) or not self.exists(keep):
            return False
        return self.identities(live, keep) == (identities[1], identities[0])

    def _drop_shell(self, store: Store) -> None:
        """Forget a volume of ours whose directory has become another one's: nothing is in it any more."""
        if self.docker.volume(store.source) is not None and self.identities(store) == (0,):
            self._change(("docker", "volume", "rm", store.source), f"forgetting {store.source}")

    def _need_ours(self, store: Store) -> None:
        if not _OURS[store.kind].search(store.source):
            msg = f"{store.source} is not ours to change"
            raise NotOursError(msg)

    # --- the container

    def tar(self, tar: str = "", packer: str = "") -> Tar:
        """The best image for the work; given the tar and the packer of an archive, one that extracts it."""
        best: Tar | None = None
        for image in dict.fromkeys(self.images):
            found = self._known(image)
            if found is None or (tar and not found.reads(tar, packer)):
                continue
            if tar or (found.tar, found.packer) == ("gnu", "zstd"):
                return found
            if best is None or _worth(found) > _worth(best):
                best = found
        if best is None:
            needed = f"{'GNU ' * (tar == 'gnu')}tar and {packer}" if tar else "sh, tar, find and gzip"
            raise RefusedError(f"no image of this stack has {needed}", "docker compose pull, or a service with one")
        return best

    def _known(self, image: str) -> Tar | None:
        if image not in self.known.tars:
            result = self._attempt(scripts.TOOLS, image=image)
            lines = result.out.splitlines()
            packer = next((name for name in PACKING if name in lines), "")
            able = result.ok and packer and not any(line.startswith("none") for line in lines)
            self.known.tars[image] = Tar(image, lines[0], packer) if able else None
        return self.known.tars[image]

    def _attempt(
        self,
        script: str,
        *arguments: str,
        shell: Shell | None = None,
        mounts: Sequence[str] = (),
        image: str = "",
        caps: Iterable[str] = _READING,
        stdin: Path | None = None,
        stdout: Path | None = None,
        changes: bool = False,
    ) -> Result:
        """Run a script beside a store. Without `changes` it only reads, and is given up after PATIENCE."""
        name = f"{self.project}-upgrader-{self.run}-volume"
        # one that changes something exists once: what a killed process left of it must not go on beside ours
        once = ("--name", name, *labels(self.project, self.run)) if changes else ()
        command = Command(
            (
                *("docker", "run", "--rm", "--pull", "never", *once, *(("--interactive",) if stdin else ())),
                *("--network", "none", "--log-driver", "none", "--user", "0:0", "--workdir", "/"),
                *("--security-opt", "no-new-privileges", "--security-opt", "label=disable", "--cap-drop", "ALL"),
                *(word for cap in caps for word in ("--cap-add", cap)),
                *(*mounts, "--entrypoint", "sh", image or self.tar().image, "-c", script, "sh", *arguments),
            ),
            stdin=stdin,
            stdout=stdout,
            changes=changes,
            timeout=None if changes else PATIENCE,
            label="tar in a container",
        )
        shell = replace(shell or self.shell, say=None)
        result = shell.attempt(command)
        if not result.ok and "is already in use" in result.err + result.out:
            shell.attempt(Command(("docker", "rm", "--force", name), changes=True))
            result = shell.attempt(command)
        return result

    def _must(self, script: str, *arguments: str, mounts: Sequence[str], what: str) -> None:
        result = self._attempt(script, *arguments, mounts=mounts, caps=_WRITING, changes=True)
        if not result.ok:
            raise self._failed(result, what)

    def _change(self, argv: tuple[str, ...], what: str) -> None:
        result = self.shell.attempt(Command(argv, changes=True, label=what))
        if not result.ok:
            raise self._failed(result, what)

    def _together(self, stores: Sequence[Store]) -> tuple[str, tuple[str, ...]]:
        """One directory of the engine's machine that holds them all, and their paths where that is mounted."""
        places = [self._directory(store) for store in stores]
        root = os.path.commonpath([os.path.dirname(place) for place in places])
        return root, tuple(f"{_INSIDE}/{os.path.relpath(place, root)}" for place in places)

    def _directory(self, store: Store) -> str:
        if store.kind == "bind":
            return store.source
        volume = self.docker.volume(store.source)
        if volume is None:
            raise StepError(f"the volume {store.source} is gone", "docker volume ls")
        return volume.mountpoint

    def _unwritten(self, result: Result, store: Store, into: Path, expected: int) -> StepError:
        found = os.statvfs(into.parent)
        if _NO_SPACE in result.err.lower() or found.f_bavail * found.f_frsize < 1 << 20:
            return archives.full(into.parent, expected)
        return self._failed(result, f"archiving {store.source}")

    def _failed(self, result: Result, what: str) -> StepError:
        text = f"{result.out}\n{result.err}" if result.command.stdout is None else result.err
        lines = [line for line in text.splitlines() if line.strip() and not re.match(r"(look|ended|newer) ", line)]
        if result.code == TIMED_OUT:
            lines.append(f"it took longer than {PATIENCE:.0f} s")
        full = any(_NO_SPACE in line.lower() for line in lines)
        hint = "make room: docker system df" if full else "docker volume ls"
        return StepError(f"{what} failed", hint, lines=[self.shell.redactor.text(line) for line in lines[-25:]])


def slug(name: str) -> str:
    """A file's name, or a part of a volume's, for what a playbook calls a volume."""
    import hashlib

    bent = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")
    return bent if bent == name else f"{bent}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def _mount(kind: str, source: str, more: str = "") -> tuple[str, ...]:
    quoted = source.replace('"', '""')
    return ("--mount", f'type={kind},"source={quoted}",target={_INSIDE}{more}')


def _split(store: Store) -> tuple[str, str]:
    return os.path.dirname(store.source), os.path.basename(store.source)


def _worth(tar: Tar) -> tuple[bool, bool]:
    return tar.tar == "gnu", tar.packer == "zstd"


def _looks(text: str) -> list[Look]:
    found = re.findall(r"^look (\d+) (\d+) ([0-9a-f]{64})$", text, re.MULTILINE)
    return [Look(int(files), int(kib) * 1024, digest) for files, kib, digest in found]


def _ended(text: str) -> tuple[int, int] | None:
    """The exit statuses of tar and of the packer."""
    found = re.search(r"^ended (\d+) (\d+)$", text, re.MULTILINE)
    return (int(found[1]), int(found[2])) if found else None
