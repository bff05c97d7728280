"""What all fragments of the page share: how often they run, and that what they draw arrives."""

import time

STATE_SECONDS = 1.0
"""How often a workload's state is renewed."""

STORY_SECONDS = 0.4
"""How often a job's story is renewed while it goes on."""

ARRIVAL_SECONDS = 0.05
"""How long what a fragment drew takes to be on its way to the browser; Streamlit sends every 0.01 s."""


def let_it_arrive() -> None:
    """Wait for what this fragment drew to leave: Streamlit drops what is unsent when the fragment's next run begins.

    It begins at once if this run took longer than its period. The page of a Redis that hangs never said so.
    """
    time.sleep(ARRIVAL_SECONDS)
