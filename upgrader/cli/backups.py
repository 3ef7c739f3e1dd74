"""`upgrader backups list|show|verify|pin|unpin|prune|export`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upgrader.cli import common as c
from upgrader.cli.shelf import complete
from upgrader.errors import ExitCode, RefusedError

if TYPE_CHECKING:
    from upgrader.steps.points import Points

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="A restore point's id, or its beginning or end.", autocompletion=complete)
]


@app.callback()
def backups(
    ctx: typer.Context,
    directory: c.DirectoryOption = None,
    project: c.ProjectOption = "",
    output: c.OutputOption = "auto",
) -> None:
    """Look at restore points, check them, keep them, delete them, take them elsewhere.

    Examples:
      upgrader backups list
      upgrader backups verify
      upgrader backups prune
    """
    ctx.obj = c.of(ctx).override(directory=directory, project=project, output=output)


@app.command("list")
def list_(
    ctx: typer.Context,
    directory: c.DirectoryOption = None,
    project: c.ProjectOption = "",
    output: c.OutputOption = "auto",
) -> int:
    """List the restore points of this app, the newest last.

    Examples:
      upgrader backups list
      upgrader backups list --output json
    """
    from upgrader.cli.shelf import HEAD, row, told
    from upgrader.ui.tables import columns
    from upgrader.ui.words import clean

    common = c.of(ctx).override(directory=directory, project=project, output=output)
    found = list(told(_points(common)))
    if common.output == "json":
        typer.echo(json.dumps(found, indent=1))
    else:
        rows = [tuple(map(clean, row(each))) for each in found]
        typer.echo(columns([HEAD, *rows]) if rows else "No restore point yet: upgrader backup")
    return 0


@app.command("show")
def show(
    ctx: typer.Context,
    point_id: IdArgument,
    directory: c.DirectoryOption = None,
    project: c.ProjectOption = "",
    output: c.OutputOption = "auto",
) -> int:
    """Show what one restore point holds.

    Examples:
      upgrader backups show 20261120T093000-1a2b
      upgrader backups show 1a2b --output json
    """
    from upgrader.model.duration import plural, size
    from upgrader.ui.tables import columns
    from upgrader.ui.words import clean

    common = c.of(ctx).override(directory=directory, project=project, output=output)
    points = _points(common)
    point = points.load(points.find(point_id))
    if common.output == "json":
        typer.echo(json.dumps({**point.to_json(), "pinned": points.pinned(point.id)}, indent=1))
        return 0
    rows = [
        ("Restore point", point.id + (", pinned" if points.pinned(point.id) else "")),
        ("Made", f"{point.created_at} by upgrader {point.tool}" + (f", {point.label}" if point.label else "")),
        ("Version", f"{point.version}, commit {point.commit}" + (f", branch {point.branch}" if point.branch else "")),
    ]
    for database in point.databases:
        rows_ = f"{plural(sum(database.rows.values()), 'row')} in {plural(len(database.rows), 'table')}"
        where = (
            f"kept in the server as {database.aside}" if database.aside else size(sum(f.size for f in database.files))
        )
        rows.append(("Database", f"{database.name} of {database.service}, Postgres {database.server_version}: {where}"))
        rows.append(("", f"{rows_}, {size(database.size)} on disk then"))
        if database.proved:
            rows.append(("", f"proved {database.proved.at[:16].replace('T', ' ')} UTC: {database.proved.how}"))
    for volume in point.volumes:
        kept = f"kept as {volume.aside}" if volume.file is None else size(volume.file.size)
        rows.append(("Volume", f"{volume.id}, {volume.source}: {kept}"))
        if volume.file:
            held = f"{plural(volume.files, 'file')}, {size(volume.size)} on disk then"
            rows.append(("", held + ("" if volume.still else "; some changed while they were read")))
    rows += [("File", f"{file.origin}, {size(file.size)}") for file in point.files]
    rows += [("Local edits", size(point.patch.size))] if point.patch else []
    rows += [("Image", f"{pin.service}: {pin.image}") for pin in point.pins]
    rows += [("Copied to", point.copied_to)] if point.copied_to else []
    rows.append(("In", str(points.path(point.id))))
    typer.echo(columns([(name, clean(text)) for name, text in rows]))
    return 0


@app.command("verify")
def verify(
    ctx: typer.Context,
    point_id: Annotated[str, typer.Argument(metavar="[ID]", help="Default: every one.", autocompletion=complete)] = "",
    restore: Annotated[
        bool, typer.Option("--restore", help="Restore the dumps into a throw-away server too, and compare.")
    ] = False,
    directory: c.DirectoryOption = None,
    project: c.ProjectOption = "",
    playbook: c.PlaybookOption = "",
    output: c.OutputOption = "auto",
) -> int:
    """Read every byte of one restore point, or of all, and compare it with the manifest; 3 if any is damaged.

    Examples:
      upgrader backups verify
      upgrader backups verify 1a2b --restore
    """
    common = c.of(ctx).override(directory=directory, project=project, playbook=playbook, output=output)
    points = _points(common)
    ids = [points.find(point_id)] if point_id else points.names()
    if not ids:
        raise RefusedError("there is no restore point yet", "upgrader backup")
    troubles = {each: points.trouble(each) for each in ids}
    whole = [each for each in ids if not troubles[each] and (point_id or points.load(each).dumped)]
    if restore and whole:
        from upgrader.cli import prove

        troubles |= prove.perform(common, whole)
    if common.output == "json":
        found = [{"id": each, "ok": not trouble, "trouble": trouble} for each, trouble in troubles.items()]
        typer.echo(json.dumps(found, indent=1))
    else:
        for each, trouble in troubles.items():
            typer.echo(f"✗ {each}: {trouble}" if trouble else f"✓ {each}")
    return int(ExitCode.FOUND) if any(troubles.values()) else 0


@app.command("pin")
def pin(
    ctx: typer.Context,
    point_id: IdArgument,
    directory: c.DirectoryOption = None,
    project: c.ProjectOption = "",
) -> int:
    """Keep a restore point, whatever retention says.

    Example:
      upgrader backups pin 1a2b
    """
    points = _points(c.of(ctx).override(directory=directory, project=project))
    found = points.find(point_id)
    points.pin(found)
    typer.echo(f"{found} stays until it is unpinned")
    return 0


@app.command("unpin")
def unpin(
    ctx: typer.Context,
    point_id: IdArgument,
    directory: c.DirectoryOption = None,
    project: c.ProjectOption = "",
) -> int:
    """Let retention delete a restore point again.

    Example:
      upgrader backups unpin 1a2b
    """
    points = _points(c.of(ctx).override(directory=directory, project=project))
    found = points.find(point_id)
    points.unpin(found)
    typer.echo(f"{found} is no longer pinned")
    return 0


@app.command("prune")
def prune(
    ctx: typer.Context,
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID]...", help="These; default: what `backups:` does not keep.", autocompletion=complete
        ),
    ] = None,
    keep: Annotated[int, typer.Option("--keep", metavar="N", min=0, help="Keep the newest N.")] = 0,
    max_age: Annotated[str, typer.Option("--max-age", metavar="AGE", help="Keep none that is older: 90d, 12h.")] = "",
    max_size: Annotated[str, typer.Option("--max-size", metavar="SIZE", help="Keep so much in all: 50GiB.")] = "",
    databases: Annotated[
        list[str] | None,
        typer.Option("--databases", metavar="NAME", help="Drop this database that was kept in its server."),
    ] = None,
    yes: c.YesOption = False,
    directory: c.DirectoryOption = None,
    project: c.ProjectOption = "",
    playbook: c.PlaybookOption = "",
    output: c.OutputOption = "auto",
) -> int:
    """Show which restore points would go and which databases are kept in servers; ask, and delete.

    Never what a way back needs: the point of the last upgrade, rollback or unfinished run, the last proved one, a
    pinned one. Databases go only if they are named.

    Examples:
      upgrader backups prune
      upgrader backups prune --keep 5 --max-age 90d
      upgrader backups prune 1a2b --yes
      upgrader backups prune --databases app_upgrader_20261120_1a2b3c_aside
    """
    from upgrader.cli import prune as pruning

    common = c.of(ctx).override(directory=directory, project=project, playbook=playbook, output=output)
    policy = pruning.policy_of(keep, max_age, max_size)
    return pruning.perform(common, ids or [], databases or [], policy, yes=yes)


@app.command("export")
def export(
    ctx: typer.Context,
    point_id: IdArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The tar file to make.")],
    encrypt_to: Annotated[
        str, typer.Option("--encrypt-to", metavar="RECIPIENT", help="Encrypt it with age for this public key.")
    ] = "",
    directory: c.DirectoryOption = None,
    project: c.ProjectOption = "",
) -> int:
    """Make one tar file that restores on a bare machine with tar and Postgres, without upgrader; its README says how.

    It holds the env file and the data: without --encrypt-to, whoever has the file has both.

    Examples:
      upgrader backups export 1a2b /mnt/usb/app.tar
      upgrader backups export 1a2b app.tar.age --encrypt-to age1…
    """
    from upgrader.model.duration import size
    from upgrader.steps import export as exports
    from upgrader.tools.shell import Shell

    points = _points(c.of(ctx).override(directory=directory, project=project))
    point = points.load(points.find(point_id))
    exports.export(points, point, file, Shell(), recipient=encrypt_to)
    typer.echo(f"{file}: {size(file.stat().st_size)}; it begins with a README that says how to restore it")
    return 0


def _points(common: c.Common) -> "Points":
    from upgrader.cli.records import state_of
    from upgrader.steps.points import Points

    state, _ = state_of(common)
    return Points(state.home)
