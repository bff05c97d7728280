"""A Redis that is absent, dies, wants a password or is full: a clear error, and nothing lost."""

import asyncio
import contextlib

import pytest
import redis
from msgspec.structs import replace

from greenscale_jobs import Finished, JobClient, JobQueue, JobState, Outcome, QueueUnavailable, RedisAddress, new_item
from greenscale_testing.local_redis import RedisServer
from greenscale_testing.ports import free_port


async def test_an_absent_redis_is_named_with_the_remedy() -> None:
    address = RedisAddress("127.0.0.1", free_port())
    async with JobQueue(address) as queue:
        with pytest.raises(QueueUnavailable, match=rf"Redis at {address} does not answer.*REDIS_HOST"):
            await queue.submit("hi")
    with JobClient(address) as client, pytest.raises(QueueUnavailable, match="does not answer"):
        client.submit("hi")


@pytest.mark.parametrize("password", [None, "wrong"])
async def test_a_password_is_asked_for_and_never_shown(own_redis: RedisServer, password: str | None) -> None:
    own_redis.options = ("--requirepass", "secret-word")
    own_redis.start()
    async with JobQueue(replace(own_redis.address, password=password)) as queue:
        with pytest.raises(QueueUnavailable, match="REDIS_PASSWORD") as caught:
            await queue.submit("hi")

    assert "secret-word" not in str(caught.value)
    assert "wrong" not in repr(queue.address)
    async with JobQueue(replace(own_redis.address, password="secret-word")) as queue:
        await queue.submit("hi")


async def test_a_full_redis_refuses_new_jobs_and_finishes_those_it_has(own_redis: RedisServer) -> None:
    """Whoever refuses to finish when memory is short never gets any back."""
    own_redis.start()
    async with JobQueue(own_redis.address) as queue:
        ids = [await queue.submit(f"{number}") for number in range(6)]
        claims = await queue.claim("w", 5) or []
        with redis.Redis(port=own_redis.address.port) as plain:
            plain.config_set("maxmemory", "1")
            keys = set(plain.keys())
        with pytest.raises(QueueUnavailable, match=r"full.*maxmemory"):
            await queue.submit_many([new_item("one"), new_item("two")])
        with redis.Redis(port=own_redis.address.port) as plain:
            assert set(plain.keys()) == keys
        assert await queue.renew(claims) == ["held"] * 5
        await queue.emit([(claims[0], "ans")])
        await queue.report_fault("bad key")
        finished = await queue.finish([Finished(claims[0], "answer", Outcome())])
        await queue.bury(claims[1], "R", "m")
        await queue.retry(claims[2], "R", "m", delay_seconds=0)
        await queue.release(claims[3])
        await queue.cancel(claims[4].id)
        assert await queue.renew([claims[4]]) == ["cancel"]
        await queue.emit([(claims[4], "a piece")])
        await queue.maintain()
        again = await queue.claim("w", 4) or []
        redriven = await queue.redrive([claims[1].id])
        again += await queue.claim_when_there("w", 5, seconds=1) or []
        states = [(await queue.job(job_id)).state for job_id in ids]

    assert finished == [True]
    assert redriven == [claims[1].id]
    assert len(again) == 4
    assert states == [JobState.DONE, *[JobState.RUNNING] * 5]


async def test_jobs_survive_the_restart_of_redis(own_redis: RedisServer) -> None:
    own_redis.options = ("--appendonly", "yes", "--appendfsync", "always")
    own_redis.start()
    async with JobQueue(own_redis.address) as queue:
        waiting, running = await queue.submit("waiting"), ""
        (claim,) = await queue.claim("w") or []
        running, waiting = waiting, await queue.submit("waiting")
        own_redis.stop(kill=True)
        with pytest.raises(QueueUnavailable):
            await queue.stats()
        own_redis.start()
        states = [(await queue.job(job_id)).state for job_id in (running, waiting)]
        stored = await queue.finish([Finished(claim, "answer", Outcome())])

    assert states == [JobState.RUNNING, JobState.WAITING]
    assert stored == [True]


async def test_a_forgotten_script_is_sent_again(queue: JobQueue, raw: redis.Redis) -> None:
    await queue.submit("1")
    raw.script_flush()
    await queue.submit("2")

    assert (await queue.stats()).pending == 2


async def test_waiting_ends_when_redis_dies(own_redis: RedisServer) -> None:
    own_redis.start()
    async with JobQueue(own_redis.address) as queue:
        waiting = asyncio.create_task(queue.claim_when_there("w", 1, seconds=60))
        await queue.ping()
        own_redis.stop(kill=True)
        with pytest.raises(QueueUnavailable):
            await waiting


async def test_a_host_that_cannot_be_one_is_an_error_like_any_other() -> None:
    async with JobQueue(RedisAddress("a..b")) as queue:
        with pytest.raises(QueueUnavailable, match=r"a\.\.b:6379 .*REDIS_HOST"):
            await queue.submit("hi")
    with JobClient(RedisAddress("a..b")) as client, pytest.raises(QueueUnavailable, match=r"a\.\.b:6379 .*REDIS_HOST"):
        client.submit("hi")


@pytest.mark.parametrize("url", ["redis://h/abc", "redis://h/-1", "redis://h/1/2"])
def test_a_url_whose_database_is_no_number_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must be a number"):
        RedisAddress.from_url(url)


def test_an_entry_that_cannot_be_read_hides_no_other(address: RedisAddress, raw: redis.Redis) -> None:
    raw.hset("greenscale:workloads", mapping={"ns/broken": b'{"namespace": 1', "ns/bytes": b"\xff"})
    with JobClient(address) as client:
        assert client.workloads() == []


@pytest.mark.parametrize("turns", range(30))
async def test_a_loop_that_is_called_off_while_it_connects_ends(address: RedisAddress, turns: int) -> None:
    """redis-py turns a cancellation in the middle of connecting into a failed connection, and the loop would go on."""

    async def look_again_and_again(queue: JobQueue) -> None:
        while True:
            with contextlib.suppress(QueueUnavailable):
                await queue.stats()

    async with JobQueue(address) as queue:
        looking = asyncio.create_task(look_again_and_again(queue))
        for _ in range(turns):
            await asyncio.sleep(0)
        looking.cancel()
        await asyncio.wait({looking}, timeout=5)

        assert looking.cancelled()
