"""Which of a repository's files are the release: the example that operators copy, and the Compose files beside it."""

import posixpath
import re
from collections.abc import Iterable

from upgrader.errors import UsageError

_EXAMPLE = re.compile(
    r"(?:\.?env|[\w-]+\.env|\.env[\w.-]*)[._-](?:example|sample|dist|template|tpl|model)|\.?(?:example|sample|template)\.env",
    re.IGNORECASE,
)
_TRACKED = re.compile(r"\.env|(?:compose|docker|stack|app)\.env", re.IGNORECASE)
_COMPOSE = re.compile(r"(?:[\w-]+\.)?(?:docker-)?compose(?P<kind>[\w.-]*)\.ya?ml", re.IGNORECASE)
_PRODUCTION = re.compile(
    r"(?:^|[._/-])(?:prod|production|release|deploy|infra|self-?host(?:ed|ing)?|docker)(?:[._/-]|$)", re.I
)
_ASIDE = re.compile(
    r"(?:^|[._/-])(?:dev|devel|development|local|tests?|testing|e2e|ci|override|debug|bench\w*|node_modules|vendor"
    r"|fixtures?|samples?|examples?|packages|apps|website|docs|\.devcontainer|\.github)(?:[._/-]|$)",
    re.IGNORECASE,
)


def choose_example(paths: Iterable[str]) -> str:
    """The example that is meant for production. Raises UsageError where there is none, or two that are as likely."""
    listed = list(paths)
    found = [path for path in listed if _EXAMPLE.fullmatch(posixpath.basename(path))]
    found = found or [
        path for path in listed if _TRACKED.fullmatch(posixpath.basename(path)) and not _ASIDE.search(path)
    ]
    if not found:
        raise UsageError("the repository has no env example", "Name it: --example path/.env.example")
    ranked = sorted(found, key=_rank)
    if len(ranked) > 1 and _rank(ranked[0])[:-1] == _rank(ranked[1])[:-1]:
        raise UsageError(
            f"{ranked[0]} and {ranked[1]} may both be the example", f"Name the one that is meant: --example {ranked[0]}"
        )
    return ranked[0]


def choose_compose(paths: Iterable[str], example: str) -> tuple[str, ...]:
    """The Compose files in the example's directory and those above it, else those of the nearest one below.

    Files for development and tests are none of them; those at the top come first, the plain one before its variants.
    """
    found = [path for path in paths if _COMPOSE.fullmatch(posixpath.basename(path)) and not _is_aside(path, example)]
    home = posixpath.dirname(example)
    folders = {posixpath.dirname(path) for path in found}
    above = {folder for folder in folders if f"{home}/".startswith(f"{folder}/" if folder else "")}
    nearest = above or set(sorted(folders, key=lambda folder: (_distance(home, folder), folder))[:1])
    return tuple(sorted((path for path in found if posixpath.dirname(path) in nearest), key=_top_first))


def _rank(path: str) -> tuple[bool, int, int, int, str]:
    stem = re.sub(r"[._-](?:example|sample|dist|template|tpl)$|^(?:example|sample|template)(?=\.)", "", path)
    name = posixpath.basename(stem)
    words = len(re.findall(r"[^._-]+", name))
    return bool(_ASIDE.search(stem)), -len(_PRODUCTION.findall(stem)), path.count("/"), words, path


def _is_aside(path: str, example: str) -> bool:
    """Whether the way from the example's directory to the file, or its name, says that operators do not use it."""
    folder, name = posixpath.split(path)
    way = posixpath.relpath(folder or ".", posixpath.dirname(example) or ".")
    return bool(_ASIDE.search(name) or _ASIDE.search(way))


def _distance(start: str, end: str) -> int:
    return len([part for part in posixpath.relpath(end or ".", start or ".").split("/") if part != "."])


def _top_first(path: str) -> tuple[int, int, str]:
    found = _COMPOSE.fullmatch(posixpath.basename(path))
    return path.count("/"), len(found["kind"]) if found else 0, path
