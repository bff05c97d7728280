"""The queue's promises, against a real Redis with a clock that the test moves."""

import json

import pytest
import redis

from greenscale_jobs import (
    Finished,
    JobQueue,
    JobState,
    Limits,
    Outcome,
    Parameters,
    QueueFull,
    UnknownJob,
    Usage,
    new_item,
    parse_item,
)
from greenscale_testing.claims import claim_one, done
from greenscale_testing.local_redis import Clock


async def test_a_job_is_claimed_finished_and_read(queue: JobQueue, clock: Clock) -> None:
    submitted = clock.now
    job_id = await queue.submit("hi", parameters=Parameters(max_tokens=5))
    clock.advance(2)
    claim = await claim_one(queue)
    clock.advance(3)
    outcome = Outcome("m", Usage(1, 2), "stop", clock.now)
    stored = await queue.finish([Finished(claim, "hello", outcome, "lo")])
    job = await queue.job(job_id)

    assert stored == [True]
    assert parse_item(claim.raw, claim.id).parameters == Parameters(max_tokens=5)
    assert (job.state, job.prompt, job.result) == (JobState.DONE, "hi", "hello")
    assert (job.attempts, job.worker, job.outcome) == (1, "w", outcome)
    assert job.submitted_at == pytest.approx(submitted, abs=0.001)
    assert job.claimed_at == pytest.approx(submitted + 2, abs=0.001)
    assert job.finished_at == pytest.approx(submitted + 5, abs=0.001)


async def test_first_in_first_out(queue: JobQueue) -> None:
    ids = [await queue.submit(str(number)) for number in range(5)]

    assert [claim.id for claim in await queue.claim("w", 3) or []] == ids[:3]
    assert [claim.id for claim in await queue.claim("w", 3) or []] == ids[3:]


async def test_a_retry_waits_for_its_time(queue: JobQueue, clock: Clock) -> None:
    job_id = await queue.submit("hi")
    claim = await claim_one(queue)
    state = await queue.retry(claim, "ServerError", "it answered 500", delay_seconds=10)
    job = await queue.job(job_id)
    clock.advance(9)
    early = await queue.maintain()
    clock.advance(2)
    late = await queue.maintain()

    assert (state, job.state, early.due, late.due) == ("delayed", JobState.DELAYED, 0, 1)
    assert (await claim_one(queue)).attempt == 2


async def test_releasing_costs_no_attempt_and_no_place(queue: JobQueue) -> None:
    first = await queue.submit("first")
    await queue.submit("second")
    claim = await claim_one(queue)
    state = await queue.release(claim)
    again = await claim_one(queue)

    assert (state, again.id, again.attempt) == ("waiting", first, 1)


async def test_the_dead_can_be_sent_again(queue: JobQueue, raw: redis.Redis) -> None:
    job_id = await queue.submit("hi")
    await queue.bury(await claim_one(queue), "InvalidRequest", "the engine answered 400")
    entry = json.loads(raw.lindex("jobs:dead", 0))  # type: ignore[arg-type]

    assert (entry["id"], entry["reason"]) == (job_id, "InvalidRequest")
    assert await queue.redrive([job_id, "unknown"]) == [job_id]
    assert raw.llen("jobs:dead") == 0
    claim = await claim_one(queue)
    assert claim.attempt == 1
    await queue.finish([done(claim)])
    assert (await queue.job(job_id)).state is JobState.DONE


async def test_a_paused_queue_takes_jobs_and_gives_none(queue: JobQueue) -> None:
    await queue.configure(max_length=10, result_ttl_seconds=60, paused=True)
    await queue.submit("hi")

    assert await queue.claim_when_there("w", 1, seconds=1) is None
    assert await queue.claim("w") is None
    assert (await queue.stats()).pending == 1
    await queue.configure(max_length=10, result_ttl_seconds=60, paused=False)
    assert (await claim_one(queue)).attempt == 1


async def test_a_full_queue_refuses_and_loses_nothing(queue: JobQueue) -> None:
    await queue.configure(max_length=2, result_ttl_seconds=60, paused=False)
    await queue.submit("1")
    with pytest.raises(QueueFull, match="maxLength"):
        await queue.submit_many([new_item("2"), new_item("3")])

    assert (await queue.stats()).pending == 1


async def test_results_expire_with_all_their_keys(queue: JobQueue, raw: redis.Redis, clock: Clock) -> None:
    job_id = await queue.submit("hi")
    await queue.finish([done(await claim_one(queue))])

    assert 0 < raw.ttl(f"jobs:job:{job_id}") <= Limits().result_ttl_seconds
    assert 0 < raw.ttl(f"jobs:events:{job_id}") <= Limits().result_ttl_seconds
    clock.advance(Limits().result_ttl_seconds + 1)
    await queue.maintain()
    assert raw.zcard("jobs:done") == 0


async def test_position_counts_those_before(queue: JobQueue) -> None:
    ids = [await queue.submit(str(number)) for number in range(3)]

    assert [(await queue.job(job_id)).ahead for job_id in ids] == [0, 1, 2]


@pytest.mark.parametrize("state", ["waiting", "running", "delayed", "dead", "done"])
async def test_jobs_are_paged(queue: JobQueue, clock: Clock, state: str) -> None:
    ids = []
    for number in range(5):
        ids.append(await queue.submit(str(number)))
        clock.advance(1)
        if state == "waiting":
            continue
        claim = await claim_one(queue)
        if state == "delayed":
            await queue.retry(claim, "R", "m", delay_seconds=5)
        elif state == "dead":
            await queue.bury(claim, "R", "m")
        elif state == "done":
            await queue.finish([done(claim)])
    newest_first = state in {"dead", "done"}
    page = await queue.jobs(JobState(state), offset=1, limit=3)

    assert page.total == 5
    assert [job.id for job in page.jobs] == (list(reversed(ids)) if newest_first else ids)[1:4]


async def test_counters_add_up(queue: JobQueue) -> None:
    for number in range(4):
        await queue.submit(str(number))
    claims = await queue.claim("w", 3) or []
    await queue.finish([done(claims[0])])
    await queue.bury(claims[1], "R", "m")
    await queue.retry(claims[2], "R", "m", delay_seconds=99)
    stats = await queue.stats()

    assert (stats.pending, stats.in_flight, stats.delayed, stats.dead) == (1, 0, 1, 1)
    assert stats.counters == {"submitted": 4, "done": 1, "dead": 1, "retried": 1}


async def test_an_unknown_job_says_so(queue: JobQueue) -> None:
    with pytest.raises(UnknownJob, match="nobody"):
        await queue.job("nobody")
    with pytest.raises(UnknownJob, match="nobody"):
        await queue.cancel("nobody")
