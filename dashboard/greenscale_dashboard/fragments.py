"""What all fragments of the page share: how often they run, and that what they draw reaches the browser."""

import time

STATE_SECONDS = 1.0
"""How often a workload's state is refreshed."""

PROGRESS_SECONDS = 0.4
"""How often a job's progress is refreshed until the job ends."""

ARRIVAL_SECONDS = 0.05
"""How long Streamlit needs to send what a fragment drew; it sends every 0.01 s."""


def let_it_arrive() -> None:
    """Wait until what this fragment drew has been sent: Streamlit drops what is unsent when the next run begins.

    The next run begins at once if this one took longer than its period. Without the wait, the page never reported a
    Redis that hangs.
    """
    time.sleep(ARRIVAL_SECONDS)
