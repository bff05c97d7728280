"""One workload's queue in Redis: what the operator writes there, and what it has read."""

import asyncio
import dataclasses
from collections.abc import Callable, Sequence

import msgspec

from greenscale_jobs import Fleet, JobQueue, Limits, Resource, Sample, Start, Stats, WorkloadStatus
from greenscale_jobs.samples import COUNTED_SECONDS
from greenscale_operator.workload import Workload


class Config(msgspec.Struct, frozen=True):
    """What producers and workers must know of the resource."""

    max_length: int
    result_ttl_seconds: int
    paused: bool

    @classmethod
    def of(cls, workload: Workload) -> "Config":
        """Return what a resource says."""
        return cls(workload.queue.max_length, workload.queue.result_ttl_seconds, workload.suspend)


def limits_of(workload: Workload) -> Limits:
    """Return what a resource holds its workers to."""
    queue = workload.queue
    return Limits(
        lease_seconds=queue.lease_seconds,
        result_ttl_seconds=queue.result_ttl_seconds,
        give_up_after_seconds=queue.give_up_after_seconds,
        max_losses=queue.max_losses,
    )


@dataclasses.dataclass(eq=False)
class Tenant:
    """One workload's queue. Methods raise QueueUnavailable while Redis cannot be used."""

    fleet: Fleet
    queue: JobQueue
    created: str
    """When the workload was; of two that name one list, the older has it."""
    config: Config
    clock: Callable[[], float]
    configured: Config | None = None
    """What was written last; None where it must be written again."""
    stats: Stats | None = None
    status: WorkloadStatus | None = None
    """As it was published last; so is the resource."""
    resource: Resource | None = None
    starts: Sequence[Start] = ()
    """The last from zero, newest first."""
    sampled: Sample | None = None
    """The last point of the charts' line."""
    counted_at: float = 0.0
    """When `count` asked for its numbers last, in Unix seconds."""
    _writing: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)

    def may_have_worked_unseen(self, now: float) -> bool:
        """Return whether to count what its workers did: a survey sees no job that comes and is done between two."""
        awake = self.status is not None and self.status.replicas > 0
        return awake and now - self.counted_at >= COUNTED_SECONDS

    def differs_from(self, found: Stats | None) -> bool:
        """Return whether these numbers make the status an old one; None are those of an empty queue."""
        if self.stats is None:
            return True
        if found is None:
            return any(_lengths(self.stats))
        return _lengths(self.stats) != _lengths(found) or self.stats.fault != found.fault

    async def configure(self) -> None:
        """Write what the resource says; of two who do so at once, the later writes what it says by then."""
        async with self._writing:
            config = self.config
            await self.queue.configure(
                max_length=config.max_length, result_ttl_seconds=config.result_ttl_seconds, paused=config.paused
            )
            self.configured = config

    def forget_written(self) -> None:
        """Take it that nothing is left of what was written: Redis may have come back empty."""
        self.configured = self.resource = None

    async def count(self) -> Stats:
        """Return the queue's numbers, and add them to the charts' line."""
        stats, self.counted_at = await self.queue.stats(), self.clock()
        await self.sample(stats)
        return stats

    async def sample(self, stats: Stats) -> None:
        """Add a point to the charts' line, if anything has changed."""
        if self.status is None:
            return
        sample = Sample.of(stats, replicas=self.status.replicas, at=self.clock())
        if sample.follows(self.sampled):
            await self.queue.sample(sample)
            self.sampled = sample


def _lengths(stats: Stats) -> tuple[int, ...]:
    return stats.pending, stats.in_flight, stats.delayed, stats.dead
