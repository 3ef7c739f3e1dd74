"""What the example of an env file is called, where nobody names it."""

import posixpath
from collections.abc import Callable

EXAMPLES = (".env.example", ".env.sample", ".env.dist", "env.example", ".env.template", ".env.production.example")
"""Names that a shipped example goes by, the likelier first."""


def find_example(env_file: str, is_there: Callable[[str], bool]) -> str | None:
    """The example of an env file: beside it, or in the app's directory; both are paths from there."""
    beside = posixpath.dirname(env_file)
    names = [posixpath.join(beside, name) for name in EXAMPLES] + list(EXAMPLES)
    names += [f"{env_file}.example", f"{env_file}.sample", "example.env", "sample.env"]
    return next((name for name in dict.fromkeys(names) if is_there(name)), None)
