"""What the demo claims in the end, and the code that checks each claim against what was seen from outside."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from upgrader.demo.poller import Downtime
from upgrader.env.document import Document
from upgrader.model.duration import duration, plural

GENERATED = "WORKFLOW_SECRET_KEY"


@dataclass(frozen=True)
class Sight:
    """The app and its directory, as a client and the operator see them. `version` is empty when nobody answers."""

    version: str
    schema: int
    notes: tuple[str, ...]
    env: bytes
    override: bytes
    checkout: str
    database: str
    """The database's container, and since when it runs."""


@dataclass(frozen=True)
class Scene:
    """One command: how it ended, what the app looked like afterwards, and what a client had to go through."""

    line: str
    expected: int
    version: str
    """The release that must serve afterwards."""
    code: int
    seconds: float
    downtime: Downtime
    acknowledged: tuple[str, ...]
    """Every note, since the beginning of the story, of which the app has said that it is written."""
    after: Sight


@dataclass(frozen=True)
class Told:
    """All that happened. `leaks` are files of the records in which a secret was found."""

    before: Sight
    scenes: Mapping[str, Scene] = field(default_factory=dict)
    leaks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claim:
    """A sentence about the story, whether it is true, and what was seen."""

    text: str
    holds: bool
    seen: str


NOTICED = 1.0
"""Seconds without an answer that a client takes for a busy machine; a swap takes longer."""
SCHEMAS = {"1.0.0": 2, "1.1.0": 4}
ACTS = ("upgrade", "broken", "sick", "back", "undo")


def claims(told: Told) -> Iterator[Claim]:
    """Every claim, checked. A scene that was never reached makes its claims false."""
    for name in ACTS:
        if scene := told.scenes.get(name):
            yield from _scene(told, name, scene)
        else:
            yield Claim(f"the story reaches “{name}”", False, "it ended before")
    yield from _env(told)
    sights = [told.before, *(scene.after for scene in told.scenes.values())]
    yield Claim(
        "docker-compose.override.yml is byte for byte what it was",
        all(sight.override == told.before.override for sight in sights),
        f"looked at {plural(len(sights), 'time')}",
    )
    yield Claim(
        "Postgres was never restarted",
        all(one.database == other.database for one, other in pairwise(sights)) and told.before.database != "",
        told.before.database[:12],
    )
    yield Claim(
        "no journal and no log has a secret in it", not told.leaks, ", ".join(told.leaks) or "searched every file"
    )


def _scene(told: Told, name: str, scene: Scene) -> Iterator[Claim]:
    after = scene.after
    yield Claim(f"`{scene.line}` exits with {scene.expected}", scene.code == scene.expected, f"exit {scene.code}")
    yield Claim(
        f"  afterwards {scene.version} serves, on its own schema and checkout",
        (after.version, after.schema, after.checkout) == (scene.version, SCHEMAS[scene.version], f"v{scene.version}"),
        f"{after.version or 'no answer'}, schema {after.schema}, {after.checkout}",
    )
    if name == "upgrade":
        yield Claim(
            "  the old version served during its build and migrations",
            scene.downtime.total < scene.seconds / 2,
            f"no answer for {duration(scene.downtime.total)} of {duration(scene.seconds)}",
        )
    if name == "broken":
        yield Claim(
            "  no client noticed: it was refused in a rehearsal",
            scene.downtime.longest < NOTICED,
            f"no answer for {duration(scene.downtime.total)}",
        )
    if name == "back":
        yield _went_back(told, scene)
    else:
        yield _has_all(scene)


def _has_all(scene: Scene) -> Claim:
    lost = Counter(scene.acknowledged) - Counter(scene.after.notes)
    twice = len(scene.after.notes) - len(set(scene.after.notes))
    return Claim(
        "  every note that a client was told is written is there, once",
        not lost and not twice and bool(scene.acknowledged),
        f"{plural(len(scene.acknowledged), 'note')}, {lost.total()} lost, {twice} twice",
    )


def _went_back(told: Told, scene: Scene) -> Claim:
    """The data of the moment in which the version was left: what was there before, and nothing from after."""
    left = told.scenes["upgrade"].after.notes if "upgrade" in told.scenes else ()
    kept = scene.after.notes
    return Claim(
        "  the notes are those of the moment when v1.0.0 was left",
        len(told.before.notes) <= len(kept) <= len(left) and kept == left[: len(kept)],
        f"{plural(len(kept), 'note')} of {len(told.scenes['sick'].after.notes) if 'sick' in told.scenes else 0}",
    )


def _env(told: Told) -> Iterator[Claim]:
    keys = {name: _keys(scene.after.env) for name, scene in told.scenes.items()}
    generated = {name: found for name, found in keys.items() if name in ("upgrade", "broken", "sick", "undo")}
    values = {value for found in generated.values() for value in found}
    yield Claim(
        f"{GENERATED} was generated once, and kept",
        not _keys(told.before.env)
        and len(generated) == 4
        and all(len(found) == 1 for found in generated.values())
        and len(values) == 1
        and all(len(value) == 64 for value in values),
        f"{plural(len(values), 'value')} in {plural(len(generated), 'scene')}",
    )
    back = told.scenes.get("back")
    yield Claim(
        ".env is byte for byte what it was, once v1.0.0 is back",
        back is not None and back.after.env == told.before.env,
        f"{len(told.before.env)} bytes before, {len(back.after.env) if back else 0} after",
    )
    failed = [told.scenes[name].after.env for name in ("upgrade", "broken", "sick") if name in told.scenes]
    yield Claim(
        ".env is untouched by the upgrades that failed",
        len(failed) == 3 and len(set(failed)) == 1,
        f"{plural(len(set(failed)), 'version')} of it",
    )


def _keys(env: bytes) -> list[str]:
    """The values that the generated key is given in the file, in whatever number of lines."""
    lines = [line for line in env.decode().splitlines() if line.startswith(f"{GENERATED}=")]
    value = Document.parse(env, ".env").values().get(GENERATED)
    return [value or ""] * len(lines)
