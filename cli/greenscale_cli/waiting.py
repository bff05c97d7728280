"""Follows one job: a live status line on stderr while it waits, its answer on stdout."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.status import Status
from rich.text import Text

from greenscale_cli.exits import Exit
from greenscale_cli.formatting import harmless
from greenscale_cli.patience import Patience
from greenscale_cli.terminal import is_screen
from greenscale_jobs import Event, Job, JobClient, JobState, WorkloadState, WorkloadStatus
from greenscale_jobs.durations import duration

BROKE_OFF, AGAIN = "\n[the attempt broke off]\n", "\n[the attempt broke off; retrying]\n"
"""Marks a part of an answer that is not part of the result: it cannot be removed from a pipe."""

POLL_SECONDS = 0.5
"""How often the live line is refreshed; every event but a piece of the answer refreshes it at once."""


def waiting_for(job: Job, workload: WorkloadStatus | None, *, now: float, streamed: int = 0) -> str:
    """Return what a job waits for, for the live line; `streamed` characters of its answer have arrived. Pure."""
    match job.state:
        case JobState.RUNNING:
            running = f"running on {job.worker} for {duration(now - (job.claimed_at or now))}"
            return running + (f"; streaming, {streamed} characters so far" if streamed else "")
        case JobState.DELAYED if job.due_at and not (job.attempts or job.last_failure):
            return f"due in {duration(job.due_at - now)}"
        case JobState.DELAYED:
            why = job.last_failure.message if job.last_failure else "the attempt failed"
            return f"next try in {duration((job.due_at or now) - now)}: {why}"
        case JobState.WAITING:
            place = "waiting" if job.ahead is None else _place(job.ahead)
            return f"{place}; {state_text(workload, now=now)}" if workload else place
        case _:
            return job.state.value


def workload_text(client: JobClient) -> str:
    """Return what the queue's workload does, for the live line; empty if the queue has no workload."""
    workload = _workload_of(client)
    return state_text(workload, now=time.time()) if workload else ""


def state_text(workload: WorkloadStatus, *, now: float) -> str:
    """Return what a workload does while a job waits. Pure."""
    match workload.state:
        case WorkloadState.WAKING if workload.waking_since:
            return f"waking for {duration(now - workload.waking_since)}{_usual_time(workload)}"
        case WorkloadState.SCALED_TO_ZERO:
            return f"asleep, about to wake{_usual_time(workload)}"
        case WorkloadState.SUSPENDED | WorkloadState.DEGRADED:
            return f"{workload.name} is {workload.state.lower()}: {workload.message}"
        case _:
            return f"{workload.replicas} of {workload.max_replicas} workers running"


def _place(ahead: int) -> str:
    return f"{ahead} {'job' if ahead == 1 else 'jobs'} ahead" if ahead else "next in line"


def _usual_time(workload: WorkloadStatus) -> str:
    if not workload.usual_wake_seconds:
        return ""
    starts = "1 start" if workload.wakes == 1 else f"median of {workload.wakes} starts"
    return f", usually {duration(workload.usual_wake_seconds)} ({starts})"


def follow(client: JobClient, job_id: str, *, stream: bool) -> Job:
    """Wait until a job is final and return it; stderr shows what it waits for.

    With `stream` the answer goes to stdout as it arrives, with a mark where an attempt broke off; otherwise the caller
    writes it. Raises QueueUnavailable if Redis stays unavailable.
    """
    with _live_line() as line:
        patience = Patience(f"job {job_id}", show=lambda text: line.update(Text(text)))
        attempt, written = 0, ""
        for event in _events(client, job_id, line, patience):
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
    """Write the missing rest of a streamed answer; mark what was written of an attempt that broke off."""
    full = (job.result or "") if job.state is JobState.DONE else None
    if written and (full is None or not full.startswith(written)):
        write(BROKE_OFF if full is None else AGAIN)
        written = ""
    if full is not None:
        write(full.removeprefix(written) + "\n")


def _events(client: JobClient, job_id: str, line: "Status | _NoLine", patience: Patience) -> Iterator[Event]:
    """Yield the job's events until it is final, refreshing the live line in between."""
    after, streamed, refresh_at = "0", 0, 0.0
    while True:
        if time.monotonic() >= refresh_at:
            job, workload = patience.ask(lambda: (client.job(job_id), _workload_of(client)))
            # A Text: in a str, rich takes brackets for markup.
            line.update(Text(harmless(waiting_for(job, workload, now=time.time(), streamed=streamed))))
            refresh_at = time.monotonic() + POLL_SECONDS
        events = patience.ask(partial(client.next_events, job_id, after=after, wait_seconds=POLL_SECONDS))
        claimed = max((place for place, event in enumerate(events) if event.type == "claimed"), default=0)
        for place, event in enumerate(events):
            after = event.id
            if event.type == "delta" and place < claimed:
                continue  # of an attempt that broke off before it was printed
            if event.type == "delta":
                streamed += len(event.text)
            else:
                streamed, refresh_at = 0, 0.0
            yield event
            if event.final:
                return
        if not events and job.state.final:
            return


def _workload_of(client: JobClient) -> WorkloadStatus | None:
    return next((status for status in client.workloads() if status.list_name == client.keys.list_name), None)


class _NoLine:
    """Draws nothing: stderr is not a terminal."""

    def update(self, _: Text) -> None:
        """Draw nothing."""

    def stop(self) -> None:
        """Do nothing."""


@contextmanager
def _live_line() -> Iterator["Status | _NoLine"]:
    if not is_screen(sys.stderr):
        yield _NoLine()
        return
    with Console(stderr=True).status("sent", spinner="dots") as status:
        yield status


def write(text: str) -> None:
    """Write a piece of an answer to stdout, made harmless if that is a terminal."""
    sys.stdout.write(harmless(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def exit_of(job: Job) -> Exit:
    """Return the exit status of a command that waited for this job."""
    return {JobState.DONE: Exit.DONE, JobState.CANCELLED: Exit.CANCELLED}.get(job.state, Exit.FAILED)
