"""The dialog that makes a file of all jobs that a filter matches."""

import streamlit as st

from greenscale_dashboard.context import Context
from greenscale_dashboard.formatting import sentence
from greenscale_dashboard.view import listing
from greenscale_dashboard.view.export import FORMS, MAX_BYTES, export
from greenscale_dashboard.view.listing import Filter, Place
from greenscale_jobs import QueueError

MIB = 1024 * 1024


@st.dialog("Export")
def ask(context: Context, name: str, wanted: Filter, form: str) -> None:
    """Read the jobs, saying how far it is, and offer the file."""
    progress = st.progress(0.0, "Reading …")
    try:
        numbers = listing.counts(context.address, context.workloads[name])
        total = sum(numbers[state] for state in wanted.states)

        def told(place: Place) -> None:
            progress.progress(min(1.0, place.looked_at / max(1, total)), f"{place.found:,} of {total:,}")

        made = export(context.client(name), wanted, FORMS[form], told=told)
    except QueueError as error:
        st.error(f"Nothing was exported: {sentence(str(error))}", icon=":material/cloud_off:")
        return
    progress.empty()
    st.markdown(f"**{made.jobs:,}** {'job' if made.jobs == 1 else 'jobs'}, {len(made.content) / MIB:,.1f} MiB")
    if not made.whole:
        st.warning(
            f"It ends here, for it has {MAX_BYTES / MIB:.0f} MiB: the filter matches more. Narrow it, by time say.",
            icon=":material/content_cut:",
        )
    st.download_button(
        f"Download {form}",
        made.content,
        file_name=f"{name.replace('/', '-')}-jobs.{FORMS[form].suffix}",
        mime=FORMS[form].mime,
        icon=":material/download:",
        type="primary",
        on_click="ignore",
    )
