"""What the page says: states, durations, and answers made harmless.

Pure.
"""

import dataclasses
import html
import re

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


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
    """Return `0.4 s`, `12 s`, `3 min`, `2 h` or `5 days`; a dash for what is not known.

    From two of a unit on it is that unit's.
    """
    if value is None:
        return "–"  # noqa: RUF001 - a dash
    value = round(max(0.0, value), 1)
    for unit, name in ((DAY, "days"), (HOUR, "h"), (MINUTE, "min")):
        if value >= 2 * unit:
            return f"{value / unit:.0f} {name}"
    return f"{value:.0f} s" if value >= 10 else f"{value:.1f} s"  # noqa: PLR2004


def counted(number: int, what: str) -> str:
    """Return `1 job` or `1,200 jobs`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def sentence(text: str) -> str:
    """Return a text with a full stop, unless it ends a sentence already."""
    return text if text.endswith((".", "?", "!")) else f"{text}."


def opening(text: str) -> str:
    """Return a text as a sentence that stands for itself: with a capital and a full stop."""
    return sentence(text[:1].upper() + text[1:])


def harmless(markdown: str) -> str:
    """Return a foreign text whose pictures are not fetched: their address may carry away what was said.

    A diagram (mermaid) may have pictures in it, so it stands as its text. Streamlit escapes HTML by itself.
    """
    return FENCE.sub(_without_diagram, markdown.replace("![", "!\\["))


FENCE = re.compile(r"(`{3,}|~{3,})([^\n\r]*)")
"""Where code may begin, with what it says of its language."""


def _without_diagram(fence: re.Match[str]) -> str:
    marks, told = fence.groups()
    inline = marks.startswith("`") and "`" in told
    # A language may be written with entities and backslashes: `&#109;ermai\\d` is one too.
    named = "mermaid" in html.unescape(told).replace("\\", "").lower()
    return f"{marks}text" if named and not inline else fence[0]


def plain(text: str) -> str:
    """Return a foreign text, a name or a message, that stands in markdown as it is, on one line."""
    return re.sub(r"([\\`*_\[\]<>#|~$:])", r"\\\1", text.replace("\n", " "))
