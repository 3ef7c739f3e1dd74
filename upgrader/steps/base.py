"""Steps: the vocabulary of playbooks; their contract, and the context that they work in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from upgrader.model.app import App
from upgrader.model.events import Facts
from upgrader.model.run import Run
from upgrader.model.verdict import Verdict
from upgrader.tools.shell import Say, Shell

if TYPE_CHECKING:
    from upgrader.steps.world import World


@dataclass(frozen=True)
class Question:
    """A choice for a person. `flag` answers it without a terminal; `default` is taken on a bare Enter.

    With a `phrase`, only who types exactly that says `y`: for what must not be agreed to by habit.
    """

    id: str
    text: str
    flag: str
    choices: Mapping[str, str] = field(default_factory=lambda: {"y": "yes", "n": "no"})
    default: str = "n"
    phrase: str = ""


class Ask(Protocol):
    """Puts a question to a person. Raises RefusedError naming the flag where nobody can answer."""

    def __call__(self, question: Question) -> str: ...


@dataclass(frozen=True)
class Options:
    """What the person asked for, as it was journaled with the run: `Options.of(run.arguments)`."""

    to: str = ""
    keep_local_changes: bool = False
    accept_data_loss: bool = False
    accept_moved_tag: bool = False
    online: str = ""
    """`always` or `never` overrides the playbook's `migrations.online`."""
    rebuild: bool = False
    proof: str = ""
    """`auto`, `restore` or `read` overrides how the playbook's `proof` step proves the dumps."""
    rehearsal: bool = True
    """Whether the migrations may run on a copy of the data first."""
    data: str = "auto"
    """Of a rollback: `auto`, `restore` (from the restore point, whatever the schema says) or `keep` (carry the
    rows).
    """
    point: str = ""
    """Of a rollback: the restore point's id; empty when the run that is healed never made one."""
    label: str = ""
    """Of a backup: what somebody calls it."""
    heal: bool = False
    """Of a rollback: it heals a failed run, nobody asked for it."""
    target: Mapping[str, str] = field(default_factory=dict)
    """Of an upgrade: commit, name, ref and kind of what it goes to."""
    origin: Mapping[str, str] = field(default_factory=dict)
    """Of an upgrade: commit, name and branch of where it starts."""

    @staticmethod
    def of(arguments: Facts) -> "Options":
        known = {f.name for f in fields(Options)}
        return Options(**{name: value for name, value in arguments.items() if name in known})

    def arguments(self) -> dict[str, Any]:
        """The values that differ from the defaults, to be journaled."""
        plain = Options()
        pairs = ((f.name, getattr(self, f.name)) for f in fields(self))
        return {name: value for name, value in pairs if value != getattr(plain, name)}


@dataclass(frozen=True)
class Context:
    """What a step may use. `run` is the journal so far: facts of earlier steps, `before` of this one."""

    app: App
    run: Run
    options: Options
    shell: Shell
    world: "World"
    directory: Path
    """The run's own directory: logs, saved files."""
    parent: Run | None
    """Of a rollback: the run that it goes back from."""
    say: Say
    ask: Ask
    now: Callable[[], str]
    """UTC, ISO 8601."""
    past: Callable[[], Sequence[Run]] = tuple
    """Every run of this app, oldest first."""
    planning: bool = False
    """Whether only a plan is made: later steps are asked before earlier ones have acted."""

    def using(self, shell: Shell, say: Say) -> "Context":
        """This context with another shell under all of its tools."""
        return replace(self, shell=shell, say=say, world=self.world.using(shell))


class StepModel(BaseModel):
    """A step: its fields are its keys in YAML.

    1. `describe` is a short imperative phrase and touches nothing. 2. `check` changes nothing. 3. `apply` may be cut
    off anywhere and must be safe to call again; where a repeat is not safe the effect has a name that exists once. 4.
    `Satisfied` reports the facts that `apply` would have returned. 5. Facts are references, never contents or secrets.
    6. Failures are StepError or TransientError with a hint.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = ""
    uses: str
    attempts: ClassVar[int] = 1
    """How often a TransientError is tried in all."""
    alters: ClassVar[bool] = True
    """Whether apply alters the app: a failure before the first such step needs no way back."""

    def describe(self) -> str:
        raise NotImplementedError

    def check(self, ctx: Context) -> Verdict:
        raise NotImplementedError

    def apply(self, ctx: Context) -> Facts:
        raise NotImplementedError


Kinds = Mapping[str, type[StepModel]]
Values = Mapping[str, Any]
