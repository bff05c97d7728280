"""One workload's queue in Redis: what the operator writes there, and what it has read."""

import asyncio
import dataclasses
from collections.abc import Callable

import msgspec

from greenscale_jobs import Fleet, JobQueue, Limits, Stats
from greenscale_jobs.board import BoardWriter
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
    in_hand: bool = False
    """Whether a reconciliation takes it over just now, which reads its numbers by itself."""
    board: BoardWriter = dataclasses.field(init=False)
    counted_at: float = 0.0
    """When `count` last read its numbers, in Unix seconds."""
    _writing: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        """Let the board be written where the queue is."""
        self.board = BoardWriter(self.fleet, self.queue)

    def may_have_worked_unseen(self, now: float) -> bool:
        """Return whether to count what its workers did: a survey sees no job that comes and is done between two."""
        status = self.board.status
        awake = status is not None and status.replicas > 0
        return awake and now - self.counted_at >= COUNTED_SECONDS

    def differs_from(self, found: Stats | None) -> bool:
        """Return whether these numbers make the status an old one; None are those of an empty queue."""
        if self.stats is None:
            return not self.in_hand
        if found is None:
            return any(_lengths(self.stats))
        return _lengths(self.stats) != _lengths(found) or self.stats.fault != found.fault

    async def configure(self) -> None:
        """Write what the resource says; of two calls at once, the later one writes what it says by then."""
        async with self._writing:
            config = self.config
            await self.queue.configure(
                max_length=config.max_length, result_ttl_seconds=config.result_ttl_seconds, paused=config.paused
            )
            self.configured = config

    def forget_written(self) -> None:
        """Assume that nothing is left of what was written: Redis may have come back empty."""
        self.configured = None
        self.board.forget_written()

    async def count(self) -> Stats:
        """Return the queue's numbers, and add them to the charts' line."""
        stats, self.counted_at = await self.queue.stats(), self.clock()
        await self.board.sample(stats, now=self.counted_at)
        return stats


def _lengths(stats: Stats) -> tuple[int, ...]:
    return stats.pending, stats.in_flight, stats.delayed, stats.dead
