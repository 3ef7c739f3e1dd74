"""Durations and sizes as people read them."""

_KIB = 1024


def duration(seconds: float) -> str:
    """`412ms`, `9.3s`, `2m 05s`, `1h 02m`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 10:
        return f"{seconds:.1f}s"
    if seconds < 60:
        return f"{seconds:.0f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02d}m"


def size(count: float) -> str:
    """`812 B`, `4.2 KiB`, `1.3 GiB`; binary units."""
    if count < _KIB:
        return f"{count:.0f} B"
    for unit in ("KiB", "MiB", "GiB"):
        count /= _KIB
        if count < _KIB:
            return f"{count:.1f} {unit}"
    return f"{count / _KIB:.1f} TiB"


def plural(count: int, noun: str, nouns: str = "") -> str:
    """`1 commit`, `3 commits`, `2 queries` with `nouns` given."""
    return f"{count} {noun if count == 1 else nouns or noun + 's'}"


def between(earlier: str, later: str) -> float:
    """Seconds from one moment (ISO 8601) to another."""
    from datetime import datetime

    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def age(seconds: float) -> str:
    """How old something is, in one unit: `40s`, `12m`, `7h`, `3d`."""
    for unit, length, most in (("s", 1, 60), ("m", 60, 60), ("h", 3600, 48)):
        if seconds < length * most:
            return f"{max(seconds, 0) // length:.0f}{unit}"
    return f"{seconds // 86400:.0f}d"
