"""What a vendor says about a key in words for machines: `@required`, `@generate hex:32`, …"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_ANNOTATION = re.compile(
    r"""@(?P<name>[A-Za-z][\w-]*)
        (?:(?P<sign>[=(])\S*                                 # decorators of other tools: @type=url, @len(32)
         | (?P<argument>(?:\s+(?!@)(?:"[^"]*"|\S+))*))""",
    re.VERBOSE,
)
_WHEN = re.compile(r"when=(?P<key>[A-Za-z_][A-Za-z0-9_]*):(?P<value>\S*)")


@dataclass(frozen=True, slots=True)
class When:
    """A condition on another key of the live file."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Annotations:
    """The annotations above one key. `required` is None where nothing is said; `unknown` keeps the rest as written."""

    required: bool | None = None
    when: When | None = None
    generate: str | None = None
    human: str | None = None
    unrotatable: bool = False
    renamed_from: str | None = None
    unknown: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self != Annotations()


def parse_annotations(comments: Sequence[str]) -> Annotations:
    """Read the comment lines (without `#`) above a key; only lines that begin with `@` count."""
    required: bool | None = None
    when: When | None = None
    words: dict[str, str] = {}
    unrotatable = False
    unknown: list[str] = []
    for line in comments:
        if not line.startswith("@"):
            continue
        for found in _ANNOTATION.finditer(line):
            argument = (found["argument"] or "").strip()
            match found["name"], argument:
                case "required", "" if not found["sign"]:
                    required = True
                case "required", _ if condition := _WHEN.fullmatch(argument):
                    required, when = True, When(condition["key"], condition["value"])
                case "optional", "" if not found["sign"]:
                    required = False
                case "unrotatable", "" if not found["sign"]:
                    unrotatable = True
                case "human", _ if not found["sign"]:
                    words["human"] = argument.strip('"')
                case ("generate" | "renamed-from") as name, _ if argument:
                    words[name] = argument.split()[0]
                case _:
                    unknown.append(found[0].strip())
    return Annotations(
        required,
        when,
        words.get("generate"),
        words.get("human"),
        unrotatable,
        words.get("renamed-from"),
        tuple(unknown),
    )
