"""What other programs, or a person with redis-cli, may do to the keys: it spoils what it touches and nothing else."""

import json
from typing import Any

import pytest
import redis

from greenscale_jobs import (
    Finished,
    Fleet,
    InvalidItem,
    Item,
    JobClient,
    JobQueue,
    JobState,
    Limits,
    Outcome,
    Parameters,
    QueueDamaged,
    RedisAddress,
    Sample,
    UnknownJob,
)
from greenscale_jobs.records import MAX_ITEM_BYTES
from greenscale_jobs.worker_side import MAX_MESSAGE_CHARS
from greenscale_testing.local_redis import Clock
from greenscale_testing.whereabouts import astray

SHARED = {"": "list", "claiming": "list", "inflight": "zset", "delayed": "zset", "dead": "list", "done": "zset"}
"""The keys that all jobs of a queue share, and what each is."""


def foreign(raw: redis.Redis, part: str, kind: str) -> str:
    """Put a key of another type in the place of one of the queue's; what was there stands aside."""
    key = f"jobs:{part}" if part else "jobs"
    if raw.exists(key):
        raw.rename(key, "aside")
    raw.lpush(key, "of another program") if kind == "zset" else raw.set(key, "of another program")
    return key


def mend(raw: redis.Redis, key: str) -> None:
    raw.delete(key)
    if raw.exists("aside"):
        raw.rename("aside", key)


IDS = ("dead", "done", "expired", "delayed", "held", "waiting")


async def every_state(queue: JobQueue, clock: Clock) -> None:
    """Leave a job in each state, and a lease and a retry that are over."""
    for job_id in IDS:
        await queue.submit("hi", job_id=job_id)
    dead, done, _, delayed = await queue.claim("w", 4) or []
    await queue.bury(dead, "R", "m")
    await queue.finish([Finished(done, "hi", Outcome())])
    await queue.retry(delayed, "R", "m", delay_seconds=1)
    clock.advance(Limits().lease_seconds + 1)


@pytest.mark.parametrize("part", SHARED)
async def test_a_shared_key_of_a_foreign_type_is_named_and_costs_no_job(
    queue: JobQueue, clock: Clock, raw: redis.Redis, address: RedisAddress, part: str
) -> None:
    await every_state(queue, clock)
    (held,) = await queue.claim("w", 1) or []
    key = foreign(raw, part, SHARED[part])
    with JobClient(address) as client, pytest.raises(QueueDamaged, match=rf"\({key} is a .*not a {SHARED[part]}\)"):
        client.redrive(["dead"])
    for call in (
        queue.maintain(),
        queue.claim("w", 9),
        queue.cancel("waiting"),
        queue.redrive(["dead"]),
        queue.retry(held, "R", "m", delay_seconds=0),
        queue.finish([Finished(held, "hi", Outcome())]),
    ):
        try:
            await call
        except QueueDamaged as error:
            assert f"({key} is a " in str(error)  # noqa: PT017 - not every call needs every key
    mend(raw, key)

    assert astray(raw) == []
    assert [(await queue.job(job_id)).id for job_id in IDS] == list(IDS)
    assert await queue.redrive_all() == 1


@pytest.mark.parametrize("part", ["config", "stats"])
async def test_a_number_of_a_foreign_type_costs_no_job(queue: JobQueue, raw: redis.Redis, part: str) -> None:
    await queue.submit("hi", job_id="j")
    (claim,) = await queue.claim("w") or []
    key = foreign(raw, part, "hash")
    await queue.bury(claim, "R", "m")
    raw.delete(key)

    assert (await queue.job("j")).state is JobState.DEAD
    assert (await queue.stats()).dead == 1


async def test_a_record_of_a_foreign_type_holds_up_no_other_job(
    queue: JobQueue, clock: Clock, raw: redis.Redis
) -> None:
    """One of a batch was enough to have every worker say its results again and again."""
    for job_id in ("taken", "good", "later"):
        await queue.submit("hi", job_id=job_id)
    taken, good = await queue.claim("w", 2) or []
    raw.set("jobs:job:taken", "of another program")
    raw.set("jobs:job:later", "of another program")
    raw.set("jobs:events:good", "of another program")
    await queue.emit([(taken, "a"), (good, "a")])

    assert await queue.renew([taken, good]) == ["lost", "held"]
    assert await queue.finish([Finished(taken, "hi", Outcome()), Finished(good, "hi", Outcome())]) == [False, True]
    assert await queue.claim("w") == []
    clock.advance(Limits().lease_seconds + 1)
    await queue.maintain()
    dead = [json.loads(entry) for entry in raw.lrange("jobs:dead", 0, -1)]
    assert [(entry["id"], entry["reason"]) for entry in dead] == [("taken", "Damaged"), (dead[1]["id"], "DuplicateId")]
    assert (await queue.job("good")).state is JobState.DONE


async def test_a_record_that_cannot_be_read_is_named(raw: redis.Redis, address: RedisAddress) -> None:
    raw.set("jobs:job:j", "of another program")
    raw.hset("jobs:job:k", "state", "somewhere")
    raw.set("greenscale:workloads", "of another program")
    with JobClient(address) as client:
        for call in (client.job, client.cancel):
            with pytest.raises(QueueDamaged, match=r"\(jobs:job:j is a string, not a hash\)"):
                call("j")
            with pytest.raises(UnknownJob, match="the record of job k is damaged"):
                call("k")
        with pytest.raises(QueueDamaged, match=r"\(greenscale:workloads is a string"):
            client.workloads()


@pytest.mark.parametrize("state", [None, "somewhere"])
@pytest.mark.parametrize("attempts", [None, "many", "-7", "nan", "inf", "1e300"])
async def test_a_job_whose_record_lost_its_state_is_not_lost(
    queue: JobQueue, clock: Clock, raw: redis.Redis, state: str | None, attempts: str | None
) -> None:
    """On the list, under a lease that is over, or delayed: it starts, and its attempts are counted from here."""

    def damage(job_id: str) -> None:
        for name, value in (("state", state), ("attempts", attempts)):
            if value is None:
                raw.hdel(f"jobs:job:{job_id}", name)
            else:
                raw.hset(f"jobs:job:{job_id}", name, value)

    for job_id in ("expired", "retried", "again"):
        await queue.submit("the prompt", job_id=job_id)
    _, retried, again = await queue.claim("w", 3) or []
    await queue.retry(retried, "R", "m", delay_seconds=1)
    await queue.release(again)
    for job_id in ("expired", "retried", "again"):
        damage(job_id)
    clock.advance(Limits().lease_seconds + 1)
    await queue.maintain()
    claims = {claim.id: claim for claim in await queue.claim("w", 9) or []}

    assert set(claims) == {"expired", "retried", "again"}
    assert all(1 <= claim.attempt <= 2 for claim in claims.values())
    assert {(await queue.job(job_id)).prompt for job_id in claims} == {"the prompt"}


async def test_a_damaged_record_is_listed_as_unreadable(queue: JobQueue, clock: Clock, raw: redis.Redis) -> None:
    await every_state(queue, clock)
    raw.hset("jobs:job:dead", mapping={"submittedAt": "1e300", "errors": '{"reason":"R"', "result": b"\xff"})
    raw.hdel("jobs:job:expired", "state")
    raw.lpush("jobs:dead", "no entry of ours")
    raw.zadd("jobs:delayed", {b"\xff": 1})
    listed = {state: (await queue.jobs(state)).jobs for state in JobState if state is not JobState.CANCELLED}

    assert [(job.id, job.error.message) for job in listed[JobState.DEAD] if job.error] == [
        ("", "there is no record of it that can be read"),
        ("dead", "its record is damaged; these fields are left out: errors, submittedAt, result"),
    ]
    assert [(job.id, job.state, job.prompt) for job in listed[JobState.RUNNING]] == [
        ("expired", JobState.RUNNING, "hi")
    ]
    assert {job.id for job in listed[JobState.DELAYED]} == {"delayed", "\ufffd"}


async def test_the_cancelled_have_no_list_of_their_own(queue: JobQueue) -> None:
    """It was the delayed that were shown."""
    with pytest.raises(ValueError, match=r"ask for JobState\.DONE"):
        await queue.jobs(JobState.CANCELLED)


@pytest.mark.parametrize("value", ["many", "9223372036854775807", "1.5"])
async def test_a_damaged_counter_stops_nothing(queue: JobQueue, raw: redis.Redis, value: str) -> None:
    raw.hset("jobs:stats", mapping={"submitted": value, "done": value, "faultAt": "soon", "fault": b"\xff"})
    await queue.submit("hi", job_id="j")
    (claim,) = await queue.claim("w") or []
    await queue.finish([Finished(claim, "hi", Outcome())])
    await queue.stats()

    assert (await queue.job("j")).state is JobState.DONE


@pytest.mark.parametrize("seconds", ["nan", "-1", "inf", "1e300", "soon", "1.5"])
async def test_a_damaged_ttl_neither_fails_nor_drops_what_has_just_ended(
    queue: JobQueue, raw: redis.Redis, seconds: str
) -> None:
    raw.hset("jobs:config", "resultTTLSeconds", seconds)
    await queue.submit("hi", job_id="j")
    await queue.cancel("j")

    assert (await queue.job("j")).state is JobState.CANCELLED


async def test_a_damaged_queue_holds_up_no_other(address: RedisAddress, raw: redis.Redis) -> None:
    raw.set("jobs:inflight", "of another program")
    async with Fleet(address) as fleet:
        await fleet.queue("well").submit("hi")
        survey = await fleet.survey(["jobs", "well"])

    assert (survey.busy, survey.to_maintain) == (("jobs", "well"), ("jobs",))


async def test_half_a_surrogate_pair_in_an_answer_is_stored_as_a_question_mark(queue: JobQueue) -> None:
    """An engine streams what it likes; what could not be sent to Redis was repeated for ever."""
    await queue.submit("hi", job_id="j")
    await queue.submit("hi", job_id="k")
    (claim, other) = await queue.claim("w\ud800", 2) or []
    await queue.emit([(claim, "a\ud800")])
    await queue.finish([Finished(claim, "a\ud800b", Outcome(model="m\ud800"), unseen="b\udfff")])
    await queue.bury(other, "R", "m\ud800")
    await queue.report_fault("f\ud800")
    job = await queue.job("j")
    error = (await queue.job("k")).error

    assert (job.result, job.outcome and job.outcome.model, job.worker) == ("a?b", "m?", "w?")
    assert [event.text async for event in queue.events("j") if event.type == "delta"] == ["a?", "b?"]
    assert (error and error.message, (await queue.stats()).fault) == ("m?", "f?")


async def test_half_a_surrogate_pair_is_refused_where_it_is_asked_for(queue: JobQueue) -> None:
    with pytest.raises(InvalidItem, match="surrogate"):
        await queue.submit("hi", parameters=Parameters(system="\ud800"))
    with pytest.raises(InvalidItem, match="not a valid job id"):
        await queue.submit_many([Item("no id\n", "hi")])
    with pytest.raises(UnknownJob):
        await queue.job("\ud800")


async def test_a_very_long_error_is_cut(queue: JobQueue, raw: redis.Redis) -> None:
    """It is stored three times: in the record, among the dead, among the events."""
    await queue.submit("hi", job_id="j")
    (claim,) = await queue.claim("w") or []
    await queue.bury(claim, "R", "x" * 10_000_000)
    messages = [error.message for error in (await queue.job("j")).errors]

    assert messages == ["x" * MAX_MESSAGE_CHARS + " ..."]
    assert (raw.memory_usage("jobs:dead") or 0) < 10_000


async def test_redis_does_not_look_into_an_item_that_is_too_large(queue: JobQueue, raw: redis.Redis) -> None:
    """A few hundred megabytes of JSON would hold it up for everybody, at every look at the list."""
    raw.lpush("jobs", b'{"prompt":"%s","id":"j"}' % (b"x" * MAX_ITEM_BYTES))

    assert [job.id for job in (await queue.jobs(JobState.WAITING)).jobs] == [""]
    assert await queue.claim("w") == []
    assert [job.error and job.error.reason for job in (await queue.jobs(JobState.DEAD)).jobs] == ["TooLarge"]


async def test_events_of_another_hand_are_passed_by(queue: JobQueue, raw: redis.Redis) -> None:
    await queue.submit("hi", job_id="j")
    raw.xadd("jobs:events:j", {"type": b"\xff", "attempt": "many"})
    raw.xadd("jobs:events:j", {"hello": "world"})
    await queue.cancel("j")

    assert [event.type async for event in queue.events("j")] == ["\ufffd", "", "cancelled"]
    raw.xadd("jobs:events:k", {"a": "b"}, id="18446744073709551615-18446744073709551615")
    await queue.submit("hi", job_id="k")
    assert len(await queue.claim("w") or []) == 1


async def test_entries_of_another_hand_do_not_hide_the_starts(queue: JobQueue, raw: redis.Redis) -> None:
    for value in ("soon", "nan", "-1", b"\xff"):
        raw.xadd("jobs:starts", {"seconds": value})
    raw.xadd("jobs:starts", {b"\xff": "world"})
    await queue.note_start(3.0)

    assert [start.seconds for start in await queue.starts()] == [3.0]


async def test_samples_that_cannot_be_drawn_are_left_out(
    queue: JobQueue, raw: redis.Redis, address: RedisAddress
) -> None:
    sound: dict[Any, Any] = {"pending": 1, "inFlight": 1, "replicas": 1, "done": 1, "dead": 1}
    for field, value in (("pending", "many"), ("done", "9" * 30), ("tokens", "nan"), ("dead", b"\xff")):
        raw.xadd("jobs:history", {**sound, field: value})
    raw.xadd("jobs:history", {"hello": "world"})
    await queue.sample(Sample(0, 2, 1, 1, 1, 1, None))
    with JobClient(address) as client:
        assert [sample.pending for sample in client.history(0)] == [2]


async def test_a_damaged_resource_is_none(raw: redis.Redis, address: RedisAddress) -> None:
    raw.hset("greenscale:resources", mapping={"ns/a": b"\xff{", "ns/b": "[" * 5000, "ns/c": "[]"})
    with JobClient(address) as client:
        assert [client.resource("ns", name) for name in "abc"] == [None] * 3
        raw.delete("greenscale:resources")
        raw.set("greenscale:resources", "of another program")
        with pytest.raises(QueueDamaged, match=r"\(greenscale:resources is a string"):
            client.resource("ns", "a")
