"""The order of a swap: what others wait for comes first, as Compose itself would have it."""

import time
from collections.abc import Iterable

from upgrader.errors import StepError
from upgrader.model.duration import duration
from upgrader.steps.base import Context
from upgrader.tools.compose_model import Model
from upgrader.tools.conversation import CancelledError

PATIENCE = 180.0
"""Seconds that a service gets to become what others wait for."""
_INTERVAL = 0.2


def batches(model: Model, services: Iterable[str]) -> list[list[str]]:
    """The services in groups: each group depends only on earlier ones and on what is not swapped."""
    left = [name for name in model.order() if name in set(services)]
    unknown = [name for name in services if name not in model.services]
    found: list[list[str]] = []
    while left:
        ready = [name for name in left if not any(name in model.dependents_of(other) for other in left)]
        found.append(ready or left)  # a circle, which Compose would have refused
        left = [name for name in left if name not in found[-1]]
    return [*found, unknown] if unknown else found


def await_batch(ctx: Context, model: Model, batch: Iterable[str], later: Iterable[str]) -> None:
    """Wait until the batch is as the services still to come demand; raises StepError when it does not get there."""
    coming = [model.services[name] for name in later if name in model.services]
    conditions = {(name, c) for service in coming for name, c in service.depends_on.items() if name in batch}
    started = time.monotonic()
    while open_ := [pair for pair in sorted(conditions) if not _holds(ctx, *pair)]:
        name, condition = open_[0]
        waited = time.monotonic() - started
        if waited > PATIENCE:
            raise StepError(
                f"{name} is not {condition} after {duration(waited)}, and others wait for it", f"docker logs {name}"
            )
        if ctx.shell.tick and ctx.shell.tick():
            raise CancelledError
        time.sleep(_INTERVAL)


def _holds(ctx: Context, name: str, condition: str) -> bool:
    found = [c for c in ctx.world.docker.containers(ctx.app.stack.project) if c.service == name and not c.oneoff]
    if condition == "service_completed_successfully":
        for container in found:
            if container.state == "exited" and container.exit_code != 0:
                lines = ctx.world.docker.log_tail(container.name)
                raise StepError(
                    f"{name} exited with status {container.exit_code}", f"docker logs {container.name}", lines=lines
                )
        return bool(found) and all(c.state == "exited" for c in found)
    if condition == "service_healthy":
        return bool(found) and all(c.state == "running" and c.health in ("", "healthy") for c in found)
    return bool(found)
