"""With no playbook: one is derived from the Compose project and its containers."""

from collections.abc import Mapping
from pathlib import Path

from upgrader.cli.common import Common
from upgrader.env.document import Document
from upgrader.env.examples import find_example
from upgrader.errors import RefusedError, UpgraderError
from upgrader.playbook.derive import ComposeFacts, derive
from upgrader.steps.outside import urls_outside
from upgrader.tools import stacks
from upgrader.tools.compose import Compose, Model
from upgrader.tools.docker import Docker
from upgrader.tools.git import Git
from upgrader.tools.shell import Shell


def derive_here(shell: Shell, directory: Path, common: Common) -> str:
    """The text of a playbook for this directory. Raises RefusedError when there is no Compose project in it."""
    try:
        stack = stacks.discover(shell, directory, project=common.project)
    except RefusedError as error:
        raise RefusedError(f"{directory} is no Compose app that upgrader knows: {error.message}", error.hint) from error
    adopted = stacks.adopt(Docker(shell), directory)
    if adopted is not None and not common.project:
        stack = adopted
    model = Compose(shell, stack).model()
    containers = Docker(shell).containers(stack.project)
    shots = sorted(model.one_shots(), key=lambda name: ("migrat" not in name.lower(), name))
    facts = ComposeFacts(
        project=stack.project,
        files=stack.files,
        profiles=stack.profiles,
        env_file=stack.env_file,
        example=find_example(stack.env_file, lambda path: (directory / path).is_file()),
        databases={name: image for name, (image, _) in model.databases().items()},
        volumes=_volumes(model),
        urls=urls_outside(_env(directory / stack.env_file), model, [c.name for c in containers]),
        one_shots=tuple(shots),
        health_services=tuple(name for name, service in model.services.items() if service.healthcheck),
        published_http=(),
        git=_is_git(shell, directory),
    )
    return derive(facts, directory)


def _volumes(model: Model) -> tuple[str, ...]:
    mounted = {m.source for name in model.databases() for m in model.services[name].volumes if m.type == "volume"}
    return tuple(sorted(model.volumes.keys() - mounted))


def _env(path: Path) -> Mapping[str, str]:
    return Document.parse(path.read_bytes() if path.is_file() else b"", path.name).values()


def _is_git(shell: Shell, directory: Path) -> bool:
    try:
        Git(shell, directory).head()
    except UpgraderError:
        return False
    return True
