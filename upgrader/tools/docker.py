"""The Docker engine through its CLI: containers, images and their pins, volumes, and commands inside containers."""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

from upgrader.errors import RefusedError, StepError, TransientError, UpgraderError
from upgrader.model.manifest import Pin
from upgrader.tools import docker_model as model
from upgrader.tools.docker_model import Container, EngineInfo, Mount, Volume
from upgrader.tools.shell import TIMED_OUT, Command, CommandFailedError, Result, Say, Shell

__all__ = ["Container", "Docker", "EngineInfo", "Mount", "NotOursError", "Volume"]

LOG_LINES = 100_000
"""How much of a container's log is kept, counted from its end."""

_QUICK = 60.0
_NO_IMAGE = re.compile(r"No such image: (\S+)", re.IGNORECASE)
_MISSING = re.compile(r"no such (container|image|volume|object)", re.IGNORECASE)
_UNREACHABLE = re.compile(r"cannot connect to the docker daemon|error during connect|dial (unix|tcp)", re.IGNORECASE)
_DENIED = "permission denied"


class NotOursError(RuntimeError):
    """A bug: something that is not ours was about to be removed."""


class ExecOptions(TypedDict, total=False):
    """How a program runs in a container; `timeout` in seconds, `stdout` a file on this machine, made with mode 0600."""

    stdin: bytes | Path | None
    stdout: Path | None
    env: Mapping[str, str]
    user: str
    changes: bool
    timeout: float | None
    workdir: str


@dataclass(frozen=True)
class Docker:
    """The engine. Whatever cannot be reached raises TransientError; `require` says first, and better, what is wrong."""

    shell: Shell

    def require(self) -> EngineInfo:
        """Raises RefusedError when there is no Docker CLI, the engine does not answer, or we may not talk to it."""
        result = self._attempt("info", "--format", "{{.ServerVersion}}\t{{.DockerRootDir}}\t{{.Driver}}")
        if result.code == 127:
            raise RefusedError("the docker command is not installed", "apt-get install docker.io docker-compose-v2")
        version, _, rest = result.out.strip().partition("\t")
        root, _, storage = rest.partition("\t")
        if not result.ok or not version:
            raise self._silent(result)
        return EngineInfo(version, root, storage, self._endpoint().startswith("unix:"))

    def _endpoint(self) -> str:
        return self._attempt("context", "inspect", "--format", "{{.Endpoints.docker.Host}}").out.strip()

    def _silent(self, result: Result) -> RefusedError:
        lines = self._lines(result.err)
        if _DENIED in result.err.lower():
            return RefusedError(
                "this user may not talk to the Docker engine",
                "sudo usermod -aG docker $USER, then log in again; or run upgrader with sudo",
                lines=lines,
            )
        host = self._endpoint() or "its socket"
        hint = "systemctl start docker" if host.startswith("unix:") else "docker context ls; echo $DOCKER_HOST"
        return RefusedError(f"the Docker engine does not answer at {host}", hint, lines=lines)

    def free_bytes_in_engine(self, engine: EngineInfo) -> int | None:
        """Free space where the engine keeps its data; None when that is not on this machine."""
        if not engine.local:
            return None
        try:
            found = os.statvfs(engine.root_dir)
        except OSError:
            return None
        return found.f_bavail * found.f_frsize

    def containers(self, project: str, *, all: bool = True) -> list[Container]:  # noqa: A002 - docker's own word
        """The project's containers, one-offs too; with `all` also those that do not run. By service and number."""
        every = ("--all",) if all else ()
        return self._labelled(f"{model.PROJECT}={project}", *every)

    def composed(self) -> list[Container]:
        """The containers of every Compose project on this engine."""
        return self._labelled(model.PROJECT, "--all")

    def _labelled(self, label: str, *flags: str) -> list[Container]:
        ids = self._read("ps", "--quiet", "--no-trunc", *flags, "--filter", f"label={label}").split()
        if not ids:
            return []
        found = [model.container(data) for data in self._inspect("container", ids)]
        return sorted(found, key=lambda c: (c.service, c.oneoff, c.number, c.name))

    def container(self, name_or_id: str) -> Container | None:
        found = self._inspect("container", [name_or_id])
        return model.container(found[0]) if found else None

    def half_replaced(self, project: str) -> list[Container]:
        """Containers that a killed `up` left between creating and renaming them."""
        return [c for c in self.containers(project) if model.HALF_REPLACED.fullmatch(c.name)]

    def repair_half_replaced(self, project: str) -> list[str]:
        """Put right what a killed `up` left, so that the next one works; says what was done.

        Raises RefusedError where neither branch of the repair fits: then somebody has to look.
        """
        return [self._repair(half) for half in self.half_replaced(project)]

    def _repair(self, half: Container) -> str:
        match = model.HALF_REPLACED.fullmatch(half.name)
        old_id, name = match.groups() if match else ("", "")
        old = self.container(old_id)
        if old is not None and half.state == "created":
            self._change("rm", "--force", half.id, label=f"removing {half.name}")
            return f"removed {half.name}, which never ran; {old.name} is what it was to replace"
        if old is None and self.container(name) is None:
            self._change("rename", half.id, name, label=f"renaming {half.name}")
            return f"renamed {half.name} to {name}, whose replacement was cut off"
        raise RefusedError(
            f"{half.name} ({half.state}) was left by an `up` that was cut off, next to {(old and old.name) or name}",
            f"look at both (docker ps -a), remove the wrong one, and rename the other: docker rename … {name}",
        )

    def stop(self, ids: Sequence[str], timeout: int | None = None) -> None:
        """Stop them, with `timeout` seconds before they are killed; without it each container's own."""
        patience = () if timeout is None else ("-t", str(timeout))
        if ids:
            self._change("stop", *patience, *ids, label=f"stopping {', '.join(ids)}")

    def start(self, ids: Sequence[str]) -> None:
        if ids:
            self._change("start", *ids, label=f"starting {', '.join(ids)}")

    def remove(self, name: str) -> None:
        """Remove a container that we made; it may be gone already."""
        if model.OURS not in name:
            raise NotOursError(f"refusing to remove the container {name}")
        result = self._attempt("rm", "--force", name, changes=True)
        if not result.ok and not _MISSING.search(result.out):
            raise self._failed(result, f"removing {name}")

    def wait(self, name: str) -> int:
        """Block until the container has ended; its exit status. The client may be killed and called again."""
        while (code := self._awaited(name, None)) is None:
            continue  # restarted meanwhile
        return code

    def _awaited(self, name: str, limit: float | None) -> int | None:
        """The exit status after one wait of at most `limit` seconds; None when the container still runs."""
        result = self._attempt("wait", name, timeout=limit)
        found = self.container(name)
        if found is None:
            raise StepError(f"the container {name} is gone, and its exit status with it", lines=self._lines(result.err))
        if found.state == "created":
            raise StepError(f"the container {name} was never started", f"docker start {name}")
        if found.state in ("exited", "dead"):
            return found.exit_code
        if not result.ok and result.code != TIMED_OUT:
            raise self._failed(result, f"waiting for {name}")
        return None

    def lasted(self, name: str) -> float | None:
        """Seconds from the start to the end of a container that has ended; None where there is none."""
        found = self._inspect("container", [name])
        state = found[0]["State"] if found else {}
        if state.get("Status") != "exited":
            return None
        return model.seconds_between(state["StartedAt"], state["FinishedAt"])

    def follow_logs(self, name: str, say: Say | None = None, limit: float | None = None) -> int | None:
        """Say what the container prints until it ends; its exit status, or None when it runs on after `limit` seconds.

        It is only a reader: it may be killed, and called again.
        """
        reader = self._reader(log=self.shell.log, say=say or self.shell.say)
        result = reader.attempt(Command(("docker", "logs", "--follow", name), changes=True, timeout=limit))
        # the log driver may not be readable, or the engine may have dropped the reader: waiting tells
        return self.wait(name) if limit is None else self._awaited(name, max(limit - result.seconds, 0.1))

    def logs(self, name: str, into: Path) -> None:
        """Append the container's log, redacted, to a file (made with mode 0600)."""
        result = self._reader(log=into, say=None).attempt(
            Command(("docker", "logs", "--timestamps", "--tail", str(LOG_LINES), name), changes=True)
        )
        if not result.ok:
            raise self._failed(result, f"reading the log of {name}")

    def log_tail(self, name: str, lines: int = 20, since: str = "") -> list[str]:
        """The last lines that the container printed, redacted; `since` is a timestamp. Empty when it cannot be read."""
        after = ("--since", since) if since else ()
        result = self._attempt("logs", "--timestamps", "--tail", str(lines), *after, name)
        if not result.ok:
            return []
        # two streams arrive apart: their timestamps put them together again
        stamped = sorted((result.out + result.err).splitlines(), key=lambda line: line.partition(" ")[0])
        return [self.shell.redactor.text(line.partition(" ")[2].rstrip()) for line in stamped[-lines:]]

    def _reader(self, *, log: Path | None, say: Say | None) -> Shell:
        """A shell whose commands are shown and logged like changes, though they only read.

        They must not keep the lock: the reader of a migration that hangs would keep everyone from rolling it back.
        """
        return replace(self.shell, lock=None, read_only=False, log=log, say=say)

    def image_id(self, ref: str) -> str | None:
        return self.image_ids([ref])[ref]

    def image_ids(self, refs: Iterable[str]) -> dict[str, str | None]:
        """The id of each image by the name or id that was asked for; None where there is no such image."""
        wanted = sorted(set(refs))
        if not wanted:
            return {}
        result = self._attempt("image", "inspect", "--format", "{{.Id}}", *wanted)
        if not result.ok and not _MISSING.search(result.err):
            raise self._failed(result, "docker image inspect")
        named = {match[1] for match in _NO_IMAGE.finditer(result.err)}
        lost = {ref for ref in wanted if ref in named or f"{ref}:latest" in named}
        found = result.out.split()
        if len(found) + len(lost) != len(wanted) and len(wanted) > 1:
            # it names what it lacks in a form of its own (`docker.io/library/app` is `app`): one by one, then
            return {ref: self.image_id(ref) for ref in wanted}
        # it answers in the order of the question
        ids = iter(found)
        return {ref: None if ref in lost else next(ids, None) for ref in wanted}

    def image_size(self, ref: str) -> int | None:
        """In bytes, layers shared with other images included; None when there is no such image."""
        found = self._inspect("image", [ref])
        return int(found[0]["Size"]) if found else None

    def image_digests(self, ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """By image id: the repository digests that it was pulled by; none for an image built here."""
        wanted = sorted(set(ids))
        found = self._inspect("image", wanted) if wanted else []
        return {str(image["Id"]): tuple(image.get("RepoDigests") or ()) for image in found}

    def tag(self, image_id: str, ref: str) -> None:
        self._change("tag", image_id, ref, label=f"tagging {ref}")

    def pull(self, ref: str) -> None:
        """Pull an image by a name or a digest; raises TransientError where the engine does not answer."""
        self._change("pull", "--quiet", ref, label=f"pulling {ref}")

    def untag(self, ref: str) -> bool:
        """Remove one of our pins, and an image that nothing else names with it; False: a container needs it."""
        if not ref.startswith(model.PINS):
            raise NotOursError(f"refusing to remove the image {ref}")
        result = self._attempt("rmi", ref, changes=True)
        if result.ok or _MISSING.search(result.out):
            return True
        if "conflict" in result.out.lower():
            return False
        raise self._failed(result, f"removing {ref}")

    def pins(self) -> list[str]:
        """Every pin on this engine, of whichever app."""
        pattern = f"reference={model.PINS}*"
        return self._read("image", "ls", "--filter", pattern, "--format", "{{.Repository}}:{{.Tag}}").split()

    @staticmethod
    def pin_name(project: str, service: str, point_id: str) -> str:
        return model.pin_name(project, service, point_id)

    def pin(self, container: Container, point_id: str) -> Pin:
        """Keep the image that the container runs, whatever its tag has come to mean since."""
        tag = self.pin_name(container.project, container.service, point_id)
        self.tag(container.image_id, tag)
        return Pin(container.service, container.image_id, container.image_ref, tag)

    def attempt_exec(self, container: str, argv: Sequence[str], **options: Unpack[ExecOptions]) -> Result:
        """Run a program in a running container; reports how it ended.

        The values of `env` reach it without appearing in any argv. Killing this client, or a timeout, leaves the
        program running in its container.
        """
        env, stdin = options.get("env", {}), options.get("stdin")
        flags = [flag for name in env for flag in ("--env", name)]
        flags += ["--interactive"] if stdin is not None else []
        for name in ("user", "workdir"):
            flags += [f"--{name}", str(options[name])] if options.get(name) else []
        return self.shell.attempt(
            Command(
                ("docker", "exec", *flags, container, *argv),
                env=env,
                stdin=stdin,
                stdout=options.get("stdout"),
                changes=options.get("changes", False),
                timeout=options.get("timeout"),
                label=f"{argv[0]} in {container}",
            )
        )

    def exec(self, container: str, argv: Sequence[str], **options: Unpack[ExecOptions]) -> Result:
        """As `attempt_exec`; raises CommandFailedError when the program ends with anything but zero."""
        result = self.attempt_exec(container, argv, **options)
        if not result.ok:
            raise CommandFailedError(result, self._lines(result.out + "\n" + result.err))
        return result

    def volumes(self, project: str) -> list[Volume]:
        """The volumes that Compose made for the project; not its external ones."""
        names = self._read("volume", "ls", "--quiet", "--filter", f"label={model.PROJECT}={project}").split()
        return [model.volume(data) for data in self._inspect("volume", names)] if names else []

    def volume(self, name: str) -> Volume | None:
        found = self._inspect("volume", [name])
        return model.volume(found[0]) if found else None

    def mounting(self, source: str) -> list[Container]:
        """Containers that mount a volume, by its name; those of other projects, and of none, too."""
        ids = self._read("ps", "--quiet", "--no-trunc", "--all", "--filter", f"volume={source}").split()
        found = [model.container(data) for data in self._inspect("container", ids)] if ids else []
        return [each for each in found if any(mount.name == source for mount in each.mounts)]

    def volume_size(self, name: str) -> int | None:
        """Bytes on disk, counted within 30 s; None when this process cannot see them."""
        found = self._inspect("volume", [name])
        where = found[0]["Mountpoint"] if found else ""
        if not where or not os.access(where, os.R_OK | os.X_OK):
            return None
        result = self.shell.attempt(Command(("du", "-skx", where), timeout=30.0))
        return int(result.out.split()[0]) * 1024 if result.ok else None

    def _attempt(self, *argv: str, changes: bool = False, timeout: float | None = _QUICK) -> Result:
        return self.shell.attempt(Command(("docker", *argv), changes=changes, timeout=None if changes else timeout))

    def _read(self, *argv: str) -> str:
        result = self._attempt(*argv)
        if not result.ok:
            raise self._failed(result, f"docker {argv[0]}")
        return result.out

    def _change(self, *argv: str, label: str) -> None:
        result = self._attempt(*argv, changes=True)
        if not result.ok:
            raise self._failed(result, label)

    def _inspect(self, kind: str, names: Sequence[str]) -> list[dict[str, Any]]:
        """What there is of them: something that went away between listing and looking is not an error."""
        result = self._attempt(kind, "inspect", *names)
        if not result.ok and not _MISSING.search(result.err):
            raise self._failed(replace(result, out=""), f"docker {kind} inspect")  # the output holds secrets
        found: list[dict[str, Any]] = json.loads(result.out or "[]")
        return found

    def _failed(self, result: Result, what: str) -> UpgraderError:
        said = result.out + "\n" + result.err
        if _UNREACHABLE.search(said):
            return TransientError(
                f"{what}: the Docker engine does not answer", "systemctl status docker", lines=self._lines(said)
            )
        return StepError(f"{what} failed", lines=self._lines(said))

    def _lines(self, text: str) -> list[str]:
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        return [self.shell.redactor.text(line) for line in lines[-25:]]
