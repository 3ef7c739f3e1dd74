"""Performs one command of upgrader on an installation, as its command line does, with a killer among the sinks.

`python -m tests.crash.driver DIRECTORY upgrade|rollback|resume TARGET [MOMENT [OPTIONS]]`, the last two as JSON.
"""

import json
import sys
from pathlib import Path

from tests.crash.killer import Killer, Moment
from upgrader.cli import app, resume, rollback, upgrade
from upgrader.cli.common import Common
from upgrader.cli.wiring import Desk, open_app, open_frozen
from upgrader.errors import UpgraderError
from upgrader.steps.base import Options


def main(directory: str, command: str, target: str, moment: str = "", options: str = "{}") -> int:
    common = Common(directory=Path(directory), output="plain")
    given = json.loads(options)
    try:
        match command:
            case "upgrade":
                desk = _armed(open_app(common, yes=True), moment)
                return upgrade.perform(desk, Options(to=target, **given))
            case "rollback":
                desk = _armed(open_app(common, yes=True, flags={"--accept-data-loss": "y"}), moment)
                return rollback.perform(desk, to=target, **given)
            case "resume":
                desk, found = open_frozen(common, yes=True)
                return resume.perform(_armed(desk, moment), found)
    except UpgraderError as error:
        app._show(error)
        return int(error.exit_code)
    raise ValueError(command)


def _armed(desk: Desk, moment: str) -> Desk:
    if moment:
        desk.order = Killer(Moment(**json.loads(moment))).order
    return desk


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
