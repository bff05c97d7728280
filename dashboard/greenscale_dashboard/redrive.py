"""All dead jobs of a workload sent again, once somebody has said so."""

from collections.abc import Sequence

import streamlit as st

from greenscale_dashboard.context import Context
from greenscale_dashboard.formatting import sentence
from greenscale_jobs import QueueError


@st.dialog("Send the dead again?")
def ask(context: Context, name: str, dead: int) -> None:
    """Ask, and if it is wanted send all dead jobs again, saying how far it is."""
    jobs = "The one dead job" if dead == 1 else f"All {dead:,} dead jobs"
    st.markdown(f"{jobs} of this workload go back to the queue, oldest first, each with all its attempts.")
    st.markdown(":small[What dies meanwhile is left for the next time.]")
    asked = st.empty()
    if not asked.button(f"Send {dead:,} again", type="primary", icon=":material/replay:"):
        return
    asked.empty()  # once is enough
    sent = 0
    progress = st.progress(0.0, "Sending …")

    def told(job_ids: Sequence[str], left: int) -> None:
        nonlocal sent
        sent += len(job_ids)
        progress.progress(sent / (sent + left), f"{sent:,} of {sent + left:,} sent again")

    try:
        sent = context.client(name).redrive_all(on_step=told)
    except QueueError as error:
        st.error(f"{sent:,} were sent again, then: {sentence(str(error))} Ask again for the rest.")
    else:
        progress.empty()
        st.success(f"{sent:,} sent again.", icon=":material/check:")
