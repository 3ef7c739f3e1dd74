"""Images of the old version that were pruned: made again beside the running app, before anything is swapped."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from upgrader.errors import StepError
from upgrader.model.events import Facts
from upgrader.model.manifest import Pin, RestorePoint
from upgrader.model.verdict import Needed, Satisfied, Verdict
from upgrader.steps.base import Context, StepModel
from upgrader.steps.way import Way
from upgrader.tools.docker import Docker


def to_run(docker: Docker, point: RestorePoint) -> dict[str, str | None]:
    """Service → the id of the image that it is to run again: the one it ran, or the one built anew in its place.

    None where neither is here any more.
    """
    ids = docker.image_ids(name for pin in point.pins for name in (pin.image_id, pin.tag))
    return {pin.service: ids[pin.image_id] or ids[pin.tag] for pin in point.pins}


class ImagesRebuild(StepModel):
    """Build, or pull by digest, images of the old version that were pruned since; the app serves meanwhile."""

    alters: ClassVar[bool] = False

    uses: Literal["images.rebuild"]

    def describe(self) -> str:
        return "Make images that were pruned again"

    def check(self, ctx: Context) -> Verdict:
        point = Way(ctx).point
        found = to_run(ctx.world.docker, point)
        lost = sorted(service for service, image in found.items() if image is None)
        return Needed(f"{', '.join(lost)}: gone since") if lost else Satisfied("all are here")

    def apply(self, ctx: Context) -> Facts:
        point, model = Way(ctx).point, Way(ctx).model
        found = to_run(ctx.world.docker, point)
        lost = [pin for pin in point.pins if found[pin.service] is None and pin.service in model.services]
        made = {model.image_of(name) for name, service in model.services.items() if service.build}
        building = {pin.service: pin for pin in lost if model.image_of(pin.service) in made}
        pulling = [pin for pin in lost if pin.service not in building]
        return {"rebuilt": self._build(ctx, building), "pulled": [p.service for p in pulling if self._pull(ctx, p)]}

    def _build(self, ctx: Context, pins: Mapping[str, Pin]) -> list[str]:
        """From the old version's files in a tree of their own, under the names of the pins: no other name moves."""
        model, docker = Way(ctx).model, ctx.world.docker
        # one service may run what another one builds
        makers = {model.image_of(name): name for name, service in model.services.items() if service.build}
        wanted = {makers[model.image_of(name)]: pin.tag for name, pin in pins.items()}
        if not wanted:
            return []
        ctx.say(f"building {', '.join(wanted)} from the files of {Way(ctx).point.version}")
        try:
            ctx.world.compose.build_apart(model, wanted, ctx.world.target_directory)
        except StepError as error:
            # it may need files that git does not know: from the checkout, then, when it is the old version's
            ctx.say(f"{error.message}: it will be tried in the checkout, while the app is down")
            return []
        for name, pin in pins.items():
            docker.tag(wanted[makers[model.image_of(name)]], pin.tag)
        return sorted(pins)

    def _pull(self, ctx: Context, pin: Pin) -> bool:
        """By its digest, so that it is the same one; False where it has none."""
        if not pin.digests:
            return False
        ctx.world.docker.pull(pin.digests[0])
        ctx.world.docker.tag(pin.digests[0], pin.tag)
        return True
