"""The demo's own voice, between the commands that it runs."""

import os
import sys

from upgrader.demo.claims import Claim
from upgrader.ui.choose import colorful
from upgrader.ui.layout import painted
from upgrader.ui.outlet import Outlet

WIDTH = 100


class Screen:
    """The narrator speaks on stdout; the commands speak for themselves, on stderr."""

    def __init__(self) -> None:
        self._out = Outlet(sys.stdout)
        self._color = colorful(sys.stdout, os.environ)

    def act(self, title: str) -> None:
        self._out.line("\n" + self._painted(f"━━ {title} ".ljust(WIDTH, "━"), "bold"))

    def prompt(self, line: str) -> None:
        self._out.line(f"{self._painted('$', 'green')} {self._painted(line, 'bold')}")

    def say(self, text: str) -> None:
        self._out.line(text)

    def aside(self, text: str) -> None:
        self._out.line(self._painted(text, "dim"))

    def claim(self, claim: Claim) -> None:
        mark = self._painted("✓", "green") if claim.holds else self._painted("✗", "bold red")
        self._out.line(f"{mark} {claim.text.ljust(63)}  {self._painted(claim.seen, 'dim' if claim.holds else 'red')}")

    def _painted(self, text: str, style: str) -> str:
        return painted(text, style, color=self._color)
