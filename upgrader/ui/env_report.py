"""The screen of `upgrader env-check`: what was found, what was decided and why, and what to do next."""

from collections.abc import Iterator, Sequence
from typing import Protocol

_TITLES = {"error": "Errors", "warning": "Warnings", "note": "Notes"}
_STYLES = {"error": "1;31", "warning": "1;33", "note": "2"}
_ALIKE = 5
"""So many notes of one kind are shown; of more, the first ones and their number."""


class Finding(Protocol):
    """What a check found; `line` counts from 1, 0 when there is none."""

    @property
    def code(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def hint(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def file(self) -> str: ...
    @property
    def line(self) -> int: ...


class Decision(Protocol):
    """What was decided about one key, and why; `shown` is its value as it may be seen."""

    @property
    def key(self) -> str: ...
    @property
    def decision(self) -> str: ...
    @property
    def need(self) -> str: ...
    @property
    def evidence(self) -> Sequence[str]: ...
    @property
    def generator(self) -> str | None: ...
    @property
    def source(self) -> str | None: ...


def env_screen(
    findings: Sequence[Finding],
    decisions: Sequence[Decision],
    *,
    live: str,
    example: str,
    next_command: str,
    color: bool = False,
    width: int = 100,
) -> str:
    """All of it as text. `findings` come in order, worst first; `next_command` is what the last line says to type."""
    lines = [_painted(_headline(findings, live, example), "1", color=color)]
    for severity, title in _TITLES.items():
        if some := [each for each in findings if each.severity == severity]:
            lines += ["", _painted(title, _STYLES[severity], color=color)]
            lines += _found(some, severity, next_command, color=color)
    lines += _decided(decisions, color=color, width=width)
    lines += ["", f"→ {next_command}"] if next_command else []
    return "\n".join(lines)


def _headline(findings: Sequence[Finding], live: str, example: str) -> str:
    counts = [sum(each.severity == severity for each in findings) for severity in _TITLES]
    told = [f"{count} {name}{'' if count == 1 else 's'}" for count, name in zip(counts, _TITLES, strict=True) if count]
    return _line(f"{live}, compared with {example}: {', '.join(told) or 'nothing found'}")


def _found(findings: Sequence[Finding], severity: str, next_command: str, *, color: bool) -> Iterator[str]:
    shown: dict[str, int] = {}
    for each in findings:
        shown[each.code] = shown.get(each.code, 0) + 1
        if severity == "note" and shown[each.code] > _ALIKE:
            continue
        place = f"{each.file}:{each.line}" if each.line else each.file
        yield _line(f"{place}  {each.message}") + _painted(f"  [{each.code}]", "2", color=color)
        told_below = bool(next_command) and each.hint.startswith(next_command)
        if each.hint and severity != "note" and not told_below:
            yield _painted(_line(f"    → {each.hint}"), "2", color=color)
    for code, count in shown.items():
        if severity == "note" and count > _ALIKE:
            yield f"and {count - _ALIKE} more of {code}: --format json lists them all"


def _decided(decisions: Sequence[Decision], *, color: bool, width: int) -> Iterator[str]:
    """One row per key that something is to be done about; the optional ones by their names only."""
    if not decisions:
        return
    rows = [(each.key, _verb(each), _line("; ".join(each.evidence))) for each in decisions if each.decision != "skip"]
    yield ""
    yield _painted("New in the example", "1", color=color)
    keys = min(max((len(key) for key, _, _ in rows), default=0), 40)
    verbs = max((len(verb) for _, verb, _ in rows), default=0)
    for key, verb, why in rows:
        head = f"  {key:{keys}}  {verb:{verbs}}  "
        first, *more = _wrapped(why, max(width - len(head), 24))
        yield f"{head}{first}".rstrip()
        yield from (f"{'':{len(head)}}{part}" for part in more)
    if skipped := [each.key for each in decisions if each.decision == "skip"]:
        named = ", ".join(skipped[:8]) + (f" and {len(skipped) - 8} more" if len(skipped) > 8 else "")
        text = f"left out, the app does without: {named}"
        yield from (_painted(f"  {part}", "2", color=color) for part in _wrapped(_line(text), width - 2))


def _verb(decision: Decision) -> str:
    match decision.decision:
        case "generate":
            return f"generate {decision.generator}"
        case "carry":
            return f"copy from {decision.source}"
        case "ask":
            return "ask" if decision.need in ("boot", "security") else "your choice"
        case _:
            return "copy"


def _wrapped(text: str, width: int) -> list[str]:
    lines, line = [], ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]


def _line(text: str) -> str:
    """One line that is safe on a terminal: keys and comments are somebody else's."""
    if text.isprintable():
        return text
    from upgrader.ui.words import clean

    return clean(" ".join(text.split("\n")))


def _painted(text: str, codes: str, *, color: bool) -> str:
    return f"\x1b[{codes}m{text}\x1b[0m" if color else text
