"""What Compose files say of variables, read from their text alone."""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, cast

from upgrader.env.compose_tree import Scalar, Tree, mapping, read_trees, scalars, texts
from upgrader.env.interpolate import closing_brace
from upgrader.env.references import Operator, Reference, References, ServiceText, Source
from upgrader.env.regex import regex

Read = Callable[[str], bytes | None]
"""The bytes of a file that another one names, by its path beside that one; None where there is none."""

_DOLLAR = regex(r"\$(?:\$|(?P<named>[_a-zA-Z][_a-zA-Z0-9]*)|(?P<braced>\{))")
_EXPRESSION = regex(r"(?P<name>[_a-zA-Z][_a-zA-Z0-9]*)(?:(?P<operator>:?[-+?])(?P<word>.*))?", re.DOTALL)
_DEEPEST = 20  # files that include, services that extend


def read_references(files: Sequence[tuple[str, bytes]], read: Read | None = None) -> References:
    """Read Compose files, given as path and content, in the order in which Compose merges them.

    `include:` and `extends: file:` are followed through `read`; without it, what they would add is not known. All
    references count, also those of a place that a later file overrides: Compose substitutes before it merges. Raises
    RefusedError naming file, line and column of what is no YAML.
    """
    reader = _Files(read or (lambda _: None))
    for path, data in files:
        reader.add(path, data)
    return References(
        tuple(dict.fromkeys(reader.found)),
        MappingProxyType(reader.services()),
        tuple(dict.fromkeys(reader.paths)),
        MappingProxyType(reader.sources),
    )


def references_in(text: str) -> list[tuple[str, Operator, str, str]]:
    """The references of one value in their order: name, operator, word, and the reference as written.

    References inside a word come right after theirs: Compose substitutes them too.
    """
    return [each[:4] for each in _nested(text, ())]


def _nested(text: str, given: tuple[str, ...]) -> Iterator[tuple[str, Operator, str, str, tuple[str, ...]]]:
    """The references of a text, each with the variables that must be set for it to count."""
    at = 0
    while match := _DOLLAR.search(text, at):
        at = match.end()
        if match["named"]:
            yield match["named"], "", "", match[0], given
        elif match["braced"]:
            end = closing_brace(text[match.start() :])
            if end is None:
                break
            written = text[match.start() : match.start() + end + 1]
            at = match.start() + len(written)
            if parts := _EXPRESSION.fullmatch(written[2:-1]):
                name, operator, word = parts["name"], cast("Operator", parts["operator"] or ""), parts["word"] or ""
                # Compose substitutes the word even where it will not be used: what it refuses there, it refuses always
                yield name, operator, word, written, () if operator.endswith("?") else given
                yield from _nested(word, (*given, name) if operator.endswith("+") else given)


@dataclass
class _Service:
    """A service's text while its files are being merged."""

    image: str = ""
    profiles: tuple[str, ...] = ()
    env_files: dict[str, None] = field(default_factory=dict)
    environment: dict[str, str | None] = field(default_factory=dict)
    places: dict[tuple[str, ...], str] = field(default_factory=dict)

    def add(self, tree: Mapping[str, Tree]) -> None:
        self.image = next(iter(texts(tree.get("image"))), self.image)
        self.profiles = tuple(dict.fromkeys((*self.profiles, *texts(tree.get("profiles")))))
        self.env_files |= dict.fromkeys(_env_files(tree.get("env_file")))
        self.environment |= dict(_environment(tree.get("environment")))
        self.places |= {path: scalar.value for path, scalar in scalars(tree)}


class _Files:
    def __init__(self, read: Read) -> None:
        self._read = read
        self._trees: dict[str, list[Mapping[str, Tree]]] = {}
        self._services: dict[str, _Service] = {}
        self.found: list[Reference] = []
        self.paths: list[str] = []
        self.sources: dict[str, Source] = {}

    def services(self) -> dict[str, ServiceText]:
        return {
            name: ServiceText(
                name,
                each.image,
                each.profiles,
                tuple(each.env_files),
                MappingProxyType(each.environment),
                MappingProxyType(each.places),
            )
            for name, each in self._services.items()
        }

    def add(self, path: str, data: bytes, depth: int = 0) -> None:
        trees = self._trees[path] = read_trees(path, data)
        self.paths.append(path)
        for tree in trees:
            for named in _included(tree.get("include")):
                beside = _beside(path, named)
                included = self._read(beside) if depth < _DEEPEST and beside not in self._trees else None
                if included is not None:
                    self.add(beside, included, depth + 1)
            for name, service in mapping(tree.get("services")).items():
                self._service(path, name, mapping(service), depth)
            rest = {key: below for key, below in tree.items() if key not in ("services", "include")}
            self._rest(path, rest)
            self.sources |= dict(_sources(path, tree))

    def _service(self, path: str, name: str, tree: Mapping[str, Tree], depth: int) -> None:
        self._extended(path, name, tree.get("extends"), depth)
        self._services.setdefault(name, _Service()).add(tree)
        self.found += _references(path, ("services", name), tree)

    def _extended(self, path: str, name: str, extends: Tree | None, depth: int) -> None:
        """The service that this one builds on counts as a part of it."""
        spec = mapping(extends)
        base = next(iter(texts(spec.get("service") if spec else extends)), None)
        file = next(iter(texts(spec.get("file"))), None)
        if base is None or depth >= _DEEPEST:
            return
        where = _beside(path, file) if file else path
        if where not in self._trees:
            data = self._read(where)
            if data is None:
                return
            self._trees[where] = read_trees(where, data)
            self.paths.append(where)
        for tree in self._trees[where]:
            parent = mapping(mapping(tree.get("services")).get(base))
            if parent and not (where == path and base == name):
                self._service(where, name, parent, depth + 1)

    def _rest(self, path: str, tree: Mapping[str, Tree]) -> None:
        """Outside services; an anchor's text that services use has been read there."""
        seen = {(each.line, each.column) for each in self.found if each.file == path}
        self.found += (each for each in _references(path, (), tree) if (each.line, each.column) not in seen)


def _sources(file: str, tree: Mapping[str, Tree]) -> Iterator[tuple[str, Source]]:
    """The variables that configs and secrets name as where their content comes from."""
    sections: tuple[Literal["configs", "secrets"], ...] = ("configs", "secrets")
    for section in sections:
        for name, spec in mapping(tree.get(section)).items():
            variable = mapping(spec).get("environment")
            if isinstance(variable, Scalar) and not variable.null:
                yield variable.value, Source(section, name, file, variable.line)


def _references(file: str, above: tuple[str, ...], tree: Tree) -> Iterator[Reference]:
    for path, scalar in scalars(tree, above):
        if "$" not in scalar.value:
            continue
        after = 0
        for name, operator, word, written, given in _nested(scalar.value, ()):
            head = written[: written.index(name) + len(name)]
            line, column, after = scalar.place(head, after)
            whole = written == scalar.value
            yield Reference(name, operator, word, file, line, column, path, whole, scalar.value, given)


def _environment(tree: Tree | None) -> Iterator[tuple[str, str | None]]:
    for key, value in mapping(tree).items():
        if isinstance(value, Scalar):
            yield key, None if value.null else value.value
    for line in texts(tree) if isinstance(tree, tuple) else ():
        key, equals, text = line.partition("=")
        yield key, text if equals else None


def _env_files(tree: Tree | None) -> Iterator[str]:
    yield from texts(tree)
    for each in tree if isinstance(tree, tuple) else (tree,):
        yield from texts(mapping(each).get("path"))


def _included(tree: Tree | None) -> Iterable[str]:
    yield from texts(tree)
    for each in tree if isinstance(tree, tuple) else ():
        yield from texts(mapping(each).get("path"))


def _beside(path: str, named: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), named))


# --- what an unset variable does

_TYPED = regex(
    r"attachable|count|cpus|cpu_\w+|delay|disable|external|init|internal|interval|max_attempts|mem_\w+|memory"
    r"|memswap_limit|oom_\w+|parallelism|pids|pids_limit|privileged|pull_policy|read_only|replicas|retries|scale|shm_size"
    r"|start_interval|start_period|stdin_open|stop_grace_period|target|timeout|tty|window"
)
"""Compose casts these, or demands a value; run with Compose 2.26.1."""
_NAMES_OTHERS = frozenset({"env_file", "networks", "depends_on", "volumes_from", "links", "ulimits"})
_FREE = frozenset({"environment", "labels", "build", "command", "entrypoint", "logging", "annotations", "sysctls"})
_WRONG = {
    "image": "the image's name loses this part",
    "ports": "the port is published on a random one of the host, or on every address",
    "volumes": "another directory is mounted, from the root of the host",
    "user": "the container runs as the image's own user",
    "command": "the command loses this part",
    "entrypoint": "the entry point loses this part",
    "container_name": "the container gets a name that Compose makes up",
    "network_mode": "the container joins another network",
    "build": "the image is built with nothing in its place",
    "labels": "the label loses its value, or this part of it",
    "healthcheck": "the health check loses this part",
    "extra_hosts": "the host entry loses this part",
    "secrets": "another file is meant",
    "configs": "another file is meant",
}


def stops(reference: Reference) -> bool:
    """Whether Compose refuses the files as long as the variable is unset."""
    if reference.operator:
        return reference.operator.endswith("?")
    match reference.section:
        case "image":
            return reference.whole
        case "ports" if not _is_long(reference):
            return reference.whole or _without(reference).endswith(":")
        case "volumes" if reference.service and not _is_long(reference):
            return reference.whole or "" in _without(reference).split(":")
    return _is_typed(reference)


def fatal(reference: Reference) -> str | None:
    """What an unset variable does at this place, in words, where it stops Compose or is silently wrong; else None.

    An app's environment gets an empty value: only the app knows what it makes of that.
    """
    if stops(reference):
        return "Compose refuses to read the files"
    return None if reference.operator else _WRONG.get(reference.section)


def _is_typed(reference: Reference) -> bool:
    section = reference.section
    if not reference.whole or section in _FREE:
        return False
    last = next((part for part in reversed(reference.path) if not part.isdecimal()), "")
    if not reference.service:
        return last in {"external", "internal", "attachable"} or reference.path == ("name",)
    return section in _NAMES_OTHERS or bool(_TYPED.fullmatch(last))


def _is_long(reference: Reference) -> bool:
    """Whether it stands in the long form of a port or mount, where each part has a key."""
    return not reference.path[-1].isdecimal()


def _without(reference: Reference) -> str:
    """The text it stands in, with nothing in its place."""
    return re.sub(rf"\$(?:{reference.name}\b|\{{{reference.name}}})", "", reference.value)
