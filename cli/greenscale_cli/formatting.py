"""Ages and untrusted texts, as a terminal shows them.

Pure.
"""

import re

from greenscale_jobs.durations import duration

CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that control a terminal: all but tab and newline, and bidi marks."""


def age(since: float | None, *, now: float) -> str:
    """Return how long ago this was, such as `3 min`; a dash for None."""
    return "-" if since is None else duration(now - since)


def harmless(text: str) -> str:
    """Return an untrusted text without characters that control a terminal."""
    return CONTROL_CHARACTERS.sub("�", text)


def excerpt(text: str | None, max_chars: int = 60) -> str:
    """Return one line of an untrusted text; a dash for None."""
    if text is None:
        return "-"
    line = " ".join(harmless(text[: 4 * max_chars]).split())
    return line if len(line) <= max_chars else line[: max_chars - 1] + "…"
