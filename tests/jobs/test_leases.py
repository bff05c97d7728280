"""A claim under its lease: who holds a job, and who has lost it."""

import pytest

from greenscale_jobs import Finished, JobQueue, JobState, Limits, Outcome, RedisAddress
from greenscale_testing.claims import claim_one, done
from greenscale_testing.local_redis import Clock

LEASE_SECONDS = Limits().lease_seconds


async def test_a_job_that_outlives_its_worker_starts_again(queue: JobQueue, clock: Clock) -> None:
    """A node can vanish in the middle of a job; the prompt must not."""
    job_id = await queue.submit("hi")
    await claim_one(queue, "gone")
    clock.advance(LEASE_SECONDS - 1)
    early = await queue.maintain()
    clock.advance(2)
    late = await queue.maintain()

    assert (early.expired, late.expired) == (0, 1)
    assert early.next_in == pytest.approx(1, abs=0.01)
    assert (await claim_one(queue)).id == job_id
    assert [error.reason for error in (await queue.job(job_id)).errors] == ["WorkerLost"]


async def test_a_renewed_lease_holds(queue: JobQueue, clock: Clock) -> None:
    await queue.submit("hi")
    claim = await claim_one(queue)
    for _ in range(5):
        clock.advance(LEASE_SECONDS - 1)

        assert await queue.renew([claim]) == ["held"]
        assert (await queue.maintain()).expired == 0


async def test_a_worker_that_lost_its_lease_cannot_overwrite(queue: JobQueue, clock: Clock) -> None:
    """Two workers may end up with one job; the result must be of the one that holds it."""
    job_id = await queue.submit("hi")
    late = await claim_one(queue, "late")
    clock.advance(LEASE_SECONDS + 1)
    await queue.maintain()
    present = await claim_one(queue, "present")

    assert await queue.renew([late]) == ["lost"]
    assert await queue.finish([done(late, "stale")]) == [False]
    assert await queue.retry(late, "R", "m", delay_seconds=0) == "lost"
    assert await queue.finish([done(present, "fresh")]) == [True]
    assert await queue.finish([done(late, "stale")]) == [False]
    assert (await queue.job(job_id)).result == "fresh"


async def test_a_lost_claim_shows_nothing(queue: JobQueue, clock: Clock) -> None:
    """A late piece after the end would make a stream that never expires."""
    job_id = await queue.submit("hi")
    late = await claim_one(queue)
    clock.advance(LEASE_SECONDS + 1)
    await queue.maintain()
    await queue.emit([(late, "stale")])
    present = await claim_one(queue)
    await queue.finish([Finished(present, "fresh", Outcome(), "fresh")])
    events = [event async for event in queue.events(job_id)]

    assert [event.type for event in events] == ["claimed", "waiting", "claimed", "delta", "done"]
    assert [event.text for event in events if event.type == "delta"] == ["fresh"]


async def test_a_job_that_always_takes_its_worker_along_is_dead_in_the_end(queue: JobQueue, clock: Clock) -> None:
    job_id = await queue.submit("deadly")
    for _ in range(2 + queue.limits.max_losses):
        await claim_one(queue)
        clock.advance(LEASE_SECONDS + 1)
        await queue.maintain()
    job = await queue.job(job_id)

    assert (job.state, job.attempts, job.losses, job.lost_alone) == (JobState.DEAD, 1, 2, 5)
    assert job.error is not None
    assert job.error.reason == "WorkerLost"


async def test_own_clocks_do_not_matter(address: RedisAddress) -> None:
    """Without a test's clock the time is Redis'."""
    async with JobQueue(address) as queue:
        await queue.submit("hi")
        await claim_one(queue)
        moved = await queue.maintain()

    assert moved.next_in == pytest.approx(LEASE_SECONDS, abs=1)
