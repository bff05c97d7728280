"""The jobs that a viewer looks for: found in Redis page by page, and read anew as they come and go."""

import dataclasses
import time
from collections.abc import Callable

from greenscale_dashboard.view import workloads
from greenscale_dashboard.view.cache import client, shared
from greenscale_dashboard.view.workloads import FRESH_SECONDS
from greenscale_jobs import Found, Job, JobClient, JobState, RedisAddress

LISTED = (JobState.RUNNING, JobState.WAITING, JobState.DELAYED, JobState.DEAD, JobState.DONE)
"""What is listed where all states are wanted, in this order; the cancelled are kept among the done."""

PAGE_JOBS = 50
SEARCH_SECONDS = 1.0
"""How long one page is searched for: after that a viewer decides whether to go on."""

SHARE_OF_TIME = 0.05
"""A page that a viewer leaves open searches for at most so much of the time, though jobs come and go."""

STALE_SECONDS = 30.0
"""Results expire without a change of the queue's numbers."""

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
