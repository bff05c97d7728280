"""The queue's promises, against a real Redis with a clock that the test moves."""

import asyncio
import json

import pytest
import redis

from greenscale_jobs import (
    Claim,
    DuplicateJob,
    Finished,
    InvalidItem,
    JobQueue,
    JobState,
    Limits,
    Outcome,
    Parameters,
    QueueFull,
    RedisAddress,
    UnknownJob,
    Usage,
    new_item,
    parse_item,
)
from greenscale_jobs.engine_report import TROUBLE_SECONDS, seconds_of_news
from greenscale_testing.local_redis import Clock

LEASE_SECONDS = Limits().lease_seconds


async def claim_one(queue: JobQueue, worker: str = "w") -> Claim:
    claims = await queue.claim(worker)
    assert claims is not None
    (claim,) = claims
    return claim


def strand(raw: redis.Redis) -> None:
    """Leave a job where a blocking claim lands, as if all had died there."""
    assert raw.lmove("jobs", "jobs:claiming", "RIGHT", "LEFT")


async def blocked(queue: JobQueue, raw: redis.Redis) -> "asyncio.Task[list[Claim] | None]":
    """Return a claim that waits, once Redis says that it does."""
    waiting = asyncio.create_task(queue.claim_when_there("w", 1, seconds=20))
    while int(raw.info("clients")["blocked_clients"]) == 0:  # noqa: ASYNC110 - Redis tells only who asks
        await asyncio.sleep(0.01)
    return waiting


def done(claim: Claim, text: str = "answer") -> Finished:
    return Finished(claim, text, Outcome())


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


async def test_plain_text_is_adopted_as_a_prompt(queue: JobQueue, raw: redis.Redis) -> None:
    raw.lpush("jobs", "hello, world")
    claim = await claim_one(queue)
    await queue.finish([done(claim)])
    job = await queue.job(claim.id)

    assert (job.prompt, job.result, job.submitted_at) == ("hello, world", "answer", None)


async def test_json_of_any_client_keeps_its_id(queue: JobQueue, raw: redis.Redis) -> None:
    raw.lpush("jobs", json.dumps({"prompt": "x", "id": "mine-1", "parameters": {"maxTokens": 3}}))
    claim = await claim_one(queue)

    assert claim.id == "mine-1"
    assert parse_item(claim.raw, claim.id).parameters == Parameters(max_tokens=3)


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(b"hello", id="plain text"),
        pytest.param(b'{"prompt": "x"}', id="JSON without an id"),
        pytest.param(b'{"prompt": "x", "id": "mine"}', id="JSON with its id last"),
        pytest.param(b"\xff\xfe", id="no text at all"),
        pytest.param(b"", id="nothing"),
    ],
)
async def test_an_adopted_item_keeps_its_id_over_attempts(
    queue: JobQueue, raw: redis.Redis, clock: Clock, item: bytes
) -> None:
    """A prompt that kills its worker must not come back as a new job for ever."""
    raw.lpush("jobs", item)
    first = await claim_one(queue)
    clock.advance(LEASE_SECONDS + 1)
    await queue.maintain()
    second = await claim_one(queue)

    assert (second.id, second.raw, second.attempt) == (first.id, item, 1)


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


async def test_handing_back_costs_no_attempt_and_no_place(queue: JobQueue) -> None:
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


@pytest.mark.parametrize("state", ["waiting", "waiting again", "delayed", "claiming"])
async def test_a_job_that_waits_is_cancelled_at_once(queue: JobQueue, raw: redis.Redis, state: str) -> None:
    """A cancelled job must not wake a GPU."""
    job_id = await queue.submit("hi")
    if state == "waiting again":
        await queue.release(await claim_one(queue))
    if state == "delayed":
        await queue.retry(await claim_one(queue), "R", "m", delay_seconds=10)
    if state == "claiming":
        strand(raw)
    await queue.cancel(job_id)
    stats = await queue.stats()

    job = await queue.job(job_id)
    assert (job.state, job.due_at) == (JobState.CANCELLED, None)
    assert (stats.pending, stats.in_flight, stats.delayed) == (0, 0, 0)
    assert raw.ttl(f"jobs:job:{job_id}") > 0


@pytest.mark.parametrize("end", ["release", "retry", "bury", "finish", "expire"])
async def test_a_running_job_is_cancelled_by_its_worker(queue: JobQueue, clock: Clock, end: str) -> None:
    job_id = await queue.submit("hi")
    claim = await claim_one(queue)
    before = await queue.cancel(job_id)

    assert before is JobState.RUNNING
    assert (await queue.job(job_id)).cancelling
    assert await queue.renew([claim]) == ["cancel"]
    if end == "release":
        await queue.release(claim)
    elif end == "retry":
        await queue.retry(claim, "R", "m", delay_seconds=1)
    elif end == "bury":
        await queue.bury(claim, "R", "m")
    elif end == "finish":
        await queue.finish([done(claim)])
    else:
        clock.advance(LEASE_SECONDS + 1)
        await queue.maintain()
    expected = JobState.DONE if end == "finish" else JobState.CANCELLED
    assert (await queue.job(job_id)).state is expected
    assert (await queue.stats()).work == 0


async def test_a_final_job_stays_as_it_is_when_cancelled(queue: JobQueue) -> None:
    job_id = await queue.submit("hi")
    await queue.finish([done(await claim_one(queue))])

    assert await queue.cancel(job_id) is JobState.DONE
    assert (await queue.job(job_id)).result == "answer"


async def test_a_stranded_claim_is_taken_by_the_next(queue: JobQueue, raw: redis.Redis) -> None:
    """Redis may be killed between the blocking move and the lease."""
    first = await queue.submit("first")
    second = await queue.submit("second")
    strand(raw)

    assert [claim.id for claim in await queue.claim("other", 2) or []] == [first, second]


async def test_maintenance_returns_stranded_claims_in_their_order(queue: JobQueue, raw: redis.Redis) -> None:
    ids = [await queue.submit(str(number)) for number in range(3)]
    strand(raw)
    strand(raw)
    moved = await queue.maintain()

    assert moved.stranded == 2
    assert [claim.id for claim in await queue.claim("w", 3) or []] == ids


async def test_waiting_ends_when_nothing_comes(queue: JobQueue) -> None:
    assert await queue.claim_when_there("w", 1, seconds=1) == []


async def test_what_waits_is_claimed_together(queue: JobQueue) -> None:
    ids = [await queue.submit(str(number)) for number in range(3)]
    claims = await queue.claim_when_there("w", 2, seconds=1) or []

    assert [claim.id for claim in claims] == ids[:2]
    assert (await queue.stats()).in_flight == 2


async def test_a_job_that_comes_is_leased_in_the_same_round_trip(queue: JobQueue, raw: redis.Redis) -> None:
    waiting = await blocked(queue, raw)
    job_id = await queue.submit("hi")
    leased = raw.zcard("jobs:inflight")  # no turn of our loop since it came
    (claim,) = await waiting or []

    assert leased == 1
    assert claim.id == job_id


async def test_who_waits_is_called_off_and_loses_nothing(queue: JobQueue, raw: redis.Redis) -> None:
    waiting = await blocked(queue, raw)
    heard = await queue.stop_waiting()

    assert heard
    assert await waiting == []
    assert not await queue.stop_waiting()


async def test_waiting_outlives_forgotten_scripts(queue: JobQueue, raw: redis.Redis) -> None:
    await queue.submit("1")
    await claim_one(queue)
    await queue.submit("2")
    raw.script_flush()

    assert len(await queue.claim_when_there("w", 1, seconds=1) or []) == 1


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


async def test_an_id_is_used_once(queue: JobQueue, raw: redis.Redis) -> None:
    await queue.submit("hi", job_id="mine")
    with pytest.raises(DuplicateJob, match="mine"):
        await queue.submit("other", job_id="mine")
    raw.lpush("jobs", json.dumps({"id": "mine", "prompt": "other"}))
    claims = await queue.claim("w", 5)
    dead = await queue.jobs(JobState.DEAD)

    assert [claim.id for claim in claims or []] == ["mine"]
    assert [job.error.reason for job in dead.jobs if job.error] == ["DuplicateId"]


async def test_an_item_that_is_too_large_goes_to_the_dead(queue: JobQueue, raw: redis.Redis) -> None:
    raw.lpush("jobs", b"x" * (8 * 1024 * 1024 + 1))
    claims = await queue.claim("w")
    (job,) = (await queue.jobs(JobState.DEAD)).jobs

    assert claims == []
    assert job.error is not None
    assert job.error.reason == "TooLarge"
    assert raw.hstrlen(f"jobs:job:{job.id}", "item") == 8 * 1024 * 1024 + 1


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


async def test_a_fault_is_withdrawn_by_the_next_result(queue: JobQueue) -> None:
    await queue.report_fault("the key is refused")
    fault = (await queue.stats()).fault
    await queue.submit("hi")
    await queue.finish([done(await claim_one(queue))])

    assert fault == "the key is refused"
    assert (await queue.stats()).fault is None


async def test_a_trouble_is_reported_once_it_has_lasted_whoever_notes_it(queue: JobQueue, clock: Clock) -> None:
    """No worker need live so long: KEDA ends them sooner where all jobs are delayed."""
    waits = []
    for _ in range(4):
        waits.append(await queue.report_fault("away", after_seconds=30))
        clock.advance(10)
        faults = (await queue.stats()).fault

    assert (waits, faults) == ([30, 20, 10, 0], "away")


@pytest.mark.parametrize(
    "ending", ["an answer", "a job that is refused for its own sake", "nobody has noted it for long"]
)
async def test_a_trouble_that_is_over_does_not_count_for_the_next(queue: JobQueue, clock: Clock, ending: str) -> None:
    await queue.submit("hi")
    claim = await claim_one(queue)
    await queue.report_fault("away", after_seconds=30)
    clock.advance(29)
    match ending:
        case "an answer":
            await queue.finish([done(claim)])
        case "nobody has noted it for long":
            clock.advance(TROUBLE_SECONDS)
        case _:
            await queue.bury(claim, "R", "m")
    clock.advance(2)

    assert await queue.report_fault("away", after_seconds=30) == 30
    assert (await queue.stats()).fault is None


async def test_a_report_is_news_for_as_long_as_its_worker_says(queue: JobQueue, clock: Clock) -> None:
    """A container that restarts may be away for five minutes."""
    await queue.report_fault("the key is refused", news_seconds=420)
    clock.advance(419)

    assert round(seconds_of_news(await queue.stats(), now=clock())) == 1


async def test_an_unknown_job_says_so(queue: JobQueue) -> None:
    with pytest.raises(UnknownJob, match="nobody"):
        await queue.job("nobody")
    with pytest.raises(UnknownJob, match="nobody"):
        await queue.cancel("nobody")


@pytest.mark.parametrize(
    ("item", "complaint"),
    [
        pytest.param(b"", "empty", id="nothing"),
        pytest.param(b"  \n", "empty", id="blank"),
        pytest.param(b"\xff\xfe", "UTF-8", id="not UTF-8"),
        pytest.param(b'{"prompt": "x"', "is not valid JSON", id="cut JSON"),
        pytest.param(b'{"prompt": 5}', "Expected `str`, got `int` - at `$.prompt`", id="a wrong type"),
        pytest.param(b'{"prompt": "x", "promt": "y"}', "unknown field `promt`", id="an unknown field"),
        pytest.param(b'{"id": "job"}', "missing required field `prompt`", id="no prompt"),
        pytest.param(b'{"id": "a b", "prompt": "x"}', "its id must have", id="a bad id"),
        pytest.param(b'{"id": [7], "prompt": "x"}', "at `$.id`", id="an id that is no text"),
        pytest.param(b'{"prompt": "x", "parameters": {"maxTokens": 0}}', ">= 1", id="out of bounds"),
        pytest.param(b'{"prompt": "\\ud800"}', "is not valid JSON", id="half a surrogate pair"),
        pytest.param(b"x" * (1024 * 1024 + 1), "at most 1048576", id="a byte too many"),
        pytest.param(b'{"a":' * 5000 + b"1" + b"}" * 5000, "item", id="very deep"),
    ],
)
def test_a_bad_item_says_what_is_wrong(item: bytes, complaint: str) -> None:
    with pytest.raises(InvalidItem) as caught:
        parse_item(item, "job")

    assert complaint in str(caught.value)


def test_a_prompt_of_the_full_size_is_taken() -> None:
    assert len(parse_item(b"x" * 1024 * 1024, "job").prompt) == 1024 * 1024


async def test_a_prompt_of_control_characters_of_the_full_size_fits(queue: JobQueue) -> None:
    """JSON writes each in six bytes: the item's limit must leave room."""
    await queue.submit("\x01" * 1024 * 1024)

    assert len(parse_item((await claim_one(queue)).raw, (await queue.jobs(JobState.RUNNING)).jobs[0].id).prompt)


async def test_own_clocks_do_not_matter(address: RedisAddress) -> None:
    """Without a test's clock the time is Redis'."""
    async with JobQueue(address) as queue:
        await queue.submit("hi")
        await claim_one(queue)
        moved = await queue.maintain()

    assert moved.next_in == pytest.approx(LEASE_SECONDS, abs=1)
