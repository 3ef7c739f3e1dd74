"""Performs `upgrader backup` with a killer among the sinks: `python -m tests.e2e.backup_driver DIR PLAYBOOK MOMENT`."""

import json
import sys
from pathlib import Path

from tests.crash.killer import Killer, Moment
from upgrader.cli import backup
from upgrader.cli.common import Common
from upgrader.cli.wiring import open_app
from upgrader.steps.base import Options

if __name__ == "__main__":
    directory, playbook, moment = sys.argv[1:]
    desk = open_app(Common(directory=Path(directory), playbook=playbook, output="plain"))
    desk.order = Killer(Moment(**json.loads(moment))).order
    sys.exit(backup.perform(desk, Options()))
