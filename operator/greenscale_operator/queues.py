"""All workloads' queues in Redis: looked at, tended, configured, and told to the page.

However many workloads there are, each Redis is asked in a few round trips; a queue at zero replicas still moves.
"""

import asyncio
import contextlib
import dataclasses
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar

import msgspec

from greenscale_jobs import Fleet, JobQueue, Limits, QueueDamaged, QueueUnavailable, RedisAddress, Stats, WorkloadStatus
from greenscale_operator.seen import Key
from greenscale_operator.workload import Workload

T = TypeVar("T")

SURVEY_SECONDS = 10.0
"""Queues are looked at this often, sooner where a retry falls due or a lease ends."""

DOWN_SECONDS = 2.0
"""How soon a Redis that was away is asked again."""

HISTORY_SAMPLES = 4320
"""The charts' line: half a day of a busy queue, much more of a quiet one, which is sampled when it changes."""

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
    sampled: tuple[int, ...] = ()
    configured: tuple[object, ...] = ()


class Queues:
    """The queues of all workloads, by the Redis that keeps them."""

    def __init__(self) -> None:
        self._fleets: dict[RedisAddress, Fleet] = {}
        self._tenants: dict[Key, _Tenant] = {}
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
        for other, tenant in self._tenants.items():
            same = tenant.fleet.address == address and tenant.queue.keys.list_name == list_name
            if same and other != key and (tenant.created, other) < (created, key):
                return other
        return None

    async def settle(self, key: Key, workload: Workload, address: RedisAddress, *, created: str) -> Stats:
        """Look after a workload's queue from now on, tell it its limits, and return its numbers."""
        tenant = self._tenant(key, workload, address, created)
        told = workload.queue
        config = (told.max_length, told.result_ttl_seconds, workload.suspend)
        if tenant.configured != config:
            await tenant.queue.configure(
                max_length=told.max_length, result_ttl_seconds=told.result_ttl_seconds, paused=workload.suspend
            )
            tenant.configured = config
        tenant.stats = await tenant.queue.stats()
        return tenant.stats

    async def publish(self, key: Key, status: WorkloadStatus) -> None:
        """Tell the page and the command of a workload."""
        tenant = self._tenants.get(key)
        if tenant is None:
            return
        tenant.told = status
        with contextlib.suppress(QueueUnavailable):
            await tenant.fleet.put_workloads([status])
            await self._sample(tenant)

    async def forget(self, key: Key) -> None:
        """Look after a queue no longer; its jobs stay."""
        tenant = self._tenants.pop(key, None)
        if tenant:
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
            tended = await _each(survey.to_tend, tenants, JobQueue.tend)
            numbers = await _each(survey.busy, tenants, JobQueue.stats)
            await self._tell(fleet)
        except QueueUnavailable as error:
            self._note_down(fleet.address, str(error), on_change)
            return DOWN_SECONDS
        self._note_up(fleet.address, on_change)
        for name, (key, tenant) in tenants.items():
            now = numbers.get(name, EMPTY)
            if _lengths(tenant.stats) != _lengths(now) or (
                tenant.stats and tenant.stats.fault != now.fault and now.work
            ):
                on_change(key)
        soon = [moved.next_in for moved in tended.values() if moved.next_in is not None]
        return min([SURVEY_SECONDS, *soon, *([survey.next_in] if survey.next_in is not None else [])])

    async def _tell(self, fleet: Fleet) -> None:
        """Say again what is known of all workloads of one Redis: the page takes what is old for a memory."""
        now = time.time()
        told = [tenant.told for tenant in self._tenants.values() if tenant.fleet is fleet and tenant.told]
        await fleet.put_workloads(msgspec.structs.replace(status, sampled_at=now) for status in told)

    async def _sample(self, tenant: _Tenant) -> None:
        if tenant.told is None or tenant.stats is None:
            return
        point = (tenant.stats.pending, tenant.stats.in_flight, tenant.told.replicas)
        if point != tenant.sampled:
            pending, in_flight, replicas = tenant.sampled = point
            await tenant.queue.sample(pending=pending, in_flight=in_flight, replicas=replicas, keep=HISTORY_SAMPLES)

    def _tenant(self, key: Key, workload: Workload, address: RedisAddress, created: str) -> _Tenant:
        limits = Limits(workload.queue.lease_seconds, workload.queue.max_attempts, workload.queue.result_ttl_seconds)
        tenant = self._tenants.get(key)
        if tenant is None or tenant.fleet.address != address or tenant.queue.limits != limits:
            fleet = self._fleets.get(address)
            if fleet is None:
                fleet = self._fleets[address] = Fleet(address)
            tenant = _Tenant(fleet, fleet.queue(workload.list_name, limits), created)
            self._tenants[key] = tenant
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
                tenant.configured = ()  # it may have come back empty
                on_change(key)


def _lengths(stats: Stats | None) -> tuple[int, ...] | None:
    return None if stats is None else (stats.pending, stats.in_flight, stats.delayed, stats.dead)


async def _each(
    names: Iterable[str], tenants: Mapping[str, tuple[Key, _Tenant]], action: Callable[[JobQueue], Awaitable[T]]
) -> dict[str, T]:
    """Do it to each of these queues. A damaged one holds up no other: the status of its workload says what is wrong."""
    answers = {}
    for name in names:
        if name in tenants:
            with contextlib.suppress(QueueDamaged):
                answers[name] = await action(tenants[name][1].queue)
    return answers
