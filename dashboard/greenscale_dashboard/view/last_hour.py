"""The last hour of a workload, as points that a chart can show. Times are Unix seconds."""

import dataclasses
import time
from collections.abc import Sequence

from greenscale_dashboard.formatting import counted, seconds
from greenscale_dashboard.view.cache import client, shared
from greenscale_jobs import RedisAddress, Sample

HOUR_SECONDS = 3600.0

STEP_SECONDS = 30.0
"""A chart's finest step; each shows the maximum within it, so that no peak is lost."""

MAX_AGE_SECONDS = 10.0
"""How old a chart may be."""


@dataclasses.dataclass(frozen=True)
class Point:
    """The maximum of each number within one step of time."""

    at: float
    waiting: int
    running: int
    workers: int


@dataclasses.dataclass(frozen=True)
class LastHour:
    """What was measured in the last hour, which ends with the last point."""

    points: tuple[Point, ...]
    """Oldest first, without a gap, beginning with the first sample."""
    done_before: int | None
    """Jobs that the queue had done before that; None if nothing was measured."""
    since: float | None
    """When the first sample was taken, if that is less than an hour ago."""
    until: float = 0.0
    asleep: tuple[tuple[float, float], ...] = ()
    """Periods without a worker: begin and end of each."""

    @property
    def asleep_seconds(self) -> float:
        """How long there was no worker."""
        return sum(end - start for start, end in self.asleep)

    @property
    def sentence(self) -> str:
        """The chart in words, for people who cannot see it."""
        if not self.points:
            return "Nothing was measured in the last hour."
        maxima = (max(getattr(point, name) for point in self.points) for name in ("waiting", "running", "workers"))
        waiting, running, workers = maxima
        return (
            f"The last {self.span}: asleep for {seconds(self.asleep_seconds)}; "
            f"at most {waiting} waiting, {running} running, {counted(workers, 'worker')}."
        )

    @property
    def drawable(self) -> bool:
        """Whether at least one step was measured; a chart of less is an empty box."""
        return bool(self.points) and (self.since is None or self.until - self.since >= STEP_SECONDS)

    @property
    def span(self) -> str:
        """The time that was measured: `hour`, or a shorter duration."""
        return "hour" if self.since is None else seconds(self.until - self.since)


@shared(seconds=MAX_AGE_SECONDS)
def last_hour(address: RedisAddress, list_name: str) -> LastHour:
    """Read what a workload did in the last hour."""
    now = time.time()
    return from_samples(client(address, list_name).history(now - HOUR_SECONDS), now=now)


def from_samples(samples: Sequence[Sample], *, now: float) -> LastHour:
    """Summarize samples over the hour before `now`. Pure.

    Between two samples the numbers are those of the first. One sample may be older than the hour.
    """
    begin = now - HOUR_SECONDS
    if not samples:
        return LastHour((), None, None)
    ends = [*(sample.at for sample in samples[1:]), max(now, samples[-1].at)]
    asleep: list[tuple[float, float]] = []
    steps: dict[int, Point] = {}
    for sample, end in zip(samples, ends, strict=True):
        start = max(begin, sample.at)
        if end < start:
            continue
        if sample.replicas == 0:
            begun = asleep.pop()[0] if asleep and asleep[-1][1] == start else start
            asleep.append((begun, end))
        for step in range(int(start // STEP_SECONDS), int(end // STEP_SECONDS) + 1):
            steps[step] = _maximum(steps.get(step), step, sample)
    since = samples[0].at if samples[0].at > begin else None
    return LastHour(
        points=tuple(steps[step] for step in sorted(steps)),
        done_before=samples[0].done,
        since=since,
        until=now,
        asleep=tuple(asleep),
    )


def _maximum(before: Point | None, step: int, sample: Sample) -> Point:
    at = step * STEP_SECONDS
    before = before or Point(at, 0, 0, 0)
    return Point(
        at,
        max(before.waiting, sample.pending),
        max(before.running, sample.in_flight),
        max(before.workers, sample.replicas),
    )
