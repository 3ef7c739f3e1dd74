"""`upgrader demo`."""

from typing import Annotated

import typer


def demo(
    keep: Annotated[bool, typer.Option("--keep", envvar="KEEP", help="Leave the demo app running afterwards.")] = False,
) -> int:
    """Upgrade, break and roll back a small app on this machine, and prove that nothing was lost.

    Example:
      upgrader demo --keep
    """
    from upgrader.demo.story import tell

    return tell(keep=keep)
