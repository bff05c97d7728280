"""All queues in one Redis, for whoever looks after many: two connections, however many queues there are."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Self

import msgspec
from redis.exceptions import NoScriptError

from greenscale_jobs import protocol
from greenscale_jobs.connection.address import RedisAddress
from greenscale_jobs.errors import FOREIGN_TYPE, REDIS_ERRORS, damage, demoted, translate
from greenscale_jobs.keys import RESOURCES, WORKLOADS
from greenscale_jobs.queue import JobQueue, Limits
from greenscale_jobs.scripts import script_sha, script_text
from greenscale_jobs.workloads import Resource, WorkloadStatus

SURVEY_BATCH = 200
"""Queues looked at by one script, so that Redis is never blocked for long."""


SCAN_COUNT = 500
"""Keys looked at in one step of the search for strays."""

NOT_FINAL = (b"waiting", b"delayed", b"running")


class Survey(msgspec.Struct, frozen=True):
    """Which queues are not empty, and which of these need tending now."""

    busy: tuple[str, ...]
    to_maintain: tuple[str, ...]
    next_in: float | None
    """In how many seconds the next lease ends or retry is due."""
    unconfigured: tuple[str, ...] = ()
    """Lists whose config is missing or not whole: never written, or gone with a FLUSHDB."""


class Fleet:
    """The queues of one Redis. Methods raise QueueUnavailable while it cannot be used."""

    def __init__(self, address: RedisAddress, *, clock: Callable[[], float] | None = None) -> None:
        self.address = address
        self._clock = clock
        self._redis = address.connect()
        self._cursor = 0

    async def __aenter__(self) -> Self:
        """Return the fleet; it is closed at the end of the block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections of all its queues."""
        await self._redis.aclose()

    def queue(self, list_name: str, limits: Limits | None = None) -> JobQueue:
        """Return one queue; it lives as long as the fleet."""
        return JobQueue(self.address, list_name, limits=limits, clock=self._clock, connection=self._redis)

    async def survey(self, lists: Sequence[str]) -> Survey:
        """Look at many queues in a few round trips."""
        surveys = [
            await self._survey_some(lists[start : start + SURVEY_BATCH]) for start in range(0, len(lists), SURVEY_BATCH)
        ]
        soonest = [survey.next_in for survey in surveys if survey.next_in is not None]
        return Survey(
            tuple(name for survey in surveys for name in survey.busy),
            tuple(name for survey in surveys for name in survey.to_maintain),
            min(soonest, default=None),
            tuple(name for survey in surveys for name in survey.unconfigured),
        )

    async def _survey_some(self, lists: Sequence[str]) -> Survey:
        now = "" if self._clock is None else f"{self._clock():.3f}"
        next_in, busy, unconfigured = await self._do(self._evaluate("survey", lists, now))
        return Survey(
            tuple(lists[abs(number) - 1] for number in busy),
            tuple(lists[-number - 1] for number in busy if number < 0),
            float(next_in) if next_in else None,
            tuple(lists[number - 1] for number in unconfigured),
        )

    async def put_workloads(
        self, statuses: Iterable[WorkloadStatus], resources: Mapping[str, Resource] | None = None
    ) -> None:
        """Tell the page and the command of workloads; `resources` are by `<namespace>/<name>`."""
        fields: dict[Any, Any] = {
            f"{status.namespace}/{status.name}": msgspec.json.encode(status) for status in statuses
        }
        whole: dict[Any, Any] = {name: msgspec.json.encode(resource) for name, resource in (resources or {}).items()}
        async with self._redis.pipeline(transaction=False) as both:
            if fields:
                both.hset(WORKLOADS, mapping=fields)
            if whole:
                both.hset(RESOURCES, mapping=whole)
            await self._do(both.execute())

    async def forget_workload(self, namespace: str, name: str) -> None:
        """Tell the page and the command that a workload is gone."""
        async with self._redis.pipeline(transaction=False) as both:
            both.hdel(WORKLOADS, f"{namespace}/{name}")
            both.hdel(RESOURCES, f"{namespace}/{name}")
            await self._do(both.execute())

    async def recover_some(self, lists: Iterable[str]) -> list[str]:
        """Look at some of all records, and put back the jobs of these lists that are not where their records say.

        Only where no job waits: what is on its way would be found too, and done twice. Returns their ids.
        """
        self._cursor, keys = await self._do(
            self._redis.scan(self._cursor, match="*:job:*", count=SCAN_COUNT, _type="hash")
        )
        async with self._redis.pipeline(transaction=False) as states:
            for key in keys:
                states.hget(key, "state")
            known = zip(keys, await self._do(states.execute(raise_on_error=False)), strict=True)
        ours, ids = set(lists), defaultdict[str, list[str]](list)
        for key, state in known:
            name, _, job_id = key.decode(errors="replace").rpartition(":job:")
            if state in NOT_FINAL and name in ours:
                ids[name].append(job_id)
        recovered = [await self.queue(name).recover(some) for name, some in ids.items()]
        return [job_id for some in recovered for job_id in some]

    async def _evaluate(self, script: str, keys: Sequence[str], *args: protocol.Argument) -> Any:
        try:
            return await self._redis.evalsha(script_sha(script), len(keys), *keys, *args)
        except NoScriptError:
            return await self._redis.eval(script_text(script), len(keys), *keys, *args)

    async def _do(self, command: Awaitable[Any]) -> Any:
        try:
            return await command
        except REDIS_ERRORS as error:
            if demoted(error):
                await self._redis.connection_pool.disconnect(inuse_connections=False)
            if FOREIGN_TYPE in str(error):  # the survey passes such queues by: it is a key that they share
                raise damage(str(self.address), {WORKLOADS: "hash", RESOURCES: "hash"}, []) from error
            raise translate(error, str(self.address)) from error
