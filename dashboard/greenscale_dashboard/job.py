"""One job in full: prompt, answer or error, timeline, and what the viewer may do with it."""

import time
from collections.abc import Callable

import streamlit as st

from greenscale_dashboard.context import Context
from greenscale_dashboard.formatting import opening, plain, sentence
from greenscale_dashboard.fragments import let_it_arrive
from greenscale_dashboard.times import when, zone
from greenscale_dashboard.view import jobs as view
from greenscale_jobs import Job, JobClient, JobState, QueueError, QueueUnavailable, UnknownJob

REFRESH_SECONDS = 1.0
"""How often a job that is not final is redrawn."""

MAX_CHARS = 20_000
"""The most that is drawn of a text; the full text can be downloaded."""

TALL_LINES, TALL_CHARS, TALL_PIXELS = 12, 1200, 300
"""A longer text scrolls in a box."""


def show(context: Context, name: str, job_id: str) -> None:
    """Draw one job; it is redrawn until it is final."""
    try:
        going_on = not context.client(name).job(job_id).state.final
    except UnknownJob:
        going_on = False
    except QueueUnavailable:
        going_on = True  # the table reports it; the job is drawn again when Redis is back
    st.fragment(_draw, run_every=REFRESH_SECONDS if going_on else None)(context, name, job_id, going_on=going_on)


def _draw(context: Context, name: str, job_id: str, *, going_on: bool) -> None:
    try:
        job = context.client(name).job(job_id)
    except UnknownJob as error:
        st.warning(plain(opening(str(error))), icon=":material/help:")
    except QueueUnavailable:
        st.markdown(":small[The job is shown again when Redis is back.]")
    else:
        if going_on is job.state.final:
            st.rerun()  # start or stop the refresh
        _job(context, name, job)
    let_it_arrive()


def _job(context: Context, name: str, job: Job) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        colour = view.COLOURS[job.state]
        st.markdown(f"**{job.id}** &nbsp; :{colour}-badge[{view.STATES[job.state]}]", width="content")
        with st.container(horizontal=True, width="content", vertical_alignment="center"):
            _actions(context, name, job)
    if job.state is JobState.DEAD and job.error:
        st.error(f"{job.error.reason}: {plain(sentence(job.error.message))}", icon=":material/error:")
    st.markdown(":small[Prompt]")
    if job.unread:
        st.text("The prompt cannot be read. It begins:")
    _text(job.unread or job.prompt, "The prompt cannot be read.", file=f"{job.id}-prompt.txt")
    if job.result is not None:
        st.markdown(":small[Answer]")
        _text(job.result, "The answer is empty.", file=f"{job.id}-answer.txt")
    st.markdown(":small[Timeline]")
    _timeline(job)
    st.markdown(f":small[{plain(view.details(job))}]")


def _actions(context: Context, name: str, job: Job) -> None:
    if context.may_change and job.state is JobState.DEAD:
        _button("Retry", "replay", view.retry, context, name, job)
    if context.may_change and not job.state.final and not job.cancelling:
        _button("Cancel", "close", view.cancel, context, name, job)
    st.page_link(
        context.pages["prompt"],
        label="Open in Prompt",
        icon=":material/chat:",
        query_params={"workload": name, "job": job.id},
    )
    with st.popover("Link", icon=":material/link:"):
        st.markdown(":small[URL of this job]")
        st.code(f"{(st.context.url or '').split('?')[0]}?workload={name}&job={job.id}", language=None, wrap_lines=True)
        st.markdown(":small[In a terminal]")
        st.code(f"greenscale jobs show {job.id}", language=None, wrap_lines=True)


Act = Callable[[JobClient, str], None]


def _button(label: str, icon: str, act: Act, context: Context, name: str, job: Job) -> None:
    st.button(
        label, icon=f":material/{icon}:", key=f"{act.__name__}-{job.id}", on_click=_act, args=(act, context, name, job)
    )


def _act(act: Act, context: Context, name: str, job: Job) -> None:
    if not context.may_change:
        return
    try:
        act(context.client(name), job.id)
    except QueueError as error:
        st.toast(f"Nothing changed: {sentence(str(error))}", icon=":material/block:")


def _text(text: str | None, instead: str, *, file: str) -> None:
    """Draw an untrusted text as it is; one that is too long can be downloaded."""
    if not text:
        st.text(instead)
        return
    tall = len(text) > TALL_CHARS or text.count("\n") >= TALL_LINES
    st.code(text[:MAX_CHARS], language=None, wrap_lines=True, height=TALL_PIXELS if tall else "content")
    if len(text) > MAX_CHARS:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":small[The first {MAX_CHARS:,} of {len(text):,} characters.]", width="content")
            st.download_button(
                "Download the full text",
                text,
                file_name=file,
                mime="text/plain",
                icon=":material/download:",
                on_click="ignore",
            )


def _timeline(job: Job) -> None:
    now, here = time.time(), zone(st.context.timezone)
    for entry in view.timeline(job):
        with st.container(horizontal=True):
            st.text(when(entry.at, now=now, zone=here), width=120)
            st.text(entry.what, width="stretch")
