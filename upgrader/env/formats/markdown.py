"""The section on settings for the release notes, ready to paste."""

import re
from collections.abc import Iterator
from shlex import quote as in_shell

from upgrader.env.document import quote
from upgrader.env.formats.commands import command_for
from upgrader.env.gate.changes import Changes, Setting
from upgrader.env.generate import GeneratorError, check_generator

NOTHING = "Existing installations need no new settings.\n"


def render(changes: Changes) -> str:
    sections = [list(section(changes)) for section in (_required, _renamed, _removed, _defaults)]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n" if any(sections) else NOTHING


def _required(changes: Changes) -> Iterator[str]:
    if not changes.required:
        return
    release = f" they start {changes.label}" if changes.label else " the upgrade"
    yield "## New required settings"
    yield ""
    yield (
        f"Existing installations add these to `{changes.file}` before{release}. "
        "`upgrader upgrade` adds what it can decide, and asks for the rest before it changes anything."
    )
    for setting in changes.required:
        yield ""
        yield from _setting(setting, changes.file)


def _setting(setting: Setting, file: str) -> Iterator[str]:
    yield f"### `{setting.key}`"
    yield ""
    if setting.about:
        yield _text(setting.about)
        yield ""
    if setting.when:
        yield f"- **Only where** `{setting.when}`."
    if setting.why:
        yield f"- **Why:** {_text(setting.why).rstrip('.')}."
    yield f"- **Value:** {_value(setting)}"
    yield ""
    language, line = _line(setting, file)
    yield f"```{language}"
    yield line
    yield "```"


def _value(setting: Setting) -> str:
    if setting.source:
        return f"that of `{setting.source}`, under the new name."
    if setting.generator:
        return f"a fresh secret, {_shape(setting.generator)}. Make it once and keep it."
    if setting.human:
        return f"{_text(setting.human).rstrip('.')}."
    if setting.value is not None:
        return "the one below."
    return "yours; nobody else can know it."


def _line(setting: Setting, file: str) -> tuple[str, str]:
    """The language of the fence, and the line to add."""
    command = command_for(setting.generator) if setting.generator and not setting.source else None
    if command:
        return "sh", f"""printf '{setting.key}=%s\\n' "$({command})" >> {in_shell(file)}"""
    return "dotenv", f"{setting.key}={quote(setting.value or '')}"


def _shape(generator: str) -> str:
    try:
        return check_generator(generator)
    except GeneratorError:
        return f"made by `{generator}`"


def _renamed(changes: Changes) -> Iterator[str]:
    if changes.renamed:
        yield from ("## Renamed settings", "", "Copy the value, keep the old line until the upgrade is done.", "")
        yield from ("| old | new |", "| --- | --- |")
        yield from (f"| `{old}` | `{new}` |" for old, new in changes.renamed)


def _removed(changes: Changes) -> Iterator[str]:
    if changes.removed:
        yield from ("## Removed settings", "")
        yield from (f"- `{key}`" + (f": {_text(why)}" if why else "") for key, why in changes.removed)


def _defaults(changes: Changes) -> Iterator[str]:
    if changes.defaults:
        yield from ("## Changed defaults", "", "An installation that sets these keeps its own values.", "")
        yield from ("| setting | was | is |", "| --- | --- | --- |")
        yield from (f"| `{each.key}` | {_cell(each.before)} | {_cell(each.after)} |" for each in changes.defaults)


def _cell(value: str | None) -> str:
    if value is None:
        return "(a secret)"
    shown = value.replace("|", "\\|").replace("\n", " ")
    return f"`{shown}`" if shown and "`" not in shown else shown or "empty"


def _text(text: str) -> str:
    """On one line, and outside of code without what Markdown would take for its own."""
    pieces = re.sub(r"\s+", " ", text).strip().split("`")
    if len(pieces) % 2 == 0:
        return "'".join(map(_escaped, pieces))
    return "`".join(piece if index % 2 else _escaped(piece) for index, piece in enumerate(pieces))


def _escaped(text: str) -> str:
    return re.sub(r"[<>*\[\]\\]|(?<!\w)_|_(?!\w)", r"\\\g<0>", text)
