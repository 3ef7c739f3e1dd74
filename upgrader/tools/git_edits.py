"""What differs on disk from what git keeps: edits, strangers, and files in the way."""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from upgrader.errors import RefusedError
from upgrader.tools.git_refs import Refs
from upgrader.tools.git_repository import joined

_WORDS = {"M": "modified", "A": "added", "D": "deleted", "T": "of another type", "U": "conflicted"}
_LINK, _SUBMODULE = "120000", "160000"
# set by our own hand and not by the person's configuration, so that any git can read the patch back
_DIFF = (
    *("diff", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--no-relative"),
    *("--ignore-submodules=all", "--src-prefix=a/", "--dst-prefix=b/"),
)
_PATCH = (*_DIFF, "--binary", "--full-index", "--unified=3")


@dataclass(frozen=True)
class Edit:
    """A tracked file that is not as HEAD has it; `what` says how, for people."""

    path: str
    what: str


@dataclass(frozen=True)
class Entry:
    """A file in a commit's tree."""

    mode: str
    object: str


class Edits(Refs):
    """A checkout's files on disk."""

    def local_edits(self) -> list[Edit]:
        """Tracked files that differ from HEAD: on disk, in the index, hidden from `git status`, inside submodules.

        Neither a chmod nor a submodule that waits for its update is an edit.
        """
        with self._edit_index() as (env, hidden):
            on_disk = self._changes(*_DIFF, "HEAD", env=env)
        staged = self._changes(*_DIFF, "--cached", "HEAD")
        found = {path: f"{word}, in the index only" for path, word in staged.items()}
        found |= {
            path: word + (f", hidden by {hidden[path]}" if path in hidden else "") for path, word in on_disk.items()
        }
        found |= {edit.path: f"{edit.what}, inside a submodule" for edit in self._submodule_edits()}
        return [Edit(path, found[path]) for path in sorted(found)]

    def local_patch(self) -> bytes:
        """The local edits as a patch against HEAD, binary files included; empty when there are none.

        What is on disk counts, staged or not. Raises RefusedError for edits inside submodules.
        """
        if inside := self._submodule_edits():
            path = inside[0].path
            raise RefusedError(
                f"{self.top / path} is edited inside a submodule, where upgrader cannot carry edits over",
                f"Commit or undo it: git -C {(self.top / path).parent} status",
            )
        with self._edit_index() as (env, _):
            return self.data(*_PATCH, "HEAD", env=env)

    def untracked(self, *, collapsed: bool = True) -> list[str]:
        """Files that git neither tracks nor ignores. Collapsed: a directory of only such files is one name and `/`."""
        how = ("--directory", "--no-empty-directory") if collapsed else ()
        return self.fields("ls-files", "-z", "--others", "--exclude-standard", *how)

    def collisions(self, commit: str) -> list[str]:
        """Files of the operator's, ignored or not, in the way of files that the commit ships with other content."""
        return [path for path, same in self.strangers(commit).items() if not same]

    def strangers(self, commit: str) -> dict[str, bool]:
        """Paths that neither HEAD nor the index tracks where the commit has a file; True: of the very same content."""
        known = {*self.tree("HEAD"), *self._index_paths()}
        known_directories = {parent for path in known for parent in _parents(path)}
        found: dict[str, bool] = {}
        for path, entry in self.tree(commit).items():
            if path in known or not known.isdisjoint(_parents(path)):
                continue
            if (blocked := next((place for place in _parents(path) if self._blocks(place)), None)) is not None:
                found[blocked] = False
            elif (same := self._same(path, entry, known, known_directories)) is not None:
                found[path] = same
        return found

    def list_files(self, commit: str, under: str = "") -> list[str]:
        """The files of a commit, below a directory if one is named."""
        place = under.strip("/") + "/" if under.strip("/.") else ""
        return [
            path for path, entry in self.tree(commit).items() if path.startswith(place) and entry.mode != _SUBMODULE
        ]

    def read(self, commit: str, path: str) -> bytes | None:
        """A file's content in a commit; None where the commit has no such file."""
        found, result = self.attempt_data("cat-file", "blob", f"{commit}:{path}")
        return found if result.ok else None

    def read_all(self, commit: str, paths: Iterable[str]) -> dict[str, bytes]:
        """The contents of many files of a commit, by one git; those that it has not are left out."""
        objects = {path: entry.object for path, entry in self.tree(commit).items() if entry.mode != _SUBMODULE}
        wanted = [path for path in dict.fromkeys(paths) if path in objects]
        if not wanted:
            return {}
        rest = self.data("cat-file", "--batch", stdin="".join(f"{objects[path]}\n" for path in wanted).encode())
        found = {}
        for path in wanted:
            head, _, rest = rest.partition(b"\n")
            size = int(head.rpartition(b" ")[2])
            found[path], rest = rest[:size], rest[size + 1 :]
        return found

    def submodules(self, commit: str) -> dict[str, str]:
        """The submodules of a commit: path and the commit it wants there."""
        return {path: entry.object for path, entry in self.tree(commit).items() if entry.mode == _SUBMODULE}

    def changed_on_disk(self, paths: Iterable[str], env: Mapping[str, str]) -> dict[str, str]:
        """Which of these paths differ on disk from the index of `env`, and how."""
        wanted = set(paths)
        return {path: word for path, word in self._changes(*_DIFF, env=env).items() if path in wanted}

    def _changes(self, *args: str, env: Mapping[str, str] | None = None) -> dict[str, str]:
        parts = iter(self.fields(args[0], "-z", "--name-status", *args[1:], env=env))
        return {path: _WORDS.get(letter, "changed") for letter, path in zip(parts, parts, strict=True)}

    @contextmanager
    def _edit_index(self) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
        """An index in which no difference to HEAD can hide, and what hid it in the real one."""
        sparse = self.setting("core.sparseCheckout") == "true"
        hidden = {path: flag for path, flag in self.flags().items() if not sparse or os.path.lexists(self.top / path)}
        with self.index_copy() as env:
            self.show_hidden(hidden, env)
            # a file that was taken out of the index may still be on disk, edited
            fields = self.fields("diff-index", "--cached", "-z", "--no-renames", "--diff-filter=DU", "HEAD", env=env)
            lost = [
                (fields[n].split()[0].lstrip(":"), fields[n].split()[2], fields[n + 1])
                for n in range(0, len(fields), 2)
            ]
            if lines := [f"{mode} {name}\t{path}" for mode, name, path in lost if mode != _SUBMODULE]:
                self.data("update-index", "-z", "--index-info", stdin=joined(lines), env=env)
            yield env, hidden

    def show_hidden(self, paths: Iterable[str], env: Mapping[str, str] | None = None) -> None:
        """Take the flags off that hide edits, in the live index unless `env` names another one."""
        if names := joined(paths):
            for flag in ("--no-skip-worktree", "--no-assume-unchanged"):
                self.run("update-index", flag, "-z", "--stdin", stdin=names, env=env, changes=env is None)

    def take_out(self, paths: Iterable[str]) -> None:
        """Take files out of the live index; on disk they stay."""
        if names := joined(paths):
            self.run("update-index", "--force-remove", "-z", "--stdin", stdin=names, changes=True)

    def flags(self) -> dict[str, str]:
        """Tracked files whose edits git was told not to see, and by which flag."""
        found = {}
        for field in self.fields("ls-files", "-v", "-z"):
            letter, path = field[0], field[2:]
            if letter in "Ss" or letter.islower():
                found[path] = "skip-worktree" if letter in "Ss" else "assume-unchanged"
        return found

    def _index_paths(self) -> list[str]:
        return self.fields("ls-files", "-z")

    def tree(self, commit: str) -> dict[str, Entry]:
        """The files, links and submodules of a commit."""
        found = {}
        for field in self.fields("ls-tree", "-r", "-z", "--full-tree", commit):
            about, _, path = field.partition("\t")
            mode, _, name = about.split(" ")
            found[path] = Entry(mode, name)
        return found

    def _submodule_edits(self) -> list[Edit]:
        return [
            Edit(f"{path}/{edit.path}", edit.what)
            for path in self.submodules("HEAD")
            if (self.top / path / ".git").exists()
            for edit in Edits(self.shell, self.top / path).local_edits()
        ]

    def _blocks(self, place: str) -> bool:
        """Whether something is there that is no directory."""
        path = self.top / place
        return os.path.lexists(path) and (path.is_symlink() or not path.is_dir())

    def _same(self, path: str, entry: Entry, known: set[str], known_directories: set[str]) -> bool | None:
        """Whether what is on disk is what the commit has; None when nothing is in the way."""
        place = self.top / path
        try:
            mode = place.lstat().st_mode
        except OSError:
            return None
        if stat.S_ISDIR(mode):
            if entry.mode == _SUBMODULE and ((place / ".git").exists() or not any(place.iterdir())):
                return None
            if path in known_directories:
                return False if self._holds_strangers(place, known) else None
            return False if any(place.iterdir()) else None
        if entry.mode == _LINK or stat.S_ISLNK(mode):
            content = os.fsencode(os.readlink(place)) if stat.S_ISLNK(mode) and entry.mode == _LINK else None
        else:
            content = place.read_bytes() if stat.S_ISREG(mode) else None
        return content is not None and _blob_name(content, len(entry.object)) == entry.object

    def _holds_strangers(self, place: Path, known: set[str]) -> bool:
        return any(
            os.path.relpath(os.path.join(directory, name), self.top) not in known
            for directory, _, files in os.walk(place)
            for name in files
        )


def _parents(path: str) -> list[str]:
    """The directories above it, outermost first."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _blob_name(content: bytes, digits: int) -> str:
    """The name that git gives to this content. Not for security: git chose the hash."""
    data = b"blob %d\0" % len(content) + content
    return (hashlib.sha256(data) if digits == 64 else hashlib.sha1(data, usedforsecurity=False)).hexdigest()
