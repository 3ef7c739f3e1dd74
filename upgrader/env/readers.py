"""Who reads a variable: the services that have to be recreated for a new value to reach them."""

import posixpath
from collections.abc import Sequence

from upgrader.env.references import References


def services_reading(references: References, keys: Sequence[str], env_file: str) -> list[str]:
    """The services that interpolate one of the keys, pass it through, or take the whole env file in."""
    named = {each.service for each in references.references if each.name in keys and each.service}
    for name, text in references.services.items():
        takes_all = any(posixpath.basename(path) == posixpath.basename(env_file) for path in text.env_files)
        if takes_all or any(key in text.environment and text.environment[key] is None for key in keys):
            named.add(name)
    return sorted(named)
