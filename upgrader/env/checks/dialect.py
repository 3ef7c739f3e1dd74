"""Lines that Compose and python-dotenv read differently: many apps load the same file with a dotenv library."""

import io
import re
from collections.abc import Iterator

from upgrader.env.checks.scene import Scene
from upgrader.env.checks.values import is_comment
from upgrader.env.document import Entry
from upgrader.env.finding import Finding

# All that both readers agree on, with certainty: nearly every line of nearly every file.
_PLAIN = re.compile(
    rb"""(?:export[ ])?[A-Za-z_][A-Za-z0-9_]*=
        (?: [A-Za-z0-9_./:@%+,=~&?!;|<>()*^\[\]{}-][A-Za-z0-9_./:@%+,=~&?!;|<>()*^\[\]{}'"#\x20-]*
          | "[^"\\$\n\r]*" | '[^'\\$\n\r]*' )?""",
    re.VERBOSE,
)
_BEHIND_QUOTE = re.compile(rb"[\t ]*(#.*)?")
_REFERENCE = re.compile(r"\$(?:\$|(?P<bare>[A-Za-z_]\w*)|\{(?P<braced>[A-Za-z_]\w*)\})")
_GIVEN = {"HOME", "PWD", "USER", "UID", "GID", "HOSTNAME", "HOST", "PATH", "SHELL", "LANG", "TZ", "LOGNAME", "TMPDIR"}
"""What Compose's own environment usually has."""


def check_dialect(scene: Scene) -> Iterator[Finding]:
    """`unresolved-reference`: a `$` that stands for nothing; `dialect`: values that the two readers disagree on."""
    told: set[str] = set()
    for found in _unresolved(scene):
        told.add(found.key)
        yield found
    odd = [entry for entry in scene.settings if not entry.bare and _is_odd(scene, entry)]
    if not odd:
        return
    other = _dotenv(scene.live.data)
    for entry in odd:
        if entry.key in told or is_comment(scene, entry) or other.get(entry.key) == entry.value:
            continue
        yield scene.finding(
            "dialect",
            "warning",
            entry,
            f"Compose and python-dotenv read {entry.key} differently: {_why(scene, entry, other)}",
            _mend(entry),
        )


def _unresolved(scene: Scene) -> Iterator[Finding]:
    above: set[str] = set()
    for statement, entry in zip(scene.live.statements, scene.live.entries, strict=True):
        template = statement.template or ""
        if statement.quote != "'" and "$" in template:
            for found in _REFERENCE.finditer(template):
                name = found["bare"] or found["braced"]
                if not name or name in above or name in _GIVEN:
                    continue
                below = name in scene.live
                grave = scene.is_secret(entry.key) and found["bare"] is not None
                yield scene.finding(
                    "unresolved-reference",
                    "error" if grave else "warning",
                    entry,
                    f"{entry.key} loses a part: {'a $ in it' if grave else f'${{{name}}}'} "
                    + (
                        f"stands for {name}, which is set further down"
                        if below
                        else "stands for a variable that is not set"
                    ),
                    f"set {name} above it" if below else "put the value in single quotes if the $ is part of it",
                )
                break
        above.add(statement.key)


def _is_odd(scene: Scene, entry: Entry) -> bool:
    raw = scene.live.data[entry.start : entry.end]
    if not _PLAIN.fullmatch(raw):
        return True
    if not entry.quoted:
        return False
    end = scene.live.data.find(b"\n", entry.end)
    behind = scene.live.data[entry.end : len(scene.live.data) if end < 0 else end].rstrip(b"\r")
    return not _BEHIND_QUOTE.fullmatch(behind)


def _dotenv(data: bytes) -> dict[str, str | None]:
    """What python-dotenv makes of the file in an empty environment."""
    from dotenv.parser import parse_stream
    from dotenv.variables import parse_variables

    values: dict[str, str | None] = {}
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    for binding in parse_stream(io.StringIO(text)):
        if binding.key is None or binding.error:
            continue
        value = binding.value
        if value is not None:
            value = "".join(atom.resolve(values) for atom in parse_variables(value))
        values[binding.key] = value
    return values


def _why(scene: Scene, entry: Entry, other: dict[str, str | None]) -> str:
    raw = scene.live.data[entry.start : entry.end]
    if entry.key not in other:
        return "python-dotenv drops the line"
    if b"$" in raw:
        return "inside single quotes only Compose leaves ${…} alone" if entry.quoted == "'" else "what a $ stands for"
    if b"\t#" in raw:
        return "behind a tab, only python-dotenv takes # for a comment"
    if b"\\" in raw:
        return "what a backslash stands for"
    return "where the value ends"


def _mend(entry: Entry) -> str:
    if "'" not in (entry.value or "") and "${" not in (entry.value or "") and entry.quoted != "'":
        return "put the value in single quotes: both then read it as it stands"
    return "use a value without $, quotes and backslashes, if the app reads this file itself"
