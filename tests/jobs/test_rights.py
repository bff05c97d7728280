"""The least rights of each part, as docs/redis.md grants them: with them everything works, and none is idle."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import redis
from msgspec.structs import replace

from greenscale_jobs import (
    Finished,
    Fleet,
    JobClient,
    JobQueue,
    JobState,
    Limits,
    Outcome,
    QueueUnavailable,
    RedisAddress,
    Resource,
    Sample,
    Usage,
    WorkloadStatus,
)
from greenscale_testing.local_redis import Clock

DOCUMENT = Path(__file__).parents[2] / "docs" / "redis.md"
LIST = "jobs"
SAMPLE = Sample(0.0, pending=0, in_flight=0, replicas=0, done=0, dead=0, tokens=0)
STATUS = WorkloadStatus("ns", "name", LIST, "Active", "", 1, 1, "Echo", None, {}, 0.0)

KEDA_SCRIPT = """
local kind = redis.call('type', KEYS[1]).ok
return redis.call(kind == 'zset' and 'zcard' or 'llen', KEYS[1])
"""
"""What KEDA's scaler runs, in short (2.21): it asks for the type, then for the length."""


ASTRAY = f"{LIST}:astray"
STRAYS = {"one": "waiting", "two": "delayed", "three": "running"}
"""Jobs of a queue in which none waits, that are not where their records say: id -> state."""


def documented(user: str) -> list[str]:
    """Return the rules that the document gives a user, without name and password."""
    text = DOCUMENT.read_text().replace("\\\n", " ")
    (line,) = re.findall(rf"^ACL SETUSER {user} (.*)$", text, re.MULTILINE)
    return [rule for rule in line.split() if not rule.startswith((">", "on"))]


def grant(raw: redis.Redis, rules: list[str]) -> None:
    raw.execute_command("ACL", "SETUSER", "tested", "reset", "on", ">word", *rules)  # type: ignore[no-untyped-call]


async def work(address: RedisAddress, clock: Clock) -> None:
    """Do all that a worker does."""
    async with JobQueue(address, LIST, clock=clock) as queue:
        await queue.dangers()
        await queue.register("w", seconds=90)
        await queue.unregister("w")
        waiting = asyncio.create_task(queue.claim_when_there("w", 1, seconds=30))
        while not await queue.stop_waiting() and not waiting.done():  # noqa: ASYNC110 - Redis tells no such event
            await asyncio.sleep(0.01)
        held = [*(await waiting or []), *(await queue.claim("w", 20) or [])]
        await queue.renew(held)
        await queue.emit([(held[0], "a")])
        await queue.finish([Finished(held[0], "answer", Outcome(usage=Usage(1, 1)), unseen="b")])
        await queue.bury(held[1], "R", "m")
        await queue.bury(held[6], "R", "m")
        await queue.retry(held[2], "R", "m", delay_seconds=0)
        await queue.release(held[3])
        await queue.postpone(held[4], "R", "m", delay_seconds=3600)
        await queue.lose(held[5], "R", "m")
        await queue.report_fault("bad key")
        clock.advance(Limits().lease_seconds + 1)
        await queue.maintain()
    async with JobQueue(address, LIST) as queue:
        await queue.maintain()  # by Redis' own clock
    await idle(address)


async def idle(address: RedisAddress) -> None:
    """Wait for a job where there is none."""
    async with JobQueue(address, f"{LIST}:idle") as queue:
        assert await queue.claim_when_there("w", 1, seconds=0.01) == []


async def operate(address: RedisAddress, clock: Clock) -> None:
    """Do all that the operator does."""
    async with Fleet(address, clock=clock) as fleet:
        queue = fleet.queue(LIST, Limits(max_losses=1))
        await queue.configure(max_length=100, result_ttl_seconds=60, paused=False)
        await queue.stats()
        await fleet.put_workloads([STATUS], {"ns/name": Resource({})})
        clock.advance(Limits().lease_seconds + 1)
        await fleet.survey([LIST])
        await queue.maintain()
        await fleet.queue(LIST).maintain()
        assert len(await fleet.recover_some([ASTRAY])) == len(STRAYS)
        await queue.sample(SAMPLE)
        await queue.note_start(1.0)
        await queue.starts()
        await fleet.forget_workload("ns", "name")
        await queue.delete()
    async with Fleet(address) as fleet:
        await fleet.survey([LIST])  # by Redis' own clock


async def produce(address: RedisAddress, _: Clock) -> None:
    """Do all that the page and the command do."""
    with JobClient(address, LIST) as client:
        job_id = client.submit("hi")
        client.stats()
        client.workloads()
        client.starts()
        client.resource("ns", "name")
        client.history(0)
        client.search(JobState.DONE, text="nowhere")
        client.next_events(job_id)
        for state in set(JobState) - {JobState.CANCELLED}:
            for job in client.jobs(state).jobs:
                if job.id:
                    client.job(job.id)
        client.redrive([job.id for job in client.jobs(JobState.DEAD, limit=1).jobs])
        client.redrive_all()
        client.submit("hi", delay_seconds=60, idempotency_key="k")
        client.submit("hi", idempotency_key="nowhere")
        assert client.job(client.submit("hi", idempotency_key="nowhere")).stray is False
        client.submit("hi", idempotency_key="k")
        client.cancel(job_id)
        for state in (JobState.RUNNING, JobState.DELAYED):
            client.cancel(client.jobs(state).jobs[0].id)


async def push(address: RedisAddress, _: Clock) -> None:
    """Push a prompt as any program may."""
    with redis.Redis(port=address.port, username=address.username, password=address.password) as client:
        client.lpush(LIST, "hi")


async def scale(address: RedisAddress, _: Clock) -> None:
    """Ask what KEDA asks."""
    with redis.Redis(port=address.port, username=address.username, password=address.password) as client:
        client.ping()
        client.eval(KEDA_SCRIPT, 1, LIST)
        client.eval(KEDA_SCRIPT, 1, f"{LIST}:inflight")
        client.eval(KEDA_SCRIPT, 1, f"{LIST}:workers")


PARTS: dict[str, Callable[[RedisAddress, Clock], Awaitable[None]]] = {
    "greenscale-worker": work,
    "greenscale-operator": operate,
    "greenscale-producer": produce,
    "any-producer": push,
    "keda": scale,
}


@pytest.fixture
async def tested(address: RedisAddress, raw: redis.Redis) -> RedisAddress:
    """The address as the user `tested` has it."""
    grant(raw, ["-@all"])
    return replace(address, username="tested", password="word")


async def fill(address: RedisAddress, raw: redis.Redis, clock: Clock) -> None:
    """Leave jobs of every state, known and unknown, so that every script has every branch to take."""
    raw.flushall()
    raw.script_flush()
    async with JobQueue(address, LIST, clock=clock) as queue:
        for number in range(12):
            await queue.submit(f"{number}")
        held = await queue.claim("before", 7) or []
        await queue.finish([Finished(held[0], "answer", Outcome())])
        await queue.bury(held[1], "R", "m")
        await queue.bury(held[6], "R", "m")
        await queue.retry(held[2], "R", "m", delay_seconds=0)
        await queue.retry(held[3], "R", "m", delay_seconds=3600)
        await queue.cancel(held[4].id)
        await queue.submit("later", delay_seconds=1)
        await queue.submit("hi", idempotency_key="nowhere", delay_seconds=60)
        raw.zremrangebyrank(f"{LIST}:delayed", -1, -1)
        raw.hset(f"{LIST}:job:{held[5].id}", mapping={"alone": "1", "losses": 2})
    for job_id, state in STRAYS.items():
        raw.hset(f"{ASTRAY}:job:{job_id}", mapping={"state": state, "item": "hi"})
    raw.zadd(f"{LIST}:workers", {"before": 1})
    raw.lpush(f"{LIST}:claiming", "stranded")
    raw.rpush(LIST, b"\xff")


@pytest.mark.parametrize("user", PARTS)
async def test_the_documented_rights_suffice(
    tested: RedisAddress, address: RedisAddress, raw: redis.Redis, clock: Clock, user: str
) -> None:
    await fill(address, raw, clock)
    grant(raw, documented(user))
    raw.acl_log_reset()
    await PARTS[user](tested, clock)

    # What redis-py asks for as a courtesy when it connects may be denied: CLIENT SETINFO and the like.
    assert {str(entry["object"]).partition("|")[0] for entry in raw.acl_log()} <= {"client"}


@pytest.mark.parametrize("user", PARTS)
async def test_none_of_the_documented_rights_is_idle(
    tested: RedisAddress, address: RedisAddress, raw: redis.Redis, clock: Clock, user: str
) -> None:
    """A right that nothing needs is one that only an intruder has a use for."""
    rules, idle = documented(user), []
    for rule in rules:
        if not rule.startswith("+"):
            continue
        await fill(address, raw, clock)
        grant(raw, [other for other in rules if other != rule])
        raw.acl_log_reset()
        try:
            async with asyncio.timeout(5):
                await PARTS[user](tested, clock)
        except (QueueUnavailable, redis.exceptions.ResponseError):
            continue
        idle.append(rule)

    assert idle == []


@pytest.mark.parametrize("denied", ["+info", "+blmove", "+client|id", "+evalsha"])
async def test_a_command_that_is_denied_is_named(tested: RedisAddress, raw: redis.Redis, denied: str) -> None:
    grant(raw, [rule for rule in documented("greenscale-worker") if rule != denied])
    with pytest.raises(QueueUnavailable, match=r"refuses us: .*Grant its user that right: docs/redis\.md") as caught:
        await idle(tested)

    assert denied[1:].partition("|")[0] in str(caught.value)


async def test_what_a_script_is_denied_is_a_missing_right_too(tested: RedisAddress, raw: redis.Redis) -> None:
    grant(raw, [rule for rule in documented("greenscale-worker") if rule != "+hset"])
    raw.lpush(LIST, "hi")
    async with JobQueue(tested, LIST) as queue:
        with pytest.raises(QueueUnavailable, match=r"refuses us: .*Grant its user that right: docs/redis\.md"):
            await queue.claim("w")
