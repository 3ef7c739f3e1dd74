"""What a playbook must not do: reach beyond the app unasked when it comes from upstream; push a schema."""

import re
from collections.abc import Iterable

from upgrader.playbook.inherit import is_shipped
from upgrader.playbook.problems import Problem
from upgrader.playbook.source import Node

HOST_KINDS = frozenset({"command"})
"""Kinds of steps that run a program of the playbook's choice on this host."""
_PUSH = re.compile(
    r"drizzle-kit\s+push|prisma\s+db\s+push|typeorm\s+schema:sync|mikro-orm\s+schema:update|doctrine:schema:update"
)


def host_commands(steps: Iterable[Node], hooks: Iterable[Node]) -> list[Problem]:
    """The commands of a playbook that nobody here has vouched for."""
    found = [(step, "a step that runs a command") for step in steps if _kind(step) in HOST_KINDS]
    found += [(hook, "a hook") for hook in hooks]
    return [
        node.mark.problem(f"{what} in a playbook from the app's own repository is refused")
        for node, what in found
        if not all(is_shipped(inner.mark.file) for _, inner in node.walk())
    ]


def paths_outside(tree: Node) -> list[Problem]:
    """Files that such a playbook names outside of the app's directory, where upgrader might write or copy them."""
    return [
        node.mark.problem(f"{node.text} leads out of the app's directory, and the playbook is from its own repository")
        for path, node in tree.walk()
        if path[:2] in (("stack", "env"), ("stack", "files"), ("migrations", "path")) and path[-1] != "when"
        if node.text.startswith(("/", "~")) or ".." in node.text.split("/")
        if not is_shipped(node.mark.file)
    ]


def backups(tree: Node) -> list[Problem]:
    """What such a playbook says of restore points: it could have them deleted, or sent away."""
    node = tree.entries.get("backups")
    if node is None or is_shipped(node.mark.file):
        return []
    reason = "it decides what is deleted and where data goes, and the playbook is from the app's own repository"
    return [(node.key or node.mark).problem(f"backups is refused: {reason}")]


def pushes(nodes: Iterable[Node]) -> list[Problem]:
    """Commands that push a schema past the migration files: nothing records them, and data may be dropped."""
    reason = "it changes a production schema without a migration, and may drop data"
    found = []
    for root in nodes:
        for _, node in root.walk():
            words = " ".join(item.text for item in node.items) if node.items else node.text
            if match := _PUSH.search(words):
                found.append(node.mark.problem(f"{match[0]} is refused: {reason}", "apply committed migration files"))
    return found


def _kind(step: Node) -> str:
    return step.entries["uses"].text if "uses" in step.entries else ""
