"""A batch of prompts: one a line, typed or from a file. What a full queue refuses is sent when there is room."""

from typing import Any

import streamlit as st

from greenscale_dashboard import parameters
from greenscale_dashboard.context import Context
from greenscale_dashboard.formatting import counted, plain, sentence
from greenscale_dashboard.fragments import STATE_SECONDS, let_it_arrive
from greenscale_dashboard.view.batch import Batch, both, numbers, read_file, read_lines, through
from greenscale_jobs import QueueUnavailable, Stats
from greenscale_jobs.file_kinds import RefusedFile

MAX_BROKEN = 1000
"""How many broken lines are shown."""

HELP = """\
Each line is one prompt, or JSON: `{"prompt": "...", "parameters": {"temperature": 0.2, "maxTokens": 100}}`. \
Empty lines are skipped. A line of JSON may have an `id`: the same line sent again is the same job."""


def show(context: Context, name: str) -> None:
    """Draw the form for many prompts, or the progress of those that are being sent."""
    batch: Batch | None = st.session_state.get("batch")
    if batch is None:
        _form()
        return
    st.fragment(_go_on, run_every=STATE_SECONDS)(context, name, batch)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("New batch", icon=":material/playlist_add:", on_click=_forget)
        st.page_link(
            context.pages["jobs"], label="View in Jobs", icon=":material/list:", query_params={"workload": name}
        )


def _form() -> None:
    with st.form("batch", border=False):
        st.text_area("Prompts, one a line", key="lines", height=200, help=HELP)
        st.file_uploader(
            "Or a file of lines, JSONL, JSON or CSV", type=["txt", "jsonl", "ndjson", "json", "csv", "tsv"], key="file"
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            st.form_submit_button("Send all", icon=":material/send:", type="primary", on_click=_read)
            parameters.draw()
    refusal = st.session_state.pop("refusal", None)
    if refusal:
        st.error(refusal, icon=":material/block:")


def _read() -> None:
    """Read what was typed, and the file after it."""
    typed: str = st.session_state["lines"]
    file: Any = st.session_state["file"]
    chosen = parameters.chosen()
    try:
        batch = read_lines(typed, chosen)
    except RefusedFile as error:
        st.session_state["refusal"] = f"Not sent: what was typed {error}."
        return
    if file:
        try:
            read = read_file(file, chosen, name=file.name)
        except RefusedFile as error:
            st.session_state["refusal"] = f"Not sent: {plain(file.name)} {error}."
            return
        batch = both(batch, read)
    if batch.lines or batch.broken:
        st.session_state["batch"] = batch
        st.session_state["lines"] = ""
    else:
        st.session_state["refusal"] = "Not sent: it contains no prompt."


def _forget() -> None:
    st.session_state.pop("batch", None)


def _broken(batch: Batch) -> None:
    if not batch.broken:
        return
    lines = counted(len(batch.broken), "line")
    with st.expander(f"{lines} cannot be sent; the rest is sent", icon=":material/warning:", expanded=not batch.total):
        st.dataframe(
            {
                "Line": [broken.number for broken in batch.broken[:MAX_BROKEN]],
                "Why": [broken.why for broken in batch.broken[:MAX_BROKEN]],
            },
            hide_index=True,
            column_config={"Line": st.column_config.NumberColumn(width="small")},
        )
        if len(batch.broken) > MAX_BROKEN:
            st.markdown(f"The first {MAX_BROKEN:,} of {len(batch.broken):,}.")


def _go_on(context: Context, name: str, batch: Batch) -> None:
    """Send what there is room for, and show the progress."""
    broken, bar = st.container(), st.empty()
    for _ in batch.feed(context.client(name)):
        bar.progress(batch.sent / max(1, batch.total), f"Sending: {batch.sent:,} of {batch.total:,}")
    with broken:
        _broken(batch)
    try:
        now = numbers(context.client(name))
    except QueueUnavailable as error:
        st.error(plain(sentence(str(error))), icon=":material/cloud_off:")
    else:
        _tell(batch, now, bar)
    if batch.left:
        st.warning(
            f"{counted(batch.sent, 'prompt')} sent, {batch.left:,} not yet: {plain(sentence(batch.full))} "
            "They are sent automatically while this page is open.",
            icon=":material/hourglass_top:",
        )
        st.download_button(
            "Download unsent prompts", batch.rest, "rest.jsonl", icon=":material/download:", on_click="ignore"
        )
    let_it_arrive()


def _tell(batch: Batch, now: Stats, bar: Any) -> None:
    if not batch.total:
        bar.empty()
        return
    done, exact = through(batch, now)
    about = "" if exact else "about "
    bar.progress(done / batch.total, f"{about.capitalize()}{done:,} of {counted(batch.total, 'prompt')} finished")
    st.markdown(f"The whole queue: {now.pending:,} waiting, {now.in_flight:,} running, {now.dead:,} dead.")
