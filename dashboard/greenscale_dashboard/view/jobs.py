"""The jobs of a workload: found in Redis page by page, and told in words."""

import dataclasses
import datetime as dt
import time
from collections.abc import Callable

from greenscale_dashboard.times import when
from greenscale_dashboard.view import workloads
from greenscale_dashboard.view.cache import client, shared
from greenscale_dashboard.view.workloads import FRESH_SECONDS
from greenscale_dashboard.words import counted, seconds, sentence
from greenscale_jobs import Found, Job, JobClient, JobState, RedisAddress

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

LISTED = (JobState.RUNNING, JobState.WAITING, JobState.DELAYED, JobState.DEAD, JobState.DONE)
"""What is listed where all states are wanted, in this order; the cancelled are kept among the done."""

PAGE_JOBS = 50
SEARCH_SECONDS = 1.0
"""How long one page is searched for: after that a viewer decides whether to go on."""

SHARE_OF_TIME = 0.05
"""A page that a viewer leaves open searches for at most so much of the time, though jobs come and go."""

STALE_SECONDS = 30.0
"""Results expire without a change of the queue's numbers."""

EXCERPT_CHARS = 200
"""What a row shows of a text; a cell shows less of it and the rest on a click."""


Counts = dict[JobState, int]


@dataclasses.dataclass(frozen=True)
class Filter:
    """Which jobs are wanted."""

    states: tuple[JobState, ...] = LISTED
    text: str = ""
    """In the prompt, the answer, the last error, the id or the worker; A to Z in any case."""
    age: float | None = None
    """Finished, else taken, else sent within so many seconds before now."""
    since: float | None = None
    until: float | None = None
    """The same between these, in Unix seconds."""

    @property
    def bare(self) -> bool:
        """Whether every job of the states is wanted."""
        return self == Filter(self.states)


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a page of a search begins."""

    state: int = 0
    """Which of the filter's states."""
    cursor: int = 0
    """Where in it."""
    looked_at: int = 0
    """Jobs that were looked at before."""
    found: int = 0
    """Jobs that were found before."""

    def after(self, found: Found, *, states: int) -> "Place | None":
        """Return where the search goes on after this much of it; None where all was looked at."""
        looked_at, count = self.looked_at + found.looked_at, self.found + len(found.jobs)
        if found.cursor is not None:
            return Place(self.state, found.cursor, looked_at, count)
        return Place(self.state + 1, 0, looked_at, count) if self.state + 1 < states else None


BEGINNING = Place()


@dataclasses.dataclass(frozen=True)
class Sheet:
    """One page of what was found."""

    jobs: tuple[Job, ...]
    begins: Place
    goes_on: Place | None
    """Where the next page begins; None where all was looked at."""
    full: bool
    """Whether as many were found as a page takes."""


def find(
    client: JobClient,
    wanted: Filter,
    begins: Place = BEGINNING,
    *,
    limit: int = PAGE_JOBS,
    most_seconds: float = SEARCH_SECONDS,
) -> Sheet:
    """Return a page of jobs: it ends when it is full, when all was looked at, or when `most_seconds` have gone.

    Jobs move while one looks: the same one may stand on two pages, and a new one on none that was turned.
    """
    deadline = time.monotonic() + most_seconds
    since = wanted.since if wanted.age is None else time.time() - wanted.age
    jobs: list[Job] = []
    place: Place | None = begins
    while place and len(jobs) < limit:
        found = client.search(
            wanted.states[place.state],
            text=wanted.text,
            since=since,
            until=wanted.until,
            cursor=place.cursor,
            limit=limit - len(jobs),
        )
        jobs += found.jobs
        place = place.after(found, states=len(wanted.states))
        if time.monotonic() > deadline:
            break
    return Sheet(tuple(jobs), begins, place, full=len(jobs) >= limit)


class Listing:
    """What one viewer looks at: read anew when the queue has changed, but never for much of the time."""

    def __init__(self, wanted: Filter) -> None:
        self.wanted = wanted
        self.places = [BEGINNING]
        """The pages up to the one that is shown: one goes back by dropping the last."""
        self._sheet: Sheet | None = None
        self._seen: Counts | None = None
        self._again_at = self._stale_at = 0.0

    def look(self, client: JobClient, numbers: Counts, *, clock: Callable[[], float] = time.monotonic) -> Sheet:
        """Return the page as it is now; `numbers` are the queue's."""
        now = clock()
        changed = numbers != self._seen and now >= self._again_at
        if self._sheet is None or self._sheet.begins != self.places[-1] or changed or now >= self._stale_at:
            self._sheet = find(client, self.wanted, self.places[-1])
            self._seen, took = numbers, clock() - now
            self._again_at, self._stale_at = now + took / SHARE_OF_TIME, now + took / SHARE_OF_TIME + STALE_SECONDS
        return self._sheet

    def turn(self) -> None:
        """Go to the next page, if there is one."""
        if self._sheet and self._sheet.goes_on:
            self.places.append(self._sheet.goes_on)

    def turn_back(self) -> None:
        """Go to the page before."""
        self.places = self.places[:-1] or [BEGINNING]


@shared(seconds=FRESH_SECONDS)
def counts(address: RedisAddress, list_name: str) -> Counts:
    """Return how many jobs there are of each state; `done` counts the cancelled too."""
    numbers = workloads.stats(address, list_name)
    return {
        JobState.RUNNING: numbers.in_flight,
        JobState.WAITING: numbers.pending,
        JobState.DELAYED: numbers.delayed,
        JobState.DEAD: numbers.dead,
        JobState.DONE: client(address, list_name).search(JobState.DONE, limit=1).total,
    }


def extent(sheet: Sheet, wanted: Filter, numbers: Counts) -> str:
    """Return which jobs a page shows, and of how many."""
    total = sum(numbers[state] for state in wanted.states)
    first, last = sheet.begins.found + 1, sheet.begins.found + len(sheet.jobs)
    if wanted.bare:
        return f"{first:,} to {last:,} of {total:,}" if sheet.jobs else ""
    looked_at = sheet.goes_on.looked_at if sheet.goes_on else total
    found = f"{first:,} to {last:,} found" if sheet.jobs else f"{sheet.begins.found:,} found"
    return f"{found}, looked at {looked_at:,} of {total:,}"


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
    if job.state is JobState.DELAYED and not job.errors:
        return ""
    return excerpt(sentence(job.error.message)) if job.error else ""


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
    if job.outcome and job.outcome.first_token_at:
        moments.append(Moment(job.outcome.first_token_at, "First words of the answer"))
    if job.finished_at:
        moments.append(Moment(job.finished_at, STATES[job.state]))
    if job.due_at and job.state is JobState.DELAYED:
        moments.append(Moment(job.due_at, "Due again" if job.errors else "Due"))
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
    ]
    return " · ".join(fact for fact in told if fact)


def retry(client: JobClient, job_id: str) -> None:
    """Send a dead job again; one that is dead no more is left alone."""
    client.redrive([job_id])


def cancel(client: JobClient, job_id: str) -> None:
    """Cancel a job; raises UnknownJob."""
    client.cancel(job_id)
