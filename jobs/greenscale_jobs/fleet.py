"""All queues in one Redis, for whoever looks after many: two connections, however many queues there are."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from greenscale_jobs.asyncio_runner import AsyncioRunner
from greenscale_jobs.connection.address import RedisAddress
from greenscale_jobs.keys import RESOURCES, WORKLOADS
from greenscale_jobs.limits import Limits
from greenscale_jobs.protocol import Command, Commands, Script
from greenscale_jobs.queue import JobQueue
from greenscale_jobs.workloads import Resource, WorkloadStatus

SURVEY_BATCH = 200
"""Queues surveyed by one script, so that Redis is never blocked for long."""

SCAN_COUNT = 500
"""Keys scanned in one step of the search for strays."""

NOT_FINAL = (b"waiting", b"delayed", b"running")

SHARED_TYPES: Mapping[str, str] = {WORKLOADS: "hash", RESOURCES: "hash"}
"""The keys that all workloads share, and their types. A survey passes damaged queues by: they are never the cause."""


class Survey(msgspec.Struct, frozen=True):
    """Which queues are not empty, and which of these need `maintain` now."""

    busy: tuple[str, ...]
    to_maintain: tuple[str, ...]
    next_in: float | None
    """In how many seconds the next lease ends or retry is due."""
    unconfigured: tuple[str, ...] = ()
    """Lists whose config is missing or not whole: never written, or gone with a FLUSHDB."""


class Fleet(AsyncioRunner):
    """The queues of one Redis. Methods raise QueueUnavailable while it cannot be used."""

    def __init__(self, address: RedisAddress, *, clock: Callable[[], float] | None = None) -> None:
        super().__init__(address, clock=clock)
        self._send_script = self._ask_pool  # over the connections that its queues share
        self._cursor = 0

    def queue(self, list_name: str, limits: Limits | None = None) -> JobQueue:
        """Return one queue; it lives as long as the fleet."""
        return JobQueue(self.address, list_name, limits=limits, clock=self._clock, connection=self._redis)

    async def survey(self, lists: Sequence[str]) -> Survey:
        """Survey many queues in a few round trips."""
        surveys = [
            await self._call(_survey(lists[start : start + SURVEY_BATCH]))
            for start in range(0, len(lists), SURVEY_BATCH)
        ]
        soonest = [survey.next_in for survey in surveys if survey.next_in is not None]
        return Survey(
            tuple(name for survey in surveys for name in survey.busy),
            tuple(name for survey in surveys for name in survey.to_maintain),
            min(soonest, default=None),
            tuple(name for survey in surveys for name in survey.unconfigured),
        )

    async def put_workloads(
        self, statuses: Iterable[WorkloadStatus], resources: Mapping[str, Resource] | None = None
    ) -> None:
        """Report workloads to the page and the command; `resources` are by `<namespace>/<name>`."""
        by_name = {f"{status.namespace}/{status.name}": status for status in statuses}
        await self._commands([*_put(WORKLOADS, by_name), *_put(RESOURCES, resources or {})])

    async def forget_workload(self, namespace: str, name: str) -> None:
        """Remove a deleted workload from what the page and the command show."""
        await self._commands([("HDEL", key, f"{namespace}/{name}") for key in (WORKLOADS, RESOURCES)])

    async def recover_some(self, lists: Iterable[str]) -> list[str]:
        """Read some of all records, and put back the jobs of these lists that are not where their records say.

        Only where no job waits: what is on its way would be found too, and done twice. Returns their ids.
        """
        scan = ("SCAN", self._cursor, "MATCH", "*:job:*", "COUNT", SCAN_COUNT, "TYPE", "HASH")
        ((self._cursor, keys),) = await self._commands([scan])
        states = await self._commands([("HGET", key, "state") for key in keys])
        ours, ids = set(lists), defaultdict[str, list[str]](list)
        for key, state in zip(keys, states, strict=True):
            name, _, job_id = key.decode(errors="replace").rpartition(":job:")
            if state in NOT_FINAL and name in ours:
                ids[name].append(job_id)
        recovered = [await self.queue(name).recover(some) for name, some in ids.items()]
        return [job_id for some in recovered for job_id in some]

    async def _commands(self, commands: Sequence[Command]) -> Sequence[Any]:
        """Send commands at once and return their replies."""
        return await self._call(Commands(commands, list, lambda: SHARED_TYPES)) if commands else []


def _survey(lists: Sequence[str]) -> Script[Survey]:
    """Survey a few queues."""

    def read(reply: list[Any]) -> Survey:
        next_in, busy, unconfigured = reply
        return Survey(
            tuple(lists[abs(number) - 1] for number in busy),
            tuple(lists[-number - 1] for number in busy if number < 0),
            float(next_in) if next_in else None,
            tuple(lists[number - 1] for number in unconfigured),
        )

    return Script("survey", lists, (), read, lambda: SHARED_TYPES)


def _put(key: str, values: Mapping[str, WorkloadStatus | Resource]) -> Sequence[Command]:
    """Return what puts these values into a hash, by their names; nothing where there are none."""
    fields = [word for name, value in values.items() for word in (name, msgspec.json.encode(value))]
    return [("HSET", key, *fields)] if fields else []
