"""How long something takes, in words.

Pure.
"""

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


def duration(seconds: float) -> str:
    """Return `0.4 s`, `12 s`, `3 min`, `2 h` or `5 days`: from two of a unit on it is that unit's."""
    seconds = round(max(0.0, seconds), 1)
    for unit, name in ((DAY, "days"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"  # noqa: PLR2004


def elapsed(seconds: float) -> str:
    """Return a duration in words, so coarse that a status which contains it is seldom written: `40 s`, `12 min`."""
    for unit, name in ((HOUR, "h"), (MINUTE, "min")):
        if seconds >= 2 * unit:
            return f"{int(seconds // unit)} {name}"
    return f"{int(max(0.0, seconds) // 10) * 10} s"
