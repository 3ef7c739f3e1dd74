"""Health: our own look at containers, images, HTTP and versions, held for a while without a break."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from upgrader.errors import StepError
from upgrader.model.app import HealthCheck
from upgrader.model.duration import duration
from upgrader.model.events import Facts
from upgrader.model.verdict import Needed, Verdict
from upgrader.steps.base import Context, StepModel
from upgrader.steps.images import image_ids
from upgrader.steps.way import Way
from upgrader.tools import http
from upgrader.tools.compose_model import Model
from upgrader.tools.docker import Container

INTERVAL = 0.5
"""Seconds between two looks: apps count requests, and some answer 429 to those who ask often."""


class Health(StepModel):
    """Wait until everything is healthy, and has been so for the stability window."""

    alters: ClassVar[bool] = False

    uses: Literal["health"]

    def describe(self) -> str:
        return "Watch the app's health"

    def check(self, ctx: Context) -> Verdict:
        spec = ctx.app.health
        return Needed(f"steady for {duration(spec.stable_for)}, within {duration(spec.timeout)}")

    def apply(self, ctx: Context) -> Facts:
        spec = ctx.app.health
        started = well = time.monotonic()
        since: float | None = None
        fingerprint: tuple[object, ...] = ()
        images = _images(ctx)
        while True:
            world = ctx.world.using(ctx.shell)
            containers = [c for c in world.containers if not c.oneoff]
            trouble = next(troubles(ctx, containers, images), "")
            # a container that was restarted in between starts the window anew
            seen = tuple(sorted((c.id, c.started_at, c.restart_count) for c in containers))
            now = time.monotonic()
            if trouble:
                since = None
            elif since is None or seen != fingerprint:
                since = now
            fingerprint = seen
            if since is not None and now - since >= spec.stable_for:
                return {
                    "first": round(since - started, 1),
                    "healthy": sorted({c.service for c in containers if c.state == "running"}),
                    "after": round(now - started, 1),
                }
            if not any(c.health == "unhealthy" for c in containers):
                well = now
            if now - started > spec.timeout or (trouble and _hopeless(ctx, now - well)):
                raise StepError(
                    f"not healthy after {duration(now - started)}: {trouble or 'restarting'}",
                    "look at the logs that were kept: upgrader history show",
                    lines=_evidence(ctx, containers),
                )
            if ctx.shell.tick and ctx.shell.tick():
                from upgrader.tools.conversation import CancelledError

                raise CancelledError
            time.sleep(INTERVAL)


def _hopeless(ctx: Context, ailing: float) -> bool:
    """Whether to wait no longer, after so many seconds in which something was unhealthy without a break.

    Docker goes on asking, and a busy machine makes an app look ill for a while. A way back has nothing to turn to.
    """
    return ctx.run.kind != "rollback" and ailing > max(10.0, ctx.app.health.timeout / 4)


def _images(ctx: Context) -> dict[str, str | None]:
    """Service → the id of the image that its container must run after a swap."""
    if not ctx.run.touched("compose.up"):
        return {}
    model = _model(ctx)
    return image_ids(ctx, model, model.services)


def _model(ctx: Context) -> Model:
    return Way(ctx).model if ctx.run.kind == "rollback" else ctx.world.model


def troubles(ctx: Context, containers: list[Container], images: Mapping[str, str | None]) -> Iterator[str]:
    """What is not healthy now, one phrase each."""
    model = _model(ctx)
    expected = set(model.services)
    if ctx.run.kind in ("rollback", "restore"):
        expected = set((Way(ctx).point if ctx.run.kind == "rollback" else Way(ctx).own_point).running)
    by_service = {
        c.service: c
        for c in containers
        if c.number == 1 or c.service not in {x.service for x in containers if x.number == 1}
    }
    shots, migrating = model.one_shots(), ctx.world.migrating_in(model)
    for name in sorted(expected & set(model.services)):
        container = by_service.get(name)
        if name in shots:
            if container and container.state == "exited" and container.exit_code != 0 and name != migrating:
                yield f"{name} exited with status {container.exit_code}"
        elif container is None:
            yield f"{name} has no container"
        else:
            yield from _container(container, images.get(name), model.image_of(name))
    for check in ctx.app.health.checks:
        yield from _answer(ctx, check)


def _container(container: Container, image_id: str | None, image: str) -> Iterator[str]:
    if container.state != "running" or container.restarting:
        code = f" with status {container.exit_code}" if container.state == "exited" else ""
        yield f"{container.service} is {container.state}{code}"
    elif container.health not in ("", "healthy"):
        yield f"{container.service} is {container.health}"
    elif image_id and image_id != container.image_id:
        yield f"{container.service} runs another image than {image}"


def _answer(ctx: Context, check: HealthCheck) -> Iterator[str]:
    if not check.http:
        return
    answer = http.get(check.http, timeout=5, insecure=check.insecure)
    if answer.error or answer.status != check.status:
        yield f"{check.http} answers {answer.error or answer.status}"
    elif check.json:
        try:
            found = str(_dig(json.loads(answer.body), check.json))
        except (ValueError, KeyError, IndexError, TypeError):
            yield f"{check.http} has no {check.json!r} in its answer"
            return
        wanted = _wanted(ctx, check.equals)
        if wanted and found.removeprefix("v") != wanted.removeprefix("v"):
            yield f"{check.http} says version {found}, not {wanted}"


def _wanted(ctx: Context, text: str) -> str:
    """The version to expect, with the names of the target filled in; empty when the target is no release."""
    back = ctx.run.kind == "rollback"
    tag = Way(ctx).point.version if back else ctx.world.target_name
    commit = Way(ctx).point.commit if back else ctx.world.target
    # a restore point of no release is named by the beginning of its commit
    released = not commit.startswith(tag) if back else ctx.options.target.get("kind") == "tag"
    if "target.tag" in text and not released:
        return ""
    for name, value in (("target.tag", tag), ("target.commit", commit)):
        text = text.replace(f"${{{{ {name} }}}}", value)
    return text


def _dig(value: "object", path: str) -> object:
    for part in path.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]  # type: ignore[index]
    return value


def _evidence(ctx: Context, containers: list[Container]) -> list[str]:
    bad = [c for c in containers if c.health == "unhealthy" or c.state in ("exited", "restarting", "dead")]
    shots = ctx.world.model.one_shots()
    return [line for c in bad if c.service not in shots for line in ctx.world.docker.log_tail(c.name, lines=8)]
