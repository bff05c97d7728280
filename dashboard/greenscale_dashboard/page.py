"""The one page: choose a workload, send a prompt, follow it from the queue to its answer and back to sleep."""

import streamlit as st

from greenscale_dashboard import view
from greenscale_dashboard.settings import read_settings
from greenscale_dashboard.view import JobWatch, Story
from greenscale_dashboard.words import harmless
from greenscale_jobs import (
    InvalidItem,
    JobClient,
    JobState,
    QueueError,
    QueueUnavailable,
    RedisAddress,
    UnknownJob,
)

STATE_SECONDS = 1.0
"""How often a workload's state is renewed."""

STORY_SECONDS = 0.4
"""How often a job's story is renewed while it goes on."""


def show() -> None:
    """Draw the page."""
    st.set_page_config(page_title="GreenScale", page_icon=":material/eco:", layout="centered")
    st.title("GreenScale")
    try:
        address, default_list = read_settings()
        names = view.workload_names(address, default_list)
    except (ValueError, QueueUnavailable) as error:
        _redis_is_away(str(error))
        return
    name = _choose(list(names))
    client = _client(address, names[name])
    st.fragment(_workload, run_every=STATE_SECONDS)(client, name)
    _prompt(client)
    job_id = st.query_params.get("job")
    if job_id:
        _job(client, job_id)


@st.fragment(run_every=2.0)
def _redis_is_away(message: str) -> None:
    """Say what is wrong, and draw the whole page again once Redis answers."""
    st.error(message, icon=":material/cloud_off:")
    try:
        address, default_list = read_settings()
        view.workload_names(address, default_list)
    except (ValueError, QueueUnavailable):
        return
    st.rerun()


@st.cache_resource(show_spinner=False)
def _client(address: RedisAddress, list_name: str) -> JobClient:
    return JobClient(address, list_name)


def _choose(names: list[str]) -> str:
    wanted = st.query_params.get("workload")
    if len(names) == 1:
        return names[0]
    chosen = st.selectbox("Workload", names, index=names.index(wanted) if wanted in names else 0)
    if wanted and wanted != chosen:
        st.query_params.pop("job", None)
    st.query_params["workload"] = chosen
    return chosen


def _workload(client: JobClient, name: str) -> None:
    try:
        seen = view.workload(client, name)
    except QueueUnavailable as error:
        st.error(str(error), icon=":material/cloud_off:")
        return
    look = seen.look
    with st.container(border=True):
        st.markdown(f"**{name}** &nbsp; :{look.colour}-badge[:material/{look.icon}: {look.word}]")
        st.markdown(harmless(seen.sentence))
        columns = st.columns(4)
        columns[0].metric("Waiting", seen.waiting)
        columns[1].metric("Running", seen.running)
        columns[2].metric("Workers", seen.replicas)
        columns[3].metric("Dead", seen.dead)


def _prompt(client: JobClient) -> None:
    with st.form("prompt", border=False):
        st.text_area("Prompt", key="text", placeholder="Ask something. Ctrl-Enter sends.", height=100)
        st.form_submit_button("Send", icon=":material/send:", type="primary", on_click=_send, args=(client,))
    refusal = st.session_state.pop("refusal", None)
    if refusal:
        st.error(refusal, icon=":material/block:")


def _send(client: JobClient) -> None:
    """Submit what was typed; it stays in its field if that fails."""
    try:
        job_id = client.submit(st.session_state["text"])
    except (InvalidItem, QueueError) as error:
        text = str(error)
        st.session_state["refusal"] = f"Not sent: {text}."
        return
    st.session_state["text"] = ""
    st.query_params["job"] = job_id


def _job(client: JobClient, job_id: str) -> None:
    watch = st.session_state.get("watch")
    if watch is None or watch.job_id != job_id:
        watch = st.session_state["watch"] = JobWatch(client, job_id)
    try:
        going_on = not client.job(job_id).state.final
    except UnknownJob as error:
        st.warning(f"{error}.", icon=":material/help:")
        return
    except QueueUnavailable:
        going_on = True  # said above; the story goes on once Redis is back
    st.fragment(_story, run_every=STORY_SECONDS if going_on else None)(watch, going_on=going_on)


def _story(watch: JobWatch, *, going_on: bool) -> None:
    try:
        story = watch.look()
    except UnknownJob as error:
        st.warning(f"{error}.", icon=":material/help:")
        return
    except QueueUnavailable:
        st.caption("The story goes on once Redis is back.")
        return
    if going_on and story.job.state.final:
        st.rerun()  # once more, and no more by itself
    _draw(watch, story)


def _draw(watch: JobWatch, story: Story) -> None:
    with st.chat_message("user", avatar=":material/person:"):
        st.text(story.job.prompt or "(the prompt cannot be read)")
    with st.chat_message("assistant", avatar=":material/eco:"):
        st.caption(" › ".join(f"{name} {took}".strip() for name, took in story.moments))  # noqa: RUF001
        if story.answer:
            st.markdown(harmless(story.answer))
        if story.job.state is JobState.DEAD and story.job.error:
            st.error(f"{story.job.error.reason}: {harmless(story.job.error.message)}", icon=":material/error:")
        if story.job.state is JobState.CANCELLED:
            st.info("Cancelled.", icon=":material/cancel:")
        if story.now:
            st.markdown(harmless(story.now))
            st.button("Cancel", key=f"cancel-{watch.job_id}", icon=":material/close:", on_click=_cancel, args=(watch,))


def _cancel(watch: JobWatch) -> None:
    try:
        watch.cancel()
    except QueueError as error:
        st.session_state["refusal"] = f"Not cancelled: {error}"
