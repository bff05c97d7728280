"""The dialog that retries all dead jobs of a workload."""

from collections.abc import Sequence

import streamlit as st

from greenscale_dashboard.context import Context
from greenscale_dashboard.formatting import counted, sentence
from greenscale_jobs import QueueError


@st.dialog("Retry failed jobs?")
def ask(context: Context, name: str, dead: int) -> None:
    """Ask for confirmation, then retry all dead jobs, drawing the progress."""
    st.markdown(
        f"{counted(dead, 'failed job')} of this workload will go back to the queue, oldest first, "
        "with all attempts again."
    )
    st.markdown(":small[Jobs that fail from now on are not included.]")
    button = st.empty()
    if not button.button(f"Retry {counted(dead, 'job')}", type="primary", icon=":material/replay:"):
        return
    button.empty()  # once is enough
    retried = 0
    progress = st.progress(0.0, "Retrying …")

    def on_step(job_ids: Sequence[str], left: int) -> None:
        nonlocal retried
        retried += len(job_ids)
        progress.progress(retried / (retried + left), f"{retried:,} of {counted(retried + left, 'job')} retried")

    try:
        retried = context.client(name).redrive_all(on_step=on_step)
    except QueueError as error:
        st.error(f"{counted(retried, 'job')} retried, then: {sentence(str(error))} Retry again for the rest.")
    else:
        progress.empty()
        st.success(f"{counted(retried, 'job')} retried.", icon=":material/check:")
