"""The dead are sent again: some, or all of them, however many there are."""

import asyncio
import json
from collections.abc import Sequence

import pytest
import redis

from greenscale_jobs import Finished, JobClient, JobQueue, JobState, Outcome, RedisAddress, new_item
from greenscale_jobs.producer import REDRIVE_BATCH, REDRIVE_IDS


async def bury(queue: JobQueue, count: int) -> list[str]:
    """Make dead jobs, the first dead first."""
    items = [new_item(str(number)) for number in range(count)]
    await queue.submit_many(items)
    for claim in await queue.claim("w", count) or []:
        await queue.bury(claim, "Refused", "the engine answered 400")
    return [item.id for item in items]


@pytest.mark.parametrize("who", ["asyncio", "plain"])
async def test_all_dead_are_sent_again_in_steps_oldest_first(queue: JobQueue, address: RedisAddress, who: str) -> None:
    ids = await bury(queue, REDRIVE_BATCH + 7)
    steps: list[tuple[int, int]] = []
    reported: list[str] = []

    def on_step(sent: Sequence[str], left: int) -> None:
        reported.extend(sent)
        steps.append((len(sent), left))

    if who == "asyncio":
        sent = await queue.redrive_all(on_step=on_step)
    else:
        with JobClient(address) as client:
            sent = client.redrive_all(on_step=on_step)
    claims = await queue.claim("w", 1000) or []

    assert (sent, steps) == (len(ids), [(REDRIVE_BATCH, 7), (7, 0)])
    assert [claim.id for claim in claims] == reported == ids
    assert {claim.attempt for claim in claims} == {1}
    assert (await queue.stats()).dead == 0


async def test_what_dies_meanwhile_is_left_for_the_next_time(queue: JobQueue, raw: redis.Redis) -> None:
    """Else jobs that can never succeed would be sent in a circle."""
    await bury(queue, REDRIVE_BATCH + 1)

    def on_step(_: Sequence[str], left: int) -> None:
        if left:
            raw.lpush("jobs:dead", '{"id":"died-meanwhile"}')

    assert await queue.redrive_all(on_step=on_step) == REDRIVE_BATCH + 1
    assert raw.lrange("jobs:dead", 0, -1) == [b'{"id":"died-meanwhile"}']


async def test_none_is_sent_again_where_none_is_dead(queue: JobQueue) -> None:
    assert await queue.redrive_all() == 0


async def test_a_dead_entry_whose_job_is_gone_holds_up_no_other(queue: JobQueue, raw: redis.Redis) -> None:
    gone, here = await bury(queue, 2)
    raw.delete(f"jobs:job:{gone}")

    assert await queue.redrive_all() == 1
    assert (await queue.job(here)).state is JobState.WAITING
    assert raw.llen("jobs:dead") == 0


async def test_a_dead_entry_that_cannot_be_read_stays(queue: JobQueue, raw: redis.Redis) -> None:
    """Nobody knows what it stands for: not we to throw it away."""
    damaged, here = await bury(queue, 2)
    raw.set(f"jobs:job:{damaged}", "of another program")
    raw.rpush("jobs:dead", "no entry of ours")

    assert await queue.redrive_all() == 1
    assert (await queue.job(here)).state is JobState.WAITING
    assert [(job.id, job.error and job.error.reason) for job in (await queue.jobs(JobState.DEAD)).jobs] == [
        (damaged, "Unreadable"),
        ("", "Unreadable"),
    ]


async def test_many_ids_are_sent_again(queue: JobQueue) -> None:
    ids = await bury(queue, REDRIVE_IDS + 1)

    assert await queue.redrive([*ids, "unknown"]) == ids


async def test_the_full_queue_takes_its_dead_back(queue: JobQueue) -> None:
    """They were accepted once: only who comes new is refused."""
    await bury(queue, 3)
    await queue.configure(max_length=1, result_ttl_seconds=60, paused=False)

    assert await queue.redrive_all() == 3


async def test_the_events_of_a_job_that_was_sent_again_do_not_expire(queue: JobQueue, raw: redis.Redis) -> None:
    """They did, while it was dead; whoever watches it now must see its answer."""
    (job_id,) = await bury(queue, 1)
    dying = raw.ttl(f"jobs:events:{job_id}")
    await queue.redrive_all()

    assert int(dying) > 0
    assert raw.ttl(f"jobs:events:{job_id}") == -1


async def test_the_dead_keep_the_whole_history(queue: JobQueue, raw: redis.Redis) -> None:
    """Why it failed at last is in the entry; why each attempt failed is in the job, over being sent again too."""
    await queue.submit("hi", job_id="j")
    for reason, how in (("RateLimited", "retry"), ("TimeLimit", "retry"), ("ServerError", "bury")):
        (claim,) = await queue.claim("w") or []
        if how == "retry":
            await queue.retry(claim, reason, "m", delay_seconds=0)
            await queue.maintain()
        else:
            await queue.bury(claim, reason, "m")
    entry = json.loads(raw.lindex("jobs:dead", 0))  # type: ignore[arg-type]
    await queue.redrive_all()
    (claim,) = await queue.claim("w") or []
    await queue.bury(claim, "InvalidRequest", "m")
    errors = (await queue.job("j")).errors

    assert (entry["id"], entry["reason"], entry["attempt"]) == ("j", "ServerError", 3)
    assert [(error.attempt, error.reason) for error in errors] == [
        (1, "RateLimited"),
        (2, "TimeLimit"),
        (3, "ServerError"),
        (1, "InvalidRequest"),
    ]


async def test_the_result_of_a_job_that_was_sent_again_is_its_new_one(queue: JobQueue, address: RedisAddress) -> None:
    """Its first end stands among its events still."""
    (job_id,) = await bury(queue, 1)
    await queue.redrive([job_id])
    with JobClient(address) as client:
        waiting = asyncio.create_task(asyncio.to_thread(client.result, job_id))
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        (claim,) = await queue.claim("w") or []
        await queue.finish([Finished(claim, "an answer", Outcome())])

        assert not done
        assert (await waiting).result == "an answer"


@pytest.mark.parametrize("who", ["asyncio", "plain"])
async def test_who_waits_for_a_job_that_was_sent_again_waits_for_its_new_end(
    queue: JobQueue, address: RedisAddress, who: str
) -> None:
    """Its events begin with the old one."""
    (job_id,) = await bury(queue, 1)
    await queue.redrive_all()
    (claim,) = await queue.claim("w") or []
    await queue.finish([Finished(claim, "hi", Outcome())])
    if who == "asyncio":
        types = [event.type async for event in queue.events(job_id)]
    else:
        with JobClient(address) as client:
            types = [event.type for event in client.events(job_id)]

    assert types == ["claimed", "dead", "waiting", "claimed", "done"]
