"""A playbook: read, laid over its bases, checked, and frozen for a run."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from upgrader.errors import RefusedError
from upgrader.model.run import FORWARD_PHASES
from upgrader.playbook import change, inherit, policy, scope
from upgrader.playbook.problems import PlaybookError, Problem, suggest
from upgrader.playbook.schema import NEEDED, PROCEDURES, Document, Facts
from upgrader.playbook.show import emit, origins
from upgrader.playbook.source import Node
from upgrader.playbook.validate import check
from upgrader.steps.base import Kinds, StepModel


@dataclass(frozen=True)
class Procedure:
    """The steps of one kind of run, by phase; every phase is there, some may be empty."""

    phases: Mapping[str, tuple[StepModel, ...]]

    def __iter__(self) -> Iterator[tuple[str, StepModel]]:
        for phase, steps in self.phases.items():
            for step in steps:
                yield phase, step


@dataclass(frozen=True)
class Playbook:
    """A resolved playbook: the facts about an app, and its procedures."""

    name: str
    digest: str
    """SHA-256 of the resolved content; the same for the file and for its frozen copy."""
    facts: Facts
    upgrade: Procedure
    rollback: Procedure
    path: Path | None
    """The file it was read from; None for a frozen copy."""
    tree: Node = field(repr=False)
    backup: Procedure
    restore: Procedure

    def procedure(self, kind: str) -> Procedure:
        """The steps of a run of this kind; raises RefusedError where the playbook has none."""
        found = {"rollback": self.rollback, "backup": self.backup, "restore": self.restore}.get(kind, self.upgrade)
        if not any(found.phases.values()):
            raise RefusedError(f"the playbook {self.name} has no {kind} procedure", "extends: compose-git brings one")
        return found

    @property
    def origins(self) -> Mapping[str, str]:
        """The path of each value, `stack.files[0].file`, and where it is written: `compose-git:12`."""
        return origins(self.tree)

    def to_yaml(self) -> str:
        """The whole playbook without its bases, for the run's directory; `from_frozen` reads it."""
        return (
            f"# {self.name}, resolved, as its run uses it; on the right: where each value comes from\n{emit(self.tree)}"
        )


def load(path_or_name: Path | str, kinds: Kinds, *, trusted: bool = True, trust: str = "") -> Playbook:
    """The playbook in a file, or one that ships.

    `trusted` is False for a playbook from the app's own repository: it may not run commands on this host,
    unless the operator trusts it by its name, `trust`. Raises PlaybookError with all problems.
    """
    path = locate(path_or_name)
    problems: list[Problem] = []
    layers = inherit.layers(path, problems)
    if not layers:
        raise PlaybookError(problems)
    return _build(change.resolve(layers, problems), kinds, problems, path, trusted=trusted, trust=trust)


def from_text(text: str, file: Path, kinds: Kinds) -> Playbook:
    """A playbook that is no file yet, such as a derived one; `file` is where it would be. Raises PlaybookError."""
    problems: list[Problem] = []
    layers = inherit.layers_of(text, file, problems)
    if not layers:
        raise PlaybookError(problems)
    return _build(change.resolve(layers, problems), kinds, problems, file)


def from_frozen(text: str, kinds: Kinds, file: str = "playbook.yaml") -> Playbook:
    """The playbook that `to_yaml` wrote; nothing else is read. Raises PlaybookError."""
    problems: list[Problem] = []
    tree = inherit.parse_playbook(text, file, problems)
    if tree is None:
        raise PlaybookError(problems)
    return _build(tree, kinds, problems, None)


def locate(path_or_name: Path | str) -> Path:
    """The file of a playbook given by path or by name. Raises PlaybookError."""
    if isinstance(path_or_name, Path) or inherit.looks_like_path(path_or_name):
        return Path(path_or_name)
    if path_or_name in inherit.names():
        return inherit.shipped("playbooks") / f"{path_or_name}.yaml"
    hint = suggest(path_or_name, inherit.names())
    raise PlaybookError([Problem(path_or_name, 1, 1, "no playbook of this name ships", hint)], "upgrader playbook list")


def _build(
    tree: Node, kinds: Kinds, problems: list[Problem], path: Path | None, *, trusted: bool = True, trust: str = ""
) -> Playbook:
    tree = inherit.pruned(tree)
    facts = check(Document, tree, problems)
    tree = _normal(tree)
    procedures = {name: _procedure(tree, name, kinds, problems) for name in PROCEDURES}
    scope.check_facts(tree, problems)
    steps = [step for name in PROCEDURES for step in _steps(tree, name)]
    scope.check_values([*steps, *_hooks(tree)], map(change.step_id, _steps(tree, "upgrade")), problems)
    problems += policy.pushes([*steps, *_hooks(tree)])
    name = tree.entries["name"].text if "name" in tree.entries else ""
    denied = (
        []
        if trusted or trust == (name or None)
        else [*policy.host_commands(steps, _hooks(tree)), *policy.paths_outside(tree), *policy.backups(tree)]
    )
    if problems or denied or facts is None:
        agree = f"Read it, and if you trust it: upgrader upgrade --trust-playbook {name}"
        raise PlaybookError([*problems, *denied], "" if problems else agree)
    return Playbook(name, _digest(tree), facts, path=path, tree=tree, **procedures)


def _digest(tree: Node) -> str:
    canonical = json.dumps(tree.plain(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _steps(tree: Node, procedure: str) -> list[Node]:
    phases = tree.entries[procedure].entries if procedure in tree.entries else {}
    return [step for phase in FORWARD_PHASES if phase in phases for step in phases[phase].items]


def _hooks(tree: Node) -> tuple[Node, ...]:
    return tree.entries["hooks"].items if "hooks" in tree.entries else ()


def _normal(tree: Node) -> Node:
    """The tree with the id of each step written out, sections and phases in their order."""
    sections = list(Document.model_fields)
    known = sorted((key for key in tree.entries if key in sections), key=sections.index)
    entries = {key: tree.entries[key] for key in known}
    for procedure in PROCEDURES:
        if procedure in entries and entries[procedure].entries:
            phases = entries[procedure].entries
            ordered = sorted(phases, key=lambda phase: FORWARD_PHASES.index(phase) if phase in FORWARD_PHASES else -1)
            value = {phase: _identified(phases[phase]) for phase in ordered}
            entries[procedure] = replace(entries[procedure], value=value)
    return replace(tree, value=entries)


def _identified(steps: Node) -> Node:
    if not isinstance(steps.value, tuple):
        return steps
    return replace(steps, value=tuple(_with_id(step) for step in steps.value))


def _with_id(step: Node) -> Node:
    if "uses" not in step.entries:
        return step
    return replace(step, value={"id": Node(change.step_id(step), step.entries["uses"].mark), **step.entries})


def _procedure(tree: Node, name: str, kinds: Kinds, problems: list[Problem]) -> Procedure:
    given = tree.entries[name].entries.values() if name in tree.entries else ()
    if name in NEEDED and "extends" not in tree.entries and not any(phase.value for phase in given):
        problems.append(tree.mark.problem(f"there is no {name} procedure", "extends: compose-git brings one"))
    taken: dict[str, Node] = {}
    phases: dict[str, tuple[StepModel, ...]] = {}
    for phase in FORWARD_PHASES:
        nodes = tree.entries[name].entries.get(phase) if name in tree.entries else None
        checked = [_step(node, kinds, taken, problems) for node in (nodes.items if nodes else ())]
        phases[phase] = tuple(step for step in checked if step is not None)
    return Procedure(phases)


def _step(node: Node, kinds: Kinds, taken: dict[str, Node], problems: list[Problem]) -> StepModel | None:
    if not isinstance(node.value, dict):
        return None
    uses = node.entries.get("uses")
    if uses is None:
        problems.append(node.mark.problem('a step needs "uses": its kind'))
        return None
    name = change.step_id(node)
    if name in taken:
        first = taken[name].mark
        problems.append(uses.mark.problem(f'a second step "{name}"', f"give it an id: {name} is in line {first.line}"))
    taken.setdefault(name, node)
    kind = kinds.get(uses.text)
    if kind is None:
        problems.append(uses.mark.problem(f'unknown kind of step "{uses.value}"', suggest(uses.text, list(kinds))))
        return None
    return check(kind, node, problems, f"step {name}")
