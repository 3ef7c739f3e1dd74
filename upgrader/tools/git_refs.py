"""What git knows: the remote, its releases, and how commits relate."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from upgrader.errors import RefusedError, StepError, TransientError
from upgrader.tools.git_locks import clear_locks
from upgrader.tools.git_repository import Repository, reason
from upgrader.tools.git_versions import newest_first, version
from upgrader.tools.shell import Result

PRIVATE = "refs/upgrader/"
HEADS = PRIVATE + "remote/heads/"
TAGS = PRIVATE + "remote/tags/"
LOCAL_TAGS = "refs/tags/"
FETCH_TIMEOUT = 300.0
SHORT = 9
_NO_OBJECT = "0" * 40
_HASH = re.compile(r"[0-9a-f]{4,64}")
_ASK_VENDOR = "Ask the vendor before going on; to import a signer's key, see `git help verify-tag`"
_LOCAL_TROUBLE = re.compile(r"insufficient permission|cannot lock ref|unable to (create|write)|No space left|Read-only")

Relation = Literal["same", "newer", "older", "diverged", "unknown"]


@dataclass(frozen=True)
class Target:
    """A commit somebody asked for. `note` is a line for people, mostly empty."""

    ref: str
    commit: str
    kind: Literal["tag", "branch", "commit"]
    name: str
    note: str = ""


@dataclass(frozen=True)
class MovedTag:
    """A tag that means another commit here than at the remote."""

    name: str
    here: str
    there: str


@dataclass(frozen=True)
class _Ref:
    """`object` is what the ref names, `commit` what it means: they differ for an annotated tag."""

    object: str
    commit: str


class Refs(Repository):
    """A checkout's refs and history."""

    def head(self) -> str:
        """The commit that is checked out, in full."""
        return self.run("rev-parse", "--verify", "HEAD^{commit}")

    def branch(self) -> str | None:
        """The branch that is checked out; None when HEAD is detached."""
        return self.git("symbolic-ref", "--quiet", "HEAD").out.strip().removeprefix("refs/heads/") or None

    def moved_at(self) -> float:
        """When HEAD last moved, by the reflog; seconds since the epoch, 0 where there is no reflog."""
        result = self.run("log", "-1", "--walk-reflogs", "--format=%gd", "--date=unix", "HEAD")
        match = re.search(r"@\{(\d+)\}", result)
        return float(match[1]) if match else 0.0

    def is_shallow(self) -> bool:
        return self.run("rev-parse", "--is-shallow-repository") == "true"

    def name_of(self, commit: str) -> str:
        """The release tag of exactly this commit, rather the remote's than a local one; else its first 9 digits."""
        return self._release(commit) or commit[:SHORT]

    def remote(self) -> str:
        """The remote to ask: that of the current branch, else `origin`, else the only one; RefusedError without."""
        remotes = self.run("remote").splitlines()
        upstream = self.setting(f"branch.{self.branch()}.remote")
        for choice in (upstream, "origin"):
            if choice in remotes:
                return choice
        if len(remotes) == 1:
            return remotes[0]
        if not remotes:
            raise RefusedError(f"{self.top} has no remote to upgrade from", self.by_hand("remote", "add origin URL"))
        raise RefusedError(
            f"{self.top} has several remotes ({', '.join(remotes)}) and none is called origin",
            self.by_hand("branch", f"--set-upstream-to={remotes[0]}/BRANCH"),
        )

    def fetch(self, started_at: float | None = None) -> None:
        """Fetch the remote's branches and tags into refs of our own; the operator's refs stay as they are.

        Not a change in the sense of `Command.changes`, for `plan` needs it. `started_at` is when an interrupted run
        began, in seconds since the epoch: the lock files that its fetch left are removed. Raises TransientError when
        the remote cannot be reached or refuses.
        """
        if started_at is not None:
            clear_locks(self.top, self.git_dir, self.common_dir, started_at)
        remote = self.remote()
        self.learn_credentials()
        result = self.git(
            *("fetch", "--quiet", "--force", "--prune", "--no-tags", "--no-write-fetch-head"),
            *("--no-recurse-submodules", "--no-auto-maintenance"),
            "--refmap=",  # else git moves the remote-tracking branches along
            remote,
            f"+refs/heads/*:{HEADS}*",
            f"+refs/tags/*:{TAGS}*",
            env=self.network(),
            timeout=FETCH_TIMEOUT,
        )
        if not result.ok:
            raise self._fetch_failure(remote, result)

    def moved_tags(self) -> list[MovedTag]:
        """Local tags that mean another commit at the remote. A tag that was only signed anew has not moved."""
        there = self._remote_tags()
        pairs = [
            (name, ref.commit, there[name].commit) for name, ref in self._refs(LOCAL_TAGS).items() if name in there
        ]
        return [MovedTag(*pair) for pair in pairs if pair[1] != pair[2]]

    def releases(self, pattern: str = "") -> list[str]:
        """The remote's release tags, newest first. Pre-releases count only where the glob `pattern` names them."""
        return newest_first(self._remote_tags(), pattern)

    def resolve(self, ref: str | None, pattern: str = "") -> Target:
        """The commit that `ref` means, after a fetch: a tag, a branch of the remote, or a hash.

        None means the newest release; where the remote has no versions at all, the remote's state of the current
        branch. Raises RefusedError with suggestions.
        """
        return self._named(ref, pattern) if ref else self._newest(pattern)

    def relation(self, old: str, new: str) -> Relation:
        """How `new` stands to `old`. Releases of separate branches are told by their versions."""
        if old == new:
            return "same"
        if self._is_ancestor(old, new):
            return "newer"
        if self._is_ancestor(new, old):
            return "older"
        left, right = version(self._release(old)), version(self._release(new))
        if left and right and left.package == right.package:
            return "newer" if left.key < right.key else "older"
        # history that was cut off says "no ancestor" of any commit
        return "unknown" if self.is_shallow() else "diverged"

    def commits(self, old: str, new: str, limit: int = 200) -> list[tuple[str, str]]:
        """Hash and subject of what `new` has and `old` has not, newest first."""
        out = self.run("log", "--no-show-signature", f"--max-count={limit}", "--format=%H %s", f"{old}..{new}")
        return [(line.partition(" ")[0], line.partition(" ")[2]) for line in out.splitlines()]

    def commit_count(self, old: str, new: str) -> int:
        return int(self.run("rev-list", "--count", f"{old}..{new}"))

    def changed_files(self, old: str, new: str) -> list[str]:
        """Paths that differ between the two commits."""
        return self.fields("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--no-ext-diff", old, new)

    def ensure_tag(self, name: str, commit: str) -> None:
        """Have the remote's tag as a local one too, if it means this commit, for `git describe`."""
        ref = self._remote_tags().get(name)
        if ref and ref.commit == commit and name not in self._refs(LOCAL_TAGS):
            self.run("update-ref", LOCAL_TAGS + name, ref.object, _NO_OBJECT, changes=True)

    def ensure_tracking(self, branch: str, commit: str) -> None:
        """Let the remote-tracking branch know what was fetched of it, as a `git pull` would; only forward."""
        ref = f"refs/remotes/{self.remote()}/{branch}"
        known = self.git("rev-parse", "--verify", "--quiet", ref).out.strip()
        if known and known != commit and self._is_ancestor(known, commit):
            self.run("update-ref", ref, commit, known, changes=True)

    def verify_tag(self, name: str) -> None:
        """Check the signature of the remote's tag; RefusedError when it has none, a bad one, or an unknown signer's."""
        ref = self._remote_tags().get(name)
        if ref is None:
            raise RefusedError(
                f"The remote has no tag {name}, so it has no signature", "Choose a signed release with --to"
            )
        if ref.object == ref.commit:
            raise RefusedError(f"The tag {name} is not signed: it is a plain pointer to a commit", _ASK_VENDOR)
        # an old release's signature must not vouch under a new name
        if f"\ntag {name}\n" not in self.run("cat-file", "tag", ref.object).partition("\n\n")[0] + "\n":
            raise RefusedError(f"The tag {name} was signed under another name", _ASK_VENDOR)
        result = self.git("verify-tag", ref.object)
        if not result.ok:
            lines = self.clean_tail(result)
            raise RefusedError(f"The signature of the tag {name} is not good: {lines[-1]}", _ASK_VENDOR, lines=lines)

    def has_commit(self, commit: str) -> bool:
        return self.git("cat-file", "-e", f"{commit}^{{commit}}").ok

    def _named(self, ref: str, pattern: str) -> Target:
        remote_tags, local_tags, heads = self._remote_tags(), self._refs(LOCAL_TAGS), self._refs(HEADS)
        remote = self.remote()
        tag = ref.removeprefix(LOCAL_TAGS)
        branch = ref.removeprefix("refs/heads/").removeprefix(f"{remote}/")
        if tag in remote_tags:
            return Target(ref, remote_tags[tag].commit, "tag", tag)
        for name in (ref, branch):
            if name in heads:
                commit = heads[name].commit
                return Target(ref, commit, "branch", self.name_of(commit))
        if tag in local_tags:
            return Target(ref, local_tags[tag].commit, "tag", tag, f"The tag {tag} exists only here, not at {remote}")
        if _HASH.fullmatch(ref.lower()):
            result = self.git("rev-parse", "--verify", "--quiet", f"{ref.lower()}^{{commit}}")
            if result.ok:
                return Target(ref, result.out.strip(), "commit", self.name_of(result.out.strip()))
        raise self._unknown(ref, [*remote_tags, *heads, *local_tags], newest_first(remote_tags, pattern))

    def _unknown(self, ref: str, names: list[str], releases: list[str]) -> RefusedError:
        near = difflib.get_close_matches(ref, dict.fromkeys(names), 5)
        message = f"{self.remote()} has no tag, branch or commit {ref}"
        if near:
            message += f"; similar: {', '.join(near)}"
        if releases:
            message += f"; newest releases: {', '.join(releases[:5])}"
        choice = (near or releases or ["REF"])[0]
        return RefusedError(message, f"Choose another: --to {choice}")

    def _newest(self, pattern: str) -> Target:
        tags = self._remote_tags()
        if releases := newest_first(tags, pattern):
            return Target(releases[0], tags[releases[0]].commit, "tag", releases[0])
        if pattern:
            raise RefusedError(f"{self.remote()} has no release that matches {pattern}", "Name one: --to REF")
        if versions := [found for found in map(version, tags) if found]:
            found = [each.tag for each in sorted(versions, key=lambda each: each.key, reverse=True)][:5]
            message = f"{self.remote()} has only pre-releases or releases of several parts: {', '.join(found)}"
            raise RefusedError(message, f"Name one: --to {found[0]}")
        branch = self._remote_branch()
        commit = self._refs(HEADS)[branch].commit
        return Target(branch, commit, "branch", self.name_of(commit))

    def _remote_branch(self) -> str:
        """The remote's branch that the checkout follows."""
        heads = self._refs(HEADS)
        followed = self.setting(f"branch.{self.branch()}.merge").removeprefix("refs/heads/")
        default = f"refs/remotes/{self.remote()}/"
        usual = self.git("symbolic-ref", "--quiet", default + "HEAD").out.strip().removeprefix(default)
        only = next(iter(heads), "") if len(heads) == 1 else ""
        for name in (followed, self.branch() or "", usual, only):
            if name in heads:
                return name
        message = f"{self.remote()} has no releases, and {self.top} follows none of its branches"
        raise RefusedError(f"{message}: {', '.join(heads) or 'none'}", "Name one: --to BRANCH")

    def _release(self, commit: str) -> str:
        """The newest release tag of exactly this commit; empty without."""
        lines = self.run("for-each-ref", f"--points-at={commit}", "--format=%(refname)", TAGS, LOCAL_TAGS).splitlines()
        for place in (TAGS, LOCAL_TAGS):
            tags = [line.removeprefix(place) for line in lines if line.startswith(place)]
            found = sorted(filter(None, map(version, tags)), key=lambda each: (not each.package, each.key))
            if found:
                return found[-1].tag
        return ""

    def _is_ancestor(self, old: str, new: str) -> bool:
        return self.git("merge-base", "--is-ancestor", old, new).ok

    def _remote_tags(self) -> Mapping[str, _Ref]:
        return self._refs(TAGS)

    def _refs(self, under: str) -> dict[str, _Ref]:
        """The refs under a prefix that mean commits, by the rest of their names."""
        form = "%(objecttype) %(objectname) %(*objecttype) %(*objectname) %(refname)"
        found = {}
        for line in self.run("for-each-ref", f"--format={form}", under).splitlines():
            kind, name, target_kind, target, ref = line.split(" ", 4)
            if kind == target_kind == "tag":  # a tag of a tag
                target = self.git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").out.strip()
                target_kind = "commit" if target else ""
            if "commit" in (kind, target_kind):
                found[ref.removeprefix(under)] = _Ref(name, name if kind == "commit" else target)
        return found

    def _fetch_failure(self, remote: str, result: Result) -> StepError:
        lines = self.clean_tail(result)
        why = f"no answer within {FETCH_TIMEOUT:.0f} seconds" if result.code == 124 else reason(lines)
        message = f"Could not fetch from the remote {remote} of {self.top}: {why}"
        kind = StepError if any(map(_LOCAL_TROUBLE.search, lines)) else TransientError
        return kind(message, self.by_hand("fetch", remote), lines=lines)
