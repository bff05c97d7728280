"""What the operator remembers of a queue is kept in Redis: another process knows it too."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import msgspec
import pytest
import redis

from greenscale_jobs import (
    Finished,
    JobClient,
    JobQueue,
    Outcome,
    QueueUnavailable,
    RedisAddress,
    Resource,
    Usage,
    WorkloadStatus,
)
from greenscale_jobs.connection.address import COMMAND_TIMEOUT_SECONDS
from greenscale_jobs.samples import COUNTED_SECONDS
from greenscale_operator.queues import Queues
from greenscale_operator.watch_cache import Key
from greenscale_operator.workload import parse
from greenscale_testing.local_redis import Clock, RedisServer

KEY = Key("ns", "w")
WORKLOAD = parse(
    {
        "metadata": {"namespace": "ns", "name": "w"},
        "spec": {"engine": {"type": "Echo"}, "queue": {"listName": "jobs"}},
    }
)


SUSPENDED = parse(
    {
        "metadata": {"namespace": "ns", "name": "w"},
        "spec": {"engine": {"type": "Echo"}, "suspend": True, "queue": {"listName": "jobs", "maxLength": 7}},
    }
)


@asynccontextmanager
async def an_operator(address: RedisAddress, clock: Callable[[], float] = time.time) -> AsyncIterator[Queues]:
    """One process' queues, that of the workload settled."""
    queues = Queues(clock=clock)
    await queues.take_over(KEY, WORKLOAD, address, created="2026-01-01T00:00:00Z")
    yield queues
    await queues.aclose()


@asynccontextmanager
async def surveying(queues: Queues, on_change: Callable[[Key], None] = lambda _: None) -> AsyncIterator[None]:
    """Have the queues looked after, as in an operator."""
    task = asyncio.create_task(queues.run(on_change))
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@asynccontextmanager
async def an_operator_before(server: RedisServer) -> AsyncIterator[Queues]:
    """One that is there before its Redis is."""
    queues = Queues()
    with pytest.raises(QueueUnavailable):
        await queues.take_over(KEY, SUSPENDED, server.address, created="2026-01-01T00:00:00Z")
    yield queues
    await queues.aclose()


async def until(condition: Callable[[], object], *, seconds: float = 20) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nobody reports it
            await asyncio.sleep(0.01)


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
    with JobClient(address) as client, redis.Redis(port=address.port) as raw:
        async with surveying(queues):
            await until(lambda: raw.xlen("jobs:history") >= samples)
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


async def test_what_a_workload_is_is_reported_when_it_changes_and_goes_with_it(
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


@pytest.mark.parametrize(
    "take",
    [
        pytest.param(lambda raw: raw.flushdb(), id="FLUSHDB"),
        pytest.param(lambda raw: raw.delete("jobs:config"), id="DEL"),
        pytest.param(lambda raw: raw.hdel("jobs:config", "paused"), id="HDEL of one field"),
    ],
)
async def test_what_the_resource_says_is_written_again_where_it_is_gone(
    address: RedisAddress, raw: redis.Redis, take: Callable[[redis.Redis], object]
) -> None:
    """A suspended queue would be worked on until the operator is restarted."""
    changed: list[Key] = []
    async with an_operator(address) as queues:
        await queues.take_over(KEY, SUSPENDED, address, created="2026-01-01T00:00:00Z")
        take(raw)
        async with surveying(queues, changed.append):
            # The page's view of the resource may be gone too, so the workload is looked at again.
            await until(lambda: raw.hexists("jobs:config", "paused") and KEY in changed)

    assert raw.hmget("jobs:config", "paused", "maxLength") == [b"1", b"7"]


async def test_a_queue_that_was_never_settled_is_not_configured_by_the_survey(own_redis: RedisServer) -> None:
    """What its resource says is written when its workload is settled."""
    changed: list[Key] = []
    async with an_operator_before(own_redis) as queues:
        own_redis.start()
        async with surveying(queues, changed.append):
            await until(lambda: KEY in changed)

    assert own_redis.say("EXISTS", "jobs:config") == 0


HUNG = Key("ns", "hung")
ITS_WORKLOAD = parse({"metadata": {"namespace": "ns", "name": "hung"}, "spec": {"engine": {"type": "Echo"}}})


@pytest.fixture
def silent() -> Iterator[RedisAddress]:
    """A Redis that takes connections and never answers: each command waits five seconds for it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield RedisAddress("127.0.0.1", listener.getsockname()[1])


@pytest.fixture
async def beside_a_hung_one(address: RedisAddress, silent: RedisAddress) -> AsyncIterator[Queues]:
    """Queues of two Redises, of which one hangs."""
    async with an_operator(address) as queues:
        with pytest.raises(QueueUnavailable):
            await queues.take_over(HUNG, ITS_WORKLOAD, silent, created="2026-01-01T00:00:00Z")
        yield queues


async def test_a_redis_that_hangs_delays_no_other(
    beside_a_hung_one: Queues, address: RedisAddress, raw: redis.Redis
) -> None:
    """Jobs that fall due on the others are moved in time."""
    async with JobQueue(address) as queue:
        for seconds in (0.5, 1.0, 1.5):
            await queue.submit("due soon", delay_seconds=seconds)
    async with surveying(beside_a_hung_one):
        await until(lambda: raw.llen("jobs") == 3, seconds=COMMAND_TIMEOUT_SECONDS - 1)


async def test_a_redis_that_hangs_is_asked_for_all_its_workloads_at_once(
    beside_a_hung_one: Queues, silent: RedisAddress
) -> None:
    """Else each of them waits for it in turn, and takes a reconciler's turn from the others."""
    changed: list[Key] = []
    async with surveying(beside_a_hung_one, changed.append):
        await until(lambda: HUNG in changed)
        async with asyncio.timeout(1):
            with pytest.raises(QueueUnavailable, match=str(silent)):
                await beside_a_hung_one.take_over(HUNG, ITS_WORKLOAD, silent, created="2026-01-01T00:00:00Z")
            await beside_a_hung_one.publish(HUNG, msgspec.structs.replace(AWAKE, name="hung"), RESOURCE)
            await beside_a_hung_one.forget(HUNG)


async def test_a_queue_that_is_being_taken_over_is_not_reported_as_changed(address: RedisAddress) -> None:
    """Else each of a thousand workloads is reconciled twice at a restart."""
    names = [f"w-{number}" for number in range(200)]
    changed: list[Key] = []
    queues = Queues()
    async with surveying(queues, changed.append):
        for name in names:
            body = {"metadata": {"namespace": "ns", "name": name}, "spec": {"engine": {"type": "Echo"}}}
            await queues.take_over(Key("ns", name), parse(body), address, created="2026-01-01T00:00:00Z")
    await queues.aclose()

    assert changed == []


async def test_a_redis_that_is_back_is_settled_again(own_redis: RedisServer) -> None:
    changed: list[Key] = []
    async with an_operator_before(own_redis) as queues, surveying(queues, changed.append):
        await until(lambda: KEY in changed)
        own_redis.start()
        changed.clear()
        await until(lambda: KEY in changed)
        stats = await queues.take_over(KEY, SUSPENDED, own_redis.address, created="2026-01-01T00:00:00Z")

    assert stats.work == 0
    assert own_redis.say("HGET", "jobs:config", "paused") == b"1"


async def test_a_job_that_an_old_consumer_took_is_put_back(
    address: RedisAddress, queue: JobQueue, raw: redis.Redis
) -> None:
    job_id = await queue.submit("hi")
    raw.rpop("jobs")
    async with an_operator(address) as queues, surveying(queues):
        await until(lambda: raw.llen("jobs"))

    assert [claim.id for claim in await queue.claim("w") or []] == [job_id]


async def test_a_redis_that_no_workload_uses_any_more_is_left(address: RedisAddress, raw: redis.Redis) -> None:
    """Each new password is another address: its predecessors would be asked for ever, and refuse."""

    def connections() -> int:
        return len(raw.client_list())

    before = connections()
    async with an_operator(address) as queues:
        await queues.take_over(KEY, SUSPENDED, address, created="2026-01-01T00:00:00Z")
        async with surveying(queues, lambda _: None):
            await until(lambda: connections() > before)
            await queues.forget(KEY)
            await until(lambda: connections() == before)
            await queues.take_over(KEY, SUSPENDED, address, created="2026-01-01T00:00:00Z")
            raw.delete("jobs:config")
            await until(lambda: raw.exists("jobs:config"))


async def test_an_operator_ends_though_it_is_just_connecting(address: RedisAddress, raw: redis.Redis) -> None:
    """redis-py swallows a cancellation while it connects (8.1.0): the survey would go on for ever."""
    for steps in range(0, 40, 2):
        async with an_operator(address) as queues:
            raw.client_kill_filter(_type="normal", skipme=True)
            surveys = asyncio.create_task(queues.run(lambda _: None))
            for _ in range(steps):
                await asyncio.sleep(0)
            surveys.cancel()
            done, _ = await asyncio.wait({surveys}, timeout=3)

        assert done, f"it goes on where it is cancelled after {steps} steps"
