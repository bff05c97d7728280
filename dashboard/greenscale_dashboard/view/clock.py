"""The time on the clock of a workload's reporter, which may differ from ours."""

import time
from collections.abc import Callable

import streamlit as st

from greenscale_jobs import WorkloadStatus


class ReporterClock:
    """Counts on from the last report about each workload, by a clock that never jumps.

    The first report that we read may be old: only its age is measured with the wall clock here.
    """

    def __init__(self, *, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._steady = steady
        self._last_report: dict[str, tuple[float, float]] = {}

    def now(self, status: WorkloadStatus) -> float:
        """Return the reporter's time, in Unix seconds."""
        sampled_at, read_at = self._last_report.get(status.list_name, (None, 0.0))
        if sampled_at != status.sampled_at:
            age = 0.0 if sampled_at is not None else max(0.0, self._wall() - status.sampled_at)
            read_at = self._steady() - age
            self._last_report[status.list_name] = status.sampled_at, read_at
        return status.sampled_at + self._steady() - read_at


@st.cache_resource(show_spinner=False)
def reporter_clock() -> ReporterClock:
    """Return the one clock of this process."""
    return ReporterClock()
