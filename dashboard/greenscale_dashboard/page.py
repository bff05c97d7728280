"""The one page: choose a workload, send a prompt, follow it from the queue to its answer and back to sleep."""

import time
from pathlib import Path

import streamlit as st

from greenscale_dashboard import view
from greenscale_dashboard.settings import read_settings
from greenscale_dashboard.view import JobWatch, Story
from greenscale_dashboard.words import harmless, sentence
from greenscale_jobs import (
    InvalidItem,
    JobClient,
    JobState,
    QueueError,
    QueueUnavailable,
    RedisAddress,
    UnknownJob,
)

ICON = Path(__file__).with_name("leaf.svg")
"""A file of ours: the browser would fetch one of Streamlit's symbols from Google."""

STATE_SECONDS = 1.0
"""How often a workload's state is renewed."""

AWAY_SECONDS = 2.0
"""How often a page that has found no Redis looks again."""

STORY_SECONDS = 0.4
"""How often a job's story is renewed while it goes on."""

LONG_PROMPT_CHARS, LONG_PROMPT_LINES, LONG_PROMPT_PIXELS = 300, 5, 128
"""A prompt that has more is shown in a box that scrolls: the answer should not begin screens further down."""

ARRIVAL_SECONDS = 0.05
"""How long what a fragment drew takes to be on its way to the browser; Streamlit sends every 0.01 s."""


def show() -> None:
    """Draw the page."""
    st.set_page_config(page_title="GreenScale", page_icon=ICON, layout="centered")
    st.title("GreenScale")
    try:
        address, names = _workloads()
    except (ValueError, QueueUnavailable):
        _redis_is_away()
        return
    name = _choose(list(names))
    client = _client(address, names[name])
    st.fragment(_workload, run_every=STATE_SECONDS)(client, name)
    _prompt(client)
    job_id = st.query_params.get("job")
    if job_id:
        _job(client, job_id)


def _workloads() -> tuple[RedisAddress, dict[str, str]]:
    """Return where Redis is, and name -> list of all workloads.

    While Redis is away they are those seen last: Streamlit forgets what stands in a field that it does not draw.

    Raises:
        ValueError: A variable is wrong.
        QueueUnavailable: Redis was away from the beginning.
    """
    address, default_list = read_settings()
    try:
        st.session_state["workloads"] = view.workload_names(address, default_list)
    except QueueUnavailable:
        if "workloads" not in st.session_state:
            raise
    return address, st.session_state["workloads"]


@st.fragment(run_every=AWAY_SECONDS)
def _redis_is_away() -> None:
    """Say what is wrong, and draw the whole page again once Redis answers."""
    try:
        _workloads()
    except (ValueError, QueueUnavailable) as error:
        st.error(sentence(str(error)), icon=":material/cloud_off:")
    else:
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
        _card(view.workload(client, name))
    except QueueUnavailable as error:
        st.error(str(error), icon=":material/cloud_off:")
    _let_it_arrive()


def _let_it_arrive() -> None:
    """Wait for what this fragment drew to leave: Streamlit drops what is unsent when the fragment's next run begins.

    It begins at once if this run took longer than its period. The page of a Redis that hangs never said so.
    """
    time.sleep(ARRIVAL_SECONDS)


def _card(seen: view.Workload) -> None:
    look = seen.look
    with st.container(border=True):
        st.markdown(f"**{seen.name}** &nbsp; :{look.colour}-badge[:material/{look.icon}: {look.word}]")
        st.markdown(harmless(seen.sentence))
        with st.container(horizontal=True, horizontal_alignment="distribute"):  # columns would stack on a phone
            st.metric("Waiting", seen.waiting, width="content")
            st.metric("Running", seen.running, width="content")
            st.metric("Workers", seen.replicas, width="content")
            st.metric("Dead", seen.dead, width="content")


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
        st.session_state["refusal"] = f"Not sent: {sentence(str(error))}"
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
        st.warning(harmless(sentence(str(error))), icon=":material/help:")
        return
    except QueueUnavailable:
        going_on = True  # said above; the story goes on once Redis is back
    st.fragment(_story, run_every=STORY_SECONDS if going_on else None)(watch, going_on=going_on)


def _story(watch: JobWatch, *, going_on: bool) -> None:
    try:
        story = watch.look()
    except UnknownJob as error:
        st.warning(harmless(sentence(str(error))), icon=":material/help:")
    except QueueUnavailable:
        st.caption("The story goes on once Redis is back.")
    else:
        if going_on and story.job.state.final:
            st.rerun()  # once more, and no more by itself
        _draw(watch, story)
    _let_it_arrive()


def _draw(watch: JobWatch, story: Story) -> None:
    prompt = story.job.prompt or "(the prompt cannot be read)"
    long = len(prompt) > LONG_PROMPT_CHARS or prompt.count("\n") >= LONG_PROMPT_LINES
    with (
        st.chat_message("user", avatar=":material/person:"),
        st.container(height=LONG_PROMPT_PIXELS if long else "content", border=False),
    ):
        st.text(prompt)
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
        st.toast(f"Not cancelled: {sentence(str(error))}", icon=":material/block:")
