"""Asks a person for the values of an env file that only a person knows."""

from collections.abc import Sequence

import typer

from upgrader.cli.crash import REDACTOR
from upgrader.cli.say import tell
from upgrader.env.case import Decision
from upgrader.env.checks.scene import Scene
from upgrader.env.generate import Length, fits
from upgrader.errors import RefusedError
from upgrader.steps.base import Question
from upgrader.ui.ask import Ask


def ask_for(scene: Scene, asked: Sequence[Decision], ask: Ask) -> dict[str, str]:
    """A value for each key, secrets typed unseen. Raises RefusedError when the person gives none."""
    answers: dict[str, str] = {}
    try:
        for decision in asked:
            tell(f"\n{decision.key}: {'; '.join(decision.evidence)}")
            tell(f"  see {scene.example.path}:{decision.line}")
            answers[decision.key] = _answer(scene, decision, ask)
            if scene.is_secret(decision.key):
                REDACTOR.learn([answers[decision.key]])
    except KeyboardInterrupt:
        raise RefusedError("interrupted: nothing was changed") from None
    return answers


def _answer(scene: Scene, decision: Decision, ask: Ask) -> str:
    """One value, proposed where there is one, and asked for until it has the length that is demanded."""
    exactly = scene.said(decision.key).exactly
    proposed = decision.value or (scene.live.get(decision.source) if decision.source else None)
    if proposed and ask(Question(decision.key, _proposal(scene, decision, proposed), "")) == "y":
        return proposed
    while True:
        value = ask.secret(decision.key, "") if scene.is_secret(decision.key) else _typed(decision.key)
        if exactly is None or fits(value, Length(exactly)):
            return value
        tell(f"It must have exactly {exactly} characters.")


def _proposal(scene: Scene, decision: Decision, proposed: str) -> str:
    if decision.source:
        return f"Is it the value of {decision.source}?"
    return "Take the value it has had so far?" if scene.is_secret(decision.key) else f"Is it {proposed}?"


def _typed(key: str) -> str:
    try:
        return str(typer.prompt(f"{key}", err=True)).strip()
    except typer.Abort:
        raise RefusedError(f"{key} was not given: nothing was changed", "run it in a terminal") from None
