"""How git is called: as whom, with which settings, and what its failures become."""

import os
import pwd
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from upgrader.errors import RefusedError, StepError
from upgrader.tools.shell import Command, ReadOnlyError, Result, Shell

# In the environment and not as `-c`, so that they reach the git processes that git starts, and logs stay readable.
_SETTINGS = {
    "core.hooksPath": "/dev/null",  # what runs around an upgrade is the playbook's business
    "core.fsmonitor": "false",  # would start a daemon
    "core.fileMode": "false",  # a chmod is no edit
    "gc.auto": "0",
    "maintenance.auto": "false",
    "advice.detachedHead": "false",
    "submodule.recurse": "false",
    "diff.autoRefreshIndex": "true",
    "http.lowSpeedLimit": "1000",  # bytes per second, for as many seconds: a dead connection ends
    "http.lowSpeedTime": "60",
}
_SSH = "-oBatchMode=yes -oConnectTimeout=15 -oControlMaster=no"
_GENERIC = "Could not read from remote repository"
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")


@dataclass(frozen=True)
class Identity:
    """As whom git runs: words before `git`, and a note where files will not stay their owner's."""

    prefix: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    owner: tuple[int, int] | None = None
    """uid and gid, where they are not ours."""
    user: str = ""
    note: str = ""


@dataclass(frozen=True)
class Repository:
    """A checkout that git is asked about. All of its paths are relative to `top`."""

    shell: Shell
    directory: Path

    @cached_property
    def top(self) -> Path:
        """The checkout's top directory, which may lie above `directory`."""
        here = self.directory.resolve()
        for place in (here, *here.parents):
            if (place / ".git").exists():
                return place
        if (here / "HEAD").is_file() and (here / "objects").is_dir():
            raise RefusedError(f"{here} is a bare git repository, without the app's files", f"git clone {here} DIR")
        raise RefusedError(f"{here} is not a git checkout", "Go to the app's checkout, or name it: upgrader -C DIR …")

    @cached_property
    def git_dir(self) -> Path:
        """Where git keeps this checkout's index and HEAD."""
        place = self.top / ".git"
        if place.is_dir():
            return place
        link = place.read_text(encoding="utf-8", errors="surrogateescape").removeprefix("gitdir:").strip()
        return (self.top / link).resolve()

    @cached_property
    def common_dir(self) -> Path:
        """Where git keeps objects and refs; the same as `git_dir` unless this is a linked work tree."""
        link = self.git_dir / "commondir"
        return (self.git_dir / link.read_text(encoding="utf-8").strip()).resolve() if link.exists() else self.git_dir

    @cached_property
    def identity(self) -> Identity:
        owner, ours = self.top.stat(), os.geteuid()
        if {owner.st_uid, self.git_dir.stat().st_uid} == {ours}:
            return Identity()
        name = _user_name(owner.st_uid)
        if ours == 0 and owner.st_uid != 0 and not self._foreign_part(owner.st_uid):
            identity = _as_owner(owner.st_uid, owner.st_gid)
            probe = Command((*identity.prefix, "git", "-C", str(self.top), "rev-parse", "--git-dir"), env=identity.env)
            if self.shell.attempt(probe).ok:
                return identity
        note = (
            f"{self.top} belongs to {name}, but git runs as {_user_name(ours)}: what the upgrade writes there will be "
            f"{_user_name(ours)}'s; chown -R {owner.st_uid}:{owner.st_gid} {self.top} puts that right"
        )
        return Identity(settings={"safe.directory": str(self.top)}, note=note)

    def owner_note(self) -> str | None:
        """One line for people where files that git changes will not belong to the checkout's owner."""
        return self.identity.note or None

    def git(
        self,
        *args: str,
        changes: bool = False,
        stdin: bytes | Path | None = None,
        stdout: Path | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float | None = None,
    ) -> Result:
        """Run git in the top directory and report how it ended."""
        identity = self.identity
        settings = [*_SETTINGS.items(), *identity.settings.items()]
        environment = {
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "false",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_COMMITTER_NAME": "upgrader",
            "GIT_COMMITTER_EMAIL": "upgrader@localhost",
            "GIT_CONFIG_COUNT": str(len(settings)),
            **{f"GIT_CONFIG_KEY_{number}": key for number, (key, _) in enumerate(settings)},
            **{f"GIT_CONFIG_VALUE_{number}": value for number, (_, value) in enumerate(settings)},
            **identity.env,
            **(env or {}),
        }
        command = Command(
            (*identity.prefix, "git", *args),
            cwd=cwd or self.top,
            env=environment,
            stdin=stdin,
            stdout=stdout,
            changes=changes,
            timeout=timeout,
            label=f"git {args[0]}",
        )
        return self.shell.attempt(command)

    def run(
        self,
        *args: str,
        changes: bool = False,
        stdin: bytes | Path | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> str:
        """Its output, without the last line break; StepError when it fails."""
        result = self.git(*args, changes=changes, stdin=stdin, env=env, cwd=cwd)
        if not result.ok:
            raise self.failure(args[0], result)
        return result.out.removesuffix("\n")

    def data(self, *args: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> bytes:
        """Its output as bytes; StepError when it fails."""
        found, result = self.attempt_data(*args, stdin=stdin, env=env)
        if not result.ok:
            raise self.failure(args[0], result)
        return found

    def attempt_data(
        self, *args: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None
    ) -> tuple[bytes, Result]:
        with tempfile.TemporaryDirectory(prefix="upgrader-") as directory:
            out = Path(directory, "out")
            result = self.git(*args, stdin=stdin, env=env, stdout=out)
            return out.read_bytes(), result

    def fields(self, *args: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> list[str]:
        """The NUL-ended fields of its output. Names that are not UTF-8 survive, as in `os.fsdecode`."""
        return [os.fsdecode(part) for part in self.data(*args, stdin=stdin, env=env).split(b"\0") if part]

    def setting(self, name: str) -> str:
        """A value of git's configuration; empty when it is not set."""
        return self.git("config", "--get", name).out.strip()

    def failure(self, what: str, result: Result, hint: str = "") -> StepError:
        """What a failed command becomes, without credentials."""
        lines = self.clean_tail(result)
        return StepError(f"git {what} failed in {self.top}: {reason(lines)}", hint, lines=lines)

    def clean_tail(self, result: Result) -> list[str]:
        """The last lines it printed, without credentials."""
        return [self.shell.redactor.text(_USER_INFO.sub("***", line)) for line in result.tail]

    def by_hand(self, *words: str) -> str:
        """The same git command for a person to type, as the user that we run it as."""
        prefix = ["sudo", "-u", self.identity.user] if self.identity.user else []
        return " ".join([*prefix, "git", "-C", str(self.top), *words])

    def network(self) -> dict[str, str]:
        """The environment of commands that talk to a remote: ssh asks nothing and gives up."""
        chosen = self.setting("core.sshCommand") or "ssh"
        is_openssh = Path(chosen.split()[0].strip("'\"")).name == "ssh"
        return {"GIT_SSH_COMMAND": f"{chosen} {_SSH}" if is_openssh else chosen}

    def learn_credentials(self) -> None:
        """Have the redactor hide the credentials that this checkout's remotes carry in their addresses."""
        addresses = self.git("config", "--get-regexp", r"^(remote|submodule|url)\.").out
        for found in _USER_INFO.findall(addresses):
            name, _, password = found.partition(":")
            self.shell.redactor.learn({password} if password else {name})

    def forbid_reading_shell(self, what: str) -> None:
        """Hold the rule of `changes=True` for what we change without a program."""
        if self.shell.read_only:
            raise ReadOnlyError(what)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A temporary directory that git can write to."""
        with tempfile.TemporaryDirectory(prefix="upgrader-git-") as name:
            directory = Path(name)
            self.give(directory)
            yield directory

    def give(self, path: Path) -> None:
        """Make it the checkout owner's, where git runs as that one."""
        if self.identity.owner:
            os.chown(path, *self.identity.owner)

    @contextmanager
    def index_of(self, commit: str) -> Iterator[dict[str, str]]:
        """The environment for commands that see the commit's files as the index; the live index is not touched."""
        with self.scratch() as directory:
            env = {"GIT_INDEX_FILE": str(directory / "index")}
            self.run("read-tree", "--no-sparse-checkout", commit, env=env)
            yield env

    @contextmanager
    def index_copy(self) -> Iterator[dict[str, str]]:
        """The environment for commands that may do as they like with a copy of the live index."""
        with self.scratch() as directory:
            copy = directory / "index"
            env = {"GIT_INDEX_FILE": str(copy)}
            if (self.git_dir / "index").exists():
                # with its time: git tells by it which entries may have changed in the same instant
                shutil.copy2(self.git_dir / "index", copy)
                self.give(copy)
            else:
                self.run("read-tree", "HEAD", env=env)
            yield env

    def _foreign_part(self, uid: int) -> bool:
        """Whether parts of the repository belong to somebody else, who then is the only one to write there."""
        objects, refs = self.common_dir / "objects", self.common_dir / "refs"
        places = [self.git_dir, self.common_dir, objects, *objects.glob("*"), refs, *refs.rglob("*")]
        return any(place.lstat().st_uid != uid for place in places)


def joined(paths: Iterable[str]) -> bytes:
    """Paths for the standard input of a command with `-z`."""
    return b"".join(os.fsencode(path) + b"\0" for path in paths)


def reason(lines: list[str]) -> str:
    """The line that says most: git ends its complaint with general advice."""
    for number, line in enumerate(lines):
        if line.startswith(("fatal:", "error:")):
            return lines[number - 1] if _GENERIC in line and number else line
    return lines[-1] if lines else "git said nothing"


def _as_owner(uid: int, gid: int) -> Identity:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        words = ("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups")
        return Identity(words, {"HOME": "/nonexistent"}, owner=(uid, gid), user=f"#{uid}")
    words = ("setpriv", f"--reuid={uid}", f"--regid={gid}", "--init-groups")
    env = {"HOME": entry.pw_dir, "USER": entry.pw_name, "LOGNAME": entry.pw_name}
    return Identity(words, env, owner=(uid, gid), user=entry.pw_name)


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
