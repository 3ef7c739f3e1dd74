"""Performs `upgrader backup` or `restore ID --in-place` with a killer among the sinks.

`python -m tests.e2e.points_driver DIRECTORY PLAYBOOK MOMENT [ID]`.
"""

import json
import sys
from pathlib import Path

from tests.crash.killer import Killer, Moment
from upgrader.cli import backup, restore
from upgrader.cli.common import Common
from upgrader.cli.wiring import open_app
from upgrader.steps.base import Options


def main(directory: str, playbook: str, moment: str, point_id: str = "") -> int:
    common = Common(directory=Path(directory), playbook=playbook, output="plain")
    desk = open_app(common, yes=True, flags={"--accept-data-loss": "y"})
    desk.order = Killer(Moment(**json.loads(moment))).order
    return restore.perform(desk, point_id) if point_id else backup.perform(desk, Options())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
