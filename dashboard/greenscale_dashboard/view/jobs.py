"""A job as text: a row of the table, its timeline, its details; and what a viewer may do with it."""

import dataclasses
import datetime as dt

from greenscale_dashboard.formatting import counted, opening, seconds, sentence
from greenscale_dashboard.times import when
from greenscale_jobs import Job, JobClient, JobState

STATES = {
    JobState.RUNNING: "Running",
    JobState.WAITING: "Waiting",
    JobState.DELAYED: "Scheduled",
    JobState.DEAD: "Dead",
    JobState.DONE: "Done",
    JobState.CANCELLED: "Cancelled",
}
"""The label of each job state."""

COLOURS = {
    JobState.RUNNING: "green",
    JobState.WAITING: "blue",
    JobState.DELAYED: "violet",
    JobState.DEAD: "red",
    JobState.DONE: "gray",
    JobState.CANCELLED: "gray",
}
"""Each state's colour, one of Streamlit's; the label always stands beside it."""

CUT_OFF = "cut off at maxTokens"

STRAY = "stray: it is in no list, so no worker can claim it; greenscale jobs retry {id} puts it back"

EXCERPT_CHARS = 200
"""The most that a row has of a text; a cell shows less, and the rest on a click."""


@dataclasses.dataclass(frozen=True)
class Row:
    """A job as a line of the table."""

    state: str
    prompt: str
    answer_or_error: str
    sent: str
    took: str


def row(job: Job, *, now: float, zone: dt.tzinfo) -> Row:
    """Return a job as a line of the table."""
    return Row(
        state=STATES[job.state],
        prompt=excerpt(job.prompt) if job.prompt is not None else "(unreadable)",
        answer_or_error=_answer_or_error(job),
        sent=when(job.submitted_at, now=now, zone=zone),
        took=_took(job, now=now),
    )


def excerpt(text: str) -> str:
    """Return the beginning of a text as one line."""
    line = " ".join(text[: 2 * EXCERPT_CHARS].split())
    return line if len(line) <= EXCERPT_CHARS else f"{line[: EXCERPT_CHARS - 1]}…"


def _answer_or_error(job: Job) -> str:
    if job.result is not None:
        return excerpt(job.result)
    return excerpt(opening(job.last_failure.message)) if job.last_failure else ""


def _took(job: Job, *, now: float) -> str:
    """Return how long the job took in all, or how long it has been in its state."""
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
class TimelineEntry:
    """Something that happened to a job, or will happen."""

    at: float | None
    """Unix seconds; None if not measured."""
    what: str


def timeline(job: Job) -> list[TimelineEntry]:
    """Return what happened to a job, in order. Pure.

    A job keeps only the time of its last claim; earlier claims show in what they led to.
    """
    sent = "Sent" if job.submitted_at else "Pushed by another client, time not recorded"
    entries = [TimelineEntry(job.submitted_at, sent)]
    if job.claimed_at:
        entries.append(
            TimelineEntry(job.claimed_at, f"Claimed by worker {job.worker}" if job.worker else "Claimed by a worker")
        )
    entries += [
        TimelineEntry(error.at, f"Attempt {error.attempt} failed, {error.reason}: {sentence(error.message)}")
        for error in job.errors
    ]
    if job.uncharged:
        times = "once" if job.uncharged.count == 1 else f"{job.uncharged.count:,} times"
        why = f"{job.uncharged.reason}: {sentence(job.uncharged.message)}"
        entries.append(TimelineEntry(job.uncharged.first_at, "First uncharged try"))
        entries.append(
            TimelineEntry(job.uncharged.last_at, f"Tried {times} without being charged, most recently: {why}")
        )
    if job.outcome and job.outcome.first_token_at:
        entries.append(TimelineEntry(job.outcome.first_token_at, "First token"))
    if job.finished_at:
        entries.append(TimelineEntry(job.finished_at, STATES[job.state]))
    if job.due_at and job.state is JobState.DELAYED:
        entries.append(TimelineEntry(job.due_at, "Next try" if job.last_failure else "Due"))
    return sorted(entries, key=lambda entry: entry.at or 0.0)


def details(job: Job) -> str:
    """Return what else is known about a job, in one line. Pure."""
    outcome = job.outcome
    usage = outcome.usage if outcome else None
    parts = [
        f"worker {job.worker}" if job.worker else None,
        f"{job.attempts} attempts" if job.attempts > 1 else None,
        f"{counted(len(job.history), 'earlier turn')}" if job.history else None,
        outcome.model if outcome else None,
        f"{usage.prompt_tokens:,} prompt tokens" if usage and usage.prompt_tokens is not None else None,
        f"{usage.completion_tokens:,} answer tokens" if usage and usage.completion_tokens is not None else None,
        f"maxTokens {job.parameters.max_tokens:,}" if job.parameters.max_tokens else None,
        f"temperature {job.parameters.temperature}" if job.parameters.temperature is not None else None,
        CUT_OFF if outcome and outcome.cut_off else None,
        f"was running when an engine or worker was lost ({counted(job.losses, 'time')})" if job.losses else None,
        f"was running alone when an engine or worker was lost ({counted(job.lost_alone, 'time')})"
        if job.lost_alone
        else None,
        "suspect: runs alone" if job.suspect else None,
        STRAY.format(id=job.id) if job.stray else None,
    ]
    return " · ".join(part for part in parts if part)


def retry(client: JobClient, job_id: str) -> None:
    """Retry a dead job; a job that is no longer dead stays as it is."""
    client.redrive([job_id])


def cancel(client: JobClient, job_id: str) -> None:
    """Cancel a job; raises UnknownJob."""
    client.cancel(job_id)
