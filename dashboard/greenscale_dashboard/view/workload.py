"""One workload in full: the data of its charts, how long its jobs took, useful commands.

What is unknown is None and a gap in a chart, never zero.
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
"""A line of a chart: Unix seconds, and the value then."""

Window = tuple[float, float]
"""The period that a chart covers, in Unix seconds."""


@dataclasses.dataclass(frozen=True)
class Span:
    """How far back charts go, and the step of a level and of a rate; in seconds."""

    seconds: float
    level: float
    rate: float


SPANS = {
    "Hour": Span(HOUR, 15.0, MINUTE),
    "6 hours": Span(6 * HOUR, 90.0, 5 * MINUTE),
    "Day": Span(DAY, 6 * MINUTE, 15 * MINUTE),
}


@dataclasses.dataclass(frozen=True)
class History:
    """A queue's samples, oldest first, and until when the last one holds."""

    samples: Sequence[Sample]
    known_until: float

    def levels(self, value: Callable[[Sample], int], *, window: Window, step: float) -> Series:
        """Return the maximum of a number within each step.

        A queue is sampled when it changes: a sample holds until the next.
        """
        begins = [sample.at for sample in self.samples]
        ends = [*begins[1:], self.known_until]
        values = [value(sample) for sample in self.samples]
        return [
            (at, max(values[bisect.bisect_right(ends, at) : bisect.bisect_left(begins, at + step)], default=None))
            for at in _steps(*window, step)
        ]

    def rates(self, count: Callable[[Sample], int | None], *, window: Window, step: float) -> Series:
        """Return by how much a counter grew per minute in each whole step.

        A counter that went back was lost or belongs to another queue: that period is unknown.
        """
        growths = [_Growth.between(*pair, count) for pair in itertools.pairwise(self.samples)]
        first = self.samples[0].at if self.samples else math.inf
        rates: list[tuple[float, float | None]] = []
        for at in _steps(window[0], math.floor(window[1] / step) * step, step):
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
        # It grew in the last minute before the second sample: otherwise there would be another sample between them.
        was, now = count(before), count(after)
        by = None if now is None or now < (was or 0) else now - (was or 0)
        return cls(max(before.at, after.at - COUNTED_SECONDS), after.at, by)

    def share(self, begin: float, end: float) -> float:
        return (min(self.end, end) - max(self.begin, begin)) / (self.end - self.begin)


def _steps(since: float, until: float, step: float) -> Iterator[float]:
    """Yield when each step begins: at multiples of `step`, so that steps do not move as `since` and `until` advance."""
    first = math.floor(since / step)
    return (number * step for number in range(first, math.ceil(until / step)))


@dataclasses.dataclass(frozen=True)
class Timing:
    """How long finished jobs took from being sent to their answer, in seconds."""

    points: list[tuple[float, float]]
    """When each job was done, and how long it took."""
    unmeasured: int
    """Done jobs that another client pushed without a time."""
    complete: bool
    """Whether these are all jobs of the period; otherwise only the last ones."""

    def percentile(self, percent: float) -> float | None:
        """Return the smallest duration that at least `percent` of the jobs did not exceed; None without jobs."""
        took = sorted(seconds for _, seconds in self.points)
        return took[math.ceil(percent / 100 * len(took)) - 1] if took else None


def timing(jobs: Sequence[Job], *, since: float, limit: int) -> Timing:
    """Return how long the jobs took that were done since then; `jobs` are the last `limit` ones. Pure."""
    done = [job for job in jobs if job.state is JobState.DONE and job.finished_at and job.finished_at >= since]
    points = [
        (job.finished_at, job.finished_at - job.submitted_at) for job in done if job.finished_at and job.submitted_at
    ]
    return Timing(points, len(done) - len(points), complete=len(done) < len(jobs) or len(jobs) < limit)


def commands(status: WorkloadStatus, *, local: bool) -> list[tuple[str, str]]:
    """Return what each command shows, and the command: `greenscale` in local mode, otherwise `kubectl`. Pure."""
    name, namespace = shlex.quote(status.name), shlex.quote(status.namespace)
    if local:
        return [
            ("Live status", "greenscale status --watch"),
            ("Failed jobs", "greenscale jobs list --state dead"),
            ("Retry failed jobs", "greenscale jobs retry --all-dead"),
        ]
    kubectl = f"kubectl -n {namespace}"
    return [
        ("Conditions and events", f"{kubectl} describe gsw {name}"),
        ("Resource", f"{kubectl} get gsw {name} -o yaml"),
        ("ScaledObject", f"{kubectl} get scaledobject {name}-scaler -o yaml"),
        ("Worker logs", f"{kubectl} logs deploy/{name} --all-containers --tail=100 -f"),
        ("Worker count, live", f"{kubectl} get deploy {name} --watch"),
    ]


MAX_AGE_SECONDS = 10.0
"""How old a chart may be."""

TIMED_JOBS = 200
"""How many finished jobs the durations are computed from."""


@shared(seconds=MAX_AGE_SECONDS)
def history(address: RedisAddress, list_name: str, seconds: float) -> History:
    """Read the samples of a queue from the last `seconds`."""
    now = time.time()
    status = workloads.status(address, list_name)
    fresh = status is not None and now - status.sampled_at <= STATUS_STALE_SECONDS
    known_until = now if fresh else status.sampled_at if status else 0.0
    return History(client(address, list_name).history(now - seconds), known_until)


@shared(seconds=MAX_AGE_SECONDS)
def last_timing(address: RedisAddress, list_name: str, seconds: float) -> Timing:
    """Return how long jobs took that finished in the last `seconds`."""
    jobs = client(address, list_name).search(JobState.DONE, limit=TIMED_JOBS).jobs
    return timing(jobs, since=time.time() - seconds, limit=TIMED_JOBS)


@shared(seconds=MAX_AGE_SECONDS)
def starts(address: RedisAddress, list_name: str) -> list[Start]:
    """Read the last starts from zero, newest first."""
    return client(address, list_name).starts()
