"""`upgrader env-check`."""

from typing import Annotated

import typer

from upgrader.cli import common as c
from upgrader.errors import UsageError


def _formats(incomplete: str) -> list[str]:
    from upgrader.cli.env_loose import FORMATS

    return [name for name in FORMATS if name.startswith(incomplete)]


def env_check(
    ctx: typer.Context,
    env: Annotated[str, typer.Option("--env", metavar="FILE", help="A live env file; default: the app's.")] = "",
    example: Annotated[
        str, typer.Option("--example", metavar="FILE", help="The example that it is compared with.")
    ] = "",
    previous_example: Annotated[
        str, typer.Option("--previous-example", metavar="FILE", help="The example of the version before.")
    ] = "",
    compose: Annotated[
        list[str] | None, typer.Option("--compose", metavar="FILE", help="A Compose file; several count in order.")
    ] = None,
    previous_compose: Annotated[
        list[str] | None,
        typer.Option("--previous-compose", metavar="FILE", help="A Compose file of the version before."),
    ] = None,
    overlay: Annotated[
        str,
        typer.Option("--overlay", metavar="FILE", help="An annotated env file that says what the example does not."),
    ] = "",
    format_name: Annotated[
        str,
        typer.Option(
            "--format", metavar="NAME", help="text, json, github, sarif or markdown.", autocompletion=_formats
        ),
    ] = "",
    fix: Annotated[
        bool, typer.Option("--fix", help="Append what can be decided, and ask for what a person must know.")
    ] = False,
    assume_generators: Annotated[
        bool, typer.Option("--assume-generators", help="Generate secrets that no comment names a generator for.")
    ] = False,
    since: Annotated[
        str,
        typer.Option(
            "--since", metavar="TAG", help="For vendors: check the next release against this one, or the last-tag."
        ),
    ] = "",
    notes: Annotated[
        str, typer.Option("--notes", metavar="FILE", help="With --since: the release notes that name new settings.")
    ] = "",
    yes: c.YesOption = False,
    directory: c.DirectoryOption = None,
    project: c.ProjectOption = "",
    playbook: c.PlaybookOption = "",
    output: c.OutputOption = "auto",
) -> int:
    """Say what is wrong, missing or outdated in the env file; change nothing unless told to.

    Examples:
      upgrader env-check
      upgrader env-check --fix
      upgrader env-check --env .env --example .env.example --format json
      upgrader env-check --since last-tag --notes CHANGELOG.md --format github
    """
    from upgrader.cli import say
    from upgrader.cli.env_loose import FORMATS, Files, answer, look, rendered, screen

    common = c.of(ctx).override(directory=directory, project=project, playbook=playbook, output=output)
    chosen = format_name or ("json" if common.output == "json" else "text")
    if chosen not in FORMATS:
        raise UsageError(f"--format {chosen!r} is none of {', '.join(FORMATS)}", "upgrader env-check --format json")
    if fix and chosen != "text":
        raise UsageError("--fix talks to a person: it has no --format", "upgrader env-check --fix")
    if since:
        from upgrader.cli.env_release import Request
        from upgrader.cli.env_release import answer as gate

        if env or previous_example or previous_compose or fix:
            raise UsageError(
                "--since takes both versions from git: no --env, no --previous-…, no --fix",
                "upgrader env-check --since TAG",
            )
        text, code = gate(Request(common.path, since, notes, example, tuple(compose or ()), overlay, chosen))
        say.out(text)
        return code
    if notes or chosen == "markdown":
        raise UsageError("only --since looks at release notes", "upgrader env-check --since TAG --notes FILE")
    files = Files(
        env,
        example,
        previous_example,
        tuple(compose or ()),
        tuple(previous_compose or ()),
        overlay,
        chosen,
        assume_generators,
    )
    if env or example:
        if not example:
            raise UsageError("--env needs --example beside it", "upgrader env-check --env FILE --example FILE")
        if not fix:
            text, code = answer(files)
            say.out(text)
            return code
        if not env:
            raise UsageError("--fix needs the file that it appends to", "upgrader env-check --fix --env FILE …")
        from upgrader.cli.env_fix import fix as mend

        return mend(look(files), None, yes=yes)
    from upgrader.cli import env_host

    if previous_example or previous_compose:
        raise UsageError(
            "--previous-… needs --env and --example beside it",
            "upgrader env-check --env FILE …",
        )
    host = env_host.find(common, tuple(compose or ()))
    looked = env_host.look(host, overlay=overlay, assume_generators=assume_generators)
    if fix:
        from upgrader.cli.env_fix import fix as mend

        return mend(looked, host, yes=yes)
    say.out(screen(looked) if chosen == "text" else rendered(chosen, looked.findings, looked.decisions))
    return looked.exit_code
