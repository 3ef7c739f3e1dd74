"""What speaks against a target: found before anything changes."""

import json
import re
from collections.abc import Iterator

from upgrader.env.reconcile import lines_to_add
from upgrader.model.verdict import Refused
from upgrader.steps.base import Context
from upgrader.steps.outside import no_way_back
from upgrader.tools.compose_model import Model

ONLY_YOU = "that only you know"
"""In the refusal that a person can answer."""

_PUSH = re.compile(
    r"drizzle-kit(@\S+)?\s+push|prisma(@\S+)?\s+(--?\S+\s+)*(db\s+push|migrate\s+(dev|reset))|sequelize.*sync.*force|typeorm\s+schema:sync"
    r"|mikro-orm\s+schema:(update|fresh)|atlas\s+schema\s+apply|doctrine:schema:update|sqlx\s+database\s+(reset|drop)"
)

_RUNS = r"\b(?:run(?:-script)?|pnpm|yarn|bun)\s+(?:--?\S+\s+(?:[^\s-]\S*\s+)?)*?(?:run\s+)?"
"""What stands before the name of a script: `npm run`, `pnpm --filter db`, `yarn --cwd db run`."""


def objections(ctx: Context) -> Iterator[Refused]:
    """Every reason not to go to the target, the gravest first."""
    yield from _tags(ctx)
    yield from _direction(ctx)
    yield from _tree(ctx)
    yield from _files(ctx)
    yield from _env(ctx)
    yield from _model(ctx)
    yield from _pushes(ctx)
    yield from _ways_back(ctx)


def _tags(ctx: Context) -> Iterator[Refused]:
    git, options = ctx.world.git, ctx.options
    kind, name = options.target.get("kind"), ctx.world.target_name
    moved = git.moved_tags()
    concerning = [tag for tag in moved if tag.name == name] or moved
    if concerning and not options.accept_moved_tag:
        tag = concerning[0]
        yield Refused(
            f"the tag {tag.name} was moved upstream, from {tag.here[:9]} to {tag.there[:9]}: a release "
            f"should never change",
            f"ask its authors why; if it is right: upgrader upgrade --to {name} --accept-moved-tag",
        )
    if ctx.app.signed_tags:
        if kind != "tag":
            yield Refused(
                f"{name} is no tag, and the playbook demands a signed one", "name a release: upgrader upgrade --to TAG"
            )
        git.verify_tag(name)


def _direction(ctx: Context) -> Iterator[Refused]:
    relation = ctx.world.git.relation(ctx.world.origin, ctx.world.target)
    here, there = ctx.options.origin.get("name", "the version here"), ctx.world.target_name
    if relation == "older":
        yield Refused(f"{there} is older than {here}", f"to go back with the data: upgrader rollback --to {there}")
    if relation == "diverged" and ctx.options.target.get("kind") == "branch":
        branch = ctx.options.target.get("ref") or there
        yield Refused(
            f"{branch} was rewritten upstream: what is installed ({here}) is not in its history",
            "name a release instead: upgrader upgrade --to TAG",
        )


def _tree(ctx: Context) -> Iterator[Refused]:
    git = ctx.world.git
    for path in git.collisions(ctx.world.target):
        yield Refused(
            f"{path} is yours, but {ctx.world.target_name} ships a file of that name",
            f"move yours aside, then run again: mv {git.top / path} {git.top / path}.mine",
        )
    for problem in git.preflight_target(ctx.world.target):
        yield Refused(problem.message, problem.hint)


def _log(ctx: Context) -> str:
    """The command that shows what upstream says of the commits to come."""
    return f"git -C {ctx.world.git.top} log {ctx.world.origin[:9]}..{ctx.world.target[:9]}"


def _files(ctx: Context) -> Iterator[Refused]:
    """A Compose file that the app was started from, and that the target no longer ships: git would delete it."""
    git = ctx.world.git
    dropped = set(git.list_files(ctx.world.origin)) - set(git.list_files(ctx.world.target))
    for path in ctx.app.stack.files:
        if path in dropped:
            yield Refused(
                f"{ctx.world.target_name} no longer ships {path}, one of the files that the app was started from",
                f"read its release notes; to keep its settings, start the app from a copy first: cp {path} mine.yml",
            )


def _env(ctx: Context) -> Iterator[Refused]:
    plan = ctx.world.env_plan
    if plan is None or not plan.result.blocking:
        return
    asked = plan.result.blocking
    first = asked[0]
    wanted = ", ".join(decision.key for decision in asked)
    lines = tuple(lines_to_add(asked))
    yield Refused(
        f"{ctx.world.target_name} needs a value {ONLY_YOU}: {wanted} ({ctx.world.example_path}:{first.line})",
        f"echo '{first.key}=…' >> {ctx.world.env_path}  # with its value, then run again",
        lines,
    )


def _model(ctx: Context) -> Iterator[Refused]:
    now, then = ctx.world.model, ctx.world.target_model
    for name in sorted(ctx.world.data_services() & set(then.services)):
        yield from _volumes(ctx, name, now, then)
        yield from _major(ctx, name, then)
    for spec in ctx.app.databases.values():
        if spec.service and spec.service not in then.services:
            yield Refused(
                f"{ctx.world.target_name} no longer has the database service {spec.service!r}",
                f"its data must be moved by hand; what the new version says: {_log(ctx)}",
            )


def _volumes(ctx: Context, name: str, now: Model, then: Model) -> Iterator[Refused]:
    """A data service that would find another volume, or none, where its data was."""
    before, after = now.volume_identity(name), then.volume_identity(name)
    container = ctx.world.running(name)
    mounted = {m.destination: m.name or m.source for m in container.mounts} if container else before
    for path, source in mounted.items():
        if path not in before:
            continue  # an anonymous volume: Compose carries it over
        if after.get(path) != source:
            found = f"{after[path]!r}" if path in after else "no volume"
            yield Refused(
                f"{name} keeps its data in {source!r}, but {ctx.world.target_name} would give it {found} at {path}: "
                "it would start empty",
                f"keep the old name in docker-compose.override.yml, unless its authors say otherwise: {_log(ctx)}",
            )


def _major(ctx: Context, name: str, then: Model) -> Iterator[Refused]:
    container = ctx.world.running(name)
    spec = next((s for s in ctx.app.databases.values() if s.service == name), None)
    major = _version(then.services[name].image or "")
    if container is None or spec is None or major is None:
        return
    running = ctx.world.server(spec).require().major
    if running != major:
        yield Refused(
            f"{name} runs Postgres {running}, and {ctx.world.target_name} wants {major}: its files cannot be "
            f"read by another major version",
            f"dump and restore it by hand, or keep the image in docker-compose.override.yml; see {_log(ctx)}",
        )


def _ways_back(ctx: Context) -> Iterator[Refused]:
    """Databases outside of the stack that migrations may change, and nobody could bring back."""
    migrations = ctx.world.migrations
    if migrations.mode == "offline" or migrations.files:
        yield from filter(None, (no_way_back(ctx, spec) for spec in ctx.app.databases.values()))


def _version(image: str) -> int | None:
    """The major version in a Postgres image's tag: `postgres:17-alpine` is 17."""
    match = re.search(r":(?:pg)?(\d+)", image.rsplit("/", 1)[-1])
    return int(match[1]) if match else None


def _pushes(ctx: Context) -> Iterator[Refused]:
    """R7: a migration service that pushes a schema straight onto the database."""
    service = ctx.world.target_model.services.get(ctx.world.migrate_service)
    if service is None:
        return
    words = " ".join([*(service.entrypoint or ()), *(service.command or ())])
    compose = ctx.world.tracked(next(iter(ctx.app.stack.files), "docker-compose.yml"))
    for path, where, text in [(compose, "its command", words), *_scripts(ctx, words)]:
        if match := _PUSH.search(text):
            yield Refused(
                f"the migration service {service.name!r} pushes a schema straight onto the database: "
                f"`{match[0]}` in {where}",
                f"R7: only recorded migrations belong on a production database; see {ctx.world.show(path)}",
            )


def _scripts(ctx: Context, words: str) -> Iterator[tuple[str, str, str]]:
    """package.json scripts that the command names, and those that these name: path, place in words, and text."""
    if not re.search(r"\b(npm|pnpm|yarn|bun)\b", words):
        return
    scripts: dict[str, tuple[str, str, str]] = {}
    for path in ctx.world.git.list_files(ctx.world.target):
        if path.rsplit("/", 1)[-1] == "package.json":
            try:
                found = json.loads(ctx.world.git.read(ctx.world.target, path) or b"{}").get("scripts") or {}
            except ValueError:
                continue
            scripts |= {name: (path, f"{path}, script {name!r}", str(text)) for name, text in found.items()}
    seen: set[str] = set()
    todo = [words]
    while todo:
        text = todo.pop()
        for name in scripts:
            if name not in seen and re.search(rf"{_RUNS}{re.escape(name)}(?=\s|$|[&;|])", text):
                seen.add(name)
                todo.append(scripts[name][2])
                yield scripts[name]
