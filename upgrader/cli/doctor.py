"""`upgrader doctor`."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from upgrader.cli import common as c
from upgrader.errors import ExitCode, StoppedError, UpgraderError

if TYPE_CHECKING:
    from upgrader.steps.base import Context


def doctor(
    ctx: typer.Context,
    fix: Annotated[
        bool, typer.Option("--fix", help="Put half-replaced containers right, remove what a killed run left.")
    ] = False,
    trust: c.TrustOption = "",
    directory: c.DirectoryOption = None,
    project: c.ProjectOption = "",
    playbook: c.PlaybookOption = "",
    output: c.OutputOption = "auto",
) -> int:
    """Look at this host and app, and say what would stand in an upgrade's way.

    Examples:
      upgrader doctor
      upgrader doctor --fix
    """
    from upgrader.cli.wiring import open_app
    from upgrader.steps.base import Options
    from upgrader.tools.postgres_throwaway import clear

    common = c.of(ctx).override(directory=directory, project=project, playbook=playbook, output=output, trust=trust)
    desk = open_app(common)
    if fix:
        with desk.session():
            for name in [*desk.cleared, *clear(desk.shell, desk.app.stack.project)]:
                typer.echo(f"✓ removed {name}")
            for text in _mend(desk.planning("upgrade", Options()).using(desk.shell, typer.echo)):
                typer.echo(f"✓ {text}")
        if desk.interrupts.requested:
            message = f"stopped on {desk.interrupts.name}, before looking"
            raise StoppedError(message, "upgrader doctor", exit_code=desk.interrupts.exit_code)
    look = desk.planning("upgrade", Options())
    results = list(_look(look))
    if common.output == "json":
        import json

        typer.echo(json.dumps([{"ok": ok, "what": what, "hint": hint} for ok, what, hint in results], indent=1))
    else:
        for ok, what, hint in results:
            typer.echo(f"{'✓' if ok else '✗'} {what}" + (f"\n  → {hint}" if hint else ""))
    desk.scratch.close()
    return 0 if all(ok for ok, _, _ in results) else int(ExitCode.FOUND)


def _mend(ctx: "Context") -> Iterator[str]:
    """Repair what a killed `up` left half-replaced, and start what it left stopped; says what was done."""
    docker, project = ctx.world.docker, ctx.app.stack.project
    affected = {half.service for half in docker.half_replaced(project)}
    yield from docker.repair_half_replaced(project)
    shots, order = ctx.world.model.one_shots(), ctx.world.model.order()
    left = [
        container
        for container in docker.containers(project)
        if not container.oneoff
        and container.service not in shots
        and (container.state == "created" or (container.state == "exited" and container.service in affected))
    ]
    for container in sorted(left, key=lambda c: order.index(c.service) if c.service in order else len(order)):
        docker.start([container.id])
        yield f"started {container.name}"


def _look(ctx: "Context") -> Iterator[tuple[bool, str, str]]:
    """What was looked at: whether it is well, what it is, and what to do."""
    from upgrader.model.verdict import Refused
    from upgrader.steps.preflight import Checkout, Databases, Host, StackCheck

    steps = [
        Host(id="host", uses="preflight.host"),
        Checkout(id="checkout", uses="preflight.checkout"),
        StackCheck(id="stack", uses="preflight.stack"),
        Databases(id="databases", uses="preflight.databases"),
    ]
    refused = set[str]()
    for step in steps:
        try:
            verdict = step.check(ctx)
        except UpgraderError as error:
            verdict = Refused(error.message, error.hint)
        if isinstance(verdict, Refused):
            refused.add(step.id)
            yield False, verdict.why, verdict.hint
            if step.id == "host":
                return
        else:
            yield True, verdict.why, ""
    # a database that could not be looked at has had its say
    yield from _more(ctx, [_remote, _compose] if "databases" in refused else [_remote, _compose, _leftovers])
    yield from _more(ctx, [_apart])


def _more(
    ctx: "Context", checks: Iterable[Callable[["Context"], tuple[bool, str, str] | None]]
) -> Iterator[tuple[bool, str, str]]:
    for check in checks:
        try:
            found = check(ctx)
        except UpgraderError as error:
            yield False, error.message, error.hint
        else:
            if found:
                yield found


def _remote(ctx: "Context") -> tuple[bool, str, str]:
    ctx.world.git.fetch()
    releases = ctx.world.git.releases(ctx.app.release_tags)
    newest = f", newest release {releases[0]}" if releases else ", no release tags"
    return True, f"the remote {ctx.world.git.remote()} answers{newest}", ""


def _compose(ctx: "Context") -> tuple[bool, str, str] | None:
    if ctx.world.compose.version() >= (2, 29, 4):
        return None
    return (
        True,
        "this Compose (before 2.29.4) recreates more than it needs on your own `up -d`",
        "apt-get install --only-upgrade docker-compose-v2",
    )


def _apart(ctx: "Context") -> tuple[bool, str, str] | None:
    """What a killed run started apart from the app; one that goes on still needs it."""
    from upgrader.engine import lock
    from upgrader.tools.postgres_throwaway import leftovers

    left = [] if lock.held(ctx.app.home) else leftovers(ctx.shell, ctx.app.stack.project)
    if not left:
        return None
    return False, f"a run that was cut off left {', '.join(left)}", "upgrader doctor --fix"


def _leftovers(ctx: "Context") -> tuple[bool, str, str] | None:
    from upgrader.tools.postgres_sql import is_ours

    kept = [name for spec in ctx.app.databases.values() for name in ctx.world.server(spec).databases() if is_ours(name)]
    if not kept:
        return None
    return True, f"databases of ours kept in the server: {', '.join(kept)}", ""
