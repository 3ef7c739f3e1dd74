"""Where the demo is played: a machine that is fit for it, an installation on it, and nothing left afterwards."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from upgrader.demo.host import Installation
from upgrader.demo.remote import build_remote
from upgrader.demo.screen import Screen
from upgrader.tools.shell import Command, Shell

MACHINE = Path(__file__).parent / "machine"
IMAGES = ("postgres:17", "python:3.13-slim")

REMOVE = """\
#!/bin/sh
# Removes the demo app from this machine, and this directory with it.
ours=label=com.docker.compose.project={project}
docker ps -aq --filter $ours | xargs -r docker rm -f
docker volume ls -q --filter $ours | xargs -r docker volume rm
docker network ls -q --filter $ours | xargs -r docker network rm
docker images --format '{{{{.Repository}}}}:{{{{.Tag}}}}' | grep -E '^(upgrader-pin/)?{project}-' |
  xargs -r docker rmi -f
docker images -q --filter $ours | xargs -r docker rmi -f
rm -rf '{home}'
"""


def prepare(shell: Shell) -> None:
    """See that an engine and the base images are there; what had to be installed for that stays."""
    for script, *names in (("engine",), ("images", *IMAGES)):
        shell.run(Command((str(MACHINE / script), *names), changes=True, label=f"preparing the {script}"))


def records(installation: Installation) -> Path:
    """The `UPGRADER_HOME` of this demo."""
    return installation.path.parent / "state"


@contextmanager
def installed(screen: Screen, *, keep: bool) -> Iterator[Installation]:
    """ledgerly v1.0.0, serving, in a private directory beside its remote and its records; removed in any case."""
    home = Path(tempfile.mkdtemp(prefix="upgrader-demo-"))
    installation: Installation | None = None
    try:
        build_remote(home / "ledgerly.git")
        project = f"ledgerly-{secrets.token_hex(2)}"
        installation = Installation.create(home / "ledgerly.git", home, project=project)
        screen.act("An installation of ledgerly v1.0.0")
        screen.aside(f"A clone with its .env and an untracked override, and four services, in {installation.path}")
        installation.start()
        yield installation
    finally:
        if keep and installation is not None:
            leave(screen, installation)
        else:
            screen.aside("\nRemoving ledgerly: containers, volume, network, images, directory")
            try:
                if installation is not None:
                    installation.remove()
            finally:
                shutil.rmtree(home)


def leave(screen: Screen, installation: Installation) -> None:
    """Leave everything, with a script that removes it, and say where it is."""
    home = installation.path.parent
    script = home / "remove"
    script.write_text(REMOVE.format(project=installation.project, home=home))
    script.chmod(0o700)
    screen.act("Everything is kept")
    screen.say(f"ledgerly answers at http://127.0.0.1:{installation.port}/notes")
    screen.prompt(f"cd {installation.path} && export UPGRADER_HOME={records(installation)}")
    screen.prompt("upgrader status && upgrader history")
    screen.say("\nTo remove it:")
    screen.prompt(str(script))
