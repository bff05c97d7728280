"""The jobs that match a viewer's filter: read from Redis page by page, and read again when the queue changes."""

import dataclasses
import time
from collections.abc import Callable

from greenscale_dashboard.view import workloads
from greenscale_dashboard.view.cache import client, shared
from greenscale_dashboard.view.workloads import FRESH_SECONDS
from greenscale_jobs import Found, Job, JobClient, JobState, RedisAddress

LISTED = (JobState.RUNNING, JobState.WAITING, JobState.DELAYED, JobState.DEAD, JobState.DONE)
"""The states that are listed, in this order; cancelled jobs are stored among the done."""

PAGE_JOBS = 50
MAX_SEARCH_SECONDS = 1.0
"""How long the search for one page may take; then the viewer decides whether to continue."""

MAX_SHARE_OF_TIME = 0.05
"""An open page spends at most this share of the time searching, however often the queue changes."""

STALE_SECONDS = 30.0
"""A page is read again after this time: results expire without changing the queue's numbers."""

Counts = dict[JobState, int]


@dataclasses.dataclass(frozen=True)
class Filter:
    """Which jobs a viewer wants."""

    states: tuple[JobState, ...] = LISTED
    text: str = ""
    """Searched in the prompt, the answer, the last error, the id and the worker; A to Z match in either case."""
    age: float | None = None
    """Seconds before now within which a job finished, else was claimed, else was sent."""
    since: float | None = None
    until: float | None = None
    """The same as a period, in Unix seconds."""

    @property
    def only_states(self) -> bool:
        """Whether the filter matches every job in its states."""
        return self == Filter(self.states)


@dataclasses.dataclass(frozen=True)
class Position:
    """A position in a search, at which a page begins."""

    state: int = 0
    """Index into the filter's states."""
    cursor: int = 0
    """Position within that state."""
    searched: int = 0
    """Jobs searched before this position."""
    found: int = 0
    """Jobs found before this position."""

    def after(self, found: Found, *, states: int) -> "Position | None":
        """Return where the search continues after this result; None if everything was searched."""
        searched, count = self.searched + found.looked_at, self.found + len(found.jobs)
        if found.cursor is not None:
            return Position(self.state, found.cursor, searched, count)
        return Position(self.state + 1, 0, searched, count) if self.state + 1 < states else None


BEGINNING = Position()


@dataclasses.dataclass(frozen=True)
class JobPage:
    """One page of search results."""

    jobs: tuple[Job, ...]
    start: Position
    next: Position | None
    """Where the next page begins; None if everything was searched."""
    full: bool
    """Whether the page has as many jobs as fit."""


def find(
    client: JobClient,
    wanted: Filter,
    start: Position = BEGINNING,
    *,
    limit: int = PAGE_JOBS,
    max_seconds: float = MAX_SEARCH_SECONDS,
) -> JobPage:
    """Return a page of jobs: it ends when it is full, when everything was searched, or after `max_seconds`.

    Jobs move during a search: the same job may be on two pages, and a new one on none.
    """
    deadline = time.monotonic() + max_seconds
    since = wanted.since if wanted.age is None else time.time() - wanted.age
    jobs: list[Job] = []
    position: Position | None = start
    while position and len(jobs) < limit:
        found = client.search(
            wanted.states[position.state],
            text=wanted.text,
            since=since,
            until=wanted.until,
            cursor=position.cursor,
            limit=limit - len(jobs),
        )
        jobs += found.jobs
        position = position.after(found, states=len(wanted.states))
        if time.monotonic() > deadline:
            break
    return JobPage(tuple(jobs), start, position, full=len(jobs) >= limit)


class Listing:
    """The page that one viewer has open: read again when the queue has changed, but never too often."""

    def __init__(self, wanted: Filter) -> None:
        self.wanted = wanted
        self.starts = [BEGINNING]
        """Where each page begins, up to the open one: going back drops the last."""
        self._page: JobPage | None = None
        self._counts: Counts | None = None
        self._again_at = self._stale_at = 0.0

    def read(self, client: JobClient, numbers: Counts, *, clock: Callable[[], float] = time.monotonic) -> JobPage:
        """Return the current page; `numbers` are the queue's counts."""
        now = clock()
        changed = numbers != self._counts and now >= self._again_at
        if self._page is None or self._page.start != self.starts[-1] or changed or now >= self._stale_at:
            self._page = find(client, self.wanted, self.starts[-1])
            self._counts, took = numbers, clock() - now
            self._again_at, self._stale_at = (
                now + took / MAX_SHARE_OF_TIME,
                now + took / MAX_SHARE_OF_TIME + STALE_SECONDS,
            )
        return self._page

    def next_page(self) -> None:
        """Go to the next page, if there is one."""
        if self._page and self._page.next:
            self.starts.append(self._page.next)

    def previous_page(self) -> None:
        """Go to the previous page."""
        self.starts = self.starts[:-1] or [BEGINNING]


@shared(seconds=FRESH_SECONDS)
def counts(address: RedisAddress, list_name: str) -> Counts:
    """Return how many jobs are in each state; `done` includes cancelled jobs."""
    numbers = workloads.stats(address, list_name)
    return {
        JobState.RUNNING: numbers.in_flight,
        JobState.WAITING: numbers.pending,
        JobState.DELAYED: numbers.delayed,
        JobState.DEAD: numbers.dead,
        JobState.DONE: client(address, list_name).search(JobState.DONE, limit=1).total,
    }


def extent(page: JobPage, wanted: Filter, numbers: Counts) -> str:
    """Return which jobs a page shows, and out of how many."""
    total = sum(numbers[state] for state in wanted.states)
    first, last = page.start.found + 1, page.start.found + len(page.jobs)
    if wanted.only_states:
        return f"{first:,} to {last:,} of {total:,}" if page.jobs else ""
    searched = page.next.searched if page.next else total
    found = f"{first:,} to {last:,} found" if page.jobs else f"{page.start.found:,} found"
    return f"{found}, searched {searched:,} of {total:,}"
