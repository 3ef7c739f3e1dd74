"""Which playbook fits a directory."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from upgrader.errors import RefusedError
from upgrader.playbook.inherit import looks_like_path, names, read, shipped
from upgrader.playbook.problems import Problem, suggest

OWN = ("upgrader.yaml", "upgrader.yml", ".upgrader.yaml", ".upgrader.yml")
"""What a playbook in the app's directory is called; the first that exists counts."""


@dataclass(frozen=True)
class Found:
    """A playbook and why it was chosen: `named`, `in the app's directory` or `recognised`.

    `trusted` is False when it comes from the app's own repository.
    """

    path: Path
    how: str
    trusted: bool = True


def which(directory: Path, explicit: str | None = None, *, tracked: Callable[[Path], bool]) -> Found | None:
    """The playbook for the app in the directory, or None.

    `explicit` is a name or a path; `tracked` says whether git tracks a file of the directory, which makes it code from
    upstream. Raises RefusedError when the explicit one is not there or when two shipped ones fit equally well.
    """
    if explicit:
        return _explicit(directory, explicit, tracked)
    for name in OWN:
        path = directory / name
        if path.is_file():
            return Found(path, "in the app's directory", trusted=not tracked(path))
    return _recognised(directory)


def _explicit(directory: Path, explicit: str, tracked: Callable[[Path], bool]) -> Found:
    if not looks_like_path(explicit):
        if explicit not in names():
            hint = suggest(explicit, names())
            raise RefusedError(f"no playbook {explicit} ships{f': {hint}' if hint else ''}", "upgrader playbook list")
        return Found(shipped("playbooks") / f"{explicit}.yaml", "named")
    path = Path(explicit)
    if not path.is_file():
        raise RefusedError(f"there is no playbook {explicit}", "upgrader playbook list")
    upstream = path.resolve().is_relative_to(directory.resolve()) and tracked(path.resolve())
    return Found(path, "named", trusted=not upstream)


def _recognised(directory: Path) -> Found | None:
    fitting: dict[Path, int] = {}
    for path in sorted(shipped("playbooks").glob("*.yaml")):
        files = _detected_by(path)
        if files and all((directory / file).exists() for file in files):
            fitting[path] = len(files)
    if not fitting:
        return None
    best = [path for path, count in fitting.items() if count == max(fitting.values())]
    if len(best) > 1:
        both = " and ".join(path.stem for path in best)
        raise RefusedError(f"the playbooks {both} fit equally well", f"upgrader upgrade --playbook {best[0].stem}")
    return Found(best[0], "recognised")


def _detected_by(path: Path) -> list[str]:
    problems: list[Problem] = []
    tree = read(path, problems)
    detect = tree.entries.get("detect") if tree else None
    files = detect.entries.get("files") if detect else None
    return [item.text for item in files.items] if files else []
