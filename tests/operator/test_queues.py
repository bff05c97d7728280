"""What the operator remembers of a queue is kept in Redis: another process knows it too."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import redis

from greenscale_jobs import Finished, JobClient, JobQueue, Outcome, RedisAddress, Resource, Usage, WorkloadStatus
from greenscale_jobs.history import COUNTED_SECONDS
from greenscale_operator.queues import Queues
from greenscale_operator.seen import Key
from greenscale_operator.workload import parse
from greenscale_testing.local_redis import Clock

KEY = Key("ns", "w")
WORKLOAD = parse(
    {
        "metadata": {"namespace": "ns", "name": "w"},
        "spec": {"engine": {"type": "Echo"}, "queue": {"listName": "jobs"}},
    }
)


@asynccontextmanager
async def an_operator(address: RedisAddress, clock: Callable[[], float] = time.time) -> AsyncIterator[Queues]:
    """One process' queues, that of the workload settled."""
    queues = Queues(clock=clock)
    await queues.settle(KEY, WORKLOAD, address, created="2026-01-01T00:00:00Z")
    yield queues
    await queues.aclose()


async def test_starts_are_known_after_a_restart(address: RedisAddress) -> None:
    async with an_operator(address) as first:
        await first.note_start(KEY, 11.0)
        await first.note_start(KEY, 13.0)
        known = first.starts(KEY)
    async with an_operator(address) as second:
        assert [start.seconds for start in second.starts(KEY)] == [13.0, 11.0]
        assert second.starts(KEY) == known


async def test_nobody_has_woken_what_is_not_looked_after(address: RedisAddress) -> None:
    async with an_operator(address) as queues:
        await queues.note_start(Key("ns", "gone"), 1)

        assert queues.starts(Key("ns", "gone")) == ()


RESOURCE = Resource({"kind": "GreenScaleWorkload"}, {"kind": "ScaledObject"}, ({"type": "Ready"},))
AWAKE = WorkloadStatus("ns", "w", "jobs", "Active", "", 1, 1, "Echo", None, {}, 0.0)


async def do_a_job(queue: JobQueue) -> None:
    """Have one come and be done before anyone looks."""
    await queue.submit("hi")
    (claim,) = await queue.claim("w") or []
    await queue.finish([Finished(claim, "hello", Outcome(usage=Usage(2, 3)))])


async def counted(address: RedisAddress, queues: Queues, *, samples: int) -> list[tuple[int, int | None]]:
    """Let the operator survey until there are so many samples; gives the done jobs and the tokens of each."""
    surveying = asyncio.create_task(queues.run(lambda _: None))
    with JobClient(address) as client, redis.Redis(port=address.port) as raw:
        async with asyncio.timeout(20):
            while raw.xlen("jobs:history") < samples:  # noqa: ASYNC110 - the survey tells nobody
                await asyncio.sleep(0.01)
        surveying.cancel()
        return [(sample.done, sample.tokens) for sample in client.history(0)]


async def test_what_is_done_between_two_surveys_is_counted(address: RedisAddress, clock: Clock) -> None:
    """No length of the queue tells of it."""
    async with an_operator(address, clock) as queues, JobQueue(address) as queue:
        await queues.publish(KEY, AWAKE, RESOURCE)
        await do_a_job(queue)
        clock.advance(COUNTED_SECONDS)

        assert await counted(address, queues, samples=2) == [(0, None), (1, 5)]


async def test_the_line_gets_no_point_where_nothing_changes(
    address: RedisAddress, raw: redis.Redis, clock: Clock
) -> None:
    async with an_operator(address, clock) as queues:
        for _ in range(3):
            await queues.publish(KEY, AWAKE, RESOURCE)
            clock.advance(COUNTED_SECONDS)

        assert raw.xlen("jobs:history") == 1


async def test_what_a_workload_is_is_told_when_it_changes_and_goes_with_it(
    address: RedisAddress, raw: redis.Redis, clock: Clock
) -> None:
    """It is large, and the same at nearly every look."""
    async with an_operator(address, clock) as queues:
        with JobClient(address) as client:
            await queues.publish(KEY, AWAKE, RESOURCE)
            first = client.resource("ns", "w")
            raw.delete("greenscale:resources")
            await queues.publish(KEY, AWAKE, RESOURCE)
            same = client.resource("ns", "w")
            changed = msgspec.structs.replace(RESOURCE, scaled_object=None)
            await queues.publish(KEY, AWAKE, changed)
            second = client.resource("ns", "w")
            await queues.forget(KEY)

            assert (first, same, second) == (RESOURCE, None, changed)
            assert client.resource("ns", "w") is None


async def test_what_cannot_be_read_of_a_resource_is_not_known(address: RedisAddress, raw: redis.Redis) -> None:
    raw.hset("greenscale:resources", "ns/w", b"\xff{")
    with JobClient(address) as client:
        assert client.resource("ns", "w") is None
