"""Which names an expression may use, and where."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from upgrader.model.secret import looks_secret
from upgrader.playbook.names import Expression, ExpressionError, embedded, parse
from upgrader.playbook.problems import Problem, suggest
from upgrader.playbook.schema import PROCEDURES
from upgrader.playbook.source import Node

_FIXED = ("app.name", "app.project", "app.directory", "target.tag", "target.commit")


@dataclass(frozen=True)
class Scope:
    """Namespaces that may be used in one section. `steps` are those whose `before` and `facts` can be read."""

    namespaces: tuple[str, ...]
    steps: tuple[str, ...] = ()

    def problems(self, expression: Expression, node: Node) -> list[Problem]:
        found = (self._problem(name) for name in expression.names)
        return [node.mark.problem(message, hint) for message, hint in filter(None, found)]

    def _problem(self, name: str) -> tuple[str, str] | None:
        namespace, _, rest = name.partition(".")
        if namespace == "env" and "env" in self.namespaces:
            return self._env(rest)
        if namespace == "run" and "run" in self.namespaces:
            return self._run(rest)
        known = [fixed for fixed in _FIXED if fixed.split(".")[0] in self.namespaces]
        if name in known:
            return None
        if namespace not in self.namespaces and namespace in ("env", "run", "app", "target"):
            return f"{name} is not known yet where this is decided", f"known here: {', '.join(self.namespaces)}"
        return f"{name} is not a name", suggest(name, known) or f"known here: {', '.join(self.namespaces)}"

    def _env(self, key: str) -> tuple[str, str] | None:
        if not key or "." in key:
            return f"env.{key} is not a name", "write env.KEY"
        if looks_secret(key):
            return f"env.{key} is a secret by its name, which no playbook can read", f"ask env_has('{key}') instead"
        return None

    def _run(self, rest: str) -> tuple[str, str] | None:
        if any(rest.startswith((f"{step}.before.", f"{step}.facts.")) for step in self.steps):
            return None
        step = re.split(r"\.(?:before|facts)\b", rest, maxsplit=1)[0]
        if step in self.steps:
            return f"run.{rest} is not a name", f"write run.{step}.before.NAME or run.{step}.facts.NAME"
        return f'run.{rest}: no step "{step}"', suggest(step, self.steps)


PROJECT = Scope(("env",))
EARLY = Scope(("env", "app"))
EXPECTED = Scope(("env", "app", "target"))
"""For the version that a health check expects: it is looked at when the target is known."""


def check_facts(tree: Node, problems: list[Problem]) -> None:
    """Every expression in the sections about the app; problems are appended."""
    for path, node in tree.walk():
        section = path[0] if path else ""
        if section in (*PROCEDURES, "hooks", "") or not isinstance(node.value, str):
            continue
        if path[-1] == "when":
            problems.extend(_condition(node, EARLY))
        elif (path[0], path[-1]) != ("databases", "url"):  # a key by itself, which has its own form
            problems.extend(_value(node, _scope(path), lenient=False))


def _scope(path: tuple[str | int, ...]) -> Scope:
    if path[0] == "health" and path[-1] == "equals":
        return EXPECTED
    return PROJECT if path == ("stack", "project") else EARLY


def check_values(nodes: Iterable[Node], steps: Iterable[str], problems: list[Problem]) -> None:
    """Every `${{ … }}` in steps and hooks, where a `${KEY}` may be meant for a shell; problems are appended."""
    scope = Scope(("env", "app", "target", "run"), tuple(steps))
    for root in nodes:
        for _, node in root.walk():
            if isinstance(node.value, str):
                problems.extend(_value(node, scope, lenient=True))


def _value(node: Node, scope: Scope, *, lenient: bool) -> list[Problem]:
    try:
        found = [problem for expression in embedded(node.text) for problem in scope.problems(expression, node)]
    except ExpressionError as error:
        return [node.mark.problem(str(error))]
    if not lenient and "${" in node.text.replace("${{", ""):
        found.append(node.mark.problem(f"{node.text}: ${{…}} is not replaced here", "write ${{ env.KEY }}"))
    return found


def _condition(node: Node, scope: Scope) -> list[Problem]:
    if "${{" in node.text:
        return [node.mark.problem("when: is an expression by itself", "leave out ${{ and }}")]
    try:
        expression = parse(node.text)
    except ExpressionError as error:
        return [node.mark.problem(f"when: {error}")]
    if not expression.condition:
        return [
            node.mark.problem(f"when: {expression.text} is a value, not a condition", f"write {expression.text} == '…'")
        ]
    return scope.problems(expression, node)
