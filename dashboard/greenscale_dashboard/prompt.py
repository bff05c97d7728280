"""Prompt: send one, and follow it from the queue to its answer and back to sleep."""

import streamlit as st

from greenscale_dashboard import overview
from greenscale_dashboard.context import Context
from greenscale_dashboard.fragments import STATE_SECONDS, let_it_arrive
from greenscale_dashboard.view.story import JobWatch, Story
from greenscale_dashboard.words import harmless, sentence
from greenscale_jobs import InvalidItem, JobClient, JobState, QueueError, QueueUnavailable, UnknownJob

STORY_SECONDS = 0.4
"""How often a job's story is renewed while it goes on."""

LONG_PROMPT_CHARS, LONG_PROMPT_LINES, LONG_PROMPT_PIXELS = 300, 5, 128
"""A prompt that has more is shown in a box that scrolls: the answer should not begin screens further down."""


def show(context: Context) -> None:
    """Draw the page."""
    name = context.choose()
    client = context.client(name)
    st.fragment(overview.card, run_every=STATE_SECONDS)(context, name)
    if context.may_change:
        _form(client)
    job_id = st.query_params.get("job")
    if job_id:
        _job(client, job_id, may_change=context.may_change)


def _form(client: JobClient) -> None:
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
    let_it_arrive()


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
