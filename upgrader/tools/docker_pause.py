"""Containers that stand still for a moment, and go on whatever happens to us."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from upgrader.errors import StepError
from upgrader.tools.shell import Command, Shell

_PAUSED, _RESUMED = "upgrader: paused", "upgrader: resumed"
# It waits for a line of ours or for our end, whichever comes first, and is deaf to all but the end of its work.
_SCRIPT = f"""\
trap '' HUP INT TERM
resume() {{ for id; do docker unpause "$id"; done >/dev/null 2>&1; }}
why=$(docker pause "$@" 2>&1 >/dev/null) || {{ resume "$@"; echo "$why"; echo '{_PAUSED}'; exit 1; }}
echo '{_PAUSED}'
read -r _
resume "$@"
echo '{_RESUMED}'
"""
_PATIENCE = 60.0


@contextmanager
def paused(shell: Shell, containers: Sequence[str]) -> Iterator[None]:
    """Within it the `containers`, by id or name, stand still with all that they are about. Afterwards they go on: also
    when this process is killed meanwhile.

    Raises StepError, and leaves none of them paused, when one cannot be.
    """
    if not containers:
        yield
        return
    argv = ("sh", "-c", _SCRIPT, "sh", *containers)
    conversation = replace(shell, tick=None).converse(Command(argv))
    if conversation is None:
        raise StepError("There is no sh", "Repair the PATH")
    try:
        said = conversation.ask(b"", _PAUSED.encode(), _PATIENCE)
        if said is None or said.strip():
            raise StepError(f"The writers cannot be paused: {(said or 'no answer').strip()}", "docker ps --all")
        yield
    finally:
        conversation.ask(b"\n", _RESUMED.encode(), _PATIENCE)
        conversation.close()
