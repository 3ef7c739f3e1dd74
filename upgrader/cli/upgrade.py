"""`upgrader upgrade`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upgrader.cli import common as c
from upgrader.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from upgrader.cli.wiring import Desk
    from upgrader.model.app import App
    from upgrader.steps.base import Options

HELP = """Upgrade the app to a release, a branch or a commit; the newest release by default.

Looks first, shows the plan and asks. Makes a restore point, builds while the old version serves, migrates, swaps only
what changed, watches its health, and compares what the tables hold with before. If anything fails it goes back by
itself, and exits with 5.

Examples:
  upgrader upgrade
  upgrader upgrade --to v1.4.0 --yes
  upgrader upgrade --to v2.0.0 --accept-data-loss     # this release is known to empty a large table
  upgrader -C /srv/app upgrade --plan plan.json
"""


def upgrade(
    ctx: typer.Context,
    to: Annotated[str, typer.Option("--to", metavar="REF", help="A release tag, branch or commit.")] = "",
    yes: c.YesOption = False,
    plan_file: Annotated[
        Path | None, typer.Option("--plan", metavar="FILE", help="Refuse if the world moved since this plan was saved.")
    ] = None,
    keep_local_changes: Annotated[
        bool, typer.Option("--keep-local-changes", help="Carry edits of tracked files over to the new version.")
    ] = False,
    drop_conflicting_changes: Annotated[
        bool,
        typer.Option(
            "--drop-conflicting-changes", help="Leave edits out that do not fit; they stay in the restore point."
        ),
    ] = False,
    accept_moved_tag: Annotated[
        bool, typer.Option("--accept-moved-tag", help="Go on though a tag was moved upstream.")
    ] = False,
    online: Annotated[
        bool, typer.Option("--online", help="Let the old version serve while migrations run, whatever they do.")
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Stop the writers before the migrations, whatever they do.")
    ] = False,
    accept_data_loss: Annotated[
        bool, typer.Option("--accept-data-loss", help="Go on though tables lose most of their rows.")
    ] = False,
    proof: c.ProofOption = "",
    no_rehearsal: c.RehearsalOption = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Go through the procedure even if nothing seems to change.")
    ] = False,
    trust: c.TrustOption = "",
    directory: c.DirectoryOption = None,
    project: c.ProjectOption = "",
    playbook: c.PlaybookOption = "",
    output: c.OutputOption = "auto",
) -> int:
    from upgrader.cli.wiring import open_app
    from upgrader.steps.base import Options

    if online and offline:
        raise UsageError("--online and --offline exclude each other", "leave one out")
    common = c.of(ctx).override(directory=directory, project=project, playbook=playbook, output=output, trust=trust)
    saved = _saved(plan_file)
    options = Options(
        to=to or saved.get("to_ref", ""),
        keep_local_changes=keep_local_changes,
        accept_moved_tag=accept_moved_tag,
        online="always" if online else "never" if offline else "",
        rebuild=rebuild,
        proof=proof,
        rehearsal=not no_rehearsal,
        accept_data_loss=accept_data_loss,
    )
    flags = {"--drop-conflicting-changes": "y"} if drop_conflicting_changes else {}
    return perform(open_app(common, yes=yes, flags=flags), options, saved)


upgrade.__doc__ = HELP


def perform(desk: "Desk", options: "Options", saved: Mapping[str, str] | None = None) -> int:
    """Plan, ask, upgrade; returns the exit code. `saved` is what an earlier plan said."""
    from upgrader.cli import say
    from upgrader.cli.agree import agree, agree_to_derived, answer_env, guard
    from upgrader.cli.target import refuse, upgrade_plan
    from upgrader.steps.base import Question

    refuse_foreign(saved or {}, desk.app)
    agree_to_derived(desk)
    with desk.session() as session:
        guard(desk)
        with say.looking(desk) as tick:
            made, options = upgrade_plan(desk, options, tick)
        if answer_env(desk, made):
            with say.looking(desk) as tick:
                made, options = upgrade_plan(desk, options, tick)
        refuse_stale(saved or {}, made.fingerprint)
        if made.refusals:
            say.plan(desk, made)
            refuse(made)
        if made.nothing:
            say.plan(desk, made)
            return 0
        say.plan(desk, made)
        agree(desk, Question("upgrade", f"Upgrade {made.project} to {made.to_version} now?", "--yes"))
        return say.outcome(desk, session.start("upgrade", options, f"Upgrade to {made.to_version}", made))


def _saved(path: Path | None) -> dict[str, str]:
    """What a saved plan says of its app, its target and its world."""
    if path is None:
        return {}
    import json

    again = f"upgrader plan --save {path}"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        saved = {key: data[key] for key in ("project", "directory", "to_version", "fingerprint")}
        ref = data["to_ref"]  # empty for the branch that is checked out
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no plan: {error}", again) from error
    if not all(value and isinstance(value, str) for value in saved.values()) or not isinstance(ref, str):
        raise UsageError(f"{path} is no plan: an app, a target and a fingerprint are words", again)
    return {**saved, "to_ref": ref, "path": str(path.absolute())}


def refuse_foreign(saved: Mapping[str, str], app: "App") -> None:
    """Raise RefusedError when the saved plan is for another app."""
    here = (app.stack.project, str(app.stack.directory))
    if saved and (saved["project"], saved["directory"]) != here:
        raise RefusedError(
            f"{saved['path']} is a plan for {saved['project']} in {saved['directory']}, not for {' in '.join(here)}",
            f"upgrader -C {saved['directory']} upgrade --plan {saved['path']}",
        )


def refuse_stale(saved: Mapping[str, str], fingerprint: str) -> None:
    if saved and saved["fingerprint"] != fingerprint:
        raise RefusedError(
            "the world moved since the plan was saved, or its options were others",
            f"look at it again: upgrader plan --to {saved['to_version']} --save {saved['path']}",
        )
