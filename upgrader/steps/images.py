"""Images: pulled and built while the old version serves, and put back from their pins."""

from collections.abc import Iterable
from typing import ClassVar, Literal

from upgrader.model.duration import plural
from upgrader.model.events import Facts
from upgrader.model.manifest import Pin
from upgrader.model.verdict import Needed, Satisfied, Verdict
from upgrader.steps.base import Context, StepModel
from upgrader.steps.rebuild import to_run
from upgrader.steps.way import Way
from upgrader.tools.compose_model import Model


def built(model: Model) -> list[str]:
    return sorted(name for name, service in model.services.items() if service.build)


def pulled(ctx: Context, model: Model) -> list[str]:
    """Services whose image comes from a registry and is not here, or whose image's name changes."""
    makes = {model.image_of(name) for name in built(model)}
    needed = {name: model.image_of(name) for name, service in model.services.items() if not service.build}
    here = ctx.world.docker.image_ids(image for image in needed.values() if image not in makes)
    return sorted(name for name, image in needed.items() if image in here and here[image] is None)


def image_ids(ctx: Context, model: Model, services: Iterable[str]) -> dict[str, str | None]:
    """The id of the image that each service's image name means now; None where there is none."""
    names = {service: model.image_of(service) for service in services}
    ids = ctx.world.docker.image_ids(names.values())
    return {service: ids[name] for service, name in names.items()}


class ComposePull(StepModel):
    """Pull the images that the new version wants and this machine lacks."""

    attempts: ClassVar[int] = 3

    uses: Literal["compose.pull"]

    def describe(self) -> str:
        return "Pull images"

    def check(self, ctx: Context) -> Verdict:
        wanted = pulled(ctx, ctx.world.target_model)
        if not wanted:
            return Satisfied("all are here")
        return Needed(f"{', '.join(wanted)}")

    def apply(self, ctx: Context) -> Facts:
        wanted = pulled(ctx, ctx.world.target_model)
        ctx.world.compose.pull(wanted)
        return {"services": wanted}


class ComposeBuild(StepModel):
    """Build the new version's images, while the old one serves from the images of its containers."""

    uses: Literal["compose.build"]

    def describe(self) -> str:
        return "Build images"

    def check(self, ctx: Context) -> Verdict:
        model = ctx.world.target_model
        services = built(model)
        if not services:
            return Satisfied("the app builds none")
        before = image_ids(ctx, model, services)
        return Needed(f"{plural(len(services), 'image')}: {', '.join(services)}", {"images": before})

    def apply(self, ctx: Context) -> Facts:
        model = ctx.world.model if not ctx.planning else ctx.world.target_model
        services = built(model)
        ctx.world.compose.build(services)
        return {"images": image_ids(ctx, model, services)}


class ImagesRestore(StepModel):
    """Give the images' names back to the images that the old version ran; build them where a pin was pruned."""

    uses: Literal["images.restore"]

    def describe(self) -> str:
        return "Put the images back"

    def check(self, ctx: Context) -> Verdict:
        point, docker = Way(ctx).point, ctx.world.docker
        wanted = to_run(docker, point)
        ids = docker.image_ids(pin.image for pin in point.pins)
        now = {pin.service: ids[pin.image] for pin in point.pins}
        wrong = [pin.service for pin in point.pins if now[pin.service] != (wanted[pin.service] or pin.image_id)]
        if not wrong:
            return Satisfied("their names are right")
        lost = [pin.service for pin in point.pins if wanted[pin.service] is None]
        # in a plan, the step that makes them again is still to come, and says so
        how = f"; {', '.join(lost)} pruned since, to be built again" if lost and not ctx.planning else ""
        return Needed(f"{', '.join(wrong)}{how}", {"images": now})

    def apply(self, ctx: Context) -> Facts:
        point, docker, model = Way(ctx).point, ctx.world.docker, Way(ctx).model
        lost: list[Pin] = []
        wanted, ids = to_run(docker, point), docker.image_ids(pin.image for pin in point.pins)
        for pin in point.pins:
            if (image := wanted[pin.service]) is None:
                lost.append(pin)
            elif ids[pin.image] != image:
                docker.tag(image, pin.image)
        names = {model.image_of(pin.service) for pin in lost if pin.service in model.services}
        # one service may run what another builds
        rebuild = [name for name in built(model) if model.image_of(name) in names]
        made = {model.image_of(name) for name in rebuild}
        fetch = [p.service for p in lost if p.service in model.services and model.image_of(p.service) not in made]
        if rebuild:
            ctx.say(f"pins of {', '.join(rebuild)} were pruned: building them from the checkout")
            ctx.world.compose.build(rebuild)
        if fetch:
            ctx.world.compose.pull(fetch)
        return {"retagged": [pin.service for pin in point.pins if pin not in lost], "rebuilt": rebuild}
