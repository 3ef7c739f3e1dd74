"""Changes to an inherited procedure: a step replaced, added before or after another, or removed."""

from dataclasses import replace

from upgrader.playbook.inherit import lay_over
from upgrader.playbook.problems import Problem, suggest
from upgrader.playbook.schema import PROCEDURES, ChangeSection
from upgrader.playbook.source import Mark, Node
from upgrader.playbook.validate import check

Phases = dict[str, list[Node]]


def resolve(layers: list[Node], problems: list[Problem]) -> Node:
    """One tree out of a playbook and its bases (the playbook first), with `change:` applied; problems are appended.

    An `extends` is left in it only when the base was not found.
    """
    *children, tree = layers
    _check_change(tree, problems)
    for child in reversed(children):
        _check_change(child, problems)
        tree = _amended(tree, child, problems)
    lost = layers[-1].entries.get("extends")
    return _without(tree, "change") if lost and lost.value else _without(tree, "extends", "change")


def step_id(step: Node) -> str:
    """The step's id; without one, its kind."""
    entries = step.entries
    return entries["id"].text if "id" in entries else entries["uses"].text if "uses" in entries else ""


def _without(tree: Node, *keys: str) -> Node:
    return replace(tree, value={key: node for key, node in tree.entries.items() if key not in keys})


def _check_change(tree: Node, problems: list[Problem]) -> None:
    change = tree.entries.get("change")
    if change is None or change.value is None:
        return
    if "extends" not in tree.entries:
        problems.append((change.key or change.mark).problem("change without extends: there is nothing to change"))
    check(ChangeSection, change, problems, "change")


def _amended(base: Node, child: Node, problems: list[Problem]) -> Node:
    change = child.entries.get("change")
    for procedure in PROCEDURES:
        own = child.entries.get(procedure)
        if own is not None and own.value is not None and base.entries.get(procedure):
            place = own.key or own.mark
            problems.append(place.problem(f"{procedure} is inherited", f"alter its steps under change: {procedure}:"))
    tree = lay_over(base, _without(child, *(p for p in PROCEDURES if p in base.entries)))
    for procedure in PROCEDURES:
        amendments = change.entries.get(procedure) if change else None
        if amendments is not None and amendments.items:
            inherited = base.entries.get(procedure, Node({}, amendments.mark))
            steps = _procedure(inherited, amendments.items, problems)
            tree = replace(tree, value={**tree.entries, procedure: steps})
    return tree


def _procedure(procedure: Node, amendments: tuple[Node, ...], problems: list[Problem]) -> Node:
    phases: Phases = {phase: list(steps.items) for phase, steps in procedure.entries.items()}
    for amendment in amendments:
        for verb in ("replace", "before", "after", "remove"):
            target = amendment.entries.get(verb)
            if target is not None and isinstance(target.value, str):
                _apply(phases, verb, target, amendment, problems)
    marks = procedure.entries
    return replace(
        procedure, value={phase: replace(marks[phase], value=tuple(steps)) for phase, steps in phases.items()}
    )


def _apply(phases: Phases, verb: str, target: Node, amendment: Node, problems: list[Problem]) -> None:
    found = [(steps, at) for steps in phases.values() for at, step in enumerate(steps) if step_id(step) == target.text]
    if not found:
        known = [step_id(step) for steps in phases.values() for step in steps]
        problems.append(
            target.mark.problem(f'{verb}: no step "{target.text}" is inherited', suggest(target.text, known))
        )
        return
    steps, at = found[0]
    match verb:
        case "replace":
            new = amendment.entries.get("with")
            steps[at : at + 1] = [_in_place_of(steps[at], new)] if new else [steps[at]]
        case "remove":
            del steps[at]
        case _:
            added = amendment.entries.get("add")
            new_steps = (added.items or (added,)) if added else ()
            at += verb == "after"
            steps[at:at] = new_steps


def _in_place_of(old: Node, new: Node) -> Node:
    """The new step under the old one's id, so that what refers to it holds; without `uses`, of the old one's kind."""
    if not isinstance(new.value, dict):
        return new
    uses = new.entries.get("uses") or old.entries.get("uses")
    head = {"id": new.entries.get("id") or Node(step_id(old), _place(old)), "uses": uses}
    return replace(new, value={**{key: node for key, node in head.items() if node}, **new.entries})


def _place(step: Node) -> Mark:
    return (step.entries.get("id") or step.entries.get("uses") or step).mark
