"""All workloads' queues in Redis: looked at, tended, configured, and told to the page.

However many workloads there are, each Redis is asked in a few round trips; a queue at zero replicas still moves.
"""

import asyncio
import contextlib
import dataclasses
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from greenscale_jobs import (
    Fleet,
    JobQueue,
    Limits,
    QueueDamaged,
    QueueUnavailable,
    RedisAddress,
    Resource,
    Sample,
    Start,
    Stats,
    WorkloadStatus,
)
from greenscale_jobs.history import COUNTED_SECONDS
from greenscale_operator.seen import Key
from greenscale_operator.workload import Workload

T = TypeVar("T")

SURVEY_SECONDS = 10.0
"""Queues are looked at this often, sooner where a retry falls due or a lease ends."""

TELL_SECONDS = 18.0
"""All workloads are told anew at most this often, however often the queues are looked at."""

DOWN_SECONDS = 2.0
"""How soon a Redis that was away is asked again."""

EMPTY = Stats(0, 0, 0, 0)

logger = logging.getLogger(__name__)


@dataclasses.dataclass
class _Tenant:
    """One workload's queue."""

    fleet: Fleet
    queue: JobQueue
    created: str
    """When the workload was; of two that name one list, the older has it."""
    stats: Stats | None = None
    told: WorkloadStatus | None = None
    starts: Sequence[Start] = ()
    """The last from zero, newest first."""
    resource: Resource | None = None
    """As it was told last."""
    sampled: Sample | None = None
    """The last point of the charts' line."""
    configured: tuple[object, ...] = ()
    counted_at: float = 0.0
    """When `_count` asked for its numbers last, in Unix seconds."""

    def may_have_worked_unseen(self, now: float) -> bool:
        """Return whether to count what its workers did: a survey sees no job that comes and is done between two."""
        awake = self.told is not None and self.told.replicas > 0
        return awake and now - self.counted_at >= COUNTED_SECONDS


class Queues:
    """The queues of all workloads, by the Redis that keeps them."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._fleets: dict[RedisAddress, Fleet] = {}
        self._tenants: dict[Key, _Tenant] = {}
        self._named: dict[str, set[Key]] = defaultdict(set)
        self._told_at: dict[RedisAddress, float] = {}
        self._down: dict[RedisAddress, str] = {}
        self._soon = asyncio.Event()

    def __len__(self) -> int:
        """Return how many queues are looked after."""
        return len(self._tenants)

    async def aclose(self) -> None:
        """Close all connections."""
        for fleet in self._fleets.values():
            await fleet.aclose()

    def rival(self, key: Key, address: RedisAddress, list_name: str, *, created: str) -> Key | None:
        """Return the older workload that has this very list already."""
        for other in self._named.get(list_name, ()):
            tenant = self._tenants[other]
            if other != key and tenant.fleet.address == address and (tenant.created, other) < (created, key):
                return other
        return None

    async def settle(self, key: Key, workload: Workload, address: RedisAddress, *, created: str) -> Stats:
        """Look after a workload's queue from now on, tell it its limits, and return its numbers."""
        tenant = self._tenant(key, workload, address, created)
        told = workload.queue
        config = (told.max_length, told.result_ttl_seconds, workload.suspend)
        if not tenant.configured:  # new to us, or its Redis was away
            tenant.starts = await tenant.queue.starts()
        if tenant.configured != config:
            await tenant.queue.configure(
                max_length=told.max_length, result_ttl_seconds=told.result_ttl_seconds, paused=workload.suspend
            )
            tenant.configured = config
        tenant.stats = await tenant.queue.stats()
        return tenant.stats

    def starts(self, key: Key) -> Sequence[Start]:
        """Return a workload's last starts from zero, newest first."""
        tenant = self._tenants.get(key)
        return tenant.starts if tenant else ()

    async def note_start(self, key: Key, seconds: float) -> None:
        """Remember how long a start from zero took that is over now."""
        tenant = self._tenants.get(key)
        if tenant:
            with contextlib.suppress(QueueUnavailable):
                await tenant.queue.note_start(seconds)
                tenant.starts = await tenant.queue.starts()

    async def publish(self, key: Key, status: WorkloadStatus, resource: Resource) -> None:
        """Tell the page and the command of a workload, and what it is where that is new."""
        tenant = self._tenants.get(key)
        if tenant is None:
            return
        tenant.told = status
        with contextlib.suppress(QueueUnavailable):
            await tenant.fleet.put_workloads([status], {} if resource == tenant.resource else {str(key): resource})
            tenant.resource = resource
            if tenant.stats:
                await self._sample(tenant, tenant.stats)

    async def forget(self, key: Key) -> None:
        """Look after a queue no longer; its jobs stay."""
        tenant = self._tenants.pop(key, None)
        if tenant:
            self._named[tenant.queue.keys.list_name].discard(key)
            with contextlib.suppress(QueueUnavailable):
                await tenant.fleet.forget_workload(*key)

    async def delete(self, key: Key) -> None:
        """Remove a queue with all of its jobs; raises QueueUnavailable."""
        tenant = self._tenants.get(key)
        if tenant:
            await tenant.queue.delete()

    async def run(self, on_change: Callable[[Key], None]) -> None:
        """Look at all queues and tend those that need it, until cancelled.

        `on_change` is called for a workload whose numbers changed, or whose Redis went or came back.
        """
        while True:
            waits = [await self._visit(fleet, on_change) for fleet in list(self._fleets.values())]
            self._soon.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.05, min(waits, default=SURVEY_SECONDS))):
                    await self._soon.wait()

    async def _visit(self, fleet: Fleet, on_change: Callable[[Key], None]) -> float:
        """Look at one Redis; returns in how many seconds to look again."""
        tenants = {
            tenant.queue.keys.list_name: (key, tenant) for key, tenant in self._tenants.items() if tenant.fleet is fleet
        }
        try:
            survey = await fleet.survey(list(tenants))
            tended = await _each(survey.to_tend, tenants, lambda tenant: tenant.queue.tend())
            now = self._clock()
            awake = [name for name, (_, tenant) in tenants.items() if tenant.may_have_worked_unseen(now)]
            numbers = await _each(dict.fromkeys([*awake, *survey.busy]), tenants, self._count)
            await self._tell(fleet)
        except QueueUnavailable as error:
            self._note_down(fleet.address, str(error), on_change)
            return DOWN_SECONDS
        self._note_up(fleet.address, on_change)
        for name, (key, tenant) in tenants.items():
            found = numbers.get(name, EMPTY)
            if _lengths(tenant.stats) != _lengths(found) or (
                tenant.stats and tenant.stats.fault != found.fault and found.work
            ):
                on_change(key)
        soon = [moved.next_in for moved in tended.values() if moved.next_in is not None]
        return min([SURVEY_SECONDS, *soon, *([survey.next_in] if survey.next_in is not None else [])])

    async def _count(self, tenant: _Tenant) -> Stats:
        """Return a queue's numbers; the charts hear of them too."""
        stats, tenant.counted_at = await tenant.queue.stats(), self._clock()
        await self._sample(tenant, stats)
        return stats

    async def _tell(self, fleet: Fleet) -> None:
        """Say again what is known of all workloads of one Redis: the page takes what is old for a memory."""
        now = self._clock()
        if now - self._told_at.get(fleet.address, 0) < TELL_SECONDS:
            return
        self._told_at[fleet.address] = now
        told = [tenant.told for tenant in self._tenants.values() if tenant.fleet is fleet and tenant.told]
        await fleet.put_workloads(msgspec.structs.replace(status, sampled_at=now) for status in told)

    async def _sample(self, tenant: _Tenant, stats: Stats) -> None:
        if tenant.told is None:
            return
        sample = Sample.of(stats, replicas=tenant.told.replicas, at=self._clock())
        if sample.follows(tenant.sampled):
            await tenant.queue.sample(sample)
            tenant.sampled = sample

    def _tenant(self, key: Key, workload: Workload, address: RedisAddress, created: str) -> _Tenant:
        told = workload.queue
        limits = Limits(
            lease_seconds=told.lease_seconds,
            max_attempts=told.max_attempts,
            result_ttl_seconds=told.result_ttl_seconds,
            give_up_after_seconds=told.give_up_after_seconds,
            max_losses=told.max_losses,
        )
        tenant, name = self._tenants.get(key), workload.list_name
        if (
            tenant is None
            or (tenant.fleet.address, tenant.queue.keys.list_name) != (address, name)
            or tenant.queue.limits != limits
        ):
            fleet = self._fleets.get(address)
            if fleet is None:
                fleet = self._fleets[address] = Fleet(address)
            if tenant:
                self._named[tenant.queue.keys.list_name].discard(key)
            tenant = _Tenant(fleet, fleet.queue(name, limits), created)
            self._tenants[key] = tenant
            self._named[name].add(key)
            self._soon.set()
        return tenant

    def _note_down(self, address: RedisAddress, why: str, on_change: Callable[[Key], None]) -> None:
        if address not in self._down:
            logger.error("%s", why)
            self._down[address] = why
            self._wake_all(address, on_change)

    def _note_up(self, address: RedisAddress, on_change: Callable[[Key], None]) -> None:
        if self._down.pop(address, None):
            logger.warning("Redis at %s is back", address)
            self._wake_all(address, on_change)

    def _wake_all(self, address: RedisAddress, on_change: Callable[[Key], None]) -> None:
        for key, tenant in self._tenants.items():
            if tenant.fleet.address == address:
                tenant.configured, tenant.resource = (), None  # it may have come back empty
                on_change(key)


def _lengths(stats: Stats | None) -> tuple[int, ...] | None:
    return None if stats is None else (stats.pending, stats.in_flight, stats.delayed, stats.dead)


async def _each(
    names: Iterable[str], tenants: Mapping[str, tuple[Key, _Tenant]], action: Callable[[_Tenant], Awaitable[T]]
) -> dict[str, T]:
    """Do it to each of these queues. A damaged one holds up no other: the status of its workload says what is wrong."""
    answers = {}
    for name in names:
        if name in tenants:
            with contextlib.suppress(QueueDamaged):
                answers[name] = await action(tenants[name][1])
    return answers
