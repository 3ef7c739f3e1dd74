"""Pydantic's findings as problems with a place in the file."""

import re
from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from upgrader.playbook.problems import Problem, suggest
from upgrader.playbook.source import Mark, Node

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[str | int, ...]

_OURS = {"valid tuple": "list", "valid list": "list", "valid dictionary": "mapping", "a valid string": "text"}
_OUR_WORDS = re.compile(r"(valid tuple|valid list|valid dictionary|a valid string)(?: or instance of \w+)?")


def check(model: type[Model], node: Node, problems: list[Problem], what: str = "") -> Model | None:
    """The node as the model, or None; problems are appended. `what` names the node in them, e.g. `step migrate`."""
    try:
        return model.model_validate(node.plain())
    except ValidationError as error:
        found: dict[tuple[Mark, str], Problem] = {}
        for detail in error.errors(include_url=False):
            problem = _problem(model, node, detail, what)
            # a union complains once for each of its members; the first is enough
            found.setdefault((Mark(problem.file, problem.line, problem.column), str(detail["type"])), problem)
        problems.extend(found.values())
        return None


def _problem(model: type[BaseModel], node: Node, detail: Mapping[str, Any], what: str) -> Problem:
    location: Location = detail["loc"]
    here, depth = node.at(location)
    mark = here.mark
    match detail["type"]:
        case "missing":
            mark = here.key or here.mark
            return mark.problem(f'{_name(location[:depth], what)} needs "{location[depth]}"')
        case "extra_forbidden":
            mark = here.key or here.mark
            known = keys(model, location[:-1])
            return mark.problem(
                f'unknown key "{location[-1]}" in {_name(location[:-1], what)}', suggest(str(location[-1]), known)
            )
        case "value_error":
            message = str(detail["ctx"]["error"])
        case "string_pattern_mismatch":
            message = f"{detail['input']!r} is not a name: lower-case letters, digits, dots and dashes"
        case "string_too_short" | "too_short":
            message = "should not be empty"
        case _:
            message = _OUR_WORDS.sub(lambda match: _OURS[match[1]], detail["msg"].replace("Input should", "should"))
            given = detail["input"]
            if given is None or isinstance(given, str | int | float):
                message += f", not {_written(given)}"
    if detail["loc"][-1:] == ("[key]",):
        mark = here.key or here.mark
        location = location[:-1]
    name = _name(location[:depth], what)
    return mark.problem(message if name == "the playbook" else f"{name}: {message}")


def _written(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value}"'
        case _:
            return str(value)


def _name(location: Sequence[str | int], what: str) -> str:
    path = dotted(location)
    if what and path:
        return f"{what}: {path}"
    return what or path or "the playbook"


def dotted(location: Sequence[str | int]) -> str:
    """`("stack", "files", 1)` as `stack.files[1]`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(".")


def keys(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """The keys that the model knows at the location."""
    here: Any = model
    for part in location:
        here = _inner(here, part)
    for one in _members(here):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return [field.alias or name for name, field in one.model_fields.items()]
    return []


def _inner(annotation: Any, part: str | int) -> Any:
    for one in _members(annotation):
        if isinstance(one, type) and issubclass(one, BaseModel):
            for name, field in one.model_fields.items():
                if part in (name, field.alias):
                    return field.annotation
        arguments = get_args(one)
        if arguments and get_origin(one) in (tuple, list) and isinstance(part, int):
            return arguments[0]
        if arguments and isinstance(part, str):
            return arguments[-1]
    return None


def _members(annotation: Any) -> Sequence[Any]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
