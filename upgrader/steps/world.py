"""The world of one app, read when asked for: the tools, the running containers, the model now and at the target."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from upgrader.env.examples import EXAMPLES, find_example
from upgrader.env.references import References
from upgrader.errors import RefusedError, UpgraderError
from upgrader.model.app import App, DatabaseSpec
from upgrader.model.run import Run
from upgrader.model.secret import secrets_in
from upgrader.steps import outside
from upgrader.steps.base import Options
from upgrader.steps.env_plan import EnvPlan, make_env_plan
from upgrader.steps.pending import Migrations, judge
from upgrader.steps.stores import Chosen, chosen
from upgrader.tools.compose import Compose
from upgrader.tools.compose_model import Model
from upgrader.tools.docker import Container, Docker, EngineInfo
from upgrader.tools.git import Git
from upgrader.tools.postgres import Looks, Server
from upgrader.tools.postgres_throwaway import Origin
from upgrader.tools.shell import Shell
from upgrader.tools.volumes import Known, Look, Volumes

SCRATCH = "scratch-"


class Scratch:
    """A private temporary directory of this process, for the target's tree and env file; gone when it is closed.

    It lies in the app's `home` where there is one: what a killed process leaves there is found, and cleared.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self.models: dict[tuple[str, str], Model] = {}
        self.references: dict[str, References] = {}
        """What Compose files say of variables, by their commit: they do not change any more."""
        self.answers: dict[str, str] = {}
        """Values for the env file that a person gave to this process; they are written nowhere else."""
        self.volumes = Known()
        """What was found out of volumes, and of images that can read them."""
        self.env_plan: EnvPlan | None = None
        """The last one that was made."""
        self.clients = outside.Clients()

    @property
    def path(self) -> Path:
        if self._directory is None:
            where = self._home if self._home.is_dir() else None
            name = f"{SCRATCH}{os.getpid()}-"
            self._directory = tempfile.TemporaryDirectory(prefix=name, dir=where, ignore_cleanup_errors=True)
        return Path(self._directory.name)

    def close(self) -> None:
        self.clients.close()
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None


def clear_scratch(home: Path) -> None:
    """Remove the scratch directories of processes that are gone: each holds a copy of the env file."""
    for directory in home.glob(f"{SCRATCH}*"):
        pid = directory.name.removeprefix(SCRATCH).partition("-")[0]
        if not Path(f"/proc/{pid}").exists():
            shutil.rmtree(directory, ignore_errors=True)


@dataclass(frozen=True)
class World:
    """Reads lazily, and caches what it read: a new World sees the world anew."""

    app: App
    shell: Shell
    run: Run
    options: Options
    scratch: Scratch = field(compare=False, repr=False)
    looks: Looks = field(default_factory=Looks, compare=False, repr=False)

    def using(self, shell: Shell) -> "World":
        """The same world through another shell, nothing cached."""
        return replace(self, shell=shell)

    def recall(self, other: "World") -> None:
        """Take over what another one has read of the same world: it holds still."""
        self.__dict__.update({name: value for name, value in other.__dict__.items() if name in _READ})

    # --- tools

    @cached_property
    def git(self) -> Git:
        return Git(self.shell, self.app.stack.directory)

    @cached_property
    def docker(self) -> Docker:
        return Docker(self.shell)

    @cached_property
    def compose(self) -> Compose:
        return Compose(self.shell, self.app.stack)

    @property
    def volumes(self) -> Volumes:
        """The app's volumes, through images that it has: those of databases first, which have the better tools."""
        data, ours = self.data_services(), [c for c in self.containers if not c.oneoff]
        images = [c.image_id for c in sorted(ours, key=lambda c: (c.service not in data, not c.running))]
        return Volumes(self.shell, self.app.stack.project, self.run.id, tuple(images), self.scratch.volumes)

    def server(self, spec: DatabaseSpec) -> Server:
        """The database's server, in the container that runs its service now, or where its URL leads."""
        if not spec.service:
            return outside.server(self, spec)
        container = self.running(spec.service)
        if container is None:
            raise self._absent(spec.service)
        return Server(replace(self.shell, say=None), container.name, self.user(spec), self.run.id, self.looks)

    def _absent(self, service: str) -> RefusedError:
        found = next((c for c in self.containers if c.service == service and not c.oneoff), None)
        if found is None:
            up = f"docker compose -p {self.app.stack.project} up -d {service}"
            return RefusedError(f"the database service {service!r} has no container", up)
        wake = "unpause" if found.state == "paused" else "start"
        return RefusedError(
            f"the database service {service!r} does not run: {found.name} is {found.state}",
            f"docker {wake} {found.name}",
        )

    def origin_of(self, spec: DatabaseSpec) -> Origin | Container | None:
        """What a server like the database's own is made from; None while its container does not run."""
        return self.running(spec.service) if spec.service else Origin(outside.image(self, spec))

    def user(self, spec: DatabaseSpec) -> str:
        if not spec.service:
            return outside.address(spec, self.env_path).user
        return spec.user or self._container_env(spec).get("POSTGRES_USER") or "postgres"

    def database(self, spec: DatabaseSpec) -> str:
        """The database's name."""
        if not spec.service:
            return outside.address(spec, self.env_path).database
        return spec.name or self._container_env(spec).get("POSTGRES_DB") or self.user(spec)

    def _container_env(self, spec: DatabaseSpec) -> Mapping[str, str]:
        container = self.running(spec.service)
        return container.env if container else {}

    # --- now

    @cached_property
    def engine(self) -> EngineInfo:
        """The engine; raises RefusedError where none answers."""
        return self.docker.require()

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """Bytes of each database on disk, by its id."""
        return {spec.id: self.server(spec).size(self.database(spec)) for spec in self.app.databases.values()}

    @cached_property
    def stores(self) -> tuple[Chosen, ...]:
        """The volumes and directories that belong into a restore point; raises RefusedError where one cannot be."""
        return tuple(chosen(self)) if self.app.volumes else ()

    @cached_property
    def store_looks(self) -> Mapping[str, Look]:
        """What each of them holds, about, by its id."""
        return {one.spec.id: self.volumes.estimate(one.store) for one in self.stores}

    @cached_property
    def containers(self) -> tuple[Container, ...]:
        return tuple(self.docker.containers(self.app.stack.project))

    def running(self, service: str) -> Container | None:
        """The service's running container; never a one-off."""
        ours = (c for c in self.containers if c.service == service and not c.oneoff and c.state == "running")
        return next(ours, None)

    @cached_property
    def model(self) -> Model:
        """What Compose makes of the checkout and the env file as they are."""
        model = self.compose.model()
        for service in model.services.values():
            self.shell.redactor.learn(secrets_in({key: value or "" for key, value in service.environment.items()}))
        self.shell.redactor.publish([model.project, *model.services, *model.volumes])
        return model

    @cached_property
    def model_if_any(self) -> Model | None:
        """The same, or None where Compose refuses the files: a way back does not depend on them."""
        try:
            return self.model
        except UpgraderError:
            return None

    @cached_property
    def env_path(self) -> Path:
        return self.app.stack.directory / self.app.stack.env_file

    @cached_property
    def env_bytes(self) -> bytes:
        return self.env_path.read_bytes() if self.env_path.exists() else b""

    def schema_digest(self, spec: DatabaseSpec) -> str:
        """The digest of the database's schema; a dump of it takes a while, so there is one."""
        if spec.id not in self._schemas:
            self._schemas[spec.id] = self.server(spec).schema_digest(self.database(spec))
        return self._schemas[spec.id]

    @cached_property
    def _schemas(self) -> dict[str, str]:
        return {}

    def data_services(self) -> set[str]:
        """Services that are databases: never stopped as writers."""
        guessed = set(self.model_if_any.databases()) if self.model_if_any else set()
        return {spec.service for spec in self.app.databases.values() if spec.service} | guessed

    def writers(self) -> list[Container]:
        """Running containers that may write to a database."""
        named = set(self.app.writers)
        quiet = self.data_services() | (self.model_if_any.one_shots() if self.model_if_any else set())
        return [
            c
            for c in self.containers
            if c.state in ("running", "restarting", "paused")
            and not c.oneoff
            and (c.service in named if named else c.service not in quiet)
        ]

    # --- the checkout: it may begin above the app's directory

    @cached_property
    def _below(self) -> Path:
        """The app's directory, seen from the checkout's top."""
        return Path(os.path.relpath(self.app.stack.directory.resolve(), self.git.top.resolve()))

    def tracked(self, path: str) -> str:
        """A path of the app's as git names it: from the checkout's top."""
        return os.path.normpath(self._below / path)

    # --- the target

    @property
    def target(self) -> str:
        """The commit that the upgrade goes to."""
        return self.options.target["commit"]

    @property
    def origin(self) -> str:
        """The commit that the upgrade starts from."""
        return self.options.origin.get("commit", "HEAD")

    @property
    def target_name(self) -> str:
        return self.options.target.get("name") or self.target[:9]

    @cached_property
    def example_path(self) -> str | None:
        """The shipped env example at the target, as git names it."""
        if self.app.stack.example:
            return self.tracked(self.app.stack.example)
        shipped = set(self.git.list_files(self.target))
        found = find_example(self.app.stack.env_file, lambda path: self.tracked(path) in shipped)
        return self.tracked(found) if found else next((name for name in EXAMPLES if name in shipped), None)

    @cached_property
    def env_plan(self) -> EnvPlan | None:
        """The env file as the target wants it; None when there is no example, or no env file and nothing to read it."""
        self.scratch.env_plan = make_env_plan(self)
        return self.scratch.env_plan

    def show(self, path: str) -> str:
        """The command that shows a file of the target, as git names it."""
        return f"git -C {self.git.top} show {self.target[:9]}:{path}"

    @contextmanager
    def _reading_target(self) -> Iterator[None]:
        """Within it, what Compose rejects is told as the target's, by names that a person can look up."""
        try:
            yield
        except RefusedError as error:
            message = error.message.replace(f"{self.target_directory}/", "")
            files = self.app.stack.files
            file = next((name for name in files if re.search(rf"(^|[\s/]){re.escape(name)}\b", message)), files[0])
            shipped = self.tracked(file) in self.git.list_files(self.target)
            look = self.show(self.tracked(file)) if shipped else f"${{EDITOR:-vi}} {self.app.stack.directory / file}"
            hint = look if error.hint.startswith("docker compose") else error.hint
            raise RefusedError(f"{self.target_name}: {message}", hint, lines=error.lines) from error

    def demand_readable(self) -> None:
        """Raise RefusedError, in Compose's words, where it cannot read the target's files as they are."""
        with self._reading_target():
            self.compose.variables(self.target_directory)

    @property
    def target_directory(self) -> Path:
        """The app's directory in the target's tree."""
        return self._target_tree / self._below

    @cached_property
    def _target_tree(self) -> Path:
        """The target's files with this machine's untracked ones beside them, in a scratch directory."""
        tree = self.scratch.path / self.target[:12]
        if not tree.exists():
            made = self.scratch.path / f"{self.target[:12]}.part"
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir()
            self.git.export(self.target, made)
            self._add_untracked(made / self._below)
            made.rename(tree)
        return tree

    def _add_untracked(self, tree: Path) -> None:
        """Override and env files that git does not know but Compose reads."""
        for path in {*self.app.stack.files, *self.untracked_config()}:
            source, copy = self.app.stack.directory / path, tree / path
            if source.is_file() and not copy.exists():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, copy)
                copy.chmod(0o600)

    def untracked_config(self) -> list[str]:
        """Untracked files that belong to the installation: env files, overrides, what the playbook names."""
        directory = self.app.stack.directory
        names = {self.app.stack.env_file, *self.app.stack.files}
        for pattern in (".env*", "*compose*.y*ml", *self.app.stack.keep):
            names |= {str(path.relative_to(directory)) for path in directory.glob(pattern) if path.is_file()}
        tracked = set(self.git.list_files("HEAD"))
        return sorted(name for name in names if self.tracked(name) not in tracked and (directory / name).is_file())

    @cached_property
    def target_model(self) -> Model:
        """What Compose will make of the target's files and the reconciled env file."""
        data = self.env_plan.result.new_bytes if self.env_plan else self.env_bytes
        answered = ",".join(sorted(self.scratch.answers))
        key = (self.target, hashlib.sha256(self.env_bytes).hexdigest() + answered)
        if key not in self.scratch.models:
            tree = self.target_directory
            env_file = tree / self.app.stack.env_file
            env_file.parent.mkdir(parents=True, exist_ok=True)
            env_file.write_bytes(data)
            env_file.chmod(0o600)
            with self._reading_target():
                self.scratch.models[key] = self.compose.model(directory=tree, env_file=env_file)
        return self.scratch.models[key]

    @cached_property
    def migrate_service(self) -> str:
        """The one-shot that migrates, at the target; empty when there is none."""
        return self.migrating_in(self.target_model)

    def migrating_in(self, model: Model) -> str:
        """The one-shot that migrates in a version with this model; empty when there is none."""
        if self.app.migrations.service:
            return self.app.migrations.service if self.app.migrations.service in model.services else ""
        shots = sorted(model.one_shots())
        likely = [name for name in shots if "migrat" in name.lower()]
        return (likely or [""])[0]

    @cached_property
    def migrations(self) -> Migrations:
        return judge(self)


_READ = {name for name, value in vars(World).items() if isinstance(value, cached_property)} - {
    "git",
    "docker",
    "compose",
}
"""What is read once; the tools are not, they work through the shell of their own world."""
