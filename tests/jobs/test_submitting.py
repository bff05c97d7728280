"""Jobs for later, and jobs that are sent twice but must be one."""

import asyncio
import datetime as dt

import pytest
import redis

from greenscale_jobs import (
    DuplicateJob,
    Finished,
    Fleet,
    InvalidItem,
    JobClient,
    JobQueue,
    JobState,
    KeyReused,
    Limits,
    Outcome,
    Parameters,
    QueueFull,
    RedisAddress,
    new_item,
)
from greenscale_testing.local_redis import Clock


def in_seconds(clock: Clock, seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(clock.now + seconds, tz=dt.UTC)


async def reach(queue: JobQueue, state: JobState, job_id: str) -> None:
    """Bring the only job into a state."""
    if state is JobState.WAITING:
        return
    if state is JobState.CANCELLED:
        await queue.cancel(job_id)
        return
    (claim,) = await queue.claim("w") or []
    if state is JobState.DELAYED:
        await queue.retry(claim, "R", "m", delay_seconds=60)
    elif state is JobState.DEAD:
        await queue.bury(claim, "R", "m")
    elif state is JobState.DONE:
        await queue.finish([Finished(claim, "answer", Outcome())])


@pytest.mark.parametrize("how", ["in", "at"])
async def test_a_job_for_later_waits_for_its_time(queue: JobQueue, clock: Clock, how: str) -> None:
    """Until then it is no work that exists: KEDA must not see it."""
    if how == "in":
        job_id = await queue.submit("hi", delay_seconds=600)
    else:
        job_id = await queue.submit("hi", at=in_seconds(clock, 600))
    job, stats = await queue.job(job_id), await queue.stats()
    clock.advance(599)
    early = await queue.maintain()
    nothing = await queue.claim("w")
    clock.advance(2)
    late = await queue.maintain()
    (claim,) = await queue.claim("w") or []

    assert (job.state, job.attempts) == (JobState.DELAYED, 0)
    assert job.due_at == pytest.approx(clock.now - 1, abs=0.01)
    assert (stats.work, stats.delayed) == (0, 1)
    assert (early.due, nothing, late.due) == (0, [], 1)
    assert early.next_in == pytest.approx(1, abs=0.01)
    assert (claim.id, claim.attempt) == (job_id, 1)
    assert (await queue.job(job_id)).due_at is None


async def test_what_keda_counts_has_no_job_for_later(queue: JobQueue, raw: redis.Redis) -> None:
    """Its two triggers are the list's and the sorted set's lengths, nothing of ours."""
    await queue.submit("hi", delay_seconds=600)

    assert (raw.llen("jobs"), raw.zcard("jobs:inflight"), raw.zcard("jobs:delayed")) == (0, 0, 1)


async def test_a_queue_at_zero_wakes_for_a_job_that_is_due(address: RedisAddress, clock: Clock) -> None:
    async with Fleet(address, clock=clock) as fleet:
        await fleet.queue("sleeper").submit("hi", delay_seconds=60)
        before = await fleet.survey(["sleeper"])
        clock.advance(61)
        due = await fleet.survey(["sleeper"])

    assert before.to_maintain == ()
    assert before.next_in == pytest.approx(60, abs=0.1)
    assert due.to_maintain == ("sleeper",)


async def test_a_time_that_has_passed_is_now(queue: JobQueue, clock: Clock) -> None:
    job_id = await queue.submit("hi", at=in_seconds(clock, -60))

    assert (await queue.job(job_id)).state is JobState.WAITING


async def test_a_job_for_later_comes_behind_those_that_wait(queue: JobQueue, clock: Clock) -> None:
    """Nobody gets to the front by asking for a second's delay; a retry has had its turn and keeps its place."""
    later = [await queue.submit(f"later {seconds}", delay_seconds=seconds) for seconds in (3, 1, 2)]
    failed = await queue.submit("failed")
    (claim,) = await queue.claim("w") or []
    await queue.retry(claim, "R", "m", delay_seconds=2)
    waits = await queue.submit("waits")
    clock.advance(5)
    await queue.maintain()
    order = [claim.id for claim in await queue.claim("w", 9) or []]

    assert order == [failed, waits, later[1], later[2], later[0]]


async def test_jobs_for_later_count_for_the_limit(queue: JobQueue, raw: redis.Redis) -> None:
    """Else a queue of ten could be handed a million for tomorrow."""
    await queue.configure(max_length=2, result_ttl_seconds=60, paused=False)
    await queue.submit("1", delay_seconds=60)
    await queue.submit("2")
    for delay_seconds in (0, 60):
        with pytest.raises(QueueFull, match="2 of at most 2 jobs wait"):
            await queue.submit("3", delay_seconds=delay_seconds)

    assert (raw.llen("jobs"), raw.zcard("jobs:delayed"), len(raw.keys("jobs:job:*"))) == (1, 1, 2)


async def test_a_job_for_later_is_cancelled(queue: JobQueue, clock: Clock) -> None:
    job_id = await queue.submit("hi", delay_seconds=60)
    before = await queue.cancel(job_id)
    clock.advance(61)

    assert before is JobState.DELAYED
    assert (await queue.maintain()).due == 0
    assert (await queue.job(job_id)).state is JobState.CANCELLED
    assert (await queue.job(job_id)).due_at is None


async def test_a_due_job_whose_record_is_gone_is_let_go(queue: JobQueue, raw: redis.Redis, clock: Clock) -> None:
    gone = await queue.submit("gone", delay_seconds=1)
    here = await queue.submit("here", delay_seconds=1)
    raw.delete(f"jobs:job:{gone}")
    clock.advance(2)
    moved = await queue.maintain()

    assert moved.due == 1
    assert [claim.id for claim in await queue.claim("w", 9) or []] == [here]
    assert raw.exists(f"jobs:job:{gone}") == 0


@pytest.mark.parametrize(
    ("time", "complaint"),
    [
        ({"delay_seconds": -1}, "from 0 to 31622400 seconds, not -1"),
        ({"delay_seconds": float("nan")}, "not nan"),
        ({"delay_seconds": 1e12}, "not 1000000000000"),
        ({"at": dt.datetime(2026, 11, 26, 9)}, "has no time zone: add one"),  # noqa: DTZ001
        ({"at": dt.datetime.now(dt.UTC), "delay_seconds": 1}, "not both"),
    ],
)
async def test_a_time_that_cannot_be_is_refused(queue: JobQueue, time: dict[str, float], complaint: str) -> None:
    with pytest.raises(InvalidItem, match=complaint):
        await queue.submit("hi", **time)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", list(JobState))
async def test_the_same_key_is_the_same_job_whatever_its_state(queue: JobQueue, state: JobState) -> None:
    """Whoever got no answer sends again, and must not be answered, and billed, twice."""
    first = await queue.submit("hi", idempotency_key="order 7", parameters=Parameters(max_tokens=5))
    await reach(queue, state, first)
    again = await queue.submit("hi", idempotency_key="order 7", parameters=Parameters(max_tokens=5))

    assert again == first
    assert (await queue.job(first)).state is state
    assert (await queue.stats()).counters["submitted"] == 1


async def test_the_same_key_at_once_makes_one_job(address: RedisAddress, raw: redis.Redis) -> None:
    queues = [JobQueue(address) for _ in range(20)]
    ids = await asyncio.gather(*(queue.submit("hi", idempotency_key="k") for queue in queues))
    for queue in queues:
        await queue.aclose()

    assert len(set(ids)) == 1
    assert raw.llen("jobs") == 1


@pytest.mark.parametrize(
    ("prompt", "parameters"), [("other", Parameters()), ("hi", Parameters(max_tokens=1))], ids=["prompt", "parameters"]
)
async def test_a_key_stands_for_one_request(
    queue: JobQueue, address: RedisAddress, prompt: str, parameters: Parameters
) -> None:
    job_id = await queue.submit("hi", idempotency_key="order 7")
    with pytest.raises(KeyReused, match=f"'order 7' stands for another prompt.*{job_id}.*use a new key"):
        await queue.submit(prompt, idempotency_key="order 7", parameters=parameters)
    with JobClient(address) as client, pytest.raises(KeyReused):
        client.submit(prompt, idempotency_key="order 7", parameters=parameters)

    assert (await queue.stats()).pending == 1


async def test_a_known_key_is_answered_by_a_full_queue(queue: JobQueue) -> None:
    await queue.configure(max_length=1, result_ttl_seconds=60, paused=False)
    job_id = await queue.submit("hi", idempotency_key="k")

    assert await queue.submit("hi", idempotency_key="k") == job_id


@pytest.mark.parametrize("key", ["", "  ", "x" * 256, "two\nlines", "caf\udce9"])
async def test_a_key_that_cannot_be_is_refused(queue: JobQueue, key: str) -> None:
    with pytest.raises(InvalidItem, match="not a valid idempotency key"):
        await queue.submit("hi", idempotency_key=key)


async def test_a_key_makes_the_id(queue: JobQueue) -> None:
    with pytest.raises(InvalidItem, match="not both"):
        await queue.submit("hi", idempotency_key="k", job_id="mine")


async def test_an_id_is_used_once_among_many(queue: JobQueue, raw: redis.Redis) -> None:
    """The second would overwrite the first's prompt."""
    with pytest.raises(DuplicateJob, match="mine"):
        await queue.submit_many([new_item("1", job_id="mine"), new_item("2", job_id="mine")])

    assert raw.keys() == []


async def test_nothing_is_left_of_what_expired(address: RedisAddress, raw: redis.Redis) -> None:
    """Every key that a job made goes with it: the record, its events, its place among the done, its idempotency key."""
    raw.hset("jobs:config", "resultTTLSeconds", 1)
    async with JobQueue(address, limits=Limits(result_ttl_seconds=1)) as queue:
        await queue.submit("answered", idempotency_key="order 7")
        await queue.submit("tried again")
        await queue.submit("cancelled", job_id="cancelled", delay_seconds=60)
        await queue.cancel("cancelled")
        answered, failed = await queue.claim("w", 2) or []
        await queue.emit([(answered, "a piece")])
        await queue.retry(failed, "R", "m", delay_seconds=0)
        while not (await queue.maintain()).due:  # times are kept in milliseconds, rounded
            pass
        (again,) = await queue.claim("w") or []
        await queue.bury(again, "R", "m")
        await queue.redrive_all()
        (revived,) = await queue.claim("w") or []
        await queue.finish([Finished(claim, "answer", Outcome()) for claim in (answered, revived)])
        while raw.keys("jobs:job:*") or raw.keys("jobs:events:*"):  # noqa: ASYNC110 - Redis tells only who asks
            await asyncio.sleep(0.05)
        await queue.maintain()
        left = sorted(raw.keys())
        await queue.submit("a new request", idempotency_key="order 7")

    assert left == [b"jobs:config", b"jobs:stats"]


async def test_a_deleted_queue_forgets_its_keys(queue: JobQueue, raw: redis.Redis) -> None:
    await queue.submit("hi", idempotency_key="order 7")
    await queue.submit("later", delay_seconds=60)
    await queue.delete()

    assert raw.keys() == []
