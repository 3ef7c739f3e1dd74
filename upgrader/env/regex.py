"""Regular expressions that are compiled when they are first used: one run needs half of them, and starts faster."""

import re
from typing import Any, cast

_METHODS = ("search", "match", "fullmatch", "finditer", "findall", "sub", "split")


class _Regex:
    def __init__(self, pattern: str, flags: int) -> None:
        self.pattern = pattern
        self.flags = flags

    def __getattr__(self, name: str) -> Any:
        compiled = re.compile(self.pattern, self.flags | re.ASCII)
        for method in _METHODS:
            setattr(self, method, getattr(compiled, method))  # the next call goes straight there
        return getattr(compiled, name)


def regex(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """As `re.compile`, but a mistake in the pattern is found by its first use: tests must reach each of them.

    Letters, blanks and case are those of ASCII: names of keys are, and the others cost time.
    """
    return cast("re.Pattern[str]", _Regex(pattern, flags))
