"""Lines that Compose and python-dotenv read differently: many apps load the same file with a dotenv library."""

import io
import re
from collections.abc import Iterator, Sequence

from upgrader.env.checks.scene import Scene
from upgrader.env.checks.values import is_comment
from upgrader.env.document import Entry
from upgrader.env.finding import Finding
from upgrader.env.regex import regex

# All that both readers agree on, with certainty: nearly every line of nearly every file.
_PLAIN = re.compile(
    rb"""(?:export[ ])?[A-Za-z_][A-Za-z0-9_]*=
        (?: [A-Za-z0-9_./:@%+,=~&?!;|<>()*^\[\]{}-][A-Za-z0-9_./:@%+,=~&?!;|<>()*^\[\]{}'"#\x20-]*
          | "[^"\\$\n\r]*" | '[^'\\$\n\r]*' )?""",
    re.VERBOSE,
)
_BEHIND_QUOTE = re.compile(rb"[\t ]*(#.*)?\r?")
_REFERENCE = regex(r"\$(?:\$|(?P<bare>[A-Za-z_]\w*)|\{(?P<braced>[A-Za-z_]\w*)\})")
_GIVEN = {"HOME", "PWD", "USER", "UID", "GID", "HOSTNAME", "HOST", "PATH", "SHELL", "LANG", "TZ", "LOGNAME", "TMPDIR"}
"""What Compose's own environment usually has."""


def check_dialect(scene: Scene) -> Iterator[Finding]:
    """`unresolved-reference`: a `$` that stands for nothing; `dialect`: values that the two readers disagree on."""
    told: set[str] = set()
    for found in _unresolved(scene):
        told.add(found.key)
        yield found
    odd = [entry for entry in scene.live.entries if not entry.bare and _is_odd(scene, entry)]
    if not odd:
        return
    other = _dotenv(scene, odd)
    for entry in odd:
        if (
            scene.live.entry(entry.key) is not entry
            or entry.key in told
            or is_comment(scene, entry)
            or other.get(entry.key) == entry.value
        ):
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
                # behind the $ of a password stands the rest of the password: only the names of keys are told
                sensitive = scene.is_secret(entry.key) or ("://" in template and "@" in template)
                shown = f"${{{name}}}" if below or name in scene.known else "what follows a $ in it"
                yield scene.finding(
                    "unresolved-reference",
                    "error" if sensitive and found["bare"] else "warning",
                    entry,
                    f"{entry.key} loses a part: {shown} "
                    + ("is set further down only" if below else "is taken for a variable, which is not set"),
                    f"set {name} above it" if below else "put the value in single quotes if the $ is part of it",
                )
                break
        above.add(statement.key)


def _is_odd(scene: Scene, entry: Entry) -> bool:
    if not _PLAIN.fullmatch(scene.live.data, entry.start, entry.end) or _shares_line(scene, entry):
        return True
    return bool(entry.quoted) and not _BEHIND_QUOTE.fullmatch(scene.live.data, entry.end, _line_end(scene, entry))


def _shares_line(scene: Scene, entry: Entry) -> bool:
    """Whether something of another statement stands before it on its line."""
    before = scene.live.data[_line_start(scene, entry) : entry.start]
    return bool(before.removeprefix(b"\xef\xbb\xbf").strip())


def _line_start(scene: Scene, entry: Entry) -> int:
    return scene.live.data.rfind(b"\n", 0, entry.start) + 1


def _line_end(scene: Scene, entry: Entry) -> int:
    end = scene.live.data.find(b"\n", entry.end)
    return len(scene.live.data) if end < 0 else end


def _dotenv(scene: Scene, odd: Sequence[Entry]) -> dict[str, str | None]:
    """What python-dotenv makes of the file in an empty environment. Of lines that both read alike it is not asked."""
    from dotenv.parser import parse_stream
    from dotenv.variables import parse_variables

    lines = {entry.start for entry in odd}
    values: dict[str, str | None] = {}
    for entry in scene.live.entries:
        if entry.start not in lines:
            values[entry.key] = entry.value
            continue
        line = scene.live.data[_line_start(scene, entry) : _line_end(scene, entry) + 1]
        text = line.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
        for binding in parse_stream(io.StringIO(text)):
            if binding.key == entry.key and not binding.error and binding.value is not None:
                values[entry.key] = "".join(atom.resolve(values) for atom in parse_variables(binding.value))
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
