"""The app's checkout: is it fit to be changed, and putting it on another commit and back."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from upgrader.errors import RefusedError, StepError, TransientError
from upgrader.tools.git_edits import Edit
from upgrader.tools.git_export import Export, Problem
from upgrader.tools.git_locks import clear_locks, git_processes, is_since, locks
from upgrader.tools.git_refs import PRIVATE, MovedTag, Relation, Target
from upgrader.tools.git_repository import joined, reason

__all__ = ["Edit", "Git", "MovedTag", "Problem", "Relation", "Target"]

OLDEST = (2, 32)
"""The first git that merges a patch into an index alone."""
BACKUP = PRIVATE + "backup/"
UNDER_WAY = PRIVATE + "checkout"
"""The commit of a checkout of ours, until it has come to its end."""
ADOPTED = PRIVATE + "adopted"
"""The list of the operator's files that this checkout makes git's, since the commit has the very same."""

_FOREIGN = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "BISECT_LOG": "bisect",
}
_GLOB = re.compile(r"([*?\[\]\\])")


class Git(Export):
    """A git checkout, without a state of its own. Git runs as the checkout's owner where that is possible."""

    def require(self, started_at: float | None = None) -> None:
        """Raise RefusedError unless this is a checkout that can be changed safely.

        Lock files made since `started_at` (seconds since the epoch, the start of an interrupted run) are tolerated:
        `checkout(..., repair=True)` removes them.
        """
        self._require_program()
        self._require_commit()
        self._require_unlocked(started_at)
        for name, what in _FOREIGN.items():
            if (self.git_dir / name).exists():
                end = "reset" if what == "bisect" else "--abort"
                raise RefusedError(f"A {what} is under way in {self.top}", "End it first: " + self.by_hand(what, end))
        if conflicts := self.fields("diff", "-z", "--name-only", "--diff-filter=U"):
            message = f"{self.top / conflicts[0]} has conflicts that nobody has resolved"
            raise RefusedError(message, self.by_hand("status"))

    def checkout(
        self,
        commit: str,
        branch: str | None = None,
        *,
        repair: bool = False,
        started_at: float | None = None,
    ) -> None:
        """Put the files on the commit; on `branch`, if it only has to move forward or back to get there.

        A branch that has gone another way stays where it is, and HEAD is detached. The commit that is left is kept by
        a ref below `refs/upgrader/backup/` where no local branch or tag keeps it. `repair` finishes a checkout that was
        cut off: lock files made since `started_at` (seconds since the epoch) are removed and half-written files
        overwritten, which is right only because edits were saved, and collisions refused, before the first attempt. It
        serves to go on as well as to go back.
        Raises RefusedError for collisions, TransientError while another git works there or a submodule's remote fails.
        """
        self.forbid_reading_shell(f"git checkout {commit}")
        if repair and started_at is not None:
            clear_locks(self.top, self.git_dir, self.common_dir, started_at)
        if tried := self.interrupted():
            self._clear_leftovers(tried)
        adopted = [] if repair else self._adoptable(commit)
        move = branch is not None and self._may_move(branch, commit)
        self._keep_reachable(commit, branch if move else None)
        where = ("-B", str(branch), commit) if move else ("--detach", commit)
        force = ("--force",) if repair else ()
        self._begin(commit, adopted)
        try:
            self.run("checkout", "--quiet", "--no-overwrite-ignore", *force, *where, "--", changes=True)
        except StepError:
            self._give_back()
            raise
        self._update_submodules(commit, *force)
        self._update_refs(f"delete {UNDER_WAY}", f"delete {ADOPTED}")

    def clear_locks(self, started_at: float) -> None:
        """Remove lock files that a git of ours, cut off since `started_at` (seconds since the epoch), left behind.

        Raises TransientError while a git process works there.
        """
        clear_locks(self.top, self.git_dir, self.common_dir, started_at)

    def interrupted(self) -> str | None:
        """The commit of a `checkout` that failed or was cut off, and has not been repeated or taken back since."""
        return self.git("rev-parse", "--verify", "--quiet", UNDER_WAY).out.strip() or None

    def discard_edits(self, paths: Iterable[str]) -> None:
        """Put these files back to what HEAD has, on disk and in the index; those that HEAD lacks go.

        Only for edits that a patch has saved.
        """
        wanted = set(paths)
        tracked = set(self.list_files("HEAD")) & wanted
        indexed = wanted.intersection(self.fields("ls-files", "-z"))
        self.forbid_reading_shell("git checkout HEAD")
        self.show_hidden(indexed)
        if tracked:
            from_stdin = ("--pathspec-from-file=-", "--pathspec-file-nul")
            self.run("checkout", "--quiet", "HEAD", *from_stdin, stdin=joined(tracked), changes=True)
        if added := indexed - tracked:
            self.take_out(added)
            for path in added:
                (self.top / path).unlink(missing_ok=True)

    def apply_patch(self, patch: Path) -> list[str]:
        """Apply a patch to the files of HEAD and write what comes of it to disk, as unstaged edits.

        Returns the paths where patch and HEAD contradict each other; then nothing was written. Safe to call again.
        """
        self.forbid_reading_shell(f"git apply {patch}")
        if not patch.read_bytes().strip():
            return []
        with self.index_of("HEAD") as env:
            if not self._apply(patch, env):
                return self._contradictions(patch)
            fields = self.fields("diff-index", "--cached", "-z", "--name-status", "--no-renames", "HEAD", env=env)
            words = dict(zip(fields[1::2], fields[::2], strict=True))
            if taken := self._taken(words, env):
                return taken
            written = [path for path, word in words.items() if word != "D"]
            options = ("--force", "--quiet", "-z", "--stdin")
            self.run("checkout-index", *options, stdin=joined(written), env=env, changes=True)
        for path in words.keys() - set(written):
            (self.top / path).unlink(missing_ok=True)
        if added := [path for path, word in words.items() if word == "A"]:
            # tracked, as they were: else the next upgrade would not see them as edits
            options = ("--intent-to-add", "--force", "--pathspec-from-file=-", "--pathspec-file-nul")
            self.run("add", *options, stdin=joined(added), changes=True)
        return []

    def _require_program(self) -> None:
        result = self.git("version")
        if not result.ok:
            raise RefusedError("git is not installed", "apt-get install git")
        numbers = re.findall(r"\d+", result.out)
        if tuple(map(int, numbers[:2])) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise RefusedError(f"{result.out.strip()} is too old: {oldest} is the first that works", "Upgrade git")

    def _require_commit(self) -> None:
        result = self.git("rev-parse", "--is-inside-work-tree")
        if not result.ok:
            lines = self.clean_tail(result)
            raise RefusedError(f"git cannot use {self.top}: {lines[0]}", self.by_hand("status"), lines=lines)
        if result.out.strip() != "true":
            raise RefusedError(
                f"{self.top} is a bare git repository, without the app's files", "git clone it elsewhere"
            )
        if not self.git("rev-parse", "--verify", "--quiet", "HEAD^{commit}").ok:
            raise RefusedError(f"{self.top} has no commit checked out", self.by_hand("checkout", "BRANCH"))

    def _require_unlocked(self, started_at: float | None) -> None:
        for lock in locks(self.git_dir, self.common_dir):
            processes = git_processes(self.top)
            if processes:
                message = f"{lock} exists: git is at work there (process {processes[0]})"
                raise RefusedError(message, "Run the same command again when it has ended")
            if started_at is None or not is_since(lock, started_at):
                message = f"{lock} exists, though no git works there: one was cut off"
                raise RefusedError(message, f"rm {lock}")

    def _adoptable(self, commit: str) -> list[str]:
        """The operator's files that the commit has too, the same; RefusedError if another one is in the way."""
        strangers = self.strangers(commit)
        if blocked := [path for path, same in strangers.items() if not same]:
            message = f"{self.top / blocked[0]} is yours, but {self.name_of(commit)} ships a file there"
            raise RefusedError(message, "Move it aside, then run again", lines=blocked)
        return list(strangers)

    def _begin(self, commit: str, adopted: list[str]) -> None:
        """Write down what is about to happen, and prepare the index: git refuses files that it does not track."""
        blob = self.run("hash-object", "-w", "--stdin", stdin=joined(adopted), changes=True)
        self._update_refs(f"update {UNDER_WAY} {commit}", f"update {ADOPTED} {blob}")
        if adopted:
            entries = self.tree(commit)
            lines = joined(f"{entries[path].mode} {entries[path].object}\t{path}" for path in adopted)
            self.run("update-index", "-z", "--index-info", stdin=lines, changes=True)
        # git never looks whether a flagged file is as it was, and then refuses to replace it
        changed = self.changed_files("HEAD", commit)
        self.show_hidden(path for path in self.flags().keys() & set(changed) if os.path.lexists(self.top / path))

    def _give_back(self) -> list[str]:
        """Make adopted files the operator's again, as far as HEAD does not have them; returns all that were adopted."""
        found, result = self.attempt_data("cat-file", "blob", ADOPTED)
        adopted = [os.fsdecode(part) for part in found.split(b"\0") if part] if result.ok else []
        if adopted:
            self.take_out(set(adopted).intersection(self.fields("ls-files", "-z")).difference(self.tree("HEAD")))
        return adopted

    def _update_refs(self, *lines: str) -> None:
        self.run("update-ref", "--stdin", stdin="".join(f"{line}\n" for line in lines).encode(), changes=True)

    def _clear_leftovers(self, tried: str) -> None:
        """Remove the new files of a checkout that was cut off, whole or half written.

        All but the adopted ones are git's own: it only began once nothing of the operator's lay there.
        """
        adopted = self._give_back()
        for path, same in self.strangers(tried).items():
            if path not in adopted and (same or self._is_beginning(path, tried)):
                (self.top / path).unlink()
                self._remove_empty(path)

    def _is_beginning(self, path: str, commit: str) -> bool:
        place, whole = self.top / path, self.read(commit, path)
        if whole is None or place.is_symlink() or not place.is_file():
            return False
        content = place.read_bytes()
        return whole.startswith((content, content.replace(b"\r\n", b"\n")))

    def _remove_empty(self, path: str) -> None:
        for place in (self.top / path).parents:
            if place == self.top or any(place.iterdir()):
                return
            place.rmdir()

    def _may_move(self, branch: str, commit: str) -> bool:
        tip = self._tip(branch)
        return tip is None or self.relation(tip, commit) != "diverged"

    def _tip(self, branch: str) -> str | None:
        return self.git("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}").out.strip() or None

    def _keep_reachable(self, commit: str, branch: str | None) -> None:
        """A ref for each commit that only the fetched refs, which come and go, would keep from being collected."""
        leaving = {self.head(), self._tip(branch) if branch else None} - {None, commit}
        for left in sorted(filter(None, leaving)):
            places = ("refs/heads", "refs/tags", BACKUP.rstrip("/"))
            keepers = set(self.run("for-each-ref", f"--contains={left}", "--format=%(refname)", *places).splitlines())
            if keepers - {f"refs/heads/{branch}"}:
                continue
            numbers = [int(name.removeprefix(BACKUP)) for name in self._backups()]
            self.run("update-ref", f"{BACKUP}{max(numbers, default=0) + 1}", left, "0" * 40, changes=True)

    def _backups(self) -> list[str]:
        return self.run("for-each-ref", "--format=%(refname)", BACKUP).splitlines()

    def _update_submodules(self, commit: str, *force: str) -> None:
        if self.read(commit, ".gitmodules") is None:
            return
        self.learn_credentials()
        args = ("submodule", "--quiet", "update", "--init", "--recursive", *force)
        result = self.git(*args, env=self.network(), changes=True)
        if not result.ok:
            lines = self.clean_tail(result)
            message = f"Could not update the submodules of {self.top}: {reason(lines)}"
            hint = self.by_hand("submodule", "sync --recursive") + ", if an address has changed"
            raise TransientError(message, hint, lines=lines)

    def _apply(self, patch: Path, env: dict[str, str], *only: str) -> bool:
        options = ("--3way", "--cached", "--whitespace=nowarn", "--no-ignore-whitespace")
        return self.git("apply", *options, *only, "-", stdin=patch, env=env).ok

    def _contradictions(self, patch: Path) -> list[str]:
        """The files of the patch that do not apply, each tried alone: git stops at the first impossible one."""
        names = [
            part.split("\t", 2)[2] for part in self.fields("apply", "--numstat", "-z", "-", stdin=patch.read_bytes())
        ]
        found = []
        for name in names:
            with self.index_of("HEAD") as env:
                if not self._apply(patch, env, "--include=" + _GLOB.sub(r"\\\1", name)):
                    found.append(name)
        if not found:
            raise StepError(f"The patch {patch} does not apply", self.by_hand("apply", "--3way", str(patch)))
        return found

    def _taken(self, words: dict[str, str], env: dict[str, str]) -> list[str]:
        """Paths where neither HEAD's file nor the result lies already, but something else of the operator's."""
        edited = {edit.path for edit in self.local_edits()}
        other = self.changed_on_disk(words, env)
        return [
            path
            for path, word in words.items()
            if os.path.lexists(self.top / path) and (path in edited or word == "A") and (word == "D" or path in other)
        ]
