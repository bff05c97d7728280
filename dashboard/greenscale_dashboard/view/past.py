"""The last hour of a workload, as points that a chart can show. Times are Unix seconds."""

import dataclasses
import time
from collections.abc import Sequence

from greenscale_dashboard.formatting import counted, seconds
from greenscale_dashboard.view.cache import client, shared
from greenscale_jobs import RedisAddress, Sample

HOUR_SECONDS = 3600.0

STEP_SECONDS = 30.0
"""A chart's finest step; within one the most counts, so that no peak is lost."""

READ_SECONDS = 10.0
"""How old a chart may be."""


@dataclasses.dataclass(frozen=True)
class Point:
    """The most of each within one step of time."""

    at: float
    waiting: int
    running: int
    workers: int


@dataclasses.dataclass(frozen=True)
class Past:
    """What was measured in the last hour, which ends with the last point."""

    points: tuple[Point, ...]
    """Oldest first, without a gap; from when on it was measured."""
    done_before: int | None
    """Jobs that the queue had done before that; None where nothing was measured."""
    since: float | None
    """From when on it was measured, if that is less than an hour."""
    until: float = 0.0
    asleep: tuple[tuple[float, float], ...] = ()
    """From when to when no worker was there."""

    @property
    def asleep_seconds(self) -> float:
        """How long no worker was there."""
        return sum(end - start for start, end in self.asleep)

    @property
    def sentence(self) -> str:
        """What the chart shows, for those who cannot see it."""
        if not self.points:
            return "Nothing was measured in the last hour."
        most = (max(getattr(point, name) for point in self.points) for name in ("waiting", "running", "workers"))
        waiting, running, workers = most
        return (
            f"The last {self.span}: asleep for {seconds(self.asleep_seconds)}; "
            f"at most {waiting} waiting, {running} running, {counted(workers, 'worker')}."
        )

    @property
    def drawable(self) -> bool:
        """Whether there is a whole step to be drawn; a chart of less is an empty box."""
        return bool(self.points) and (self.since is None or self.until - self.since >= STEP_SECONDS)

    @property
    def span(self) -> str:
        """How long was measured, as people say it."""
        return "hour" if self.since is None else seconds(self.until - self.since)


@shared(seconds=READ_SECONDS)
def last_hour(address: RedisAddress, list_name: str) -> Past:
    """Return what a workload did in the last hour."""
    now = time.time()
    return past(client(address, list_name).history(now - HOUR_SECONDS), now=now)


def past(samples: Sequence[Sample], *, now: float) -> Past:
    """Return what these samples say of the hour before `now`. Pure.

    Between two samples the numbers were those of the first. One of them may be older than the hour.
    """
    begin = now - HOUR_SECONDS
    if not samples:
        return Past((), None, None)
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
            steps[step] = _most(steps.get(step), step, sample)
    since = samples[0].at if samples[0].at > begin else None
    return Past(
        points=tuple(steps[step] for step in sorted(steps)),
        done_before=samples[0].done,
        since=since,
        until=now,
        asleep=tuple(asleep),
    )


def _most(before: Point | None, step: int, sample: Sample) -> Point:
    at = step * STEP_SECONDS
    before = before or Point(at, 0, 0, 0)
    return Point(
        at,
        max(before.waiting, sample.pending),
        max(before.running, sample.in_flight),
        max(before.workers, sample.replicas),
    )
