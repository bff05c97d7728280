"""Draws a conversation and the progress of its last job: each step with its seconds, and the answer as it grows."""

import streamlit as st

from greenscale_dashboard.formatting import harmless, opening, plain, seconds, sentence
from greenscale_dashboard.fragments import PROGRESS_SECONDS, let_it_arrive
from greenscale_dashboard.view.progress import JobProgress, JobWatch, Step
from greenscale_jobs import Job, JobClient, JobState, QueueError, QueueUnavailable, UnknownJob

LONG_PROMPT_CHARS, LONG_PROMPT_LINES, LONG_PROMPT_PIXELS = 300, 5, 128
"""A longer prompt is drawn in a box that scrolls, so that the answer does not begin several screens further down."""

MAX_CHARS = 20_000
"""The most that is drawn of one text, as browsers take seconds for a megabyte of markdown; all can be downloaded."""

MAX_TURNS = 40
"""Of a longer conversation only the last turns are drawn."""

PERSON, MODEL = ":material/person:", ":material/eco:"


def show(client: JobClient, job_id: str, job: Job | None, *, may_change: bool) -> bool:
    """Draw the conversation that ends with a job; return whether its answer is still to come."""
    watch = st.session_state.get("watch")
    if watch is None or watch.job_id != job_id:
        watch = st.session_state["watch"] = JobWatch(client, job_id)
    if job:
        _earlier_turns(job)
    going_on = not (job.state.final if job else watch.final)
    unfinished = going_on or not watch.complete
    st.fragment(_go_on, run_every=PROGRESS_SECONDS if unfinished else None)(watch, may_change=may_change)
    return going_on


def _go_on(watch: JobWatch, *, may_change: bool) -> None:
    was_final, was_complete = watch.final, watch.complete
    try:
        progress = watch.read()
    except UnknownJob as error:
        st.warning(plain(opening(str(error))), icon=":material/help:")
    except QueueUnavailable:
        st.markdown("The progress is shown again when Redis is back.")
    else:
        _draw(watch, progress, may_change=may_change)
    let_it_arrive()
    if (watch.final, watch.complete) != (was_final, was_complete):
        st.rerun()  # the input opens again; once nothing will change, the fragment stops running


def _draw(watch: JobWatch, progress: JobProgress, *, may_change: bool) -> None:
    job = progress.job
    _prompt(job.prompt if job.prompt is not None else "(unreadable prompt)")
    with st.chat_message("assistant", avatar=MODEL):
        with st.container():
            _progress(watch, progress, may_change=may_change)
        with st.container():
            _outcome(job, progress.answer)


def _progress(watch: JobWatch, progress: JobProgress, *, may_change: bool) -> None:
    """Draw it above the answer: a button that the growing answer pushes down is not under the pointer on release."""
    st.markdown(line(progress))
    if not progress.now:
        st.empty()  # in the place of the button: else that stays until the browser hears of this run's end
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if may_change:
            st.button("Cancel", key=f"cancel-{watch.job_id}", icon=":material/close:", on_click=_cancel, args=(watch,))
        st.markdown(plain(progress.now))


def _outcome(job: Job, answer: str) -> None:
    if answer:
        _answer(answer, key=job.id, complete=job.state.final)
    if job.state is JobState.DEAD and job.error:
        st.error(f"**{plain(job.error.reason)}**: {plain(job.error.message)}", icon=":material/error:")
    if job.outcome and job.outcome.cut_off:
        st.markdown(":small[The answer was cut off at maxTokens.]")
    if job.state is JobState.CANCELLED:
        st.info("Cancelled.", icon=":material/cancel:")


def line(progress: JobProgress) -> str:
    """Return a job's steps as one line of markdown: finished, going on, and to come."""
    parts = " › ".join(_step(step) for step in progress.steps)  # noqa: RUF001
    if progress.total_seconds is None:
        return f":small[{parts}]"
    asleep = "" if progress.asleep_seconds is None else f", {seconds(progress.asleep_seconds)} of it asleep"
    return f":small[{parts} &ensp; :gray[({seconds(progress.total_seconds)} in all{asleep})]]"


def _step(step: Step) -> str:
    if step.to_come:
        return f":gray[{step.name}]"
    if step.going_on:
        return f":orange-badge[:material/pending: {step.name} {seconds(step.seconds)}]"
    return f"{step.name} **{seconds(step.seconds)}**"


def _earlier_turns(job: Job) -> None:
    hidden = max(0, len(job.history) - MAX_TURNS)
    if hidden:
        st.markdown(f":small[The first {hidden:,} turns are not shown here; the model receives them too.]")
    for number, turn in enumerate(job.history[hidden:]):
        if turn.role == "user":
            _prompt(turn.content)
        else:
            _earlier_answer(turn.content, key=f"{job.id}-{number}")


def _prompt(prompt: str) -> None:
    long = len(prompt) > LONG_PROMPT_CHARS or prompt.count("\n") >= LONG_PROMPT_LINES
    with (
        st.chat_message("user", avatar=PERSON),
        st.container(height=LONG_PROMPT_PIXELS if long else "content", border=False),
    ):
        st.text(prompt[:MAX_CHARS])
        if len(prompt) > MAX_CHARS:
            st.markdown(f"The first {MAX_CHARS:,} of {len(prompt):,} characters.")


def _earlier_answer(answer: str, *, key: str) -> None:
    with st.chat_message("assistant", avatar=MODEL):
        _answer(answer, key=key, complete=True)


def _answer(answer: str, *, key: str, complete: bool) -> None:
    st.markdown(harmless(answer[:MAX_CHARS]))
    if len(answer) <= MAX_CHARS:
        return
    st.markdown(f"The first {MAX_CHARS:,} of {len(answer):,} characters{'' if complete else ' so far'}.")
    if complete:
        st.download_button(
            "Download the full answer", answer, "answer.md", "text/markdown", key=f"answer-{key}", on_click="ignore"
        )


def _cancel(watch: JobWatch) -> None:
    try:
        watch.cancel()
    except QueueError as error:
        st.toast(f"Not cancelled: {plain(sentence(str(error)))}", icon=":material/block:")
