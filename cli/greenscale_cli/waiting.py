"""Follows one job: a live line on stderr while it waits, its answer on stdout."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.status import Status
from rich.text import Text

from greenscale_cli.exits import Exit
from greenscale_cli.formatting import duration, harmless
from greenscale_cli.patience import Patience
from greenscale_cli.terminal import is_screen
from greenscale_jobs import Event, Job, JobClient, JobState, WorkloadState, WorkloadStatus

BROKE_OFF, AGAIN = "\n[the attempt broke off]\n", "\n[the attempt broke off; again]\n"
"""What stands behind a part of an answer that is no part of the result: it cannot be taken back from a pipe."""

LOOK_SECONDS = 0.5
"""How often the live line is renewed; all but a piece of the answer renews it at once."""


def waits_for(job: Job, workload: WorkloadStatus | None, *, now: float, streamed: int = 0) -> str:
    """Return what a job waits for, as the live line says it; `streamed` characters of its answer are there. Pure."""
    match job.state:
        case JobState.RUNNING:
            running = f"running on {job.worker} for {duration(now - (job.claimed_at or now))}"
            return running + (f"; streaming, {streamed} characters so far" if streamed else "")
        case JobState.DELAYED if job.due_at and not (job.attempts or job.last_failure):
            return f"due in {duration(job.due_at - now)}"
        case JobState.DELAYED:
            why = job.last_failure.message if job.last_failure else "the attempt failed"
            return f"tried again in {duration((job.due_at or now) - now)}: {why}"
        case JobState.WAITING:
            place = "next" if job.ahead == 0 else f"position {job.ahead + 1}" if job.ahead else "waiting"
            return f"{place}; {what_it_does(workload, now=now)}" if workload else place
        case _:
            return job.state.value


def workload_words(client: JobClient) -> str:
    """Return what the queue's workload does, as the live line says it; nothing where none is known."""
    workload = _workload_of(client)
    return what_it_does(workload, now=time.time()) if workload else ""


def what_it_does(workload: WorkloadStatus, *, now: float) -> str:
    """Return what a workload does for those who wait. Pure."""
    match workload.state:
        case WorkloadState.WAKING if workload.waking_since:
            return f"waking for {duration(now - workload.waking_since)}{_usually(workload)}"
        case WorkloadState.SCALED_TO_ZERO:
            return f"asleep, about to wake{_usually(workload)}"
        case WorkloadState.SUSPENDED | WorkloadState.DEGRADED:
            return f"{workload.name} is {workload.state.lower()}: {workload.message}"
        case _:
            return f"{workload.replicas} of {workload.max_replicas} workers at work"


def _usually(workload: WorkloadStatus) -> str:
    if not workload.usual_wake_seconds:
        return ""
    starts = "1 start" if workload.wakes == 1 else f"median of {workload.wakes} starts"
    return f", usually {duration(workload.usual_wake_seconds)} ({starts})"


def follow(client: JobClient, job_id: str, *, stream: bool) -> Job:
    """Wait until a job is final and return it, showing on stderr what it waits for.

    With `stream` the answer is written to stdout as it comes, with a mark where an attempt broke off; else the caller
    writes it. Raises QueueUnavailable where Redis stays away.
    """
    with _live_line() as line:
        patience = Patience(f"job {job_id}", show=lambda words: line.update(Text(words)))
        attempt, written = 0, ""
        for event in _ticking_events(client, job_id, line, patience):
            if not stream:
                continue
            if written and (event.type == "claimed" or event.attempt > attempt):
                write(AGAIN)
                written = ""
            if event.type == "delta":
                attempt = event.attempt
                line.stop()
                write(event.text)
                written += event.text
    job = patience.ask(lambda: client.job(job_id))
    if stream:
        _end(job, written)
    return job


def _end(job: Job, written: str) -> None:
    """Write what is missing of a streamed answer; what was written of an attempt that broke off is marked as such."""
    whole = (job.result or "") if job.state is JobState.DONE else None
    if written and (whole is None or not whole.startswith(written)):
        write(BROKE_OFF if whole is None else AGAIN)
        written = ""
    if whole is not None:
        write(whole.removeprefix(written) + "\n")


def _ticking_events(client: JobClient, job_id: str, line: "Status | _NoLine", patience: Patience) -> Iterator[Event]:
    """Yield the job's events until it is final, renewing the live line in between."""
    after, streamed, look_at = "0", 0, 0.0
    while True:
        if time.monotonic() >= look_at:
            job, workload = patience.ask(lambda: (client.job(job_id), _workload_of(client)))
            # A Text, for rich takes what is in brackets in a str for markup.
            line.update(Text(harmless(waits_for(job, workload, now=time.time(), streamed=streamed))))
            look_at = time.monotonic() + LOOK_SECONDS
        events = patience.ask(partial(client.next_events, job_id, after=after, wait_seconds=LOOK_SECONDS))
        claimed = max((place for place, event in enumerate(events) if event.type == "claimed"), default=0)
        for place, event in enumerate(events):
            after = event.id
            if event.type == "delta" and place < claimed:
                continue  # of an attempt that broke off before anybody saw it
            if event.type == "delta":
                streamed += len(event.text)
            else:
                streamed, look_at = 0, 0.0
            yield event
            if event.final:
                return
        if not events and job.state.final:
            return


def _workload_of(client: JobClient) -> WorkloadStatus | None:
    return next((told for told in client.workloads() if told.list_name == client.keys.list_name), None)


class _NoLine:
    """Where stderr is no terminal nothing is drawn."""

    def update(self, _: Text) -> None:
        """Draw nothing."""

    def stop(self) -> None:
        """Nothing is drawn."""


@contextmanager
def _live_line() -> Iterator["Status | _NoLine"]:
    if not is_screen(sys.stderr):
        yield _NoLine()
        return
    with Console(stderr=True).status("sent", spinner="dots") as status:
        yield status


def write(text: str) -> None:
    """Write a piece of an answer to stdout, made harmless where that is a terminal."""
    sys.stdout.write(harmless(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def exit_of(job: Job) -> Exit:
    """Return the exit status of a command that waited for this job."""
    return {JobState.DONE: Exit.DONE, JobState.CANCELLED: Exit.CANCELLED}.get(job.state, Exit.FAILED)
