"""Keys that data is written under: recognised again without being kept."""

import hashlib
import secrets
from collections.abc import Mapping

from upgrader.env.annotations import said_in
from upgrader.env.document import Document
from upgrader.errors import UpgraderError
from upgrader.model.verdict import Refused
from upgrader.steps.base import Context
from upgrader.steps.env_plan import overlay_for
from upgrader.steps.env_reconcile import all_ours
from upgrader.steps.points import Points, of_env_file
from upgrader.steps.way import Way
from upgrader.steps.world import World

_COST = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}
"""Of scrypt: a twentieth of a second for each guess, should somebody find the manifest and have an idea."""


def fingerprint(value: str, salt: bytes | None = None) -> str:
    """A salted digest: `salt$digest` in hex."""
    salt = secrets.token_bytes(16) if salt is None else salt
    return f"{salt.hex()}${hashlib.scrypt(value.encode(), salt=salt, **_COST).hex()}"


def matches(known: str, value: str) -> bool:
    return fingerprint(value, bytes.fromhex(known.partition("$")[0])) == known


def fingerprints(world: World) -> dict[str, str]:
    """Of the values in the live env file that are annotated as unrotatable, by the app's example or its overlay."""
    values = Document.parse(world.env_bytes, world.app.stack.env_file).values()
    return {key: fingerprint(values[key]) for key in sorted(_unrotatable(world)) if values.get(key)}


def _unrotatable(world: World) -> set[str]:
    found: set[str] = set()
    try:
        overlay = overlay_for(world)
        data = world.git.read("HEAD", world.example_path) if world.example_path else None
        documents = [Document.parse(data, world.example_path or "")] if data is not None else []
    except UpgraderError:  # an example that cannot be read says nothing, and is no reason to have no restore point
        return found
    for document in documents:
        said, _ = said_in(document)
        found |= {key for key, each in said.items() if each.unrotatable}
    return found | {key for key, each in (overlay.said if overlay else {}).items() if each.unrotatable}


def foreign_keys(ctx: Context, known: Mapping[str, str]) -> Refused | None:
    """The refusal to bring data back that could not be read: its key is another one in the env file by now."""
    points, point = Points(ctx.app.home), Way(ctx).point
    saved = of_env_file(points, point.id)
    if saved is None or (ctx.run.kind != "restore" and all_ours(ctx, saved)):
        return None  # the env file goes back as well
    values = Document.parse(ctx.world.env_bytes, ctx.app.stack.env_file).values()
    wrong = [key for key, mark in known.items() if key in values and not matches(mark, values[key])]
    # a rollback appends what is missing
    gone = [key for key in known if key not in values] if ctx.run.kind == "restore" else []
    if not wrong and not gone:
        return None
    old = next(points.path(point.id) / file.path for file in point.files if file.origin == point.env_file)
    file = ctx.app.stack.env_file
    what = f"{wrong[0]} in {file} is not the one" if wrong else f"{gone[0]} is missing in {file}: it is the one"
    return Refused(
        f"{what} that the data of {point.version} was written under",
        f"put the old value back, then run again; it is in {old}",
    )
