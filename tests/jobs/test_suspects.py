"""Jobs that were there when an engine or a worker was lost: twice in company makes a suspect, which runs alone."""

from collections.abc import Awaitable, Callable

import pytest

from greenscale_jobs import Claim, Finished, JobQueue, JobState, Limits, Outcome, RedisAddress
from greenscale_testing.local_redis import Clock

Lose = Callable[[JobQueue, Clock, list[Claim]], Awaitable[None]]


async def a_worker_is_lost(queue: JobQueue, clock: Clock, _: list[Claim]) -> None:
    clock.advance(queue.limits.lease_seconds + 1)
    await queue.maintain()


async def the_engine_is_lost(queue: JobQueue, _: Clock, claims: list[Claim]) -> None:
    for claim in reversed(claims):
        await queue.lose(claim, "EngineLost", "the engine hung up")


@pytest.fixture(params=[a_worker_is_lost, the_engine_is_lost], ids=lambda lose: lose.__name__.replace("_", " "))
def lose(request: pytest.FixtureRequest) -> Lose:
    how: Lose = request.param
    return how


async def submit(queue: JobQueue, *job_ids: str) -> None:
    for job_id in job_ids:
        await queue.submit("hi", job_id=job_id)


async def ids(queue: JobQueue, count: int, **how: int) -> list[str] | None:
    claims = await queue.claim("w", count, **how)  # type: ignore[arg-type]
    return None if claims is None else [claim.id for claim in claims]


async def lose_twice(queue: JobQueue, clock: Clock, lose: Lose, *job_ids: str) -> None:
    """Leave these as suspects, the first of them the next."""
    await submit(queue, *job_ids)
    for _ in range(2):
        await lose(queue, clock, await queue.claim("gone", len(job_ids)) or [])


async def test_one_loss_costs_nothing_but_the_time(queue: JobQueue, clock: Clock, lose: Lose) -> None:
    await submit(queue, "a", "b")
    await lose(queue, clock, await queue.claim("gone", 2) or [])
    job = await queue.job("a")

    assert (job.state, job.attempts, job.losses, job.suspect) == (JobState.WAITING, 0, 1, False)
    assert await ids(queue, 2) == ["a", "b"]


async def test_after_two_it_waits_where_keda_counts_it_and_is_claimed_alone(
    queue: JobQueue, clock: Clock, lose: Lose
) -> None:
    await lose_twice(queue, clock, lose, "a", "b")
    job, pending = await queue.job("a"), (await queue.stats()).pending
    (claim,) = await queue.claim("w", 8) or []

    assert (job.state, job.losses, job.suspect, pending) == (JobState.WAITING, 2, True, 2)
    assert (claim.id, claim.alone) == ("a", True)


async def test_others_are_claimed_past_it_by_a_worker_that_has_jobs(queue: JobQueue, clock: Clock, lose: Lose) -> None:
    await lose_twice(queue, clock, lose, "a", "b")
    await submit(queue, "c", "d", "e")

    assert await ids(queue, 2, in_hand=1) == ["c", "d"]
    assert await ids(queue, 8, in_hand=3) == ["e"]
    assert await ids(queue, 8, in_hand=4) is None, "only suspects are left: nothing for who has jobs in hand"
    assert await ids(queue, 8) == ["a"]
    assert await ids(queue, 8) == ["b"]


async def test_a_worker_that_just_had_one_takes_others_first(queue: JobQueue, clock: Clock, lose: Lose) -> None:
    await lose_twice(queue, clock, lose, "a", "b")
    await submit(queue, "c")

    assert await ids(queue, 8, suspect_first=False) == ["c"]
    assert await ids(queue, 8, suspect_first=False) == ["a"], "nothing else waits"


async def test_one_worker_at_a_time_drains_for_one_that_has_waited(queue: JobQueue, clock: Clock, lose: Lose) -> None:
    await lose_twice(queue, clock, lose, "a", "b")
    await submit(queue, *(str(number) for number in range(9)))
    assert await ids(queue, 1, in_hand=1) == ["0"], "it has not waited for long"
    clock.advance(30)
    first = await queue.claim("one", 1, in_hand=1)
    second = await queue.claim("two", 1, in_hand=1)
    still = await queue.claim("one", 1, in_hand=1)
    alone = await queue.claim("one", 1) or []

    assert (first, still) == (None, None)
    assert second is not None
    assert [claim.id for claim in second] == ["1"]
    assert [(claim.id, claim.alone) for claim in alone] == [("a", True)]


async def test_another_drains_if_the_one_that_did_is_gone(queue: JobQueue, clock: Clock, lose: Lose) -> None:
    await lose_twice(queue, clock, lose, "a", "b")
    await submit(queue, "c")
    clock.advance(30)
    assert await queue.claim("gone", 1, in_hand=1) is None
    clock.advance(16)

    assert await queue.claim("other", 1, in_hand=1) is None


async def test_done_it_is_cleared(queue: JobQueue, clock: Clock, lose: Lose) -> None:
    await lose_twice(queue, clock, lose, "a", "b")
    (claim,) = await queue.claim("w") or []
    await queue.finish([Finished(claim, "answer", Outcome())])
    job = await queue.job("a")

    assert (job.state, job.losses, job.lost_alone, job.suspect) == (JobState.DONE, 0, 0, False)


async def test_only_losses_alone_make_it_dead(address: RedisAddress, clock: Clock, lose: Lose, queue: JobQueue) -> None:
    await lose_twice(queue, clock, lose, "a", "b")
    async with JobQueue(address, limits=Limits(max_losses=3), clock=clock) as strict:
        for _ in range(3):
            (claim,) = await strict.claim("w") or []
            assert claim.id == "a"
            await lose(strict, clock, [claim])
        dead, innocent = await strict.job("a"), await strict.job("b")

    assert (dead.state, dead.lost_alone, innocent.state) == (JobState.DEAD, 3, JobState.WAITING)
    assert dead.error is not None
    assert dead.error.reason in {"WorkerLost", "EngineLost"}
    assert "queue.maxLosses" in dead.error.message


async def test_released_it_stays_a_suspect(queue: JobQueue, clock: Clock, lose: Lose) -> None:
    await lose_twice(queue, clock, lose, "a", "b")
    (claim,) = await queue.claim("w") or []
    await queue.release(claim)

    assert (await queue.job("a")).suspect
    assert await ids(queue, 8) == ["a"]


async def test_sent_again_it_is_no_suspect(queue: JobQueue, clock: Clock, lose: Lose) -> None:
    await lose_twice(queue, clock, lose, "a", "b")
    (claim,) = await queue.claim("w") or []
    await queue.bury(claim, "R", "m")
    await queue.redrive(["a"])

    assert not (await queue.job("a")).suspect


async def test_many_suspects_in_their_order_and_the_others_past_them(queue: JobQueue, clock: Clock, lose: Lose) -> None:
    names = [f"s{number:02}" for number in range(40)]
    await lose_twice(queue, clock, lose, *names)
    await submit(queue, "other")

    assert await ids(queue, 3, in_hand=1) == ["other"]
    assert [(await ids(queue, 8) or [])[0] for _ in names] == names
