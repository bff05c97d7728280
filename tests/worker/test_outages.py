"""Real workers and an engine that is away, refuses, or dislikes one job: nobody pays for what is not its fault."""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
import redis
from aiohttp import web

from greenscale_jobs import JobClient, JobState, RedisAddress
from greenscale_testing.ports import free_port

Start = Callable[..., "subprocess.Popen[str]"]
Answer = Callable[[str], Awaitable[web.StreamResponse]]

LOOK_SECONDS = 0.05


@pytest.fixture
def client(address: RedisAddress) -> Iterator[JobClient]:
    with JobClient(address) as client:
        yield client


def whole(text: str) -> web.Response:
    """Return a whole answer, as one JSON completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return web.json_response({"id": "c", "object": "chat.completion", "model": "served", "choices": [choice]})


def error(status: int, text: str, **headers: str) -> web.Response:
    return web.json_response({"error": {"message": text}}, status=status, headers=headers)


@asynccontextmanager
async def engine(answer: Answer, port: int = 0) -> AsyncIterator[str]:
    """Serve chat completions; gives the base URL."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return await answer((await request.json())["messages"][-1]["content"])

    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_post("/v1/chat/completions", handle)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


def openai(url: str, **more: str) -> dict[str, str]:
    return {"GREENSCALE_ENGINE": "OpenAI", "OPENAI_BASE_URL": url, "GREENSCALE_MODEL": "m", **more}


async def until(is_so: Callable[[], bool], *, seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 - the engine is served by this loop, and Redis tells no such event
            await asyncio.sleep(LOOK_SECONDS)


def states(client: JobClient, ids: list[str]) -> set[JobState]:
    return {client.job(job_id).state for job_id in ids}


async def test_one_prompt_that_a_firewall_refuses_stops_nobody_and_is_dead_in_the_end(
    start_worker: Start, client: JobClient
) -> None:
    """E3: 403 for one prompt only, the poison first, eight at once."""
    asked: list[str] = []

    async def answer(prompt: str) -> web.StreamResponse:
        asked.append(prompt)
        return error(403, "Forbidden") if "<script>" in prompt else whole(prompt)

    poison = client.submit("<script>")
    good = [client.submit(f"good {number}") for number in range(10)]
    async with engine(answer) as url:
        start_worker(**openai(url))
        await until(lambda: states(client, good) == {JobState.DONE}, seconds=20)
        doubtful = client.job(poison)
        await until(lambda: client.job(poison).state.final)
    job = client.job(poison)

    assert doubtful.uncharged is not None, "it is in the record from the first time"
    assert (doubtful.state, doubtful.uncharged.reason) == (JobState.DELAYED, "Forbidden")
    assert (job.state, [problem.reason for problem in job.errors]) == (JobState.DEAD, ["Forbidden"])
    assert asked.count("<script>") <= 3
    assert len(asked) == asked.count("<script>") + len(good)


async def test_a_key_that_is_wrong_for_a_while_kills_nobody(start_worker: Start, client: JobClient) -> None:
    """E3: 403 for all: each is doubtful, and none vouches for the others."""
    good = asyncio.Event()

    async def answer(prompt: str) -> web.StreamResponse:
        return whole(prompt) if good.is_set() else error(403, "Forbidden")

    ids = [client.submit(f"job {number}") for number in range(40)]
    async with engine(answer) as url:
        start_worker(**openai(url))
        await until(lambda: client.stats().counters.get("postponed", 0) >= 10)
        good.set()
        await until(lambda: all(state.final for state in states(client, ids)), seconds=100)

    assert states(client, ids) == {JobState.DONE}


async def test_an_engine_that_is_away_kills_nobody_and_is_reported_after_half_a_minute(
    start_worker: Start, client: JobClient
) -> None:
    """E4: nobody listens; one job finds out while the others rest, and all are done when it is back."""

    async def answer(prompt: str) -> web.StreamResponse:
        return whole(prompt)

    port = free_port()
    ids = [client.submit(f"job {number}") for number in range(40)]
    begun = time.monotonic()
    start_worker(**openai(f"http://127.0.0.1:{port}/v1"))
    await until(lambda: client.stats().fault is not None)
    reported_after, tries = time.monotonic() - begun, client.stats().counters["postponed"]
    async with engine(answer, port):
        await until(lambda: all(state.final for state in states(client, ids)))
    back_after = time.monotonic() - begun - reported_after

    assert states(client, ids) == {JobState.DONE}
    assert {client.job(job_id).attempts for job_id in ids} == {1}
    assert reported_after >= 30
    assert tries <= 8 + reported_after / 5 + 1
    assert back_after < 20
    assert client.stats().fault is None


async def test_an_outage_is_reported_though_no_worker_lives_as_long_as_it(
    start_worker: Start, client: JobClient, raw: redis.Redis
) -> None:
    """All jobs are delayed, so KEDA ends each worker as soon as the cooldown is over, sooner than after 30 s."""

    async def answer(_prompt: str) -> web.StreamResponse:
        return error(503, "away")

    client.submit("hi")
    async with engine(answer) as url:
        first = start_worker(**openai(url))
        await until(lambda: raw.hexists("jobs:stats", "troubleSince"))
        first.terminate()
        await asyncio.to_thread(first.wait, 20)
        early = client.stats().fault
        began = float(raw.hget("jobs:stats", "troubleSince") or 0)
        raw.hset("jobs:stats", "troubleSince", f"{began - 30:.3f}")  # as if it had been long ago
        start_worker(**openai(url))
        await until(lambda: client.stats().fault is not None, seconds=20)

    assert early is None
    assert client.stats().counters.get("done", 0) == 0


async def test_a_rate_limit_kills_nobody_and_its_wish_holds_for_all_claims(
    start_worker: Start, client: JobClient
) -> None:
    """E5: so many calls a while, then 429 with Retry-After."""
    allowed, refused_until = 10, 0.0
    early: list[float] = []

    async def answer(prompt: str) -> web.StreamResponse:
        nonlocal allowed, refused_until
        now = time.monotonic()
        if allowed == 0:
            refused_until, allowed = now + 2, -1
        if now < refused_until:
            early.append(now)
            return error(429, "slow down", **{"Retry-After": "2"})
        allowed = 10 if allowed < 0 else allowed
        allowed -= 1
        return whole(prompt)

    ids = [client.submit(f"job {number}") for number in range(40)]
    async with engine(answer) as url:
        start_worker(**openai(url))
        await until(lambda: all(state.final for state in states(client, ids)))

    assert states(client, ids) == {JobState.DONE}
    assert len(early) <= 8 * 4, "whoever is in hand when the limit is met, and no more"


async def test_an_answer_that_redis_refuses_ends_its_own_job_alone(
    start_worker: Start, client: JobClient, raw: redis.Redis
) -> None:
    """E19: it was stored again and again, its lease renewed, and the worker did nothing else."""
    raw.config_set("proto-max-bulk-len", 1024 * 1024)

    async def answer(prompt: str) -> web.StreamResponse:
        return whole("x" * 1_500_000 if prompt == "big" else prompt)

    try:
        big, small = client.submit("big"), client.submit("small")
        async with engine(answer) as url:
            start_worker(**openai(url))
            await until(lambda: states(client, [big, small]) <= {JobState.DONE, JobState.DEAD})
    finally:
        raw.config_set("proto-max-bulk-len", 512 * 1024 * 1024)
    job = client.job(big)

    assert (job.state, client.job(small).state) == (JobState.DEAD, JobState.DONE)
    assert job.error is not None
    assert job.error.reason == "AnswerRefused"


async def test_a_lost_engine_takes_no_innocent_along(start_worker: Start, client: JobClient) -> None:
    """E15: one prompt ends the server, the others in hand are innocent."""
    alone: list[bool] = []
    in_hand: set[asyncio.Task[object]] = set()

    async def answer(prompt: str) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        in_hand.add(task)
        try:
            await asyncio.sleep(0.2)
            if prompt == "poison":
                alone.append(len(in_hand) == 1)
                connections = {other for other in in_hand if other is not task}
                for other in connections:
                    other.cancel()
                raise asyncio.CancelledError
        finally:
            in_hand.discard(task)
        return whole(prompt)

    ids = [client.submit(f"job {number}") for number in range(15)]
    poison = client.submit("poison")
    async with engine(answer) as url:
        start_worker(**openai(url, GREENSCALE_CONCURRENCY="16", WORKER_SETTINGS='{"maxLosses": 2}'))
        await until(lambda: all(state.final for state in states(client, [*ids, poison])), seconds=90)
    job = client.job(poison)

    assert states(client, ids) == {JobState.DONE}
    assert (job.state, job.lost_alone, alone[-2:]) == (JobState.DEAD, 2, [True, True])
    assert job.error is not None
    assert job.error.reason == "EngineLost"
