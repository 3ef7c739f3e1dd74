"""`upgrader env-check` in an app's directory: its env file, its example with its history, its Compose files."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from upgrader.cli.chosen import Common
from upgrader.cli.crash import REDACTOR
from upgrader.cli.env_loose import Looked, overlay_of
from upgrader.engine.state import State, root, write_private
from upgrader.env.annotations import said_in
from upgrader.env.case import Case
from upgrader.env.checks import Scene, check_live
from upgrader.env.checks.history import shipped_in
from upgrader.env.checks.mode import check_mode
from upgrader.env.checks.scene import quoted
from upgrader.env.compose_text import read_references
from upgrader.env.decide import decide
from upgrader.env.document import Document, EnvSyntaxError
from upgrader.env.examples import EXAMPLES, find_example
from upgrader.env.facts import keys
from upgrader.env.finding import in_order
from upgrader.env.references import References
from upgrader.errors import RefusedError, UpgraderError, UsageError
from upgrader.model.app import Stack
from upgrader.model.secret import secrets_in
from upgrader.steps.env_plan import found_in, used_in
from upgrader.steps.points import Points
from upgrader.tools.git import Git
from upgrader.tools.shell import Shell


@dataclass(frozen=True)
class Host:
    """The app in a directory, as far as files tell. `origin` is the commit that its last upgrade started from, `target`
    the one where it went, `versions` are their names, `fix` is the command that mends its env file.
    """

    stack: Stack
    state: State
    git: Git | None
    overlay: str = ""
    origin: str = ""
    target: str = ""
    versions: tuple[str, str] = ("", "")
    fix: str = "upgrader env-check --fix"

    @property
    def live(self) -> Path:
        return self.stack.directory / self.stack.env_file


def find(common: Common, compose: tuple[str, ...] = ()) -> Host:
    """The app in the directory, by its playbook if there is one. `compose` are files to read in place of its own."""
    from upgrader.playbook.discover import which
    from upgrader.playbook.inherit import shipped
    from upgrader.playbook.load import from_text, load
    from upgrader.playbook.resolve import default_project, resolve_app
    from upgrader.steps.kinds import KINDS

    directory = common.path
    found = which(directory, common.playbook or None, tracked=lambda _path: False)
    kept = root(os.environ) / (common.project or default_project(directory, {})) / "playbook.yaml"
    playbook = None
    if found is not None:
        playbook = load(found.path, KINDS, trusted=found.trusted, trust=common.trust)
    elif kept.exists():
        playbook = from_text(kept.read_text(encoding="utf-8"), kept, KINDS)
    overlay = ""
    if playbook is None:
        stack = Stack(directory, common.project or default_project(directory, _values(directory / ".env")))
    else:
        env = _values(directory / playbook.facts.stack.env.file)
        stack = resolve_app(playbook, directory, env, root(os.environ)).stack
        stack = replace(stack, project=common.project or stack.project)
        named = shipped("env-examples") / f"{stack.overlay or playbook.name}.env"
        own = directory / (stack.overlay or "")
        overlay = str(own if own.is_file() else named)
    given = tuple(os.path.relpath(_given(directory, name), directory) for name in compose)
    stack = replace(stack, files=given or stack.files or _default_files(stack))
    state = State(root(os.environ) / stack.project)
    git = _git(directory)
    place = f"-C {quoted(_shown(directory))} " if common.directory else ""
    fix = f"upgrader {place}env-check --fix" + "".join(f" --compose {quoted(name)}" for name in compose)
    last = _last_upgrade(state)
    origin, target = last.get("origin", {}), last.get("target", {})
    versions = (origin.get("name", ""), target.get("name", ""))
    known = overlay if Path(overlay).is_file() else ""
    return Host(stack, state, git, known, origin.get("commit", ""), target.get("commit", ""), versions, fix)


def look(host: Host, *, overlay: str = "", assume_generators: bool = False) -> Looked:
    """Read what the app is made of, and check it. `overlay` is a file that goes before the one that is known."""
    stack = host.stack
    if not host.live.is_file():
        raise RefusedError(f"there is no env file {host.live}", _elsewhere(host))
    data = host.live.read_bytes()
    live = Document.parse(data, _shown(host.live))
    REDACTOR.learn(secrets_in(live.values()))
    path = _example_path(host)
    example_data = _at(host, "HEAD", path)
    if path is None or example_data is None:
        raise RefusedError(
            f"no example of {stack.env_file} is known in {stack.directory}",
            f"upgrader env-check --env {_shown(host.live)} --example FILE",
        )
    example = Document.parse(example_data, _shown(stack.directory / path))
    previous, lived = _known_at(host, host.origin, path), _known_at(host, host.target, path)
    found = found_in(Points(host.state.home), live)
    REDACTOR.learn(secrets_in(found))
    case = Case(
        live=live,
        example=example,
        previous=previous,
        compose=_references(host),
        overlay=overlay_of(overlay or host.overlay),
        assume_generators=assume_generators,
        data_exists=True,
        found=found,
        profiles=stack.profiles or None,
        versions=host.versions,
        lived=keys(lived) if lived else frozenset(),
    )
    if _may_be_unused(case):
        case = replace(case, used=_used(host))
    scene = Scene(case, decide(case), history=published(host, path), fix=host.fix)
    mode = os.stat(host.live).st_mode
    return Looked(scene, in_order([*check_live(scene), *check_mode(scene, mode)]), data)


def _may_be_unused(case: Case) -> bool:
    """Whether a secret that may be made is perhaps missing since a version ago: the engine knows if the app has one."""
    said = said_in(case.example)[0] | dict(case.overlay.said if case.overlay else {})
    missing = {key for key, each in said.items() if each.generate and key not in case.live}
    return bool(missing) and (case.previous is None or not missing.isdisjoint(keys(case.previous) | case.lived))


def _used(host: Host) -> frozenset[str] | None:
    from upgrader.tools.docker import Docker

    try:
        return used_in(Points(host.state.home), Docker(Shell(redactor=REDACTOR)).containers(host.stack.project))
    except UpgraderError:  # without an engine nobody knows
        return None


def _elsewhere(host: Host) -> str:
    """The command for an env file that lies beside an example below the directory, if there is one."""
    top = host.stack.directory
    for found in sorted(top.glob("*/.env")) + sorted(top.glob("*/*/.env")):
        if any((found.parent / name).is_file() for name in EXAMPLES):
            return f"upgrader -C {quoted(_shown(found.parent))} env-check"
    for found in sorted([*top.glob(".env*.example"), *top.glob("*/.env*.example"), *top.glob("*/*/.env*.example")]):
        live = found.with_name(found.name.removesuffix(".example"))
        if live.is_file():
            return f"upgrader env-check --env {quoted(_shown(live))} --example {quoted(_shown(found))}"
    return "upgrader env-check --env FILE --example FILE, or make it first"


def _given(directory: Path, name: str) -> Path:
    """A file named on the command line: beside the app, else beside the person."""
    beside = directory / name
    found = beside if beside.is_file() else Path(name).absolute()
    if not found.is_file():
        raise UsageError(f"there is no Compose file {name}", f"ls -l {quoted(name)}")
    return found


def published(host: Host, path: str) -> Mapping[str, frozenset[str]]:
    """Key → every value that the example ever shipped, by its git history; kept beside the app's records."""
    if host.git is None:
        return {}
    try:
        head = host.git.head()
        cache = host.state.home / "shipped.json"
        name = f"{head}:{host.git.top}:{path}"
        if (known := _cached(cache, name)) is not None:
            return known
        options = ("--follow", "-p", "-U0", "--format=", "--no-color", "--no-ext-diff", "--no-textconv")
        tracked = os.path.relpath((host.stack.directory / path).resolve(), host.git.top.resolve())
        values = shipped_in(host.git.run("log", *options, head, "--", tracked))
    except UpgraderError:
        return {}
    if host.state.home.is_dir():
        kept = {"of": name, "values": {key: sorted(found) for key, found in values.items()}}
        write_private(cache, json.dumps(kept))
    return values


def _cached(cache: Path, name: str) -> Mapping[str, frozenset[str]] | None:
    try:
        kept = json.loads(cache.read_text(encoding="utf-8"))
        return {key: frozenset(found) for key, found in kept["values"].items()} if kept["of"] == name else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _default_files(stack: Stack) -> tuple[str, ...]:
    from upgrader.tools.stacks import default_files

    values = _values(stack.directory / stack.env_file)
    named = values.get("COMPOSE_FILE", "").split(values.get("COMPOSE_PATH_SEPARATOR") or os.pathsep)
    return tuple(name for name in named if name) or default_files(stack.directory)


def _references(host: Host) -> References:
    directory = host.stack.directory
    paths = [_shown(directory / name) for name in host.stack.files if (directory / name).is_file()]
    return read_references([(path, Path(path).read_bytes()) for path in paths], _read)


def _example_path(host: Host) -> str | None:
    """The example, seen from the app's directory: the playbook's, else one beside the env file or at the top."""
    stack = host.stack
    return stack.example or find_example(stack.env_file, lambda path: (stack.directory / path).is_file())


def _at(host: Host, commit: str, path: str | None) -> bytes | None:
    """The example at a commit; without git, and where git does not know it, as it lies there."""
    if path is None:
        return None
    if host.git is not None:
        tracked = os.path.relpath((host.stack.directory / path).resolve(), host.git.top.resolve())
        try:
            found = host.git.read(commit, tracked)
        except UpgraderError:
            found = None
        if found is not None or commit != "HEAD":
            return found
    return _read(str(host.stack.directory / path))


def _known_at(host: Host, commit: str, path: str) -> Document | None:
    data = _at(host, commit, path) if commit else None
    try:
        return Document.parse(data, path) if data is not None else None
    except EnvSyntaxError:
        return None


def _last_upgrade(state: State) -> Mapping[str, Mapping[str, str]]:
    """The arguments of the last upgrade that was finished: where it started from, and where it went."""
    for run in state.all(newest_first=True):
        if run.kind == "upgrade" and run.outcome == "done":
            return run.arguments
    return {}


def _git(directory: Path) -> Git | None:
    git = Git(Shell(redactor=REDACTOR), directory)
    try:
        git.head()
    except UpgraderError:
        return None
    return git


def _values(path: Path) -> Mapping[str, str]:
    return Document.parse(path.read_bytes(), str(path)).values() if path.is_file() else {}


def _read(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except OSError:
        return None


def _shown(path: Path) -> str:
    """The path as one would type it here."""
    near = os.path.relpath(path)
    return str(path) if near.startswith("..") else near
