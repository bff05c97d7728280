"""One workload in full: the lines of its charts, how long its jobs took, its conditions.

What is not known is None, and a gap in a chart; it is never taken for zero.
"""

import bisect
import dataclasses
import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence

from greenscale_dashboard.view import workloads
from greenscale_dashboard.view.cache import client, shared
from greenscale_dashboard.words import DAY, HOUR, MINUTE
from greenscale_jobs import STATUS_STALE_SECONDS, Job, JobState, RedisAddress, Sample, Start
from greenscale_jobs.history import COUNTED_SECONDS

Series = list[tuple[float, float | None]]
"""A line of a chart: Unix seconds, and what was the case then."""


@dataclasses.dataclass(frozen=True)
class Span:
    """How far back charts go, and how long one of their points is, of a level and of a rate; in seconds."""

    seconds: float
    level: float
    rate: float


SPANS = {
    "Hour": Span(HOUR, 15.0, MINUTE),
    "6 hours": Span(6 * HOUR, 90.0, 5 * MINUTE),
    "Day": Span(DAY, 6 * MINUTE, 15 * MINUTE),
}


@dataclasses.dataclass(frozen=True)
class Past:
    """What was told of a queue, oldest first, and until when nobody had anything to add."""

    samples: Sequence[Sample]
    known_until: float

    def levels(self, value: Callable[[Sample], int], *, since: float, until: float, step: float) -> Series:
        """Return the most that a number was within each step.

        A queue is sampled when it changes: what a sample says holds until the next.
        """
        begins = [sample.at for sample in self.samples]
        ends = [*begins[1:], self.known_until]
        values = [value(sample) for sample in self.samples]
        return [
            (at, max(values[bisect.bisect_right(ends, at) : bisect.bisect_left(begins, at + step)], default=None))
            for at in _steps(since, until, step)
        ]

    def rates(self, count: Callable[[Sample], int | None], *, since: float, until: float, step: float) -> Series:
        """Return by how much a counter grew a minute in each whole step.

        A counter that went back has been lost or belongs to another queue: nothing is known of that time.
        """
        growths = [_Growth.between(*pair, count) for pair in itertools.pairwise(self.samples)]
        first = self.samples[0].at if self.samples else math.inf
        rates: Series = []
        for at in _steps(since, until - step, step):
            within = [growth for growth in growths if growth.begin < at + step and growth.end > at]
            known = first <= at and at + step <= self.known_until and all(growth.by is not None for growth in within)
            grown = sum((growth.by or 0.0) * growth.share(at, at + step) for growth in within)
            rates.append((at, grown / step * MINUTE if known else None))
        return rates


@dataclasses.dataclass(frozen=True)
class _Growth:
    """By how much a counter grew between two samples."""

    begin: float
    end: float
    by: int | None

    @classmethod
    def between(cls, before: Sample, after: Sample, count: Callable[[Sample], int | None]) -> "_Growth":
        # It grew in the last minute before the second sample: else there were one more between them.
        was, now = count(before), count(after)
        by = None if now is None or now < (was or 0) else now - (was or 0)
        return cls(max(before.at, after.at - COUNTED_SECONDS), after.at, by)

    def share(self, begin: float, end: float) -> float:
        return (min(self.end, end) - max(self.begin, begin)) / (self.end - self.begin)


def _steps(since: float, until: float, step: float) -> Iterator[float]:
    """Yield when each step begins; they stand still on the clock while `since` and `until` go on."""
    first = math.floor(since / step)
    return (number * step for number in range(first, math.ceil(until / step)))


@dataclasses.dataclass(frozen=True)
class Timing:
    """How long finished jobs took, from being sent to their answer, in seconds."""

    points: Series
    """When each was done, and how long it had taken."""
    half: float | None
    most: float | None
    """Half of them took at most so long, and 95 of 100."""
    unmeasured: int
    """Done jobs that another client pushed: nobody knows since when they waited."""


def timing(jobs: Sequence[Job]) -> Timing:
    """Return how long these jobs took. Pure."""
    done = [job for job in jobs if job.state is JobState.DONE and job.finished_at is not None]
    points: Series = [(job.finished_at, job.finished_at - job.submitted_at) for job in done if job.submitted_at]
    took = sorted(seconds for _, seconds in points)
    return Timing(points, percentile(took, 50), percentile(took, 95), len(done) - len(points))


def percentile(ordered: Sequence[float], percent: float) -> float | None:
    """Return the smallest of these that at least so many percent do not exceed; None of nothing."""
    return ordered[math.ceil(percent / 100 * len(ordered)) - 1] if ordered else None


PAST_SECONDS = 10.0
"""How old a chart may be."""

TIMED_JOBS = 200
"""How many finished jobs are looked at to say how long one takes."""


@shared(seconds=PAST_SECONDS)
def past(address: RedisAddress, list_name: str, seconds: float) -> Past:
    """Return what was told of a queue in the last so many seconds."""
    now = time.time()
    told = workloads.status(address, list_name)
    fresh = told is not None and now - told.sampled_at <= STATUS_STALE_SECONDS
    known_until = now if fresh else told.sampled_at if told else 0.0
    return Past(client(address, list_name).history(now - seconds), known_until)


@shared(seconds=PAST_SECONDS)
def last_timing(address: RedisAddress, list_name: str) -> Timing:
    """Return how long the last finished jobs took."""
    return timing(client(address, list_name).search(JobState.DONE, limit=TIMED_JOBS).jobs)


@shared(seconds=PAST_SECONDS)
def starts(address: RedisAddress, list_name: str) -> list[Start]:
    """Return the last starts from zero, newest first."""
    return client(address, list_name).starts()
