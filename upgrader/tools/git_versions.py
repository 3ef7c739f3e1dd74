"""Release tags: which ones name a version, how they are ordered, and which of them `upgrade` means by default."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

_TAG = re.compile(
    r"(?P<package>(?:[a-z][\w.]*?[-_/@])*?)"
    r"(?:(?:release|rel|version|ver|r)[-_./]?)?v?[-_.]?"
    r"(?P<numbers>\d+(?:[._]\d+)*)"
    r"(?P<suffix>(?:[-_.~]?[a-z0-9]+)*)"
    r"(?:\+[\w.-]*)?",
    re.IGNORECASE | re.ASCII,
)
_PARTS = re.compile(r"\d+|[a-z]+")
_STAGES = {
    "dev": 0, "nightly": 0, "snapshot": 0, "canary": 0, "edge": 0,
    "a": 1, "alpha": 1, "b": 2, "beta": 2, "c": 4, "rc": 4, "pre": 4, "preview": 4,
}  # fmt: skip
_OTHER_STAGE = 3
_FINAL = {"final", "ga", "stable", "lts", "release"}
_LATER = {"post", "rev", "r", "patch", "p", "pl", "hotfix", "fix", "sp"}

_Part = tuple[int, int, str]
Key = tuple[tuple[int, ...], int, tuple[_Part, ...], str]


@dataclass(frozen=True)
class Version:
    """What a tag says. `package` is the part before the version (`web@` in `web@1.2.0`), empty for a plain one."""

    tag: str
    package: str
    numbers: tuple[int, ...]
    suffix: tuple[str, ...]

    @property
    def rank(self) -> int:
        """-1 for a pre-release, 0 for the release itself, 1 for a revision of it (`1.2.3-1`, `1.2.3.post1`)."""
        if not self.suffix or self.suffix[0] in _FINAL:
            return 0
        return 1 if self.suffix[0].isdigit() or self.suffix[0] in _LATER else -1

    @property
    def is_prerelease(self) -> bool:
        return self.rank < 0 or bool(self._package_stages)

    @property
    def key(self) -> Key:
        """Older versions sort first."""
        numbers = self.numbers
        while numbers and numbers[-1] == 0:
            numbers = numbers[:-1]
        return numbers, self.rank, tuple(map(_part, self.suffix)), self.tag

    def wanted_by(self, pattern: str) -> bool:
        """Whether the glob means this tag: a pre-release is meant only by a glob that names its words (`v*-rc*`)."""
        if not fnmatchcase(self.tag, pattern):
            return False
        words = [*self._package_stages, *(part for part in self.suffix if not part.isdigit())]
        return not self.is_prerelease or all(word in pattern.lower() for word in words)

    @property
    def _package_stages(self) -> list[str]:
        return [part for part in _PARTS.findall(self.package.lower()) if part in _STAGES]


def version(tag: str) -> Version | None:
    """The version that the tag names; None for a tag such as `latest`."""
    if not (match := _TAG.fullmatch(tag)):
        return None
    numbers = tuple(int(number) for number in re.split(r"[._]", match["numbers"]))
    return Version(tag, match["package"], numbers, tuple(_PARTS.findall(match["suffix"].lower())))


def newest_first(tags: Iterable[str], pattern: str = "") -> list[str]:
    """The releases among the tags. Without a pattern: plain versions, or those of the only package that is tagged."""
    versions = [found for found in map(version, tags) if found]
    if pattern:
        chosen = [found for found in versions if found.wanted_by(pattern)]
    else:
        chosen = _family([found for found in versions if not found.is_prerelease])
    return [found.tag for found in sorted(chosen, key=lambda found: found.key, reverse=True)]


def _family(versions: list[Version]) -> list[Version]:
    plain = [found for found in versions if not found.package]
    if plain or len({found.package for found in versions}) == 1:
        return plain or versions
    return []


def _part(part: str) -> _Part:
    if part.isdigit():
        return 0, int(part), ""
    return (1, _STAGES[part], "") if part in _STAGES else (1, _OTHER_STAGE, part)
