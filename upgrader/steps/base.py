"""Steps: the vocabulary of playbooks; their contract, and the context that they work in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
    """A choice for a person. `flag` answers it without a terminal; `default` is taken on a bare Enter."""

    id: str
    text: str
    flag: str
    choices: Mapping[str, str] = field(default_factory=lambda: {"y": "yes", "n": "no"})
    default: str = "n"


class Ask(Protocol):
    """Puts a question to a person. Raises RefusedError naming the flag where nobody can answer."""

    def __call__(self, question: Question) -> str: ...


@dataclass(frozen=True)
class Options:
    """What the person asked for on the command line, as it was journaled with the run."""

    to: str = ""
    keep_local_changes: bool = False
    accept_data_loss: bool = False
    online: str = ""
    rebuild: bool = False


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
    say: Say
    ask: Ask
    now: Callable[[], str]
    """UTC, ISO 8601."""


class StepModel(BaseModel):
    """A step: its fields are its keys in YAML.

    1. `describe` is a short imperative phrase and touches nothing. 2. `check` changes nothing. 3. `apply` may be cut off
    anywhere and must be safe to call again; where a repeat is not safe the effect has a name that exists once. 4.
    `Satisfied` reports the facts that `apply` would have returned. 5. Facts are references, never contents or secrets.
    6. Failures are StepError or TransientError with a hint.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = ""
    uses: str
    attempts: ClassVar[int] = 1
    """How often a TransientError is tried in all."""

    def describe(self) -> str:
        raise NotImplementedError

    def check(self, ctx: Context) -> Verdict:
        raise NotImplementedError

    def apply(self, ctx: Context) -> Facts:
        raise NotImplementedError


Kinds = Mapping[str, type[StepModel]]
Values = Mapping[str, Any]
