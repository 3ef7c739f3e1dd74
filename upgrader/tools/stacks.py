"""Which stack a directory holds: what Compose would take by default, or how the running project was started."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from upgrader.errors import RefusedError
from upgrader.model.app import Stack
from upgrader.tools import compose_errors, docker_model
from upgrader.tools.compose_model import Model
from upgrader.tools.docker import Docker
from upgrader.tools.shell import Command, Shell

_FILES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_OVERRIDES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
_PROBED = ("COMPOSE_FILE", "COMPOSE_PATH_SEPARATOR", "COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME")
_NAMELESS = "upgrader-nameless"
_QUICK = 60.0


def default_files(directory: Path) -> tuple[str, ...]:
    """The files that Compose takes when nobody names any: the first base file and the first override; may be empty."""
    bases = [name for name in _FILES if (directory / name).is_file()]
    overrides = [name for name in _OVERRIDES if (directory / name).is_file()]
    return tuple(bases[:1] + overrides[:1]) if bases else ()


def files(stack: Stack) -> tuple[Path, ...]:
    """The stack's files as absolute paths. Raises RefusedError when there are none."""
    named = stack.present or default_files(stack.directory)
    if not named:
        raise RefusedError(f"there is no compose file in {stack.directory}", "upgrader -C DIRECTORY …")
    return tuple(_absolute(stack.directory, name) for name in named)


def command(
    stack: Stack,
    *arguments: str,
    env_file: Path | None = None,
    changes: bool = False,
    stdin: bytes | None = None,
    label: str = "",
) -> Command:
    """A Compose call with everything explicit. `env_file` replaces the stack's own.

    Raises RefusedError when an env file other than `.env` is missing: Compose would silently read `.env` instead.
    """
    directory = _absolute(stack.directory, "")
    chosen = env_file or _absolute(directory, stack.env_file)
    if not chosen.is_file() and chosen != directory / ".env":
        raise RefusedError(f"the env file {chosen} does not exist", f"ls -la {chosen.parent}")
    argv = ["docker", "compose", "--ansi", "never", "--progress", "plain", "--project-directory", str(directory)]
    argv += ["-p", stack.project] if stack.project else []
    for path in files(stack) if stdin is None else ["-"]:
        argv += ["-f", str(path)]
    argv += ["--env-file", str(chosen)] if chosen.is_file() else []
    for profile in stack.profiles:
        argv += ["--profile", profile]
    return Command(
        (*argv, *arguments),
        cwd=directory,
        env={"PWD": str(directory)},  # compose files use it, and a person's shell sets it
        stdin=stdin,
        changes=changes,
        timeout=None if changes else _QUICK,
        label=label,
    )


def config(shell: Shell, stack: Stack, env_file: Path | None = None) -> Model:
    """What Compose makes of the stack; raises RefusedError in our words where Compose rejects it."""
    call = command(stack, "config", "--format", "json", env_file=env_file)
    result = shell.attempt(call)
    if not result.ok:
        raise rejected(shell, stack, result.err, env_file)
    return Model.parse(result.out, result.err)


def rejected(shell: Shell, stack: Stack, said: str, env_file: Path | None = None) -> RefusedError:
    again = command(stack, "config", "--quiet", env_file=env_file)
    env = env_file or _absolute(stack.directory, stack.env_file)
    return compose_errors.refused(shell.redactor.text(said), files(stack), env, again.argv)


def discover(
    shell: Shell,
    directory: Path,
    *,
    project: str = "",
    files: Sequence[str] = (),
    profiles: Sequence[str] = (),
    env_file: str = ".env",
) -> Stack:
    """The stack that `docker compose` would take in this directory; what is given wins.

    COMPOSE_FILE, COMPOSE_PROFILES and COMPOSE_PROJECT_NAME count where the env file sets them. As with Compose,
    relative paths start at the first file, so that the stack's directory may be one below `directory`.
    """
    env = _absolute(directory, env_file)
    said = _compose_variables(shell, directory, env)
    separator = said.get("COMPOSE_PATH_SEPARATOR") or os.pathsep
    named = list(files) or [name for name in said.get("COMPOSE_FILE", "").split(separator) if name]
    paths = [_absolute(directory, name) for name in named or default_files(directory)]
    if not paths:
        raise RefusedError(f"there is no compose file in {directory}", "upgrader -C DIRECTORY …")
    home = paths[0].parent
    stack = Stack(
        directory=home,
        project=project or said.get("COMPOSE_PROJECT_NAME", ""),
        files=tuple(_relative(path, home) for path in paths),
        profiles=tuple(profiles) or _listed(said.get("COMPOSE_PROFILES", "")),
        env_file=_relative(env, home),
    )
    # the name may also come from the files, or from the directory's name: Compose knows
    return stack if stack.project else replace(stack, project=config(shell, stack).project)


def adopt(docker: Docker, directory: Path) -> Stack | None:
    """The stack as the containers' labels say it was started, here or below; None when nothing was.

    Raises RefusedError where more than one project, or more than one env file, leaves a choice to a person.
    """
    labels = _started_in(docker, directory)
    if labels is None:
        return None
    home = Path(labels[docker_model.WORKING_DIR])
    env_files = _listed(labels.get(docker_model.ENVIRONMENT_FILE, ""))
    if len(env_files) > 1:
        raise RefusedError(
            f"{labels[docker_model.PROJECT]} was started with several env files: {', '.join(env_files)}",
            f"Join them in one file, and start it with: docker compose --env-file {env_files[-1]} up -d",
        )
    env = Path(env_files[0]) if env_files else home / ".env"
    stack = Stack(
        directory=home,
        project=labels[docker_model.PROJECT],
        files=tuple(_relative(Path(path), home) for path in _listed(labels.get(docker_model.CONFIG_FILES, ""))),
        env_file=_relative(env, home),
    )
    return replace(stack, profiles=_profiles(docker, stack))


def differs(stack: Stack, labels: Mapping[str, str]) -> list[str]:
    """How the stack's invocation differs from the one that a container's labels tell of; empty when it does not."""
    directory = _absolute(stack.directory, "")
    env = str(_absolute(directory, stack.env_file))
    started_in = labels.get(docker_model.WORKING_DIR, "")
    started_env = labels.get(docker_model.ENVIRONMENT_FILE) or str(Path(started_in) / ".env")
    started_files = ", ".join(_listed(labels.get(docker_model.CONFIG_FILES, "")))
    compared = {
        "project": (labels.get(docker_model.PROJECT, ""), stack.project),
        "directory": (started_in, str(directory)),
        "files": (started_files, ", ".join(map(str, files(stack)))),
        "env file": (started_env, env),
    }
    return [
        f"{what}: started with {started}, now {now}"
        for what, (started, now) in compared.items()
        if started != now and not (what == "directory" and os.path.realpath(started) == os.path.realpath(now))
    ]


def _compose_variables(shell: Shell, directory: Path, env: Path) -> dict[str, str]:
    """Compose's own variables in the env file, as Compose itself reads them."""
    if not env.is_file():
        return {}
    wanted = {name: f"${{{name}-}}" for name in _PROBED}
    # the project name that Compose settles on is always set: this one when the env file has none
    probe = {"name": _NAMELESS, "services": {"probe": {"image": "probe", "environment": wanted}}}
    stack = Stack(directory, "", env_file=str(env))
    result = shell.attempt(command(stack, "config", "--format", "json", stdin=json.dumps(probe).encode()))
    if not result.ok:
        raise compose_errors.refused(shell.redactor.text(result.err), (), env, ())
    found = Model.parse(result.out).services["probe"].environment
    return {name: value for name, value in found.items() if value and value != _NAMELESS}


def _started_in(docker: Docker, directory: Path) -> Mapping[str, str] | None:
    """The labels of the newest container of the one project that was started here, or else below."""
    here = os.path.realpath(directory)
    every = [c for c in docker.composed() if c.labels.get(docker_model.WORKING_DIR) and not c.oneoff]
    places = {c.id: os.path.realpath(c.labels[docker_model.WORKING_DIR]) for c in every}
    found = [c for c in every if places[c.id] == here]
    found = found or [c for c in every if places[c.id].startswith(f"{here}/")]
    projects = sorted({c.project for c in found})
    if len(projects) > 1:
        raise RefusedError(
            f"several projects were started in {directory}: {', '.join(projects)}",
            "Name one: upgrader -C DIRECTORY …, or a playbook with `stack: {project: …}`",
        )
    return max(found, key=lambda c: c.started_at).labels if found else None


def _profiles(docker: Docker, stack: Stack) -> tuple[str, ...]:
    """The profiles that its containers need: those of the env file, and one more for each service not covered."""
    said = _compose_variables(docker.shell, stack.directory, _absolute(stack.directory, stack.env_file))
    chosen = list(_listed(said.get("COMPOSE_PROFILES", "")))
    services = config(docker.shell, replace(stack, profiles=("*",))).services
    present = {c.service for c in docker.containers(stack.project) if not c.oneoff}
    for name in sorted(present & services.keys()):
        needed = services[name].profiles
        if needed and not set(needed) & set(chosen):
            chosen.append(needed[0])
    return tuple(chosen)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _absolute(directory: Path, name: str) -> Path:
    return Path(os.path.abspath(directory / name))


def _relative(path: Path, home: Path) -> str:
    return os.path.relpath(path, home)
