"""What is compared, and what becomes of one key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from upgrader.env.document import NOTHING, Document
from upgrader.env.generate import check_generator
from upgrader.env.references import References

if TYPE_CHECKING:
    from upgrader.env.overlay import Overlay

Verb = Literal["copy", "generate", "carry", "ask", "skip"]
Need = Literal["boot", "security", "feature", "none"]

WRITES: frozenset[Verb] = frozenset({"copy", "generate", "carry"})
"""What needs nobody: the other verbs write nothing by themselves."""
BACKUPS = "an older restore point"
"""The source of a value that an env file of an older restore point has."""


@dataclass(frozen=True, slots=True)
class Case:
    """One installation before one release.

    Without `previous` no key is known to be new; without `compose` no variable is known to be read. `found` are values
    that older restore points have for keys which the live file lacks. `versions` are the names of the installed version
    and of the new one; empty where nobody knows. `data_exists` says whether the installation holds
    data, None where nobody knows; `profiles` are Compose's active ones, None where only the files tell.
    `assume_generators` makes secrets of our own also where no generator is named. `lived` are keys of a version that
    has run here since `previous`: each may have had a value that nobody sees any more. `used` are variables that the
    installation is known to have had values for: in its containers, or when a restore point was made; None where nobody
    looked.
    """

    live: Document
    example: Document
    previous: Document | None = None
    compose: References | None = None
    previous_compose: References | None = None
    overlay: "Overlay | None" = None
    assume_generators: bool = False
    data_exists: bool | None = None
    found: Mapping[str, str] = field(default_factory=lambda: NOTHING, repr=False)
    profiles: tuple[str, ...] | None = None
    versions: tuple[str, str] = ("", "")
    lived: frozenset[str] = frozenset()
    used: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about one key.

    `value` is what copy and carry write, and what ask proposes; a generated value exists only in the file. `source` is
    where a carried or proposed value comes from: mostly a key of the live file. `line` is the key's in the example.
    `template` is the value as it may be shown, where it was put together from other keys.
    """

    key: str
    decision: Verb
    need: Need
    evidence: tuple[str, ...]
    value: str | None = field(default=None, repr=False)
    generator: str | None = None
    source: str | None = None
    line: int = 0
    template: str | None = None

    @property
    def blocks(self) -> bool:
        """Whether the upgrade must not start before a person has answered."""
        return self.decision == "ask" and self.need in {"boot", "security"}

    @property
    def shown(self) -> str:
        """The value as it may be shown: a generated one by its form, a carried one by its source."""
        match self.decision:
            case "generate":
                return f"<generated: {check_generator(self.generator or '')}>"
            case "carry":
                return f"<the value of {self.source}>"
            case "copy":
                return self.template or self.value or ""
            case _:
                return ""
