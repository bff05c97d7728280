"""What time it is for whoever tells of a workload: their clock may be another than ours."""

import time
from collections.abc import Callable

import streamlit as st

from greenscale_jobs import WorkloadStatus


class TellersClock:
    """Counts on from the last word of each workload's teller, by a clock that never jumps.

    The first word seen may be a memory of long ago: only there is it compared with the time here.
    """

    def __init__(self, *, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._steady = steady
        self._heard: dict[str, tuple[float, float]] = {}

    def now(self, told: WorkloadStatus) -> float:
        """Return the teller's time, in Unix seconds."""
        sampled_at, heard_at = self._heard.get(told.list_name, (None, 0.0))
        if sampled_at != told.sampled_at:
            age = 0.0 if sampled_at is not None else max(0.0, self._wall() - told.sampled_at)
            heard_at = self._steady() - age
            self._heard[told.list_name] = told.sampled_at, heard_at
        return told.sampled_at + self._steady() - heard_at


@st.cache_resource(show_spinner=False)
def tellers_clock() -> TellersClock:
    """Return the one of this process."""
    return TellersClock()
