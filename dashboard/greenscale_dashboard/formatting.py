"""What the page says: states, durations, and answers made harmless.

Pure.
"""

import dataclasses
import html
import re

from greenscale_jobs import WorkloadState
from greenscale_jobs.durations import duration


@dataclasses.dataclass(frozen=True)
class StateStyle:
    """A state as the page shows it: never by colour alone."""

    word: str
    colour: str
    """One of Streamlit's."""
    icon: str
    """A name from Streamlit's Material symbols."""
    plural: str = ""
    """What several of them do; where it is empty, the word fits them too."""

    def of(self, number: int) -> str:
        """Return the state of so many workloads, as it stands within a sentence."""
        return self.plural if self.plural and number > 1 else self.word.lower()


STATE_STYLES: dict[str, StateStyle] = {
    WorkloadState.SCALED_TO_ZERO: StateStyle("Asleep", "blue", "bedtime"),
    WorkloadState.WAKING: StateStyle("Waking", "orange", "wb_twilight"),
    WorkloadState.ACTIVE: StateStyle("Working", "green", "bolt"),
    WorkloadState.COOLING_DOWN: StateStyle("Cooling down", "violet", "mode_fan"),
    WorkloadState.SUSPENDED: StateStyle("Suspended", "gray", "pause_circle"),
    WorkloadState.DEGRADED: StateStyle("Needs attention", "red", "error", plural="need attention"),
}

UNKNOWN = StateStyle("Unknown", "gray", "help")


def seconds(value: float | None) -> str:
    """Return `0.4 s`, `12 s`, `3 min`, `2 h` or `5 days`; a dash for what is not known."""
    return "–" if value is None else duration(value)  # noqa: RUF001 - a dash


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
    marks, language = fence.groups()
    inline = marks.startswith("`") and "`" in language
    # A language may be written with entities and backslashes: `&#109;ermai\\d` is one too.
    named = "mermaid" in html.unescape(language).replace("\\", "").lower()
    return f"{marks}text" if named and not inline else fence[0]


def plain(text: str) -> str:
    """Return a foreign text, a name or a message, that stands in markdown as it is, on one line."""
    return re.sub(r"([\\`*_\[\]<>#|~$:])", r"\\\1", text.replace("\n", " "))
