"""One workload in full: the lines of its charts, how long its jobs took, the commands to go on with.

What is not known is None, and a gap in a chart; it is never taken for zero.
"""

import bisect
import dataclasses
import itertools
import math
import shlex
import time
from collections.abc import Callable, Iterator, Sequence

from greenscale_dashboard.view import workloads
from greenscale_dashboard.view.cache import client, shared
from greenscale_jobs import STATUS_STALE_SECONDS, Job, JobState, RedisAddress, Sample, Start, WorkloadStatus
from greenscale_jobs.durations import DAY, HOUR, MINUTE
from greenscale_jobs.samples import COUNTED_SECONDS

Series = Sequence[tuple[float, float | None]]
"""A line of a chart: Unix seconds, and what was the case then."""

Shown = tuple[float, float]
"""From when to when a chart goes, in Unix seconds."""


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

    def levels(self, value: Callable[[Sample], int], *, shown: Shown, step: float) -> Series:
        """Return the most that a number was within each step.

        A queue is sampled when it changes: what a sample says holds until the next.
        """
        begins = [sample.at for sample in self.samples]
        ends = [*begins[1:], self.known_until]
        values = [value(sample) for sample in self.samples]
        return [
            (at, max(values[bisect.bisect_right(ends, at) : bisect.bisect_left(begins, at + step)], default=None))
            for at in _steps(*shown, step)
        ]

    def rates(self, count: Callable[[Sample], int | None], *, shown: Shown, step: float) -> Series:
        """Return by how much a counter grew a minute in each whole step.

        A counter that went back has been lost or belongs to another queue: nothing is known of that time.
        """
        growths = [_Growth.between(*pair, count) for pair in itertools.pairwise(self.samples)]
        first = self.samples[0].at if self.samples else math.inf
        rates: list[tuple[float, float | None]] = []
        for at in _steps(shown[0], math.floor(shown[1] / step) * step, step):
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

    points: list[tuple[float, float]]
    """When each was done, and how long it had taken."""
    unmeasured: int
    """Done jobs that another client pushed: nobody knows since when they waited."""
    whole: bool
    """Whether these are all jobs of the time; else only the last of them."""

    def percentile(self, percent: float) -> float | None:
        """Return the smallest time that at least so many percent of the jobs did not exceed; None of no job."""
        took = sorted(seconds for _, seconds in self.points)
        return took[math.ceil(percent / 100 * len(took)) - 1] if took else None


def timing(jobs: Sequence[Job], *, since: float, limit: int) -> Timing:
    """Return how long jobs took of which the last `limit` are given, as far as they were done since then. Pure."""
    done = [job for job in jobs if job.state is JobState.DONE and job.finished_at and job.finished_at >= since]
    points = [
        (job.finished_at, job.finished_at - job.submitted_at) for job in done if job.finished_at and job.submitted_at
    ]
    return Timing(points, len(done) - len(points), whole=len(done) < len(jobs) or len(jobs) < limit)


def commands(told: WorkloadStatus, *, local: bool) -> list[tuple[str, str]]:
    """Return what each command shows, and the command: `greenscale` beside local mode, else `kubectl`. Pure."""
    name, namespace = shlex.quote(told.name), shlex.quote(told.namespace)
    if local:
        return [
            ("What it does, as it changes", "greenscale status --watch"),
            ("Its dead jobs", "greenscale jobs list --state dead"),
            ("Send all dead jobs again", "greenscale jobs retry --all-dead"),
        ]
    there = f"kubectl -n {namespace}"
    return [
        ("Its conditions and events, in sentences", f"{there} describe gsw {name}"),
        ("The whole resource", f"{there} get gsw {name} -o yaml"),
        ("The ScaledObject that it became", f"{there} get scaledobject {name}-scaler -o yaml"),
        ("The workers' logs", f"{there} logs deploy/{name} --all-containers --tail=100 -f"),
        ("The workers, as they come and go", f"{there} get deploy {name} --watch"),
    ]


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
def last_timing(address: RedisAddress, list_name: str, seconds: float) -> Timing:
    """Return how long the last finished jobs took, those of the last so many seconds."""
    jobs = client(address, list_name).search(JobState.DONE, limit=TIMED_JOBS).jobs
    return timing(jobs, since=time.time() - seconds, limit=TIMED_JOBS)


@shared(seconds=PAST_SECONDS)
def starts(address: RedisAddress, list_name: str) -> list[Start]:
    """Return the last starts from zero, newest first."""
    return client(address, list_name).starts()
