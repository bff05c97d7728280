"""All workloads' queues in Redis: surveyed, maintained, configured, and published for the page.

However many workloads there are, each Redis is asked in a few round trips; a queue at zero replicas still moves. Each
Redis has a task of its own: one that hangs delays no other.
"""

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from greenscale_jobs import (
    Fleet,
    QueueDamaged,
    QueueUnavailable,
    RedisAddress,
    Resource,
    Start,
    Stats,
    Survey,
    WorkloadStatus,
)
from greenscale_operator.logs import fields
from greenscale_operator.surveyed_redis import SurveyedRedis
from greenscale_operator.tenant import Config, Tenant, limits_of
from greenscale_operator.watch_cache import Key
from greenscale_operator.workload import Workload

T = TypeVar("T")
Tenants = Mapping[str, tuple[Key, Tenant]]
"""By their lists."""

OnChange = Callable[[Key], None]

SURVEY_SECONDS = 10.0
"""Queues are surveyed this often, sooner where a retry falls due or a lease ends."""

PUBLISH_SECONDS = 18.0
"""All statuses are published again at most this often, however often the queues are surveyed."""

GATHER_SECONDS = 0.5
"""How long a survey that new queues ask for waits for more of them: at a restart a thousand come one by one."""

DOWN_SECONDS = 2.0
"""How soon a Redis that was unavailable is asked again."""

logger = logging.getLogger(__name__)


class Queues:
    """The queues of all workloads, by the Redis that keeps them."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._redises: dict[RedisAddress, SurveyedRedis] = {}
        self._redis_added = asyncio.Event()
        self._tenants: dict[Key, Tenant] = {}
        self._named: dict[str, set[Key]] = defaultdict(set)

    async def aclose(self) -> None:
        """Close all connections."""
        for redis in self._redises.values():
            await redis.fleet.aclose()

    def queue_owner(self, key: Key, address: RedisAddress, list_name: str, *, created: str) -> Key | None:
        """Return the older workload that has this very list already."""
        for other in self._named.get(list_name, ()):
            tenant = self._tenants[other]
            if other != key and tenant.fleet.address == address and (tenant.created, other) < (created, key):
                return other
        return None

    async def take_over(self, key: Key, workload: Workload, address: RedisAddress, *, created: str) -> Stats:
        """Keep a workload's queue from now on, write its limits there, and return its numbers."""
        tenant = self._tenant(key, workload, address, created)
        self._redises[address].refuse_if_unreachable()
        tenant.in_hand = True
        try:
            if tenant.configured is None:  # new to us, or its Redis was away
                await tenant.board.read_starts()
            if tenant.configured != tenant.config:
                await tenant.configure()
            tenant.stats = await tenant.queue.stats()
        finally:
            tenant.in_hand = False
        return tenant.stats

    def starts(self, key: Key) -> Sequence[Start]:
        """Return a workload's last starts from zero, newest first."""
        tenant = self._tenants.get(key)
        return tenant.board.starts if tenant else ()

    async def note_start(self, key: Key, seconds: float) -> None:
        """Remember how long a start from zero took that is over now."""
        tenant = self._tenants.get(key)
        if tenant:
            with contextlib.suppress(QueueUnavailable):
                await tenant.board.note_start(seconds)

    async def publish(self, key: Key, status: WorkloadStatus, resource: Resource) -> None:
        """Publish a workload's status for the page and the command, and the resource where it is new."""
        tenant = self._tenants.get(key)
        if tenant is None:
            return
        tenant.board.status = status
        with contextlib.suppress(QueueUnavailable):
            self._redises[tenant.fleet.address].refuse_if_unreachable()
            await tenant.board.publish(status, resource)
            if tenant.stats:
                await tenant.board.sample(tenant.stats, now=self._clock())

    async def forget(self, key: Key) -> None:
        """Keep a queue no longer; its jobs stay."""
        tenant = self._tenants.pop(key, None)
        if tenant:
            self._named[tenant.queue.keys.list_name].discard(key)
            with contextlib.suppress(QueueUnavailable):
                self._redises[tenant.fleet.address].refuse_if_unreachable()
                await tenant.fleet.forget_workload(*key)

    async def delete(self, key: Key) -> None:
        """Remove a queue with all of its jobs; raises QueueUnavailable."""
        tenant = self._tenants.get(key)
        if tenant:
            await tenant.queue.delete()

    async def run(self, on_change: OnChange) -> None:
        """Survey all queues and maintain those that need it, until cancelled.

        `on_change` is called for a workload whose numbers changed, or whose Redis went or came back.
        """
        async with asyncio.TaskGroup() as group:
            while True:
                for redis in self._redises.values():
                    if not redis.has_task:
                        redis.has_task = True
                        group.create_task(self._survey_loop(redis, on_change))
                self._redis_added.clear()
                await self._redis_added.wait()

    async def _survey_loop(self, redis: SurveyedRedis, on_change: OnChange) -> None:
        """Survey one Redis again and again, until no workload keeps its queue there."""
        while not self._drop_unused(redis):
            redis.survey_now.clear()
            try:
                wait = await self._survey_once(redis, on_change)
            except Exception:
                logger.exception("redis_failed", extra=fields(redis=redis.fleet.address, again_seconds=DOWN_SECONDS))
                wait = DOWN_SECONDS
            _stay_cancelled()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.05, wait)):
                    await redis.survey_now.wait()
                    await asyncio.sleep(GATHER_SECONDS)
        await redis.fleet.aclose()

    def _drop_unused(self, redis: SurveyedRedis) -> bool:
        """Forget a Redis that no workload has used for two surveys: its last one is gone, or has a new password."""
        unused = all(tenant.fleet is not redis.fleet for tenant in self._tenants.values())
        drops, redis.unused = unused and redis.unused, unused
        if drops:
            del self._redises[redis.fleet.address]
        return drops

    async def _survey_once(self, redis: SurveyedRedis, on_change: OnChange) -> float:
        """Survey one Redis; returns in how many seconds to survey it again."""
        tenants = {
            tenant.queue.keys.list_name: (key, tenant)
            for key, tenant in self._tenants.items()
            if tenant.fleet is redis.fleet
        }
        if not tenants:
            return DOWN_SECONDS
        try:
            survey = await redis.survey(list(tenants))
            soonest = await self._maintain(survey, tenants, on_change)
            await self._recover_strays(redis, tenants)
            now = self._clock()
            awake = [name for name, (_, tenant) in tenants.items() if tenant.may_have_worked_unseen(now)]
            numbers = await _each(dict.fromkeys([*awake, *survey.busy]), tenants, Tenant.count)
            await self._publish_all(redis)
        except QueueUnavailable as error:
            self._note_down(redis, str(error), on_change)
            return DOWN_SECONDS
        self._note_up(redis, on_change)
        for name, (key, tenant) in tenants.items():
            if tenant.differs_from(numbers.get(name)):
                on_change(key)
        return soonest

    async def _maintain(self, survey: Survey, tenants: Tenants, on_change: OnChange) -> float:
        """Do what the queues of one Redis need; returns in how many seconds they need it again."""
        emptied = [name for name in survey.unconfigured if name in tenants and tenants[name][1].configured]
        await _each(emptied, tenants, Tenant.configure)
        for name in emptied:
            key, tenant = tenants[name]
            logger.warning("queue_settings_lost", extra=fields(workload=key))
            tenant.board.forget_written()  # it is gone too: publish it again
            on_change(key)
        maintained = await _each(survey.to_maintain, tenants, lambda tenant: tenant.queue.maintain())
        soon = [moved.next_in for moved in maintained.values() if moved.next_in is not None]
        return min([SURVEY_SECONDS, *soon, *([survey.next_in] if survey.next_in is not None else [])])

    async def _recover_strays(self, redis: SurveyedRedis, tenants: Tenants) -> None:
        """Search some records for jobs that are nowhere: once a round, which costs little however many there are."""
        now = self._clock()
        if now - redis.searched_at < SURVEY_SECONDS:
            return
        redis.searched_at = now
        for job_id in await redis.fleet.recover_some(tenants):
            logger.warning("job_recovered", extra=fields(job=job_id))

    async def _publish_all(self, redis: SurveyedRedis) -> None:
        """Publish all statuses of one Redis again: the page takes old ones for those of an operator that is gone."""
        now = self._clock()
        if now - redis.published_at < PUBLISH_SECONDS:
            return
        redis.published_at = now
        boards = [tenant.board for tenant in self._tenants.values() if tenant.fleet is redis.fleet]
        await redis.fleet.put_workloads(
            msgspec.structs.replace(board.status, sampled_at=now) for board in boards if board.status
        )

    def _tenant(self, key: Key, workload: Workload, address: RedisAddress, created: str) -> Tenant:
        """Return the workload's queue, made again where its place or its limits have changed."""
        tenant, name, limits, config = (
            self._tenants.get(key),
            workload.list_name,
            limits_of(workload),
            Config.of(workload),
        )
        place = tenant and (tenant.fleet.address, tenant.queue.keys.list_name, tenant.queue.limits)
        if tenant is None or place != (address, name, limits):
            redis = self._redises.get(address)
            if redis is None:
                redis = self._redises[address] = SurveyedRedis(Fleet(address))
                self._redis_added.set()
            if tenant:
                self._named[tenant.queue.keys.list_name].discard(key)
            queue = redis.fleet.queue(name, limits)
            tenant = self._tenants[key] = Tenant(redis.fleet, queue, created, config, self._clock)
            self._named[name].add(key)
            redis.survey_now.set()
        tenant.config = config
        return tenant

    def _note_down(self, redis: SurveyedRedis, why: str, on_change: OnChange) -> None:
        if not redis.down:
            redis.down = True
            logger.error("redis_unavailable", extra=fields(redis=redis.fleet.address, error=why))
            self._wake_all(redis, on_change)

    def _note_up(self, redis: SurveyedRedis, on_change: OnChange) -> None:
        if redis.down:
            redis.down = False
            logger.warning("redis_back", extra=fields(redis=redis.fleet.address))
            self._wake_all(redis, on_change)

    def _wake_all(self, redis: SurveyedRedis, on_change: OnChange) -> None:
        for key, tenant in self._tenants.items():
            if tenant.fleet is redis.fleet:
                tenant.forget_written()
                on_change(key)


async def _each(names: Iterable[str], tenants: Tenants, action: Callable[[Tenant], Awaitable[T]]) -> dict[str, T]:
    """Do it to each of these queues. A damaged one holds up no other: the status of its workload says what is wrong."""
    answers = {}
    for name in names:
        if name in tenants:
            with contextlib.suppress(QueueDamaged):
                answers[name] = await action(tenants[name][1])
    return answers


def _stay_cancelled() -> None:
    """Raise CancelledError if this task was cancelled while redis-py connected: it swallows that (8.1.0)."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
