"""A job in words: as a row of a table, as the story of its life, and what may be done with it."""

import dataclasses
import datetime as dt

from greenscale_dashboard.formatting import counted, opening, seconds, sentence
from greenscale_dashboard.times import when
from greenscale_jobs import Job, JobClient, JobState

STATES = {
    JobState.RUNNING: "Running",
    JobState.WAITING: "Waiting",
    JobState.DELAYED: "Later",
    JobState.DEAD: "Dead",
    JobState.DONE: "Done",
    JobState.CANCELLED: "Cancelled",
}
"""How a job's state is called."""

COLOURS = {
    JobState.RUNNING: "green",
    JobState.WAITING: "blue",
    JobState.DELAYED: "violet",
    JobState.DEAD: "red",
    JobState.DONE: "gray",
    JobState.CANCELLED: "gray",
}
"""Each state's colour, one of Streamlit's; never without its word."""

CUT_OFF = "cut off at maxTokens"

STRAY = "stray: it lies in no list, so no worker finds it; greenscale jobs retry {id} puts it back"

EXCERPT_CHARS = 200
"""What a row shows of a text; a cell shows less of it and the rest on a click."""


@dataclasses.dataclass(frozen=True)
class Row:
    """A job as a line of the table."""

    state: str
    prompt: str
    last: str
    """Its answer, or why it failed, in words."""
    sent: str
    took: str


def row(job: Job, *, now: float, zone: dt.tzinfo) -> Row:
    """Return a job as a line of the table."""
    return Row(
        state=STATES[job.state],
        prompt=excerpt(job.prompt) if job.prompt is not None else "(cannot be read)",
        last=_last(job),
        sent=when(job.submitted_at, now=now, zone=zone),
        took=_took(job, now=now),
    )


def excerpt(text: str) -> str:
    """Return the beginning of a text as one line."""
    line = " ".join(text[: 2 * EXCERPT_CHARS].split())
    return line if len(line) <= EXCERPT_CHARS else f"{line[: EXCERPT_CHARS - 1]}…"


def _last(job: Job) -> str:
    if job.result is not None:
        return excerpt(job.result)
    return excerpt(opening(job.last_failure.message)) if job.last_failure else ""


def _took(job: Job, *, now: float) -> str:
    """Return how long it took in all, or what it does since when."""
    if job.state is JobState.RUNNING and job.claimed_at:
        return f"running for {seconds(now - job.claimed_at)}"
    if job.state is JobState.DELAYED and job.due_at:
        return f"due in {seconds(job.due_at - now)}"
    if job.state is JobState.WAITING:
        return f"waiting for {seconds(now - job.submitted_at)}" if job.submitted_at else seconds(None)
    if job.finished_at and job.submitted_at:
        return seconds(job.finished_at - job.submitted_at)
    return seconds(None)


@dataclasses.dataclass(frozen=True)
class Moment:
    """Something that happened to a job, or will."""

    at: float | None
    """Unix seconds; None where nobody measured it."""
    what: str


def life(job: Job) -> list[Moment]:
    """Return what happened to a job, in order. Pure.

    Only the last claim's time is kept with a job; those before it show in what they led to.
    """
    sent = "Sent" if job.submitted_at else "Pushed by another client, nobody measured when"
    moments = [Moment(job.submitted_at, sent)]
    if job.claimed_at:
        moments.append(Moment(job.claimed_at, f"Taken by worker {job.worker}" if job.worker else "Taken by a worker"))
    moments += [
        Moment(error.at, f"Attempt {error.attempt} failed, {error.reason}: {sentence(error.message)}")
        for error in job.errors
    ]
    if job.uncharged:
        times = "once" if job.uncharged.count == 1 else f"{job.uncharged.count:,} times"
        why = f"{job.uncharged.reason}: {sentence(job.uncharged.message)}"
        moments.append(Moment(job.uncharged.first_at, "First try without charge"))
        moments.append(Moment(job.uncharged.last_at, f"Tried {times} without charge, the last: {why}"))
    if job.outcome and job.outcome.first_token_at:
        moments.append(Moment(job.outcome.first_token_at, "First words of the answer"))
    if job.finished_at:
        moments.append(Moment(job.finished_at, STATES[job.state]))
    if job.due_at and job.state is JobState.DELAYED:
        moments.append(Moment(job.due_at, "Due again" if job.last_failure else "Due"))
    return sorted(moments, key=lambda moment: moment.at or 0.0)


def facts(job: Job) -> str:
    """Return what else is known of a job, in one line. Pure."""
    outcome = job.outcome
    usage = outcome.usage if outcome else None
    told = [
        f"worker {job.worker}" if job.worker else None,
        f"{job.attempts} attempts" if job.attempts > 1 else None,
        f"with {counted(len(job.history), 'turn')} said before" if job.history else None,
        outcome.model if outcome else None,
        f"{usage.prompt_tokens:,} prompt tokens" if usage and usage.prompt_tokens is not None else None,
        f"{usage.completion_tokens:,} answer tokens" if usage and usage.completion_tokens is not None else None,
        f"at most {job.parameters.max_tokens:,} tokens asked for" if job.parameters.max_tokens else None,
        f"temperature {job.parameters.temperature}" if job.parameters.temperature is not None else None,
        CUT_OFF if outcome and outcome.cut_off else None,
        f"was there when an engine or worker was lost ({job.losses})" if job.losses else None,
        f"was alone when an engine or worker was lost ({job.lost_alone})" if job.lost_alone else None,
        "suspect: runs alone" if job.suspect else None,
        STRAY.format(id=job.id) if job.stray else None,
    ]
    return " · ".join(fact for fact in told if fact)


def retry(client: JobClient, job_id: str) -> None:
    """Send a dead job again; one that is dead no more is left alone."""
    client.redrive([job_id])


def cancel(client: JobClient, job_id: str) -> None:
    """Cancel a job; raises UnknownJob."""
    client.cancel(job_id)
