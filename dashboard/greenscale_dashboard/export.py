"""The dialog that exports all jobs that match a filter."""

import streamlit as st

from greenscale_dashboard.context import Context
from greenscale_dashboard.formatting import sentence
from greenscale_dashboard.view import listing
from greenscale_dashboard.view.export import FORMATS, MAX_BYTES, export
from greenscale_dashboard.view.listing import Filter, Position
from greenscale_jobs import QueueError

MIB = 1024 * 1024


@st.dialog("Export")
def ask(context: Context, name: str, wanted: Filter, format_name: str) -> None:
    """Read the jobs, drawing the progress, and offer the file."""
    progress = st.progress(0.0, "Reading …")
    try:
        numbers = listing.counts(context.address, context.workloads[name])
        total = sum(numbers[state] for state in wanted.states)

        def on_page(reached: Position) -> None:
            progress.progress(min(1.0, reached.searched / max(1, total)), f"{reached.found:,} of {total:,}")

        exported = export(context.client(name), wanted, FORMATS[format_name], on_page=on_page)
    except QueueError as error:
        st.error(f"Nothing was exported: {sentence(str(error))}", icon=":material/cloud_off:")
        return
    progress.empty()
    st.markdown(
        f"**{exported.jobs:,}** {'job' if exported.jobs == 1 else 'jobs'}, {len(exported.content) / MIB:,.1f} MiB"
    )
    if not exported.complete:
        st.warning(
            f"Some jobs are missing: the file reached its limit of {MAX_BYTES / MIB:.0f} MiB. "
            "Narrow the filter, for example by time.",
            icon=":material/content_cut:",
        )
    st.download_button(
        f"Download {format_name}",
        exported.content,
        file_name=f"{name.replace('/', '-')}-jobs.{FORMATS[format_name].suffix}",
        mime=FORMATS[format_name].mime,
        icon=":material/download:",
        type="primary",
        on_click="ignore",
    )
