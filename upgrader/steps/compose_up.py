"""The swap: only the services that changed get new containers, each just once."""

from typing import Literal

from upgrader.model.events import Facts
from upgrader.model.verdict import Needed, Satisfied, Verdict
from upgrader.steps.base import Context, StepModel
from upgrader.steps.batches import await_batch, batches
from upgrader.steps.points import Points
from upgrader.steps.rebuild import to_run
from upgrader.steps.swap import mounted_files, to_swap
from upgrader.steps.way import Way, saved_model


class ComposeUp(StepModel):
    """Recreate the changed services from images that are here; dependencies and one-shots stay out of it."""

    uses: Literal["compose.up"]

    def describe(self) -> str:
        return "Swap the changed services"

    def check(self, ctx: Context) -> Verdict:
        services = self._services(ctx)
        if not services:
            return Satisfied("every container is as it should be", {"services": []})
        why = ", ".join(f"{name} ({reason})" for name, reason in services.items())
        return Needed(why, {"services": services, "force": self._force(ctx, services)})

    def _services(self, ctx: Context) -> dict[str, str]:
        if ctx.run.kind == "rollback":
            return _going_back(ctx)
        if ctx.planning:
            files = ctx.world.git.changed_files(ctx.world.origin, ctx.world.target)
            found = to_swap(ctx, ctx.world.model, ctx.world.target_model, files, {})
            builds = {name for name, s in ctx.world.target_model.services.items() if s.build}
            images = {ctx.world.target_model.image_of(name) for name in builds}
            shots = ctx.world.target_model.one_shots()
            for name in ctx.world.target_model.order():
                if name not in shots and name not in found and ctx.world.target_model.image_of(name) in images:
                    found[name] = "built again"
            return found
        point = Points(ctx.app.home).load(ctx.run.id)
        files = ctx.world.git.changed_files(point.commit, ctx.world.git.head())
        return to_swap(ctx, saved_model(ctx, point) or ctx.world.model, ctx.world.model, files, {})

    def _force(self, ctx: Context, services: dict[str, str]) -> list[str]:
        """Services that Compose itself would leave as they are, because only a mounted file changed."""
        if ctx.planning:
            return []
        old, new = _commits(ctx)
        model = Way(ctx).model if ctx.run.kind == "rollback" else ctx.world.model
        files = ctx.world.git.changed_files(old, new)
        return sorted(set(mounted_files(ctx.world.git.top, model, files)) & set(services))

    def apply(self, ctx: Context) -> Facts:
        ctx.world.docker.repair_half_replaced(ctx.app.stack.project)
        before = ctx.run.before(self.id)
        # what was needed when we first looked, and what a cut-off attempt left undone
        services = list(dict.fromkeys([*before["services"], *self._services(ctx)]))
        model = Way(ctx).model if ctx.run.kind == "rollback" else ctx.world.model
        left = batches(model, services)
        while left:
            batch = left.pop(0)
            ctx.world.compose.up(batch, force=[name for name in before["force"] if name in batch])
            await_batch(ctx, model, batch, [name for later in left for name in later])
        if ctx.run.kind == "rollback":
            _stop_strangers(ctx)
        return {"services": services}


def _commits(ctx: Context) -> tuple[str, str]:
    if ctx.run.kind == "rollback":
        return Way(ctx).own_point.commit, Way(ctx).point.commit
    return Points(ctx.app.home).load(ctx.run.id).commit, ctx.world.git.head()


def _going_back(ctx: Context) -> dict[str, str]:
    way = Way(ctx)
    images = _images(ctx, way)
    old, new = (
        (way.own_point.commit, way.point.commit) if not ctx.planning else (ctx.world.git.head(), way.point.commit)
    )
    files = ctx.world.git.changed_files(old, new)
    if way.healing and way.parent is not None:
        # the swap that failed says what it touched; whatever it did not touch keeps serving
        touched = way.parent.before("compose.up").get("services", {}) if way.parent.touched("compose.up") else {}
        found = to_swap(ctx, way.model, way.model, [], images)
        again = {name: why for name, why in touched.items() if name in way.model.services}
        found = {**dict.fromkeys(again, "was swapped"), **found}
    else:
        now = ctx.world.model_if_any if ctx.planning else saved_model(ctx, way.own_point)
        found = to_swap(ctx, now or way.model, way.model, files, images)
    return {name: why for name, why in found.items() if name in way.point.started}


def _images(ctx: Context, way: Way) -> dict[str, str]:
    """Service → the id of the image that it is to run again; in a plan also one that is yet to be made again."""
    found = to_run(ctx.world.docker, way.point)
    ids = {pin.service: found[pin.service] or (pin.image_id if ctx.planning else "") for pin in way.point.pins}
    return {service: image for service, image in ids.items() if image}


def _stop_strangers(ctx: Context) -> None:
    """Services that only the newer version has must not run against the old data."""
    known = set(Way(ctx).model.services)
    strangers = [c for c in ctx.world.containers if c.service not in known and not c.oneoff and c.state == "running"]
    if strangers:
        ctx.say(f"stopped, as the old version does not know them: {', '.join(c.service for c in strangers)}")
        ctx.world.docker.stop([c.id for c in strangers])
