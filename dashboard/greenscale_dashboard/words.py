"""What the page says: states, durations, and answers made harmless.

Pure.
"""

import dataclasses

STALE_SECONDS = 15.0
"""Whoever runs a workload tells of it every second or so: an older status is a memory."""

LONG_MINUTE = 120.0


@dataclasses.dataclass(frozen=True)
class Look:
    """A state as a person sees it: never by colour alone."""

    word: str
    colour: str
    """One of Streamlit's."""
    icon: str
    """A name from Streamlit's Material symbols."""


LOOKS = {
    "ScaledToZero": Look("Asleep", "blue", "bedtime"),
    "Waking": Look("Waking", "orange", "wb_twilight"),
    "Active": Look("Working", "green", "bolt"),
    "CoolingDown": Look("Cooling down", "violet", "mode_fan"),
    "Suspended": Look("Suspended", "gray", "pause_circle"),
    "Degraded": Look("Needs you", "red", "error"),
}

UNKNOWN = Look("Not known", "gray", "help")


def seconds(value: float | None) -> str:
    """Return `0.4 s`, `12 s` or `3 min`; a dash for what is not known."""
    if value is None:
        return "–"  # noqa: RUF001 - a dash
    value = max(0.0, value)
    if value >= LONG_MINUTE:
        return f"{value / 60:.0f} min"
    return f"{value:.0f} s" if value >= 10 else f"{value:.1f} s"  # noqa: PLR2004


def harmless(markdown: str) -> str:
    """Return a foreign text whose pictures are not fetched: their address may carry away what was said.

    Streamlit escapes HTML by itself.
    """
    return markdown.replace("![", "!\\[")
