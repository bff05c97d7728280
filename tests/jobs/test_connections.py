"""A connection that stalls, breaks half-way or leads to a server that is no primary any more."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import Any

import pytest
import redis

from greenscale_jobs import (
    Claim,
    DuplicateJob,
    Finished,
    JobClient,
    JobQueue,
    JobState,
    Limits,
    Outcome,
    QueueUnavailable,
    RedisAddress,
    new_item,
    worker_side,
)
from greenscale_jobs.connection import address as address_module
from greenscale_testing.local_redis import Clock
from greenscale_testing.tcp_proxy import TcpProxy

PATIENCE_SECONDS = 1.5
"""The command timeout of these tests: 5 s would only make them slow, and a busy machine takes half a second."""


@pytest.fixture
def proxy(address: RedisAddress) -> Iterator[TcpProxy]:
    with TcpProxy(address.port) as proxy:
        yield proxy


@pytest.fixture
async def far(proxy: TcpProxy, clock: Clock) -> AsyncIterator[JobQueue]:
    """The queue, seen through the proxy."""
    connection = proxy.address.connect(command_timeout=PATIENCE_SECONDS)
    async with JobQueue(proxy.address, clock=clock, connection=connection) as queue:
        yield queue
    await connection.aclose()


@pytest.fixture
def far_client(proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[JobClient]:
    monkeypatch.setattr(address_module, "COMMAND_TIMEOUT_SECONDS", PATIENCE_SECONDS)
    with JobClient(proxy.address) as client:
        yield client


# Stalls.


async def test_a_producer_learns_of_a_stall_and_gets_no_stale_reply(
    far: JobQueue, far_client: JobClient, proxy: TcpProxy
) -> None:
    """A late reply that is taken for the next command's would be one job's answer given to another."""
    first = await far.submit("first")
    assert far_client.job(first).prompt == "first"
    proxy.stall(requests=False)
    with pytest.raises(QueueUnavailable, match="does not answer"):
        await far.job(first)
    with pytest.raises(QueueUnavailable, match="does not answer"):
        far_client.job(first)
    proxy.resume()

    assert (await far.stats()).pending == 1
    assert far_client.stats().pending == 1


async def test_a_server_that_never_greets_is_an_error_in_bounded_time(
    far: JobQueue, far_client: JobClient, proxy: TcpProxy
) -> None:
    proxy.stall()
    with pytest.raises(QueueUnavailable, match="does not answer"):
        await far.stats()
    with pytest.raises(QueueUnavailable, match="does not answer"):
        far_client.stats()


@pytest.mark.parametrize("when", ["greeting", "waiting"])
async def test_a_blocking_claim_on_a_dead_connection_is_noticed(
    far: JobQueue, queue: JobQueue, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setattr(worker_side, "BLOCKED_TOO_LONG_SECONDS", PATIENCE_SECONDS)
    if when == "waiting":
        assert await far.claim_when_there("w", 1, seconds=0.1) == []
    proxy.stall()
    with pytest.raises(QueueUnavailable, match="went silent"):
        await far.claim_when_there("w", 1, seconds=0.1)
    proxy.cut()
    proxy.resume()
    job_id = await queue.submit("hi")

    assert [claim.id for claim in await far.claim_when_there("w", 1, seconds=5) or []] == [job_id]


async def test_a_stall_shorter_than_the_lease_costs_nothing(far: JobQueue, queue: JobQueue, proxy: TcpProxy) -> None:
    await queue.submit("hi")
    (claim,) = await far.claim("w") or []
    proxy.stall()
    with pytest.raises(QueueUnavailable):
        await far.renew([claim])
    await queue.maintain()
    proxy.resume()

    assert await far.renew([claim]) == ["held"]
    assert await far.finish([Finished(claim, "answer", Outcome())]) == [True]


async def test_a_job_taken_over_in_a_stall_is_not_overwritten(
    far: JobQueue, queue: JobQueue, proxy: TcpProxy, clock: Clock
) -> None:
    """What was stuck in the network arrives late, when the job is another's: it must find nothing to do."""
    job_id = await queue.submit("hi")
    (claim,) = await far.claim("first") or []
    late = Finished(claim, "late", Outcome())
    proxy.stall()
    with pytest.raises(QueueUnavailable):
        await far.finish([late])
    clock.advance(Limits().lease_seconds + 1)
    await queue.maintain()
    (second,) = await queue.claim("second") or []
    proxy.resume()

    assert await far.renew([claim]) == ["lost"]
    assert await far.finish([late]) == [False]
    assert await queue.finish([Finished(second, "answer", Outcome())]) == [True]
    assert (await queue.job(job_id)).result == "answer"


def test_workers_keep_and_lose_jobs_as_the_stall_is_short_or_long(
    proxy: TcpProxy, address: RedisAddress, start_worker: Callable[..., object], worker_log: Callable[[], str]
) -> None:
    start_worker(redis=proxy.address, GREENSCALE_LEASE_SECONDS="2")
    with JobClient(address) as client:
        kept = client.submit(" ".join("word" for _ in range(40)))
        next(event for event in client.events(kept) if event.type == "delta")
        proxy.stall(requests=False)
        assert proxy.await_held_reply(10)
        proxy.resume()
        assert client.result(kept).attempts == 1

        taken = client.submit(" ".join("word" for _ in range(100)))
        next(event for event in client.events(taken) if event.type == "delta")
        proxy.stall()
        start_worker(GREENSCALE_LEASE_SECONDS="2")
        claims = 0
        next(event for event in client.events(taken) if (claims := claims + (event.type == "claimed")) == 2)
        proxy.resume()
        while f"lost job={taken} attempt=1" not in worker_log():
            time.sleep(0.01)
        job = client.result(taken)

    assert (job.state, job.attempts) == (JobState.DONE, 1)
    assert [error.reason for error in job.errors] == ["WorkerLost"]


# Replies that are lost though the command had its effect.


@pytest.mark.parametrize("bytes_through", [0, 1])
async def test_nothing_is_sent_twice_beneath_the_queue(
    far: JobQueue, far_client: JobClient, queue: JobQueue, proxy: TcpProxy, bytes_through: int
) -> None:
    """redis-py repeats a command after a broken connection unless `retry` forbids it, whatever the command is."""
    await far.submit("so that Redis knows the script")
    proxy.cut_next_reply(bytes_through)
    with pytest.raises(QueueUnavailable):
        await far.submit("asyncio")
    far_client.stats()
    proxy.cut_next_reply(bytes_through)
    with pytest.raises(QueueUnavailable):
        far_client.submit("plain")

    assert (await queue.stats()).counters == {"submitted": 3}


async def test_a_producer_that_got_no_answer_may_submit_the_same_id_again(
    far_client: JobClient, proxy: TcpProxy
) -> None:
    item = new_item("once")
    far_client.cancel(far_client.submit("so that Redis knows the script"))
    proxy.cut_next_reply()
    with pytest.raises(QueueUnavailable):
        far_client.submit_many([item])
    with pytest.raises(DuplicateJob):
        far_client.submit_many([item])

    assert far_client.stats().pending == 1


Effect = Callable[[JobQueue, Claim], Coroutine[Any, Any, Any]]


@pytest.mark.parametrize(
    ("effect", "state", "counters"),
    [
        pytest.param(
            lambda queue, claim: queue.finish([Finished(claim, "answer", Outcome(), unseen="answer")]),
            JobState.DONE,
            {"done": 1},
            id="finish",
        ),
        pytest.param(
            lambda queue, claim: queue.retry(claim, "R", "m", delay_seconds=60),
            JobState.DELAYED,
            {"retried": 1},
            id="retry",
        ),
        pytest.param(lambda queue, claim: queue.bury(claim, "R", "m"), JobState.DEAD, {"dead": 1}, id="bury"),
        pytest.param(lambda queue, claim: queue.release(claim), JobState.WAITING, {}, id="release"),
        pytest.param(lambda queue, claim: queue.renew([claim]), JobState.RUNNING, {}, id="renew"),
        pytest.param(
            lambda queue, claim: queue.emit([(claim, "an")], batch="1"), JobState.RUNNING, {}, id="show a piece"
        ),
        pytest.param(lambda queue, _: queue.maintain(), JobState.RUNNING, {}, id="maintain"),
        pytest.param(lambda queue, _: queue.report_fault("bad key"), JobState.RUNNING, {}, id="report a fault"),
    ],
)
async def test_what_a_worker_insists_on_has_its_effect_once(
    far: JobQueue, queue: JobQueue, proxy: TcpProxy, effect: Effect, state: JobState, counters: dict[str, int]
) -> None:
    """Its reply is lost, so the worker does it again: as `Outage.insist` does."""
    job_id = await queue.submit("hi")
    (claim,) = await far.claim("w") or []
    expected = await _answer_undisturbed(queue, effect)
    before = (await queue.stats()).counters
    proxy.cut_next_reply()
    with pytest.raises(QueueUnavailable):
        await effect(far, claim)
    events = [event.type for event in await _events(queue, job_id)]
    answer = await effect(far, claim)

    job, after = await queue.job(job_id), (await queue.stats()).counters
    assert answer == expected
    assert job.state is state
    assert len(job.errors) == (1 if state in {JobState.DELAYED, JobState.DEAD} else 0)
    assert [event.type for event in await _events(queue, job_id)] == events
    assert {
        name: number - before.get(name, 0) for name, number in after.items() if number != before.get(name)
    } == counters


async def _answer_undisturbed(queue: JobQueue, effect: Effect) -> Any:
    """Return what the effect answers for a job of its own when nothing goes wrong."""
    job_id = await queue.submit("another")
    (claim,) = await queue.claim("w") or []
    answer = await effect(queue, claim)
    if (await queue.job(job_id)).state is not JobState.DONE:
        await queue.cancel(job_id)
    return answer


async def _events(queue: JobQueue, job_id: str) -> list[Any]:
    with JobClient(queue.address) as client:
        return client.next_events(job_id)


Again = Callable[[JobQueue], Awaitable[list[Claim] | None]]


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(lambda queue: queue.claim("w"), id="claim"),
        pytest.param(lambda queue: queue.claim_when_there("w", 1, seconds=20), id="claim when there"),
    ],
)
async def test_the_next_claim_returns_what_one_leased_whose_reply_was_lost(
    far: JobQueue, queue: JobQueue, proxy: TcpProxy, again: Again
) -> None:
    await far.claim("w")  # so that Redis knows the script
    job_id = await queue.submit("hi")
    for _ in range(3):  # as long as no reply comes
        proxy.cut_next_reply()
        with pytest.raises(QueueUnavailable):
            await again(far)
    others = await queue.submit("others")
    (claim,) = await again(far) or []

    assert (claim.id, claim.attempt) == (job_id, 1)
    assert await far.renew([claim]) == ["held"]
    assert [event.type for event in await _events(queue, job_id)] == ["claimed"]
    assert [claim.id for claim in await again(far) or []] == [others]


async def test_what_another_workers_claim_leased_is_not_returned(
    far: JobQueue, queue: JobQueue, proxy: TcpProxy, clock: Clock
) -> None:
    """A worker that died with the reply on its way asks no more: the lease tells."""
    await far.claim("w")  # so that Redis knows the script
    job_id = await queue.submit("hi")
    proxy.cut_next_reply()
    with pytest.raises(QueueUnavailable):
        await far.claim("w")
    assert await queue.claim("other") == []
    clock.advance(Limits().lease_seconds + 1)
    await queue.maintain()

    assert [claim.id for claim in await queue.claim("other") or []] == [job_id]


# Scripts that are forgotten.


async def test_scripts_may_be_forgotten_at_any_moment(address: RedisAddress, raw: redis.Redis) -> None:
    """SCRIPT FLUSH lands before, between and after the commands of a blocking claim's pipeline."""
    jobs, done = 100, asyncio.Event()

    async def forget() -> None:
        async with JobQueue(address) as other:
            while not done.is_set():
                await asyncio.to_thread(raw.script_flush)
                await other.ping()

    async def work(queue: JobQueue) -> list[str]:
        answered: list[str] = []
        while len(answered) < jobs:
            claims = await queue.claim_when_there("w", 3, seconds=1) or []
            assert await queue.renew(claims) == ["held"] * len(claims)
            assert all(await queue.finish([Finished(claim, "a", Outcome()) for claim in claims]))
            answered += [claim.id for claim in claims]
        return answered

    forgetting = asyncio.create_task(forget())
    async with JobQueue(address) as queue, JobQueue(address) as producer:
        working = asyncio.create_task(work(queue))
        ids = [await producer.submit(f"{number}") for number in range(jobs)]
        answered = await working
    done.set()
    await forgetting

    assert sorted(answered) == sorted(ids)


@pytest.mark.parametrize("turns", range(12))
async def test_a_call_that_is_called_off_leaves_no_reply_behind(queue: JobQueue, turns: int) -> None:
    """A connection that goes back to the pool with a reply on its way would answer the next command with it."""
    job_id = await queue.submit("hi")
    asking = asyncio.create_task(queue.stats())
    for _ in range(turns):
        await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait({asking})

    assert (await queue.job(job_id)).prompt == "hi"
