"""Prompt: a conversation, each prompt followed from the queue to its answer; or a batch of prompts."""

import streamlit as st

from greenscale_dashboard import batch, conversation, parameters
from greenscale_dashboard.context import Context
from greenscale_dashboard.formatting import plain, sentence
from greenscale_dashboard.fragments import STATE_SECONDS, let_it_arrive
from greenscale_dashboard.overview import headline
from greenscale_dashboard.view.conversation import Turns, turns_so_far
from greenscale_dashboard.view.workloads import workload
from greenscale_jobs import InvalidItem, Job, JobClient, QueueError, QueueFull, QueueUnavailable, UnknownJob

CHAT, BATCH = "Chat", "Batch"


def show(context: Context) -> None:
    """Draw the page."""
    name = context.choose()
    client = context.client(name)
    st.fragment(_state, run_every=STATE_SECONDS)(context, name)
    job_id = st.query_params.get("job")
    if context.may_change and _mode() == BATCH and not job_id:
        batch.show(context, name)
        return
    job, going_on = None, False
    # One container for all of it: whatever replaces the container removes the conversation at once. Streamlit itself
    # removes it only when the browser learns that this run has ended.
    with st.container() if job_id else st.empty():
        if job_id:
            job = _find(client, job_id)
            going_on = conversation.show(client, job_id, job, may_change=context.may_change)
    if context.may_change:
        _form(client, name, job, going_on=going_on)


def _state(context: Context, name: str) -> None:
    """Draw what the workload does now, as a headline and a sentence."""
    try:
        current = workload(context.address, name, context.workloads[name], local=context.local)
    except QueueUnavailable as error:
        st.error(plain(sentence(str(error))), icon=":material/cloud_off:")
        st.empty()  # in the sentence's place
    else:
        st.title(headline(current), anchor=False)
        st.markdown(plain(current.sentence))
    let_it_arrive()


def _mode() -> str:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        chosen = st.radio(
            "Mode",
            [CHAT, BATCH],
            horizontal=True,
            label_visibility="collapsed",
            width="content",
            on_change=_new_chat,
        )
        if "job" in st.query_params:
            st.button("New chat", icon=":material/add_comment:", type="tertiary", on_click=_new_chat)
    return str(chosen)


def _new_chat() -> None:
    st.query_params.pop("job", None)


def _find(client: JobClient, job_id: str) -> Job | None:
    """Return the job; None if Redis is unavailable or no such job exists: the page reports both elsewhere."""
    try:
        return client.job(job_id)
    except (UnknownJob, QueueUnavailable):
        return None


def _form(client: JobClient, name: str, job: Job | None, *, going_on: bool) -> None:
    history = turns_so_far(job) if job else ()
    placeholder = "Ask a follow-up." if history else "Ask anything."
    with st.bottom, st.form("prompt", border=False):
        st.text_area(
            "Prompt",
            key="text",
            placeholder=f"{placeholder} Ctrl+Enter to send.",
            height=68,
            label_visibility="collapsed",
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            st.form_submit_button(
                "Send",
                icon=":material/send:",
                type="primary",
                disabled=going_on,
                help="Wait for the current answer, or cancel it." if going_on else None,
                on_click=_send,
                args=(client, name, history),
            )
            parameters.draw()
        refusal = st.session_state.pop("refusal", None)
        if refusal:
            st.error(refusal, icon=":material/block:")


def _send(client: JobClient, name: str, history: Turns) -> None:
    """Submit the prompt; if that fails, the text stays in its field."""
    try:
        job_id = client.submit(st.session_state["text"], parameters=parameters.chosen(), history=history)
    except QueueFull as error:
        st.session_state["refusal"] = f"Not sent to {plain(name)}: {plain(sentence(str(error)))}"
    except (InvalidItem, QueueError) as error:
        st.session_state["refusal"] = f"Not sent: {plain(sentence(str(error)))}"
    else:
        st.session_state["text"] = ""
        st.query_params["job"] = job_id
