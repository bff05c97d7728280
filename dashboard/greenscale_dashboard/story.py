"""Draws a conversation and the story of its last job: each step with its seconds, the answer as it grows."""

import streamlit as st

from greenscale_dashboard.formatting import harmless, opening, plain, seconds, sentence
from greenscale_dashboard.fragments import STORY_SECONDS, let_it_arrive
from greenscale_dashboard.view.story import JobWatch, Step, Story
from greenscale_jobs import Job, JobClient, JobState, QueueError, QueueUnavailable, UnknownJob

LONG_PROMPT_CHARS, LONG_PROMPT_LINES, LONG_PROMPT_PIXELS = 300, 5, 128
"""A prompt that has more is shown in a box that scrolls: the answer should not begin screens further down."""

MAX_CHARS = 20_000
"""More of one text is not drawn: a browser needs seconds for a megabyte of markdown. It can be downloaded whole."""

MAX_TURNS = 40
"""Of a longer conversation only so many turns are drawn, the last."""

PERSON, MODEL = ":material/person:", ":material/eco:"


def show(client: JobClient, job_id: str, job: Job | None, *, may_change: bool) -> bool:
    """Draw the conversation that ends with a job; return whether its answer is still to come."""
    watch = st.session_state.get("watch")
    if watch is None or watch.job_id != job_id:
        watch = st.session_state["watch"] = JobWatch(client, job_id)
    if job:
        _said_before(job)
    going_on = not (job.state.final if job else watch.final)
    unsettled = going_on or not watch.settled
    st.fragment(_go_on, run_every=STORY_SECONDS if unsettled else None)(watch, may_change=may_change)
    return going_on


def _go_on(watch: JobWatch, *, may_change: bool) -> None:
    was_final, was_settled = watch.final, watch.settled
    try:
        story = watch.look()
    except UnknownJob as error:
        st.warning(plain(opening(str(error))), icon=":material/help:")
    except QueueUnavailable:
        st.markdown("The story goes on once Redis is back.")
    else:
        _draw(watch, story, may_change=may_change)
    let_it_arrive()
    if (watch.final, watch.settled) != (was_final, was_settled):
        st.rerun()  # the field opens again; once all is settled, no more by itself


def _draw(watch: JobWatch, story: Story, *, may_change: bool) -> None:
    job = story.job
    _said_by_person(job.prompt if job.prompt is not None else "(the prompt cannot be read)")
    with st.chat_message("assistant", avatar=MODEL):
        st.markdown(line(story))
        if story.answer:
            _answer(story.answer, key=watch.job_id, whole=job.state.final)
        if job.state is JobState.DEAD and job.error:
            st.error(f"**{plain(job.error.reason)}**: {plain(job.error.message)}", icon=":material/error:")
        if job.outcome and job.outcome.cut_off:
            st.markdown(":small[The answer was cut off at maxTokens.]")
        if job.state is JobState.CANCELLED:
            st.info("Cancelled.", icon=":material/cancel:")
        if story.now:
            st.markdown(plain(story.now))
            if may_change:
                st.button(
                    "Cancel", key=f"cancel-{watch.job_id}", icon=":material/close:", on_click=_cancel, args=(watch,)
                )


def line(story: Story) -> str:
    """Return a job's steps as one line of markdown: what is over, what goes on, what is to come."""
    parts = " › ".join(_step(step) for step in story.steps)  # noqa: RUF001
    if story.total_seconds is None:
        return f":small[{parts}]"
    asleep = "" if story.asleep_seconds is None else f", {seconds(story.asleep_seconds)} of it asleep"
    return f":small[{parts} &ensp; :gray[({seconds(story.total_seconds)} in all{asleep})]]"


def _step(step: Step) -> str:
    if step.to_come:
        return f":gray[{step.name}]"
    if step.going_on:
        return f":orange-badge[:material/pending: {step.name} {seconds(step.seconds)}]"
    return f"{step.name} **{seconds(step.seconds)}**"


def _said_before(job: Job) -> None:
    hidden = max(0, len(job.history) - MAX_TURNS)
    if hidden:
        st.markdown(f":small[The first {hidden:,} turns are not shown; the model is given them too.]")
    for number, turn in enumerate(job.history[hidden:]):
        if turn.role == "user":
            _said_by_person(turn.content)
        else:
            _said_by_model(turn.content, key=f"{job.id}-{number}")


def _said_by_person(prompt: str) -> None:
    long = len(prompt) > LONG_PROMPT_CHARS or prompt.count("\n") >= LONG_PROMPT_LINES
    with (
        st.chat_message("user", avatar=PERSON),
        st.container(height=LONG_PROMPT_PIXELS if long else "content", border=False),
    ):
        st.text(prompt[:MAX_CHARS])
        if len(prompt) > MAX_CHARS:
            st.markdown(f"The first {MAX_CHARS:,} of {len(prompt):,} characters.")


def _said_by_model(answer: str, *, key: str) -> None:
    with st.chat_message("assistant", avatar=MODEL):
        _answer(answer, key=key, whole=True)


def _answer(answer: str, *, key: str, whole: bool) -> None:
    st.markdown(harmless(answer[:MAX_CHARS]))
    if len(answer) <= MAX_CHARS:
        return
    st.markdown(f"The first {MAX_CHARS:,} of {len(answer):,} characters{'' if whole else ' so far'}.")
    if whole:
        st.download_button(
            "The whole answer", answer, "answer.md", "text/markdown", key=f"whole-{key}", on_click="ignore"
        )


def _cancel(watch: JobWatch) -> None:
    try:
        watch.cancel()
    except QueueError as error:
        st.toast(f"Not cancelled: {plain(sentence(str(error)))}", icon=":material/block:")
