"""A playbook meets a host: the App it describes there, and steps with their names filled in."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from upgrader.errors import RefusedError
from upgrader.model.app import (
    App,
    CanarySpec,
    DatabaseSpec,
    HealthCheck,
    HealthSpec,
    Hook,
    MigrationsSpec,
    Offsite,
    Retention,
    Stack,
    VolumeSpec,
)
from upgrader.playbook.inherit import shipped
from upgrader.playbook.load import Playbook
from upgrader.playbook.names import Namespaces, parse, render
from upgrader.playbook.schema import PROJECT, CopyTo, HealthSection, StackSection, VolumeSection
from upgrader.steps.base import StepModel

AnyStep = TypeVar("AnyStep", bound=StepModel)


def resolve_app(
    playbook: Playbook,
    directory: Path,
    env: Mapping[str, str],
    home: Path,
    target: Mapping[str, str] | None = None,
) -> App:
    """The app as the playbook and this host describe it.

    `env` are the values of the live env file, `home` is `$UPGRADER_HOME`. Without `target` (tag, version, commit)
    expressions that name it stay as they are. Raises RefusedError when an env key that is needed has no value.
    """
    facts = playbook.facts
    project = render(facts.stack.project, {"env": env}, partly=True) or default_project(directory, env)
    if not PROJECT.fullmatch(project):
        raise RefusedError(
            f"{project!r} is not a name that Compose takes for a project", "Name it in the playbook: stack.project"
        )
    names: Namespaces = {
        "env": env,
        "app": {"name": playbook.name, "project": project, "directory": str(directory)},
        **({"target": target} if target is not None else {}),
    }
    databases = {
        key: DatabaseSpec(
            id=key,
            service=spec.service,
            name=_text(spec.name, names),
            user=_text(spec.user, names),
            key=spec.url,
            url=env.get(spec.url, ""),
            image=_text(spec.image, names),
        )
        for key, spec in facts.databases.items()
        if _holds(spec.when, names)
    }
    migrations = facts.migrations
    return App(
        name=playbook.name,
        stack=replace(
            _stack(facts.stack, directory, project, names),
            overlay=_overlay(facts.stack.env.overlay, playbook.name, directory),
        ),
        home=home / project,
        databases=databases,
        volumes=tuple(_volume(each, names) for each in facts.volumes if _holds(each.when, names)),
        migrations=MigrationsSpec(
            migrations.service,
            migrations.path,
            migrations.ledger,
            migrations.online,
            migrations.timeout,
            migrations.rehearse,
        ),
        health=HealthSpec(
            checks=tuple(_health(check, names) for check in facts.health),
            stable_for=facts.healthy.stable_for,
            timeout=facts.healthy.timeout,
        ),
        canary=CanarySpec(**facts.canary.model_dump()),
        hooks=tuple(Hook(hook.when, tuple(render(hook.run, names, partly=True)), hook.timeout) for hook in facts.hooks),
        signed_tags=facts.releases.signed,
        release_tags=facts.releases.tags,
        offsite=_offsite(facts.backups.copy_to, names),
        writers=facts.writers,
        backups=Retention(facts.backups.keep or 0, facts.backups.max_age or 0.0, facts.backups.max_size or 0),
    )


def bind(step: AnyStep, namespaces: Namespaces) -> AnyStep:
    """The step with every `${{ … }}` in its values replaced. Raises RefusedError as `render` does."""
    return type(step).model_validate(render(step.model_dump(by_alias=True, exclude_unset=True), namespaces))


def default_project(directory: Path, env: Mapping[str, str]) -> str:
    """The project name that Compose takes when no file names one."""
    name = env.get("COMPOSE_PROJECT_NAME") or directory.resolve().name
    return re.sub(r"[^a-z0-9_-]", "", name.lower()).lstrip("_-")


def _stack(stack: StackSection, directory: Path, project: str, names: Namespaces) -> Stack:
    files = [(_text(file.file, names), file.optional) for file in stack.files if _holds(file.when, names)]
    return Stack(
        directory=directory,
        project=project,
        files=tuple(name for name, _ in files),
        optional=tuple(name for name, optional in files if optional),
        profiles=tuple(_text(profile.profile, names) for profile in stack.profiles if _holds(profile.when, names)),
        env_file=stack.env.file,
        example=stack.env.example,
        keep=stack.keep,
    )


def _volume(section: VolumeSection, names: Namespaces) -> VolumeSpec:
    volume, service, path = (_text(value, names) for value in (section.volume, section.service, section.path))
    return VolumeSpec(volume or f"{service}:{path}", volume, service, path, section.pause, section.optional)


def _offsite(copy: CopyTo | None, names: Namespaces) -> Offsite | None:
    if copy is None:
        return None
    return Offsite("restic", _text(copy.restic, names)) if copy.restic else Offsite("rclone", _text(copy.rclone, names))


def _overlay(named: str | None, playbook: str, directory: Path) -> str | None:
    """The overlay's path: of a file of the app's as it is named, else of the one that ships with upgrader."""
    if named and (named.endswith(".env") or (directory / named).is_file()):
        return named
    shipped_one = shipped("env-examples") / f"{named or playbook}.env"
    if not shipped_one.is_file():
        if named:
            raise RefusedError(
                f"no overlay {named!r} ships with upgrader", "stack.env.overlay takes the path of an .env file too"
            )
        return None
    return str(shipped_one)


def _health(check: HealthSection, names: Namespaces) -> HealthCheck:
    if version := check.version:
        return HealthCheck(
            http=_text(version.http, names),
            insecure=version.insecure,
            json=version.json_path,
            equals=_text(version.equals, names),
        )
    return HealthCheck(
        service=_text(check.service, names),
        http=_text(check.http or "", names),
        status=check.status,
        insecure=check.insecure,
    )


def _holds(when: str, names: Namespaces) -> bool:
    return not when or bool(parse(when).evaluate(names))


def _text(value: str, names: Namespaces) -> str:
    return str(render(value, names, partly=True))
