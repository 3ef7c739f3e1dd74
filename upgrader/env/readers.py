"""Who reads a variable: the services that have to be recreated for a new value to reach them."""

import posixpath
from collections.abc import Sequence

from upgrader.env.case import Case
from upgrader.env.variables import Variables


def services_reading(case: Case, keys: Sequence[str]) -> list[str]:
    """The services of the new version that interpolate one of the keys, pass it through, or take the whole env file in;
    those left out whose profile is off.
    """
    variables = Variables(case)
    named = {each.service for key in keys for each in variables.references(key) if each.service}
    for name, text in variables.compose.services.items():
        takes_all = any(posixpath.basename(path) == posixpath.basename(case.live.path) for path in text.env_files)
        if takes_all or any(key in text.environment and text.environment[key] is None for key in keys):
            named.add(name)
    return sorted(name for name in named if variables.runs(name))
