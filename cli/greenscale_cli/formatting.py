"""Durations and untrusted texts, as a terminal shows them.

Pure.
"""

import re

from greenscale_jobs.durations import DAY, HOUR, MINUTE

CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that control a terminal: all but tab and newline, and bidi marks."""


def duration(seconds: float | None) -> str:
    """Return `0.4 s`, `12 s`, `3 min`, `2 h` or `5 d`; a dash for None."""
    if seconds is None:
        return "-"
    seconds = max(0.0, seconds)
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"  # noqa: PLR2004


def harmless(text: str) -> str:
    """Return an untrusted text without characters that control a terminal."""
    return CONTROL_CHARACTERS.sub("�", text)


def excerpt(text: str | None, max_chars: int = 60) -> str:
    """Return one line of an untrusted text; a dash for None."""
    if text is None:
        return "-"
    line = " ".join(harmless(text[: 4 * max_chars]).split())
    return line if len(line) <= max_chars else line[: max_chars - 1] + "…"
