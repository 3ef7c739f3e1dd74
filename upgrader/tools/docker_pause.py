"""Containers that stand still for a while, and go on whatever happens to us."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from upgrader.errors import StepError
from upgrader.tools.shell import Command, Shell

_PAUSED, _RESUMED = "upgrader: paused", "upgrader: resumed"
# It waits for a line of ours or for our end, whichever comes first, and is deaf to all but the end of its work.
_SCRIPT = f"""\
trap '' HUP INT TERM
rest=$1 resume=$2; shift 2
resume() {{ for id; do docker "$resume" "$id"; done >/dev/null 2>&1; }}
why=$(docker "$rest" "$@" 2>&1 >/dev/null) || {{ resume "$@"; echo "$why"; echo '{_PAUSED}'; exit 1; }}
echo '{_PAUSED}'
read -r _
resume "$@"
echo '{_RESUMED}'
"""
_PATIENCE = 60.0
_STOPPING = 600.0
"""Seconds: each service has its own patience until it is killed."""


@contextmanager
def paused(shell: Shell, containers: Sequence[str]) -> Iterator[None]:
    """Within it the `containers`, by id or name, stand still with all that they are about. Afterwards they go on: also
    when this process is killed meanwhile.

    Raises StepError, and leaves none of them paused, when one cannot be.
    """
    with _resting(shell, containers, "pause", "unpause", _PATIENCE):
        yield


@contextmanager
def stopped(shell: Shell, containers: Sequence[str]) -> Iterator[None]:
    """Within it the `containers`, by id or name, are stopped; afterwards they are started, as after `paused`."""
    with _resting(shell, containers, "stop", "start", _STOPPING):
        yield


@contextmanager
def _resting(shell: Shell, containers: Sequence[str], rest: str, resume: str, patience: float) -> Iterator[None]:
    if not containers:
        yield
        return
    argv = ("sh", "-c", _SCRIPT, "sh", rest, resume, *containers)
    conversation = replace(shell, tick=None).converse(Command(argv))
    if conversation is None:
        raise StepError("There is no sh", "Repair the PATH")
    try:
        said = conversation.ask(b"", _PAUSED.encode(), patience)
        if said is None or said.strip():
            why = (said or "no answer").strip()
            done = {"pause": "paused", "stop": "stopped"}[rest]
            raise StepError(f"The writers cannot be {done}: {why}", "docker ps --all")
        yield
    finally:
        conversation.ask(b"\n", _RESUMED.encode(), patience)
        conversation.close()
