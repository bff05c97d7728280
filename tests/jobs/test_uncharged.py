"""Tries that cost a job nothing, since the engine or the configuration was at fault."""

import pytest
import redis

from greenscale_jobs import Claim, Finished, JobQueue, JobState, Limits, Outcome, RedisAddress
from greenscale_testing.local_redis import Clock

GIVE_UP_SECONDS = 100


@pytest.fixture
async def patient(address: RedisAddress, clock: Clock, queue: JobQueue) -> JobQueue:
    """The queue, for a worker that gives a job up after 100 s."""
    limited = JobQueue(address, limits=Limits(give_up_after_seconds=GIVE_UP_SECONDS), clock=clock)
    await queue.aclose()
    return limited


async def claim_one(queue: JobQueue) -> Claim:
    (claim,) = await queue.claim("w") or []
    return claim


async def postpone_once(queue: JobQueue, clock: Clock, *, delay_seconds: float = 5) -> str:
    state = await queue.postpone(await claim_one(queue), "Overloaded", "it is full", delay_seconds=delay_seconds)
    clock.advance(delay_seconds)
    await queue.maintain()
    return state


async def test_it_costs_no_attempt_and_is_in_the_record(patient: JobQueue, clock: Clock) -> None:
    async with patient as queue:
        job_id = await queue.submit("hi")
        begun = clock()
        states = [await postpone_once(queue, clock) for _ in range(4)]
        job = await queue.job(job_id)

        assert states == ["delayed"] * 4
        assert (job.state, job.attempts, job.errors) == (JobState.WAITING, 0, ())
        assert job.uncharged is not None
        assert (job.uncharged.count, job.uncharged.reason, job.uncharged.message) == (4, "Overloaded", "it is full")
        assert (job.uncharged.first_at, job.uncharged.last_at) == pytest.approx((begun, begun + 15), abs=0.01)
        assert (await claim_one(queue)).attempt == 1


async def test_what_is_known_of_it_stays_with_the_answer(queue: JobQueue, clock: Clock) -> None:
    job_id = await queue.submit("hi")
    await postpone_once(queue, clock)
    await queue.finish([Finished(await claim_one(queue), "answer", Outcome())])
    job = await queue.job(job_id)

    assert (job.state, job.uncharged and job.uncharged.count) == (JobState.DONE, 1)


async def test_it_is_given_up_when_its_time_is_over(patient: JobQueue, clock: Clock) -> None:
    async with patient as queue:
        job_id = await queue.submit("hi")
        clock.advance(10 * GIVE_UP_SECONDS)  # waiting untried does not count
        await postpone_once(queue, clock, delay_seconds=GIVE_UP_SECONDS - 1)
        assert await postpone_once(queue, clock, delay_seconds=1) == "delayed"
        state = await postpone_once(queue, clock)
        job = await queue.job(job_id)

        assert (state, job.state) == ("dead", JobState.DEAD)
        assert job.error is not None
        assert job.error.reason == "Overloaded"
        assert job.error.message == "it is full; given up after 3 tries in 100 s (queue.giveUpAfterSeconds)"


async def test_time_in_which_the_queue_was_suspended_does_not_count(patient: JobQueue, clock: Clock) -> None:
    async with patient as queue:
        await queue.submit("hi")
        await postpone_once(queue, clock)
        for _ in range(2):
            await queue.configure(max_length=10, result_ttl_seconds=60, paused=True)
            clock.advance(GIVE_UP_SECONDS)
            await queue.configure(max_length=10, result_ttl_seconds=60, paused=True)
            clock.advance(GIVE_UP_SECONDS)
            await queue.configure(max_length=10, result_ttl_seconds=60, paused=False)

        assert await postpone_once(queue, clock, delay_seconds=GIVE_UP_SECONDS) == "delayed"
        assert await postpone_once(queue, clock) == "dead"


async def test_sent_again_it_has_all_its_time_again(patient: JobQueue, clock: Clock) -> None:
    async with patient as queue:
        job_id = await queue.submit("hi")
        await postpone_once(queue, clock, delay_seconds=GIVE_UP_SECONDS)
        assert await postpone_once(queue, clock) == "dead"
        await queue.redrive([job_id])

        assert (await queue.job(job_id)).uncharged is None
        assert await postpone_once(queue, clock) == "delayed"


async def test_the_wait_for_a_newer_worker_has_no_limit_and_does_not_count(patient: JobQueue, clock: Clock) -> None:
    async with patient as queue:
        await queue.submit("hi")
        await postpone_once(queue, clock, delay_seconds=GIVE_UP_SECONDS)
        for _ in range(3):
            claim = await claim_one(queue)
            assert await queue.postpone(claim, "NewerVersion", "m", delay_seconds=GIVE_UP_SECONDS) == "delayed"
            clock.advance(GIVE_UP_SECONDS)
            await queue.maintain()

        assert await postpone_once(queue, clock, delay_seconds=GIVE_UP_SECONDS) == "delayed"
        assert await postpone_once(queue, clock) == "dead"


@pytest.mark.parametrize(("behind", "order"), [(False, ["first", "second"]), (True, ["second", "first"])])
async def test_it_comes_before_or_behind_the_others(
    queue: JobQueue, clock: Clock, order: list[str], *, behind: bool
) -> None:
    await queue.submit("hi", job_id="first")
    await queue.submit("hi", job_id="second")
    await queue.postpone(await claim_one(queue), "R", "m", delay_seconds=5, behind=behind)
    clock.advance(5)
    await queue.maintain()

    assert [claim.id for claim in await queue.claim("w", 2) or []] == order


async def test_a_cancelled_job_is_not_tried_again(queue: JobQueue) -> None:
    job_id = await queue.submit("hi")
    claim = await claim_one(queue)
    await queue.cancel(job_id)

    assert await queue.postpone(claim, "R", "m", delay_seconds=5) == "cancelled"


async def test_repeated_for_a_lost_answer_it_counts_once(queue: JobQueue) -> None:
    job_id = await queue.submit("hi")
    claim = await claim_one(queue)
    first = await queue.postpone(claim, "R", "m", delay_seconds=5)
    again = await queue.postpone(claim, "R", "m", delay_seconds=5)
    job = await queue.job(job_id)

    assert (first, again, job.uncharged and job.uncharged.count) == ("delayed", "delayed", 1)


async def test_a_claim_is_counted_though_it_was_not_charged(queue: JobQueue, clock: Clock) -> None:
    """A worker that claims is how a start from zero is known to be over."""
    await queue.submit("hi")
    await postpone_once(queue, clock)

    assert (await queue.stats()).claims == 1


async def test_jobs_for_the_same_instant_keep_their_order(queue: JobQueue, raw: redis.Redis, clock: Clock) -> None:
    ids = [f"{number * 7919 % 10007:05}" for number in range(300)]
    for job_id in ids:
        await queue.submit("hi", job_id=job_id, delay_seconds=60)
    clock.advance(60.01)
    while (await queue.maintain()).due:
        pass
    assert raw.zcard("jobs:delayed") == 0

    assert [claim.id for claim in await queue.claim("w", 300) or []] == ids
