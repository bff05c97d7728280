"""One look at many queues, as the operator takes it."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import redis

from greenscale_jobs import Fleet, JobQueue, RedisAddress, Sample, Survey
from greenscale_testing.local_redis import Clock


@pytest.fixture
async def fleet(address: RedisAddress, clock: Clock) -> AsyncIterator[Fleet]:
    async with Fleet(address, clock=clock) as fleet:
        yield fleet


async def test_empty_queues_are_not_worth_a_word(fleet: Fleet) -> None:
    lists = tuple(f"q{number}" for number in range(1000))

    assert await fleet.survey(lists) == Survey((), (), None, unconfigured=lists)


async def test_what_is_in_a_queue_is_seen(fleet: Fleet, clock: Clock) -> None:
    await fleet.queue("waiting").submit("1")
    await fleet.queue("running").submit("2")
    (claim,) = await fleet.queue("running").claim("w") or []
    await fleet.queue("delayed").submit("3")
    (failed,) = await fleet.queue("delayed").claim("w") or []
    await fleet.queue("delayed").retry(failed, "R", "m", delay_seconds=50)
    await fleet.queue("dead").submit("4")
    (hopeless,) = await fleet.queue("dead").claim("w") or []
    await fleet.queue("dead").bury(hopeless, "R", "m")
    lists = ["empty", "waiting", "running", "delayed", "dead"]
    before = await fleet.survey(lists)
    clock.advance(40)
    later = await fleet.survey(lists)

    assert (before.busy, before.to_maintain) == (("waiting", "running", "delayed", "dead"), ())
    assert (later.busy, later.to_maintain) == (("waiting", "running", "delayed", "dead"), ("running",))
    assert before.next_in == pytest.approx(30, abs=0.1)
    assert later.next_in == pytest.approx(10, abs=0.1)
    assert claim.attempt == 1


async def test_stranded_claims_and_due_retries_are_to_be_maintained(
    fleet: Fleet, raw: redis.Redis, clock: Clock
) -> None:
    raw.lpush("stranded:claiming", "hello")
    await fleet.queue("due").submit("1")
    (claim,) = await fleet.queue("due").claim("w") or []
    await fleet.queue("due").retry(claim, "R", "m", delay_seconds=1)
    clock.advance(2)
    survey = await fleet.survey(["due", "stranded"])
    for name in survey.to_maintain:
        await fleet.queue(name).maintain()

    assert survey.to_maintain == ("due", "stranded")
    later = await fleet.survey(["due", "stranded"])
    assert (later.busy, later.to_maintain, later.next_in) == (("due", "stranded"), (), None)
    assert [(await fleet.queue(name).stats()).pending for name in survey.to_maintain] == [1, 1]


@pytest.mark.parametrize(
    "take",
    [
        pytest.param(lambda raw: raw.flushdb(), id="FLUSHDB"),
        pytest.param(lambda raw: raw.delete("b:config"), id="DEL"),
        pytest.param(lambda raw: raw.hdel("b:config", "paused"), id="HDEL of one field"),
        pytest.param(lambda raw: raw.expire("b:config", 0), id="EXPIRE"),
    ],
)
async def test_a_queue_that_lost_what_its_resource_says_is_seen(
    fleet: Fleet, raw: redis.Redis, take: Callable[[redis.Redis], object]
) -> None:
    """A suspended queue would be worked on, and a full one take more."""
    await fleet.queue("b").configure(max_length=5, result_ttl_seconds=60, paused=True)
    before = await fleet.survey(["a", "b"])
    take(raw)

    assert before.unconfigured == ("a",)
    assert (await fleet.survey(["a", "b"])).unconfigured == ("a", "b")


async def test_more_queues_than_one_script_takes(fleet: Fleet) -> None:
    await fleet.queue("q999").submit("1")

    assert (await fleet.survey([f"q{number}" for number in range(1000)])).busy == ("q999",)


async def test_a_deleted_queue_leaves_nothing_and_its_neighbours_all(
    queue: JobQueue, raw: redis.Redis, address: RedisAddress
) -> None:
    async with JobQueue(address, "jobs:extra") as neighbour:
        await neighbour.submit("kept")
    await queue.configure(max_length=5, result_ttl_seconds=60, paused=False)
    await queue.sample(Sample(0, 1, 0, 0, 0, 0, None))
    await queue.note_start(1)
    for prompt in ("waiting", "running", "dead"):
        await queue.submit(prompt)
    claim, buried = (await queue.claim("w", 2)) or []
    await queue.emit([(claim, "a piece")])
    await queue.bury(buried, "R", "m")
    await queue.delete()

    left = sorted(key.decode() for key in raw.scan_iter())
    assert [key for key in left if not key.startswith("jobs:extra")] == []
    assert len([key for key in left if key.startswith("jobs:extra:job:")]) == 1


async def test_a_search_for_strays_puts_nothing_of_a_deleted_queue_back(
    queue: JobQueue, raw: redis.Redis, address: RedisAddress
) -> None:
    """The operator searches while it deletes: a record that is still there looks like a lost job."""
    ids = [await queue.submit(f"{number}") for number in range(1500)]
    deleted = asyncio.Event()

    async def search(other: JobQueue) -> None:
        while not deleted.is_set():
            await other.recover(ids)

    async with JobQueue(address, "jobs") as other, asyncio.TaskGroup() as searching:
        searching.create_task(search(other))
        await queue.delete()
        deleted.set()

    assert list(raw.scan_iter()) == []


async def test_a_list_name_with_wildcards_deletes_only_itself(address: RedisAddress, raw: redis.Redis) -> None:
    async with JobQueue(address, "j*") as greedy, JobQueue(address, "jobs") as other:
        await greedy.submit("1")
        await other.submit("2")
        await greedy.delete()

        assert (await other.stats()).pending == 1
        assert [key for key in map(bytes.decode, raw.scan_iter()) if key.startswith("j*")] == []
